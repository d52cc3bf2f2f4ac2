#include <cmath>
#include <limits>

#include "compiler/eval/eval.h"
#include "ops/api/index.h"
#include "ops/index/index.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

Tensor tensor(Shape shape, DType dtype = DType::f64) { return ir::input("x", {dtype, std::move(shape)}); }
Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }
Array integers(std::vector<std::int64_t> v, Extents shape) { return Array::of<std::int64_t>(v, std::move(shape)); }

const double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("sort and topk on numbers") {
  const Array in[] = {doubles({3, not_a_number, -1, 2}, {4})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        const auto [largest, where_largest] = topk(t[0], 2);
        const auto [smallest, where_smallest] = topk(t[0], 2, 0, false);
        return std::vector{sort(t[0]), sort(t[0], 0, true), argsort(t[0]), largest, where_largest,
                           smallest,   where_smallest};
      },
      in);
  tests::check_close(out[0], doubles({-1, 2, 3, not_a_number}, {4}), 0);
  tests::check_close(out[1], doubles({not_a_number, 3, 2, -1}, {4}), 0);
  tests::check_close(out[2], integers({2, 3, 0, 1}, {4}), 0);
  tests::check_close(out[3], doubles({not_a_number, 3}, {2}), 0);
  tests::check_close(out[4], integers({1, 0}, {2}), 0);
  tests::check_close(out[5], doubles({-1, 2}, {2}), 0);
  tests::check_close(out[6], integers({2, 3}, {2}), 0);
}

TEST_CASE("topk of a symbolic number of elements is checked when it is known") {
  const Dim n = Dim::symbol("n");
  const Tensor x = ir::input("x", {DType::f64, {n}});
  const Tensor out[] = {topk(x, 3).first};
  CHECK(eval::evaluate(out, std::vector<eval::Binding>{{x, doubles({1, 4, 2, 3}, {4})}})[0].at(2) == 2);
  CHECK_THROWS_AS(eval::evaluate(out, std::vector<eval::Binding>{{x, doubles({1, 2}, {2})}}), Error);
}

TEST_CASE("compress, choose, bincount, and their data errors") {
  const Array in[] = {doubles({1, 2, 3, 4}, {2, 2}), integers({1, 0}, {2}),
                      Array::of<std::int64_t>(std::vector<std::int64_t>{2, 0, 2, 1}, {4})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        return std::vector{compress(ir::equal(t[1], 1), t[0], 2, 1, -1), choose(t[1], {t[0], ir::neg(t[0])}),
                           bincount(t[2], 4)};
      },
      in);
  tests::check_close(out[0], doubles({1, -1, 3, -1}, {2, 2}), 0);
  tests::check_close(out[1], doubles({-1, 2, -3, 4}, {2, 2}), 0);
  tests::check_close(out[2], integers({1, 1, 2, 0}, {4}), 0);
  const auto throws = [&](const tests::Build& build, const std::string& message) {
    const Array bad[] = {integers({0, -1}, {2})};
    CHECK_THROWS_WITH(tests::run(build, bad), contains(message));
  };
  using Inputs = std::span<const Tensor>;
  throws([](Inputs t) { return std::vector{bincount(t[0], 3)}; }, "bincount indices: index -1 is out of range");
  throws([](Inputs t) { return std::vector{choose(t[0], {t[0], t[0]})}; }, "choose indices: index -1");
  throws([](Inputs t) { return unravel_index(t[0], {2, 2}); }, "unravel_index indices: index -1");
  throws([](Inputs t) { return std::vector{ravel_multi_index({t[0]}, {3})}; }, "ravel_multi_index indices: index -1");
}

TEST_CASE("sorting and searching refuse what does not fit") {
  CHECK_THROWS_WITH(sort(tensor({})), contains("axis -1 of a tensor of rank 0"));
  CHECK_THROWS_WITH(argsort(tensor({3}), 1), contains("axis 1"));
  CHECK_THROWS_WITH(topk(tensor({2, 3}), 4), contains("k is 4, axis 1 has 3 elements"));
  CHECK_THROWS_WITH(searchsorted(tensor({}), tensor({3})), contains("a scalar is not sorted"));
  CHECK_THROWS_WITH(searchsorted(tensor({2, 3}), tensor({3})), contains("one rank"));
  CHECK_THROWS_WITH(searchsorted(tensor({2, 3}), tensor({4, 3})), contains("differ on axis 0"));
  CHECK_THROWS_WITH(digitize(tensor({3}), tensor({2, 2})), contains("edges must be a vector"));
  CHECK_THROWS_WITH(bincount(tensor({3}), 4), contains("integers"));
  CHECK_THROWS_WITH(choose(tensor({3}, DType::i64), {}), contains("nothing to choose from"));
  CHECK_THROWS_WITH(compress(tensor({3}), tensor({3}), 1), contains("vector of bools"));
  CHECK_THROWS_WITH(compress(tensor({4}, DType::bool_), tensor({3}), 1), contains("one element for each row"));
  CHECK_THROWS_WITH(take_along_axis(tensor({2, 3}), tensor({3}, DType::i64)), contains("one rank"));
  CHECK_THROWS_WITH(unravel_index(tensor({3}, DType::i64), {}), contains("no axes"));
  CHECK_THROWS_WITH(ravel_multi_index({tensor({3}, DType::i64)}, {2, 2}), contains("1 tensors of indices"));
}

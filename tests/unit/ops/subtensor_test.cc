#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "ops/api/index.h"
#include "ops/index/index.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

using Items = std::vector<IndexItem>;

Tensor tensor(Shape shape, DType dtype = DType::f64) { return ir::input("x", {dtype, std::move(shape)}); }
Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }
Array integers(std::vector<std::int64_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return Array::of<std::int64_t>(v, {n});
}

// 0, 1, 2... of a shape.
Array counting(Extents shape) {
  std::int64_t n = 1;
  for (std::int64_t e : shape) n *= e;
  std::vector<double> v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(static_cast<double>(i));
  return doubles(std::move(v), std::move(shape));
}

std::vector<double> values(const Array& a) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

Array read(const Array& x, const Items& index, bool symbolic = false) {
  const Array in[] = {x};
  return tests::run([&](std::span<const Tensor> t) { return std::vector{subtensor(t[0], index)}; }, in, true,
                    symbolic)[0];
}

const Slice down{.step = -1};

}  // namespace

TEST_CASE("slices clip as NumPy's do, over constant and symbolic extents") {
  const auto of = [](Slice s, std::int64_t n) {
    const std::vector<double> constant = values(read(counting({n}), {s}));
    CHECK(values(read(counting({n}), {s}, true)) == constant);
    return constant;
  };
  using Numbers = std::vector<double>;
  CHECK(of({1, -1}, 5) == Numbers{1, 2, 3});
  CHECK(of({-2, {}}, 5) == Numbers{3, 4});
  CHECK(of({-9, 2}, 5) == Numbers{0, 1});
  CHECK(of({3, 2}, 5) == Numbers{});
  CHECK(of({{}, {}, 2}, 5) == Numbers{0, 2, 4});
  CHECK(of(down, 3) == Numbers{2, 1, 0});
  CHECK(of(down, 0) == Numbers{});
  CHECK(of({9, {}, -2}, 5) == Numbers{4, 2, 0});
  CHECK(of({-2, 0, -2}, 6) == Numbers{4, 2});
  CHECK(of({1, -9, -1}, 4) == Numbers{1, 0});
  CHECK(of({0, 3, -1}, 4) == Numbers{});
  CHECK(of({0, 1}, 0) == Numbers{});
}

TEST_CASE("symbolic bounds and places") {
  const Dim n = Dim::symbol("n");
  const Tensor x = ir::input("x", {DType::f64, {n}});
  const Tensor out[] = {subtensor(x, {Slice{n - 3, n}}), subtensor(x, {n - 1}), subtensor(x, {0})};
  const auto run = [&](std::int64_t extent) {
    return eval::evaluate(out, std::vector<eval::Binding>{{x, counting({extent})}});
  };
  CHECK(values(run(5)[0]) == std::vector<double>{2, 3, 4});
  CHECK(values(run(2)[0]) == std::vector<double>{0, 1});  // n - 3 is clipped, and does not count from the end
  CHECK(run(5)[1].at(0) == 4);
  CHECK_THROWS_AS(run(0), Error);  // there is no place 0
}

TEST_CASE("the axes of tensors stand where NumPy puts them") {
  const Tensor x = tensor({2, 3, 4, 5}), i = tensor({7, 1}, DType::i64), j = tensor({6}, DType::i64);
  const auto shape = [&](const Items& index) { return to_string(subtensor(x, index).shape()); };
  CHECK(shape({i}) == "[7, 1, 3, 4, 5]");
  CHECK(shape({Slice{}, i, j}) == "[2, 7, 6, 5]");
  CHECK(shape({i, Slice{}, j}) == "[7, 6, 3, 5]");
  CHECK(shape({Slice{}, 0, j}) == "[2, 6, 5]");
  CHECK(shape({0, Slice{}, j}) == "[6, 3, 5]");
  CHECK(shape({Slice{}, i, NewAxis{}, j}) == "[7, 6, 2, 1, 5]");
  CHECK(shape({Slice{}, i, Ellipsis{}, 0, 0}) == "[7, 1, 2]");
  CHECK(shape({Ellipsis{}, j, NewAxis{}}) == "[2, 3, 4, 6, 1]");
  CHECK(shape({NewAxis{}, 1, Ellipsis{}, Slice{1, 3}}) == "[1, 3, 4, 2]");
  CHECK(shape({}) == "[2, 3, 4, 5]");
}

TEST_CASE("set_subtensor: the last of equal places wins, and has the gradient") {
  const Array in[] = {doubles({1, 2, 3, 4}, {4}), integers({1, -3, 0, 1}), doubles({10, 20, 30, 40}, {4}),
                      doubles({1, 2, 4, 8}, {4})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        const Tensor y[] = {set_subtensor(t[0], {t[1]}, t[2])}, wrt[] = {t[0], t[2]}, dy[] = {t[3]};
        const auto d = ad::vjp(y, dy, wrt);
        return std::vector{y[0], d[0], d[1]};
      },
      in);
  CHECK(values(out[0]) == std::vector<double>{30, 40, 3, 4});
  CHECK(values(out[1]) == std::vector<double>{0, 0, 4, 8});
  CHECK(values(out[2]) == std::vector<double>{0, 0, 1, 2});
}

TEST_CASE("inc_subtensor: equal places accumulate") {
  const Array in[] = {doubles({1, 2, 3, 4}, {4}), integers({1, -3, 0, 1})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        return std::vector{inc_subtensor(t[0], {t[1]}, 10), inc_subtensor(t[0], {Slice{{}, {}, 2}}, 0.5)};
      },
      in);
  CHECK(values(out[0]) == std::vector<double>{11, 32, 3, 4});
  CHECK(values(out[1]) == std::vector<double>{1.5, 2, 3.5, 4});
}

TEST_CASE("slices are written where they are") {
  const Array in[] = {counting({3, 4}), doubles({-1, -2, -3}, {3, 1})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        return std::vector{set_subtensor(t[0], {Slice{}, Slice{-1, {}, -3}}, t[1]),
                           set_subtensor(t[0], {1, Slice{1, 3}}, 9), set_subtensor(t[0], {Slice{5, 7}}, 9)};
      },
      in);
  CHECK(values(out[0]) == std::vector<double>{-1, 1, 2, -1, -2, 5, 6, -2, -3, 9, 10, -3});
  CHECK(values(out[1]) == std::vector<double>{0, 1, 2, 3, 4, 9, 9, 7, 8, 9, 10, 11});
  CHECK(values(out[2]) == values(in[0]));
}

TEST_CASE("an index of one of several tensors is checked against its own axis") {
  const Array in[] = {counting({2, 5}), integers({0, 2}), integers({4, 0})};
  // Row 2 of 2 is an error, though element 2 * 5 + 0 - 1 would lie inside of another row.
  const auto element = [](std::span<const Tensor> t) { return std::vector{subtensor(t[0], {t[1], t[2]})}; };
  CHECK_THROWS_WITH(tests::run(element, in), contains("subtensor indices: index 2 is out of range for an extent of 2"));
  const auto set = [](std::span<const Tensor> t) { return std::vector{set_subtensor(t[0], {t[2], t[1]}, 0)}; };
  CHECK_THROWS_WITH(tests::run(set, in), contains("set_subtensor indices: index 4 is out of range for an extent of 2"));
}

TEST_CASE("expressions of indices that mean nothing are refused") {
  const Tensor x = tensor({3, 4}), mask = tensor({3}, DType::bool_), floats = tensor({3});
  CHECK_THROWS_WITH(subtensor(x, {0, 0, 0}), contains("there are 3 indices for 2 axes"));
  CHECK_THROWS_WITH(subtensor(x, {Ellipsis{}, 0, Ellipsis{}}), contains("one ellipsis"));
  CHECK_THROWS_WITH(subtensor(x, {3}), contains("index 3 is out of range for axis 0, whose extent is 3"));
  CHECK_THROWS_WITH(subtensor(x, {Slice{}, -5}), contains("index -5 is out of range for axis 1"));
  CHECK_THROWS_WITH(subtensor(x, {Slice{0, 1, 0}}), contains("step of a slice must not be 0"));
  CHECK_THROWS_WITH(subtensor(x, {mask}), contains("where(mask, a, b)"));
  CHECK_THROWS_WITH(subtensor(x, {floats}), contains("indices must be integers"));
  CHECK_THROWS_WITH(subtensor(x, {tensor({3}, DType::i64), tensor({4}, DType::i64)}), contains("do not broadcast"));
  CHECK_THROWS_WITH(set_subtensor(x, {0}, tensor({3})),
                    contains("does not broadcast to the places, whose shape is [4]"));
  CHECK_THROWS_WITH(set_subtensor(x, {0}, tensor({1, 4})), contains("does not broadcast"));
  CHECK_THROWS_WITH(set_subtensor(tensor({3}, DType::i32), {0}, 0.5), contains("int32 does not hold"));
  CHECK_THROWS_WITH(inc_subtensor(mask, {0}, true), contains("bools do not add"));
  CHECK_THROWS_WITH(nonzero(x), contains("compress(condition, x, size)"));
}

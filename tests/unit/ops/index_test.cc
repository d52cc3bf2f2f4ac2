#include "ops/index/index.h"

#include <limits>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

const std::vector<const ir::OpDef*> index_ops{&checked_rows_op, &gather_op,      &scatter_add_op, &scatter_set_op,
                                              &scatter_max_op,  &scatter_min_op, &pick_op,        &pick_backward_op};

Tensor matrix(std::int64_t n, std::int64_t c) { return ir::input("x", {DType::f32, {n, c}}); }
Tensor indices(Shape shape, DType dtype = DType::i64) { return ir::input("i", {dtype, std::move(shape)}); }
Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }
Array integers(std::vector<std::int64_t> v, Extents shape) { return Array::of<std::int64_t>(v, std::move(shape)); }

}  // namespace

TEST_CASE("indexing: bodies agree with references") {
  for (const auto* op : index_ops)
    if (op->element) tests::check_value(*op);
}

TEST_CASE("indexing: derivatives agree with differences") {
  for (const auto* op : index_ops) tests::check_derivatives(*op);
}

TEST_CASE("indexing: batching agrees with a loop") {
  for (const auto* op : index_ops) tests::check_batching(*op);
}

TEST_CASE("gather and scatter_add on numbers, with negative and repeated indices") {
  const Array in[] = {doubles({1, 2, 3, 4, 5, 6}, {3, 2}), integers({-1, 0, -1}, {3}),
                      doubles({10, 20, 30, 40, 50, 60}, {3, 2})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) { return std::vector{gather(t[0], t[1]), scatter_add(t[0], t[1], t[2])}; }, in);
  tests::check_close(out[0], doubles({5, 6, 1, 2, 5, 6}, {3, 2}), 0);
  tests::check_close(out[1], doubles({31, 42, 3, 4, 65, 86}, {3, 2}), 0);
}

TEST_CASE("pick and one_hot on numbers") {
  const Array in[] = {doubles({1, 2, 3, 4, 5, 6}, {2, 3}), integers({2, -2}, {2})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) { return std::vector{pick(t[0], t[1]), one_hot(t[1], 3, DType::f64)}; }, in);
  tests::check_close(out[0], doubles({3, 5}, {2}), 0);
  tests::check_close(out[1], doubles({0, 0, 1, 0, 0, 0}, {2, 3}), 0);
  const Array labels[] = {Array::of<std::int8_t>(std::vector<std::int8_t>{100}, {1})};
  const auto wide =
      tests::run([](std::span<const Tensor> t) { return std::vector{one_hot(t[0], 300, DType::bool_)}; }, labels)[0];
  double total = 0;
  for (std::int64_t i = 0; i < 300; ++i) total += wide.at(i);
  CHECK(wide.at(100) == 1);
  CHECK(total == 1);
}

TEST_CASE("an index outside its axis is an error, whoever reads by it") {
  const Array x = doubles({1, 2, 3}, {1, 3});
  for (const auto& [index, message] : {std::pair(3, "index 3"), std::pair(-4, "index -4")}) {
    const Array at = integers({index}, {1});
    const auto gathered = [](std::span<const Tensor> t) { return std::vector{gather(t[0], t[1], 1)}; };
    const auto picked = [](std::span<const Tensor> t) { return std::vector{pick(t[0], t[1])}; };
    const auto unpicked = [](std::span<const Tensor> t) { return std::vector{pick_backward(t[1], t[0], 3)}; };
    const auto scattered = [](std::span<const Tensor> t) {
      return std::vector{scatter_add(t[0], t[1], ir::zeros(DType::f64, {1, 1}), 1)};
    };
    const Array in[] = {x, at}, rows[] = {at, doubles({1}, {1})};
    const std::string text = std::string(message) + " is out of range for an extent of 3";
    CHECK_THROWS_WITH(tests::run(gathered, in), contains("gather indices: " + text));
    CHECK_THROWS_WITH(tests::run(picked, in), contains("pick indices: " + text));
    CHECK_THROWS_WITH(tests::run(unpicked, rows), contains("pick_backward indices: " + text));
    CHECK_THROWS_WITH(tests::run(scattered, in), contains("scatter_add: " + text));
  }
}

TEST_CASE("of equal extrema of a row x has the gradient, then the first update") {
  // Row 0: x is as large as the updates. Row 1: the second and third update are. Row 2: x is NaN.
  const Array in[] = {doubles({5, 1, std::numeric_limits<double>::quiet_NaN()}, {3}), integers({0, 1, 1, 1, 2}, {5}),
                      doubles({5, 2, 7, 7, 9}, {5}), doubles({10, 20, 30}, {3})};
  const auto out = tests::run(
      [](std::span<const Tensor> t) {
        const Tensor y[] = {scatter_max(t[0], t[1], t[2])}, dy[] = {t[3]}, wrt[] = {t[0], t[2]};
        return ad::vjp(y, dy, wrt, {});
      },
      in);
  tests::check_close(out[0], doubles({10, 0, 30}, {3}), 0);
  tests::check_close(out[1], doubles({0, 0, 20, 0, 0}, {5}), 0);
}

TEST_CASE("an index that is a row of the batch, but not of its member, is an error") {
  const Tensor x = ir::input("x", {DType::f64, {3}}), at = indices({2});
  const Tensor all_x = ir::input("all_x", {DType::f64, {2, 3}}), all_at = indices({2, 2});
  const Tensor ys[] = {gather(x, at), scatter_add(x, at, gather(x, at))};
  for (const Tensor& y : ys) {
    const Tensor out[] = {y}, members[] = {x, at}, batches[] = {all_x, all_at};
    const std::vector<Tensor> batched = ad::vmap(out, members, batches, {true, true}, 2);
    const auto run = [&](std::vector<std::int64_t> rows) {
      return eval::evaluate(batched, std::vector<eval::Binding>{{all_x, doubles({1, 2, 3, 4, 5, 6}, {2, 3})},
                                                                {all_at, integers(std::move(rows), {2, 2})}});
    };
    CHECK_NOTHROW(run({0, 2, -3, -1}));
    CHECK_THROWS_WITH(run({0, 3, 0, 0}), contains("index 3 is out of range for an extent of 3"));
  }
}

TEST_CASE("an element body clamps what nobody checked") {
  const Array in[] = {doubles({1, 2, 3}, {3}), integers({5, -7}, {2})};
  const auto build = [](std::span<const Tensor> t) {
    return std::vector{ir::apply1(gather_op, ir::make_params(GatherParams{}), {t[0], t[1]})};
  };
  CHECK_THROWS_WITH(tests::run(build, in), contains("gather: index 5"));
  tests::check_close(tests::run(build, in, false)[0], doubles({3, 1}, {2}), 0);
}

TEST_CASE("indices are checked once for all that read by them") {
  const Tensor x = matrix(4, 3), i = indices({4});
  const Tensor a = pick(x, i), b = pick_backward(a, a.node().input(1), 3);
  CHECK(b.node().input(1) == a.node().input(1));
  CHECK(&a.node().input(1).node().op() == &checked_rows_op);
}

TEST_CASE("scatter_add tells the library its extents and dtype") {
  const Tensor out = scatter_add(ir::input("x", {DType::f32, {2, 5, 3, 4}}), indices({7, 2}),
                                 ir::input("u", {DType::f32, {2, 7, 2, 3, 4}}), 1);
  const ir::Node& node = out.node().op().view ? out.node().input(0).node() : out.node();
  REQUIRE(&node.op() == &scatter_add_op);
  CHECK(node.op().library_extents(node) == std::vector<Dim>{2, 5, 12, 14});
  CHECK(node.op().library_integers(node) == std::vector<std::int64_t>{static_cast<std::int64_t>(DType::f32)});
}

TEST_CASE("indexing rejects what does not fit") {
  CHECK_THROWS_WITH(gather(matrix(3, 2), matrix(3, 2)), contains("integer"));
  CHECK_THROWS_WITH(gather(matrix(3, 2), indices({1}), 2), contains("axis 2"));
  CHECK_THROWS_WITH(gather(matrix(0, 2), indices({1})), contains("extent 0"));
  CHECK_THROWS_WITH(pick(matrix(3, 2), indices({4})), contains("one index per row"));
  CHECK_THROWS_WITH(pick(matrix(3, 2), indices({3, 2})), contains("one index per row"));
  CHECK_THROWS_WITH(pick(matrix(3, 0), indices({3})), contains("extent 0"));
  CHECK_THROWS_WITH(one_hot(matrix(3, 2), 3, DType::f32), contains("integers"));
  CHECK_THROWS_AS(scatter_add(matrix(3, 2), indices({4}), matrix(3, 2)), Error);
  CHECK_THROWS_WITH(scatter_add(matrix(3, 2), indices({3}), ir::input("u", {DType::f64, {3, 2}})), contains("dtype"));
}

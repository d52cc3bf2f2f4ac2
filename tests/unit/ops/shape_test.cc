// What the generated tests do not say: types, numbers, and the errors of bad use.
#include "ops/api/shape.h"

#include "compiler/eval/eval.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using ops::Dim;
using ops::PadMode;
using ops::Range;
using ops::Tensor;

namespace {

Tensor tensor(ir::Shape shape, DType dtype = DType::f32) {
  ops::register_all();
  return ir::input("x", {dtype, std::move(shape)}, {"model.cc", 4});
}

using Numbers = std::vector<double>;

Numbers run(const Tensor& y, const Tensor& x, Extents shape) {
  Array value(x.dtype(), std::move(shape));
  dispatch(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for (std::size_t i = 0; i < static_cast<std::size_t>(value.size()); ++i) value.view<T>()[i] = static_cast<T>(i);
  });
  const eval::Binding binding{x, value};
  const Array a = eval::evaluate({&y, 1}, {&binding, 1})[0];
  Numbers out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

Numbers values(const Tensor& y) {
  const Array a = eval::evaluate({&y, 1}, {})[0];
  Numbers out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

}  // namespace

TEST_CASE("reshape finds the extent that is -1") {
  const Dim n = Dim::symbol("n");
  CHECK(ops::reshape(tensor({n, 6}), {-1, 3}).shape() == ir::Shape{n * 2, 3});
  CHECK(ops::reshape(tensor({n, 6}), {n, -1}).shape() == ir::Shape{n, 6});
  CHECK(ops::reshape(tensor({2, 6}), {4, -1}).shape() == ir::Shape{4, 3});
  CHECK_THROWS_WITH(ops::reshape(tensor({2, 3}), {-1, -1}, {"model.cc", 9}),
                    contains("reshape: two extents are -1") && contains("model.cc:4") && contains("model.cc:9"));
  CHECK_THROWS_WITH(ops::reshape(tensor({2, 3}), {-1, 4}), contains("4 does not divide"));
  CHECK_THROWS_WITH(ops::reshape(tensor({0, 3}), {-1, 0}), contains("could be anything"));
}

TEST_CASE("axes are removed, merged and moved") {
  const Dim n = Dim::symbol("n");
  CHECK(ops::squeeze(tensor({1, n, 1})).shape() == ir::Shape{n});
  CHECK(ops::squeeze(tensor({1, n, 1}), {0}).shape() == ir::Shape{n, 1});
  CHECK(ops::squeeze(tensor({2, n}), {1}).shape() == ir::Shape{2});
  CHECK_THROWS_WITH(ops::squeeze(tensor({1, 3}), {-1}), contains("squeeze: axis 1 has the extent 3"));
  CHECK(ops::flatten(tensor({2, n, 3}), 1).shape() == ir::Shape{2, n * 3});
  CHECK_THROWS_WITH(ops::flatten(tensor({2, 3}), 1, 0), contains("lies behind"));
  CHECK(ops::moveaxis(tensor({2, 3, 4}), {0, 1}, {-1, 0}).shape() == ir::Shape{3, 4, 2});
  CHECK_THROWS_WITH(ops::moveaxis(tensor({2, 3}), {0, 1}, {0}), contains("as many axes"));
  CHECK_THROWS_WITH(ops::moveaxis(tensor({2, 3}), {0, -2}, {0, 1}), contains("named twice"));
  CHECK_THROWS_WITH(ops::swapaxes(tensor({2, 3}), 0, 2), contains("there is no axis 2"));
  CHECK_THROWS_WITH(ops::transpose(tensor({2, 3}), {0, 0}), contains("named twice"));
  CHECK(ops::at_least(tensor({3}), 3).shape() == ir::Shape{1, 3, 1});
  CHECK_THROWS_WITH(ops::flatten(Tensor()), contains("empty Tensor"));
}

TEST_CASE("slices of symbolic extents are clipped at call time") {
  const Dim n = Dim::symbol("n");
  const Tensor x = tensor({n});
  for (const std::int64_t extent : {0, 1, 2, 3, 7}) {
    for (const Range& r :
         std::vector<Range>{{2, 5}, {-3, {}}, {{}, {}, -2}, {5, -9, -1}, {{}, -2}, {1, {}, 3}, {-1, 0}}) {
      const std::int64_t step = r.step.value();
      Numbers expected;  // NumPy's rules, spelled out
      const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
      const auto bound = [&](const std::optional<Dim>& d, std::int64_t otherwise) {
        if (!d) return otherwise;
        const std::int64_t v = d->value() < 0 ? d->value() + extent : d->value();
        return std::max(low, std::min(v, high));
      };
      const std::int64_t start = bound(r.start, step > 0 ? low : high), stop = bound(r.stop, step > 0 ? high : low);
      for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
        expected.push_back(static_cast<double>(i));
      CHECK(run(ops::slice(x, 0, r), x, {extent}) == expected);
    }
    const std::int64_t half = extent / 2;
    const Numbers tail = run(ops::slice(x, 0, {Dim(0) - floordiv(n, 2), {}}), x, {extent});
    CHECK(tail.size() == static_cast<std::size_t>(half == 0 ? extent : half));  // x[-0:] is all of x
  }
  // A step that is an extent.
  CHECK(run(ops::slice(x, 0, {{}, {}, floordiv(n, 3)}), x, {7}) == Numbers{0, 2, 4, 6});
  CHECK(run(ops::slice(x, 0, {1, -1, floordiv(n, 3)}), x, {9}) == Numbers{1, 4, 7});
  CHECK(run(ops::slice(x, 0, {2, 2, n}), x, {5}).empty());
  CHECK_THROWS_WITH(run(ops::slice(x, 0, {{}, {}, floordiv(n, 3)}), x, {2}), contains("divides by zero"));
  CHECK(ops::slice(x, 0, {1, n}).shape() == ops::slice(x, 0, {1, {}}).shape());
  CHECK_THROWS_WITH(ops::slice(x, 0, {1, 2, 0}), contains("a step must not be 0"));
  CHECK_THROWS_WITH(ops::slice(x, 1, {}), contains("slice: there is no axis 1"));
  CHECK_THROWS_WITH(ops::slice(x, {{}, {}}), contains("2 ranges"));
}

TEST_CASE("rolls go around, by any shift and of any extent") {
  const Dim n = Dim::symbol("n");
  const Tensor x = tensor({n});
  CHECK(run(ops::roll(x, {1}, {0}), x, {3}) == Numbers{2, 0, 1});
  CHECK(run(ops::roll(x, {-4}, {0}), x, {3}) == Numbers{1, 2, 0});
  CHECK(run(ops::roll(x, {floordiv(n, 2)}, {0}), x, {5}) == Numbers{3, 4, 0, 1, 2});
  CHECK(run(ops::roll(x, {2}, {0}), x, {1}) == Numbers{0});
  CHECK(run(ops::roll(x, {2}, {0}), x, {0}).empty());
  CHECK(ops::roll(x, {1}, {0}).shape() == ir::Shape{n});
  CHECK(ops::roll(x, {n}, {0}).shape() == ir::Shape{n});
  CHECK_THROWS_WITH(ops::roll(x, {1, 2}, {0}), contains("one shift for each axis"));
}

TEST_CASE("padding by elements, of symbolic extents and wider than the axis") {
  const Dim n = Dim::symbol("n");
  const Tensor x = tensor({n});
  const auto padded = [&](PadMode mode, std::int64_t extent) {
    const Tensor y = ops::pad(x, {{3, 2}}, mode);
    CHECK(y.shape() == ir::Shape{n + 5});
    return run(y, x, {extent});
  };
  CHECK(padded(PadMode::edge, 2) == Numbers{0, 0, 0, 0, 1, 1, 1});
  CHECK(padded(PadMode::reflect, 2) == Numbers{1, 0, 1, 0, 1, 0, 1});
  CHECK(padded(PadMode::reflect, 1) == Numbers{0, 0, 0, 0, 0, 0});
  CHECK(padded(PadMode::symmetric, 2) == Numbers{1, 1, 0, 0, 1, 1, 0});
  CHECK(padded(PadMode::wrap, 2) == Numbers{1, 0, 1, 0, 1, 0, 1});
  CHECK(padded(PadMode::wrap, 4) == Numbers{1, 2, 3, 0, 1, 2, 3, 0, 1});
  for (const PadMode mode : {PadMode::edge, PadMode::reflect, PadMode::symmetric, PadMode::wrap})
    CHECK_THROWS_AS(padded(mode, 0), Error);
  CHECK(padded(PadMode::constant, 0) == Numbers(5, 0));
}

TEST_CASE("padding says what it needs") {
  const Tensor x = tensor({0, 3});
  CHECK_THROWS_WITH(ops::pad(x, {{1, 1}, {0, 0}}, PadMode::edge), contains("pad: axis 0 is empty"));
  CHECK(ops::pad(x, {{0, 0}, {1, 1}}, PadMode::wrap).shape() == ir::Shape{0, 5});
  CHECK_THROWS_WITH(ops::pad(x, {{-1, 1}}), contains("a width is negative"));
  CHECK_THROWS_WITH(ops::pad(x, {{1, 1}, {1, 1}, {1, 1}}), contains("one pair of widths"));
  CHECK(ops::pad(x, {{1, 2}}).shape() == ir::Shape{3, 6});
  CHECK_THROWS_WITH(ops::pad(tensor({2}, DType::u8), {{1, 1}}, PadMode::constant, -1),
                    contains("pad") && contains("does not fit"));
  const Tensor bytes = tensor({2}, DType::u8);
  CHECK(run(ops::pad(bytes, {{1, 1}}, PadMode::constant, 9), bytes, {2}) == Numbers{9, 0, 1, 9});
}

TEST_CASE("tensors are joined and parted") {
  const Dim n = Dim::symbol("n");
  const Tensor x = tensor({n, 4}), wide = tensor({n, 4}, DType::f64);
  CHECK(ops::stack({x, wide}, -1).type() == ir::TensorType{DType::f64, {n, 4, 2}});
  CHECK_THROWS_WITH(ops::stack({x, tensor({n, 5})}), contains("stack: operands differ on axis 1"));
  CHECK_THROWS_WITH(ops::stack({x, tensor({n})}), contains("one rank"));
  CHECK_THROWS_WITH(ops::stack({}), contains("no tensors"));
  CHECK_THROWS_WITH(ops::concatenate({}), contains("no tensors"));
  const auto parts = ops::split(x, 2, 1);
  REQUIRE(parts.size() == 2);
  CHECK(parts[1].shape() == ir::Shape{n, 2});
  CHECK_THROWS_WITH(ops::split(x, 3, 1), contains("an extent of 4 has no 3 equal parts"));
  CHECK_THROWS_WITH(ops::split(x, 0, 1), contains("at least one part"));
  const Tensor v = tensor({n});
  CHECK(run(ops::split(v, 3)[2], v, {6}) == Numbers{4, 5});
  CHECK_THROWS_AS(run(ops::split(v, 3)[2], v, {7}), Error);
}

TEST_CASE("numbers are created from extents") {
  const Dim n = Dim::symbol("n");
  ops::register_all();
  CHECK(ops::arange(n, n * 3, 2, DType::i64).shape() == ir::Shape{floordiv(n * 2 + 1, 2)});
  CHECK(values(ops::arange(Dim(7), Dim(0), -3, DType::i32)) == Numbers{7, 4, 1});
  CHECK(values(ops::arange(0.0, 1.0, 0.25, DType::f32)) == Numbers{0, 0.25, 0.5, 0.75});
  CHECK(values(ops::arange(1.0, 0.0, 1.0, DType::f32)).empty());
  CHECK_THROWS_WITH(ops::arange(Dim(1), Dim(2), 0, DType::i64), contains("arange: the step"));
  CHECK_THROWS_WITH(ops::arange(0.0, 1e300, 1.0, DType::f32), contains("too many steps"));
  CHECK(values(ops::linspace(0, 1, 5, true, DType::f32)) == Numbers{0, 0.25, 0.5, 0.75, 1});
  CHECK(values(ops::linspace(2, 7, 1, true, DType::f32)) == Numbers{2});
  CHECK(values(ops::linspace(2, 7, 0, true, DType::f32)).empty());
  CHECK(values(ops::linspace(0.1, 0.7, 3, true, DType::f64)).back() == 0.7);
  CHECK_THROWS_WITH(ops::linspace(tensor({2}), 1, 3, true, DType::f32), contains("must be scalars"));
  CHECK(values(ops::eye(2, 3, 1, DType::i8)) == Numbers{0, 1, 0, 0, 0, 1});
  CHECK(values(ops::tri(2, 3, 0, DType::f32)) == Numbers{1, 0, 0, 1, 1, 0});
  CHECK(values(ops::full(3, DType::u8, {2})) == Numbers{3, 3});
  CHECK_THROWS_WITH(ops::full(300, DType::u8, {2}), contains("300") && contains("does not fit"));
  CHECK_THROWS_WITH(ops::full(0.5, DType::i32, {2}), contains("does not fit"));
  CHECK_THROWS_WITH(ops::meshgrid({tensor({2, 2})}, true), contains("must be vectors"));
}

TEST_CASE("diagonals say what they need") {
  CHECK_THROWS_WITH(ops::diag(tensor({2, 2, 2})), contains("a vector or a matrix"));
  CHECK_THROWS_WITH(ops::diagonal(tensor({2, 2}), 0, 1, -1), contains("the axes must differ"));
  CHECK_THROWS_WITH(ops::tril(tensor({2})), contains("tril: the operand must have two axes"));
  CHECK_THROWS_WITH(ops::trace(tensor({2})), contains("there is no axis 1"));
  CHECK(ops::trace(tensor({2, 2}, DType::i8)).dtype() == DType::i64);
}

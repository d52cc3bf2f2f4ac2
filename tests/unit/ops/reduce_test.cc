#include <cmath>
#include <limits>
#include <tuple>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using ops::Tensor;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

Tensor matrix(DType dtype, ir::Dim rows, ir::Dim columns) {
  ops::register_all();
  return ir::input("x", {dtype, {rows, columns}}, {"model.cc", 4});
}

std::vector<double> run(const Tensor& y, const Tensor& x, const Array& value) {
  const eval::Binding binding{x, value};
  const Array a = eval::evaluate({&y, 1}, {&binding, 1})[0];
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

Array floats(std::vector<float> values, Extents shape) {
  return Array::of<float>(std::span<const float>(values), std::move(shape));
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("axes may be negative, absent, and kept") {
  const Tensor x = matrix(DType::f32, 2, 3);
  const Array v = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(run(ops::sum(x, {-1}), x, v) == Numbers{6, 15});
  CHECK(run(ops::sum(x), x, v) == Numbers{21});
  CHECK(run(ops::mean(x, {0}), x, v) == Numbers{2.5, 3.5, 4.5});
  CHECK(run(ops::min(x, {1}), x, v) == Numbers{1, 4});
  CHECK(run(ops::argmax(x, -1), x, v) == Numbers{2, 2});
  CHECK(ops::max(x, {1}, true).shape() == ir::Shape{2, 1});
  CHECK(ops::sum(x, {0, -1}, true).shape() == ir::Shape{1, 1});
}

TEST_CASE("axes that there are not are errors that name the operand") {
  const Tensor x = matrix(DType::f32, 2, 3);
  CHECK_THROWS_WITH(ops::sum(x, {2}, false, {"model.cc", 9}), contains("sum") && contains("axis 2") &&
                                                                  contains("x (float32[2, 3], made at model.cc:4)") &&
                                                                  contains("model.cc:9"));
  CHECK_THROWS_AS(ops::mean(x, {0, -2}), Error);
  CHECK_THROWS_AS(ops::argmax(x, 5), Error);
  CHECK_THROWS_AS(ops::logsumexp(Tensor()), Error);
}

TEST_CASE("means") {
  const ir::Dim n = ir::Dim::symbol("n");
  const Tensor x = matrix(DType::f32, n, 2);
  CHECK(run(ops::mean(x, {0}), x, floats({1, 2, 3, 4, 5, 9}, {3, 2})) == Numbers{3, 5});
  for (double m : run(ops::mean(x, {0}), x, floats({}, {0, 2}))) CHECK(std::isnan(m));
  const Tensor i = matrix(DType::i8, 1, 2);
  const std::int8_t large[] = {127, 126};
  CHECK(ops::mean(i).dtype() == ir::default_float);
  CHECK(run(ops::mean(i), i, Array::of<std::int8_t>(large, {1, 2})) == Numbers{126.5});
}

TEST_CASE("logsumexp neither overflows nor makes NaN of infinities") {
  const Tensor x = matrix(DType::f32, 4, 2);
  const Array v = floats({1000, 1000, -inf, -inf, inf, 1, -inf, 2}, {4, 2});
  const Tensor y = ops::logsumexp(x, {1});
  const Numbers got = run(y, x, v);
  CHECK(got[0] == Approx(1000 + std::log(2.0)));
  CHECK(got[1] == -inf);
  CHECK(got[2] == inf);
  CHECK(got[3] == 2);
  const Tensor cost = ops::sum(y), dx = ad::grad(cost, {&x, 1})[0];
  for (double d : run(dx, x, v)) CHECK_FALSE(std::isnan(d));
}

TEST_CASE("positions over several axes count row by row, and keep them") {
  const Tensor x = matrix(DType::f32, 2, 3);
  const Array v = floats({1, 2, 3, 6, 5, 6}, {2, 3});
  CHECK(run(ops::argmax(x, ops::Axes{0, 1}), x, v) == Numbers{3});
  CHECK(run(ops::argmax(x, ops::Axes{}), x, v) == Numbers{3});
  CHECK(run(ops::argmin(x, ops::Axes{-1}, true), x, v) == Numbers{0, 1});
  CHECK(ops::argmin(x, ops::Axes{0, -1}, true).shape() == ir::Shape{1, 1});
  CHECK(ops::argmin(x, 1, true).shape() == ir::Shape{2, 1});
}

TEST_CASE("products of nothing, of integers and of NaN") {
  const Tensor x = matrix(DType::f32, 0, 3);
  CHECK(run(ops::prod(x, {0}), x, floats({}, {0, 3})) == Numbers{1, 1, 1});
  const Tensor i = matrix(DType::i8, 1, 3);
  CHECK(ops::prod(i).dtype() == DType::i64);
  const std::int8_t large[] = {100, 100, -100};
  CHECK(run(ops::prod(i), i, Array::of<std::int8_t>(large, {1, 3})) == Numbers{-1000000});
  const Tensor y = matrix(DType::f32, 1, 2);
  CHECK(std::isnan(run(ops::prod(y), y, floats({0, std::nanf("")}, {1, 2}))[0]));
}

TEST_CASE("any, all and count_nonzero take NaN as not zero") {
  const Tensor x = matrix(DType::f32, 3, 2);
  const Array v = floats({0, 0, std::nanf(""), 0, 1, 2}, {3, 2});
  CHECK(run(ops::any(x, {1}), x, v) == Numbers{0, 1, 1});
  CHECK(run(ops::all(x, {1}), x, v) == Numbers{0, 0, 1});
  CHECK(run(ops::count_nonzero(x, {1}), x, v) == Numbers{0, 1, 2});
  CHECK(ops::count_nonzero(x).dtype() == DType::i64);
  const Tensor none = matrix(DType::f32, 1, 0);
  CHECK(run(ops::any(none), none, floats({}, {1, 0})) == Numbers{0});
  CHECK(run(ops::all(none), none, floats({}, {1, 0})) == Numbers{1});
}

TEST_CASE("variances divide by n - ddof, at least 0, and lose nothing far from zero") {
  const Tensor x = matrix(DType::f32, 1, 4);
  const Array v = floats({1, 2, 3, 6}, {1, 4});
  CHECK(run(ops::var(x), x, v) == Numbers{3.5});
  CHECK(run(ops::var(x, {1}, 1), x, v)[0] == Approx(14.0 / 3));
  CHECK(run(ops::var(x, {1}, 4), x, v)[0] == inf);
  CHECK(run(ops::var(x, {1}, 9), x, v)[0] == inf);
  CHECK(run(ops::stddev(x, {1}, 0, true), x, v)[0] == Approx(std::sqrt(3.5)));
  CHECK(run(ops::var(x), x, floats({1e6f, 1e6f + 1, 1e6f, 1e6f + 1}, {1, 4})) == Numbers{0.25});
}

namespace {

// The gradient of the sum of y, and the Hessian-vector product with ones, at a value.
Numbers gradient(const Tensor& y, const Tensor& x, const Array& v) {
  return run(ad::grad(ops::sum(y), {&x, 1})[0], x, v);
}

Numbers second(const Tensor& y, const Tensor& x, const Array& v) {
  const Tensor g = ad::grad(ops::sum(y), {&x, 1})[0];
  return run(ad::grad(ops::sum(g), {&x, 1})[0], x, v);
}

// All that two derivatives of sum(prod(x over pairs j < k...)) need, by plain loops: the product of all elements but
// those two (or one, if i == j).
double product_without(const std::vector<float>& x, std::size_t i, std::size_t j) {
  double p = 1;
  for (std::size_t k = 0; k < x.size(); ++k)
    if (k != i && k != j) p *= static_cast<double>(x[k]);
  return p;
}

}  // namespace

TEST_CASE("derivatives of products are right with no, one, two and three zeros") {
  const Tensor x = matrix(DType::f32, 1, 5), square = matrix(DType::f32, 5, 1);
  for (const std::vector<float>& v :
       {std::vector<float>{2, 3, -1, 4, 0.5f}, {2, 0, -1, 4, 0.5f}, {0, 3, -1, 0, 0.5f}, {0, 3, 0, 4, 0}}) {
    Numbers first, twice;
    for (std::size_t i = 0; i < v.size(); ++i) {
      first.push_back(product_without(v, i, i));
      double total = 0;
      for (std::size_t j = 0; j < v.size(); ++j)
        if (j != i) total += product_without(v, i, j);
      twice.push_back(total);
    }
    for (const auto& [leaf, y, shape] :
         {std::tuple(x, ops::prod(x, {1}), Extents{1, 5}), std::tuple(square, ops::prod(square), Extents{5, 1})}) {
      CHECK(gradient(y, leaf, floats(v, shape)) == first);
      CHECK(second(y, leaf, floats(v, shape)) == twice);
    }
  }
}

TEST_CASE("derivatives of cumulative products are right with zeros") {
  const Tensor x = matrix(DType::f32, 1, 4);
  for (const std::vector<float>& v : {std::vector<float>{2, 3, -1, 4}, {2, 0, -1, 4}, {0, 3, 0, 4}}) {
    for (const bool reverse : {false, true}) {
      Numbers first(4, 0), twice(4, 0);
      for (std::size_t k = 0; k < 4; ++k) {  // element k is the product of a part of v
        const std::size_t begin = reverse ? k : 0, end = reverse ? 4 : k + 1;
        const std::vector<float> part(v.begin() + static_cast<std::ptrdiff_t>(begin),
                                      v.begin() + static_cast<std::ptrdiff_t>(end));
        for (std::size_t i = 0; i < part.size(); ++i) {
          first[begin + i] += product_without(part, i, i);
          for (std::size_t j = 0; j < part.size(); ++j)
            if (j != i) twice[begin + i] += product_without(part, i, j);
        }
      }
      const Tensor y = ops::cumprod(x, 1, reverse);
      CHECK(gradient(y, x, floats(v, {1, 4})) == first);
      CHECK(second(y, x, floats(v, {1, 4})) == twice);
    }
  }
}

TEST_CASE("the gradient of cumulative extrema goes to the first of equals") {
  const Tensor x = matrix(DType::f32, 1, 5);
  CHECK(gradient(ops::cummax(x, 1), x, floats({1, 1, 3, 2, 3}, {1, 5})) == Numbers{2, 0, 3, 0, 0});
  CHECK(gradient(ops::cummin(x, 1, true), x, floats({1, 1, 3, 2, 3}, {1, 5})) == Numbers{0, 2, 0, 2, 1});
  CHECK(gradient(ops::cummax(x, 1), x, floats({1, std::nanf(""), 3, std::nanf(""), 4}, {1, 5})) ==
        Numbers{1, 4, 0, 0, 0});
}

TEST_CASE("norms and standard deviations of 0 have derivative 0") {
  const Tensor x = matrix(DType::f32, 2, 2);
  const Array v = floats({0, 0, 3, 4}, {2, 2}), equal = floats({5, 5, 5, 5}, {2, 2});
  CHECK(run(ops::norm(x, 2, {1}), x, v) == Numbers{0, 5});
  const Numbers by_row = gradient(ops::norm(x, 2, {1}), x, v);
  for (std::size_t i = 0; i < 4; ++i) CHECK(by_row[i] == Approx(Numbers{0, 0, 0.6, 0.8}[i]));
  CHECK(gradient(ops::norm(x, 1, {1}), x, v) == Numbers{0, 0, 1, 1});
  CHECK(gradient(ops::norm(x, static_cast<double>(inf), {1}), x, v) == Numbers{0, 0, 0, 1});
  const Numbers cubic = gradient(ops::norm(x, 3, {1}), x, v);
  CHECK(cubic[0] == 0);
  CHECK(cubic[3] == Approx(16 / std::pow(91.0, 2.0 / 3)));
  CHECK(gradient(ops::norm(x, 0.5, {1}), x, floats({0, 4, 0, 0}, {2, 2})) == Numbers{0, 1, 0, 0});
  CHECK(gradient(ops::stddev(x), x, equal) == Numbers{0, 0, 0, 0});
  CHECK(second(ops::norm(x), x, floats({0, 0, 0, 0}, {2, 2})) == Numbers{0, 0, 0, 0});
  CHECK(std::isnan(run(ops::norm(x), x, floats({0, std::nanf(""), 0, 0}, {2, 2}))[0]));
  CHECK_THROWS_WITH(ops::norm(x, -1), contains("norm: p must be at least 0") && contains("model.cc:4"));
}

TEST_CASE("cumulative sums of small types are int64, and axes are checked") {
  CHECK(ops::cumsum(matrix(DType::bool_, 2, 3), 0).dtype() == DType::i64);
  CHECK(ops::cumprod(matrix(DType::i8, 2, 3), 0).dtype() == DType::i64);
  CHECK(ops::cummax(matrix(DType::i8, 2, 3), 0).dtype() == DType::i8);
  CHECK_THROWS_WITH(ops::cumsum(matrix(DType::f32, 2, 3), 2),
                    contains("cumsum: there is no axis 2") && contains("model.cc:4"));
  CHECK_THROWS_WITH(ops::cummin(matrix(DType::bool_, 2, 3), 1), contains("cummin") && contains("bool"));
  CHECK_THROWS_WITH(ops::linear_recurrence(matrix(DType::f32, 2, 3), 1, -3), contains("there is no axis -3"));
}

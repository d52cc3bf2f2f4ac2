#include "compiler/grad/grad.h"

#include <cmath>

#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/values.h"

using namespace bitale;
using namespace bitale::tests;
using ad::Bindings;
using ad::Disconnected;
using ad::GradOptions;
using ir::Tensor;

namespace {

Tensor f64(const char* name, ir::Shape shape) {
  ops::register_all();
  return ir::input(name, {DType::f64, std::move(shape)}, SourceLine("model.cc", 7));
}

Tensor total(const Tensor& x) { return ops::sum(x); }

Tensor gradient(const Tensor& cost, const Tensor& x, const GradOptions& options = {}) {
  return ad::grad(cost, {&x, 1}, options)[0];
}

void check_close(const Array& a, std::vector<double> expected, double tolerance = 1e-12) {
  INFO(to_string(a));
  REQUIRE(a.size() == static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(a.at(static_cast<std::int64_t>(i)) == Approx(expected[i]).margin(tolerance));
}

void check_close(const Array& a, const Array& b, double tolerance = 1e-12) {
  REQUIRE(a.shape() == b.shape());
  CHECK(difference(a, b, rewrite::RuleClass::stabilising, tolerance) == "");
}

// A model with dots, reductions, broadcasts, selections and slices.
struct Network {
  Tensor x = f64("x", {4, 3}), w = f64("w", {3, 5}), b = f64("b", {5}), v = f64("v", {5, 2});
  std::vector<Tensor> wrt{x, w, b, v};
  Tensor hidden = ops::tanh(ir::dot(x, w) + b);
  Tensor out = ir::dot(ir::where(ir::less(hidden, 0.25), hidden * 0.5, ops::exp(hidden)), v);
  Tensor cost = ops::logsumexp(out) + total(ir::slice(hidden, {0, 3}, {2, 2}, {2, -1}) * 0.1) +
                total(ir::transpose(out) * ir::flip(ir::transpose(out), {1}));

  Bindings leaves() const {
    std::mt19937_64 random(3);
    return {{x, draw(DType::f64, {4, 3}, -1, 1, random)},
            {w, draw(DType::f64, {3, 5}, -1, 1, random)},
            {b, draw(DType::f64, {5}, -1, 1, random)},
            {v, draw(DType::f64, {5, 2}, -1, 1, random)}};
  }
};

}  // namespace

TEST_CASE("The gradient of a sum of squares") {
  const Tensor x = f64("x", {3});
  check_close(value_of(gradient(total(x * x), x), {{x, vector({1, -2, 3})}}), {2, -4, 6});
}

TEST_CASE("Cotangents of shared subexpressions add up") {
  const Tensor x = f64("x", {2});
  const Tensor s = ops::sin(x);
  const Tensor cost = total(s * s + s * x + s);
  const Array g = value_of(gradient(cost, x), {{x, vector({0.3, -1.1})}});
  std::vector<double> expected;
  for (double v : {0.3, -1.1})
    expected.push_back(2 * std::sin(v) * std::cos(v) + std::cos(v) * v + std::sin(v) + std::cos(v));
  check_close(g, expected);
}

TEST_CASE("Gradients have the type of what they are gradients of") {
  const Tensor x = ir::input("x", {DType::f32, {3, 1}}), y = f64("y", {4});
  const Tensor cost = total(x * y);
  const Tensor wrt[] = {x, y};
  const auto g = ad::grad(cost, wrt);
  CHECK(g[0].type() == x.type());
  CHECK(g[1].type() == y.type());
}

TEST_CASE("Symbolic extents that are equal only at call entry") {
  const Tensor x = f64("x", {ir::Dim::symbol("n")}), y = f64("y", {ir::Dim::symbol("m")});
  const Tensor wrt[] = {x, y};
  const auto g = ad::grad(total(x * y), wrt);
  CHECK(g[0].type() == x.type());
  CHECK(g[1].type() == y.type());
  check_close(value_of(g[1], {{x, vector({1, 2})}, {y, vector({3, 4})}}), {1, 2});
}

TEST_CASE("Derivatives agree with differences, forwards and backwards") {
  const Network n;
  const auto result = ad::check_gradient({&n.cost, 1}, n.wrt, n.leaves(), values_of, {.forward = true});
  INFO(result.where);
  CHECK(result.worst < 1e-8);
}

TEST_CASE("A wrong rule is found, with the element") {
  const Tensor x = f64("x", {3});
  const Tensor wrong = total(ir::mul(ir::stop_gradient(x), x));
  const auto result = ad::check_gradient({&wrong, 1}, {&x, 1}, {{x, vector({1, 2, 3})}}, values_of);
  CHECK(result.worst > 0.1);
  CHECK_THAT(result.where, contains("x (float64[3]") && contains("differences"));
}

TEST_CASE("A chain of 50,000 nodes is differentiated without recursion") {
  const Tensor x = f64("x", {});
  Tensor y = x;
  for (int i = 0; i < 50'000; ++i) y = i % 2 ? ops::sin(y) : y * 1.0001;
  const Tensor g = gradient(y, x);
  const Tensor one = ir::ones_like(x);
  const Tensor t = ad::jvp({&y, 1}, {&x, 1}, {&one, 1})[0];
  const Tensor both[] = {g, t};
  const auto values = values_of(both, {{x, scalar(0.5)}});
  CHECK(std::isfinite(values[0].at(0)));
  CHECK(values[0].at(0) == Approx(values[1].at(0)));
}

TEST_CASE("Second and third derivatives") {
  const Tensor x = f64("x", {});
  const Tensor first = gradient(ops::tanh(x) * ops::exp(x), x);
  const Tensor second = gradient(first, x);
  const auto result = ad::check_gradient({&second, 1}, {&x, 1}, {{x, scalar(0.4)}}, values_of);
  INFO(result.where);
  CHECK(result.worst < 1e-7);
  const Tensor cube = gradient(gradient(gradient(x * x * x, x), x), x);
  check_close(value_of(cube, {{x, scalar(-3)}}), {6});
}

TEST_CASE("jvp and vjp are each other's transposes") {
  const Network n;
  std::mt19937_64 random(5);
  Bindings leaves = n.leaves();
  const Tensor outputs[] = {n.hidden, n.out};
  std::vector<Tensor> dys, dxs;
  for (const Tensor& y : outputs) {
    dys.push_back(ir::input("dy", y.type()));
    leaves.emplace_back(dys.back(), draw(DType::f64, {4, y.dim(1).value()}, -1, 1, random));
  }
  for (std::size_t i = 0; i < n.wrt.size(); ++i) {
    dxs.push_back(ir::input("dx", n.wrt[i].type()));
    leaves.emplace_back(dxs.back(), draw(DType::f64, leaves[i].second.shape(), -1, 1, random));
  }
  const auto back = ad::vjp(outputs, dys, n.wrt);
  const auto forth = ad::jvp(outputs, n.wrt, dxs);
  Tensor left = ir::zeros(DType::f64, {}), right = left;
  for (std::size_t i = 0; i < back.size(); ++i) left = left + total(back[i] * dxs[i]);
  for (std::size_t i = 0; i < forth.size(); ++i) right = right + total(forth[i] * dys[i]);
  const Tensor both[] = {left, right};
  const auto values = values_of(both, leaves);
  CHECK(values[0].at(0) == Approx(values[1].at(0)).epsilon(1e-10));
}

TEST_CASE("Missing cotangents and tangents are zero") {
  const Tensor x = f64("x", {2}), y = f64("y", {2});
  const Tensor outputs[] = {x * y, ops::sin(x)};
  const Tensor dys[] = {ir::ones_like(x), Tensor()};
  const Bindings leaves{{x, vector({1, 2})}, {y, vector({3, 4})}};
  check_close(value_of(ad::vjp(outputs, dys, {&x, 1})[0], leaves), {3, 4});
  const Tensor inputs[] = {x, y}, dxs[] = {Tensor(), ir::ones_like(y)};
  const auto tangents = ad::jvp(outputs, inputs, dxs);
  check_close(value_of(tangents[0], leaves), {1, 2});
  check_close(value_of(tangents[1], leaves), {0, 0});
}

TEST_CASE("Jacobians have the dims of y and then of x") {
  const Tensor x = f64("x", {3}), a = f64("a", {2, 3});
  const Tensor y = ops::sin(ir::dot(a, x));
  const Bindings leaves{{x, vector({0.1, 0.2, 0.3})},
                        {a, Array::of<double>(std::vector<double>{1, 2, 3, 4, 5, 6}, {2, 3})}};
  const Array j = value_of(ad::jacobian(y, x), leaves);
  CHECK(j.shape() == Extents{2, 3});
  const double c0 = std::cos(1.4), c1 = std::cos(3.2);
  check_close(j, {c0, 2 * c0, 3 * c0, 4 * c1, 5 * c1, 6 * c1});
}

TEST_CASE("The jacobian of a matrix in a matrix") {
  const Tensor x = f64("x", {2, 3});
  const Tensor y = ir::transpose(ops::exp(x));
  const Array j = value_of(ad::jacobian(y, x), {{x, Array::of<double>(std::vector<double>{0, 1, 2, 3, 4, 5}, {2, 3})}});
  CHECK(j.shape() == Extents{3, 2, 2, 3});
  for (std::int64_t i = 0; i < 36; ++i) {
    const std::int64_t row = i / 6, column = i % 6, at = (row % 2) * 3 + row / 2;
    CHECK(j.at(i) == Approx(at == column ? std::exp(static_cast<double>(column)) : 0.0));
  }
}

TEST_CASE("Hessians are symmetric jacobians of gradients, and products with them need no hessian") {
  const Tensor x = f64("x", {4}), v = f64("v", {4});
  const Tensor cost = total(ops::exp(ops::sin(x) * ir::flip(x, {0}))) + ops::logsumexp(x);
  const Bindings leaves{{x, vector({0.3, -0.7, 1.2, 0.1})}, {v, vector({1, -2, 0.5, 3})}};
  const Tensor h = ad::hessian(cost, x);
  const Array values = value_of(h, leaves);
  CHECK(values.shape() == Extents{4, 4});
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t k = 0; k < 4; ++k) CHECK(values.at(i * 4 + k) == Approx(values.at(k * 4 + i)).margin(1e-12));
  check_close(value_of(ir::dot(h, v), leaves), value_of(ad::hessian_vector_product(cost, {&x, 1}, {&v, 1})[0], leaves),
              1e-10);
  const Tensor gradient_of_cost = gradient(cost, x);
  const auto result = ad::check_gradient({&gradient_of_cost, 1}, {&x, 1}, leaves, values_of);
  INFO(result.where);
  CHECK(result.worst < 1e-7);
}

TEST_CASE("The hessian of a linear cost is zeros") {
  const Tensor x = f64("x", {3});
  check_close(value_of(ad::hessian(total(x * 2.0), x), {{x, vector({1, 2, 3})}}), std::vector<double>(9, 0.0));
}

TEST_CASE("vmap equals a loop") {
  const Network n;
  Bindings leaves = n.leaves();
  std::mt19937_64 random(9);
  const Tensor xs = f64("xs", {3, 4, 3});
  const Array rows = draw(DType::f64, {3, 4, 3}, -1, 1, random);
  const Tensor outputs[] = {n.out, n.cost, ir::slice(n.w, {0, 0}, {1, 5}, {1, 1})};
  const Tensor values[] = {xs};
  const auto batched = ad::vmap(outputs, {&n.x, 1}, values, {true}, 3);
  CHECK(batched[0].type() == ir::TensorType{DType::f64, {3, 4, 2}});
  CHECK(batched[1].type() == ir::TensorType{DType::f64, {3}});
  CHECK(batched[2].type() == ir::TensorType{DType::f64, {3, 1, 5}});
  leaves.emplace_back(xs, rows);
  const auto all = values_of(batched, leaves);
  for (std::int64_t i = 0; i < 3; ++i) {
    Array x(DType::f64, {4, 3});
    for (std::int64_t k = 0; k < 12; ++k) x.view<double>()[static_cast<std::size_t>(k)] = rows.at(i * 12 + k);
    leaves[0].second = x;
    const auto one = values_of(outputs, leaves);
    for (std::size_t o = 0; o < one.size(); ++o)
      for (std::int64_t k = 0; k < one[o].size(); ++k) CHECK(all[o].at(i * one[o].size() + k) == Approx(one[o].at(k)));
  }
}

TEST_CASE("consider_constant cuts; a constant may itself be asked for") {
  const Tensor x = f64("x", {2});
  const Tensor s = ops::sin(x);
  const Tensor cost = total(s * x);
  const Bindings leaves{{x, vector({0.5, 1.5})}};
  GradOptions options;
  options.consider_constant = {s};
  check_close(value_of(gradient(cost, x, options), leaves), {std::sin(0.5), std::sin(1.5)});
  check_close(value_of(gradient(cost, s, options), leaves), {0.5, 1.5});
  const Tensor only = total(s);
  CHECK_THROWS_WITH(gradient(only, x, options), contains("does not depend on"));
}

TEST_CASE("known_grads start the sweep, with a cost or without") {
  const Tensor x = f64("x", {2}), g = f64("g", {2});
  const Tensor s = ops::sin(x);
  const Bindings leaves{{x, vector({0.5, 1.5})}, {g, vector({10, 20})}};
  GradOptions options;
  options.known_grads = {{s, g}};
  check_close(value_of(gradient(Tensor(), x, options), leaves), {10 * std::cos(0.5), 20 * std::cos(1.5)});
  // The known cotangent of s replaces the cost's; x is also reached past s.
  check_close(value_of(gradient(total(s * x), x, options), leaves),
              {10 * std::cos(0.5) + std::sin(0.5), 20 * std::cos(1.5) + std::sin(1.5)});
}

TEST_CASE("Gradients stop, are clipped and scaled where asked") {
  const Tensor x = f64("x", {2});
  const Bindings leaves{{x, vector({1, -5})}};
  check_close(value_of(gradient(total(ir::stop_gradient(x) * x), x), leaves), {1, -5});
  check_close(value_of(gradient(total(ir::square(ad::grad_clip(x, -3, 1.5))), x), leaves), {1.5, -3});
  check_close(value_of(gradient(total(ir::square(ad::grad_scale(x, -0.5))), x), leaves), {-1, 5});
  check_close(value_of(ad::grad_clip(x, -1, 1), leaves), {1, -5});
  CHECK_THROWS_AS(ad::grad_clip(x, 1, -1), Error);
}

TEST_CASE("Zero and disconnected are different facts") {
  const Tensor x = f64("x", {2}), y = f64("y", {2});
  const Bindings leaves{{x, vector({1, 2})}, {y, vector({1, 2})}};
  CHECK_THROWS_WITH(gradient(total(x), y), contains("does not depend on y (float64[2], made at model.cc:7)"));
  GradOptions zero;
  zero.disconnected = Disconnected::zero;
  check_close(value_of(gradient(total(x), y, zero), leaves), {0, 0});
  // A path with zero derivative.
  check_close(value_of(gradient(total(ops::floor(x) + ir::cast(ir::cast(x, DType::i32), DType::f64)), x), leaves),
              {0, 0});
}

TEST_CASE("What cannot be differentiated is an error that names it") {
  const Tensor x = f64("x", {2});
  const Tensor n = ir::input("n", {DType::i64, {}}, SourceLine("model.cc", 9));
  CHECK_THROWS_WITH(gradient(x, x), contains("scalar") && contains("x (float64[2], made at model.cc:7)"));
  CHECK_THROWS_WITH(gradient(n, x), contains("float") && contains("n (int64[], made at model.cc:9)"));
  CHECK_THROWS_WITH(gradient(total(x), n), contains("not by n (int64[], made at model.cc:9)"));
  CHECK_THROWS_WITH(gradient(Tensor(), x), contains("neither a cost nor known_grads"));
  const Tensor dy = f64("dy", {3}), y = ops::sin(x);
  CHECK_THROWS_WITH(ad::vjp({&y, 1}, {&dy, 1}, {&x, 1}), contains("dy (float64[3]"));
}

TEST_CASE("Derivatives of unstable forms are those of the stable ones") {
  const Tensor x = f64("x", {5}), t = f64("t", {5});
  const Bindings leaves{{x, vector({-1000, -2, 0, 3, 1000})}, {t, vector({1, 0, 1, 1, 0})}};
  const Tensor p = 1.0 / (1.0 + ops::exp(-x));
  const Tensor cost = total(-t * ops::log(p) - (1.0 - t) * ops::log(1.0 - p));
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  check_close(value_of(gradient(cost, x), leaves), {-1, sigmoid(-2), sigmoid(0) - 1, sigmoid(3) - 1, 1});

  const Tensor softmax = ops::exp(x) / ops::sum(ops::exp(x));
  check_close(value_of(gradient(total(ir::square(softmax)), x), leaves), {0, 0, 0, 0, 0});
  const Tensor added = total(ops::log(ops::exp(x) + ops::exp(x)) + ops::log(ops::exp(x) + ops::exp(t)));
  const Array g = value_of(gradient(added, x), leaves);
  check_close(g, {1, 1 + sigmoid(-2), 1 + sigmoid(-1), 1 + sigmoid(2), 2});
}

TEST_CASE("Intermediate tensors can be differentiated by, whatever the stable form is") {
  const Tensor x = f64("x", {2});
  const Tensor e = ops::exp(-x), p = 1.0 / (1.0 + e);
  const Tensor cost = total(ops::log(p));
  const Tensor wrt[] = {p, e, x};
  const auto g = ad::grad(cost, wrt);
  const Bindings leaves{{x, vector({0.5, -1})}};
  for (std::size_t i = 0; i < 2; ++i) {
    const double v = i == 0 ? 0.5 : -1, ev = std::exp(-v);
    CHECK(value_of(g[0], leaves).at(static_cast<std::int64_t>(i)) == Approx(1 + ev));
    CHECK(value_of(g[1], leaves).at(static_cast<std::int64_t>(i)) == Approx(-1 / (1 + ev)));
    CHECK(value_of(g[2], leaves).at(static_cast<std::int64_t>(i)) == Approx(ev / (1 + ev)));
  }
  for (const ir::NodePtr& node : ir::topological(g)) CHECK(node->op().name != "barrier");
}

namespace {

ir::OpDef odd_op(ir::VjpRule vjp) {
  ir::OpDef op;
  op.name = "odd";
  op.type = ir::same_float;
  op.scalar = [](std::span<const ir::Expr> x) { return x[0]; };
  op.element = [](ir::Element& e) { return e.input(0); };
  op.vjp = std::move(vjp);
  return op;
}

}  // namespace

TEST_CASE("Missing and broken rules are errors that name the op and its line") {
  const Tensor x = f64("x", {2});
  const SourceLine line("model.cc", 33);
  const auto use = [&](const ir::OpDef& op) { return gradient(total(ir::apply1(op, nullptr, {x}, line)), x); };
  const ir::OpDef none = odd_op({});
  CHECK_THROWS_WITH(use(none), contains("odd (made at model.cc:33)") && contains("vjp rule"));
  const ir::OpDef two = odd_op([](const ir::Vjp& v) { return std::vector<Tensor>{v.dy(), v.dy()}; });
  CHECK_THROWS_WITH(use(two), contains("odd (made at model.cc:33)") && contains("2 cotangents for 1"));
  CHECK_THROWS_AS(use(two), InternalError);
  const ir::OpDef shape = odd_op([](const ir::Vjp& v) { return std::vector<Tensor>{ops::sum(v.dy())}; });
  CHECK_THROWS_WITH(use(shape), contains("odd") && contains("is float64[], expected float64[2]"));
  const ir::OpDef dtype = odd_op([](const ir::Vjp& v) { return std::vector<Tensor>{ir::cast(v.dy(), DType::f32)}; });
  CHECK_THROWS_WITH(use(dtype), contains("odd") && contains("is float32[2], expected float64[2]"));

  const Tensor y = ir::apply1(none, nullptr, {x}, line), one = ir::ones_like(x), xs = f64("xs", {5, 2});
  CHECK_THROWS_WITH(ad::jvp({&y, 1}, {&x, 1}, {&one, 1}),
                    contains("odd (made at model.cc:33)") && contains("jvp rule"));
  CHECK_THROWS_WITH(ad::vmap({&y, 1}, {&x, 1}, {&xs, 1}, {true}, 5),
                    contains("odd (made at model.cc:33)") && contains("batching rule"));
}

TEST_CASE("A rule is not needed where no gradient passes") {
  const ir::OpDef none = odd_op({});
  const Tensor x = f64("x", {2}), y = f64("y", {2});
  const Tensor cost = total(ir::apply1(none, nullptr, {y}) * x);
  check_close(value_of(gradient(cost, x), {{x, vector({1, 2})}, {y, vector({3, 4})}}), {3, 4});
}

TEST_CASE("Backward nodes carry the line of the node they come from") {
  const Tensor x = f64("x", {2});
  const SourceLine line("model.cc", 21);
  const Tensor y = ops::exp(x, line);
  const Tensor g = gradient(ops::sum(y * y), x);
  bool found = false;
  for (const SourceLine& l : g.node().origins()) found = found || l == line;
  CHECK(found);
}

TEST_CASE("Equal gradients are one graph: the order of accumulation is fixed") {
  const Network n;
  CHECK(ad::grad(n.cost, n.wrt) == ad::grad(n.cost, n.wrt));
}

// The passes on small graphs, as before and after, and all of them on large random ones.
#include <array>
#include <cmath>

#include "compiler/passes/canonicalise.h"
#include "compiler/passes/constant_fold.h"
#include "compiler/passes/rules.h"
#include "compiler/passes/simplify.h"
#include "compiler/passes/sink_movement.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/values.h"

using namespace bitale;
using namespace bitale::tests;
using ad::Bindings;
using ir::Tensor;

namespace {

Tensor f64(const char* name, ir::Shape shape = {3}) {
  ops::register_all();
  return ir::input(name, {DType::f64, std::move(shape)});
}

using PassFunction = ir::Graph (*)(const ir::Graph&, rewrite::PassContext&);

Tensor run(PassFunction pass, const Tensor& t) {
  rewrite::PassContext context;
  return pass({{}, {t}}, context).outputs[0];
}

const rewrite::Pipeline& all_passes() {
  static const rewrite::Pipeline pipeline{
      {"stabilise", passes::stabilise, ""},         {"canonicalise", passes::canonicalise, ""},
      {"constant_fold", passes::constant_fold, ""}, {"simplify", passes::simplify, ""},
      {"sink_movement", passes::sink_movement, ""}, {"constant_fold", passes::constant_fold, ""},
      {"simplify", passes::simplify, ""},           {"canonicalise", passes::canonicalise, ""},
  };
  return pipeline;
}

std::vector<Tensor> optimised(std::span<const Tensor> outputs) {
  rewrite::PassContext context;
  context.verify = true;
  std::vector<rewrite::PassReport> reports;
  return rewrite::run_pipeline(all_passes(), {{}, {outputs.begin(), outputs.end()}}, context, reports).outputs;
}
Tensor optimised(const Tensor& t) { return optimised(std::span(&t, 1))[0]; }

int nodes(std::span<const Tensor> outputs) { return static_cast<int>(ir::topological(outputs).size()); }

}  // namespace

// ---- canonicalise ----

TEST_CASE("Canonical order makes a*b and b*a one node") {
  const Tensor a = f64("a"), b = f64("b");
  CHECK(run(passes::canonicalise, a * b) == run(passes::canonicalise, b * a));
  CHECK(run(passes::canonicalise, ops::exp(a * b) + ops::sin(b * a)) ==
        run(passes::canonicalise, ops::sin(a * b) + ops::exp(b * a)));
  CHECK(run(passes::canonicalise, 2.0 * a) == a * 2.0);
  const Tensor minus = ir::sub(b, a);
  CHECK(run(passes::canonicalise, minus) == minus);
}

TEST_CASE("Canonical order is stable, and the same for equal graphs over new leaves") {
  const auto build = [] {
    const Tensor a = f64("a"), b = f64("b"), c = f64("c");
    return run(passes::canonicalise, (c * a + b * ops::exp(a)) * (ops::sin(b) + c));
  };
  const Tensor one = build(), two = build();
  CHECK(run(passes::canonicalise, one) == one);
  CHECK(ir::to_string(ir::Graph{{}, {one}}) == ir::to_string(ir::Graph{{}, {two}}));
}

// ---- constant_fold ----

TEST_CASE("Constants fold to constants, at their dtype") {
  ops::register_all();
  const auto f32 = [](double v, ir::Shape shape) {
    return ir::full(ir::Literal::real(v, DType::f32), std::move(shape));
  };
  const ir::Dim n = ir::Dim::symbol("n");
  CHECK(run(passes::constant_fold, f32(0.1, {n}) + f32(0.2, {n})) == f32(static_cast<double>(0.1f + 0.2f), {n}));
  CHECK(run(passes::constant_fold, ops::exp(ir::cast(f32(1, {}), DType::f64))) ==
        ir::full(ir::Literal::real(std::exp(1.0), DType::f64), {}));
  CHECK(run(passes::constant_fold, ir::less(f32(1, {2}), f32(2, {2}))) ==
        ir::full(ir::Literal::integer(1, DType::bool_), {2}));

  const Tensor c = ir::constant(vector({1, 2, 3}));
  CHECK(run(passes::constant_fold, c * c + c) == ir::constant(vector({2, 6, 12})));
  CHECK(run(passes::constant_fold, ir::sum(c, {0})) == ir::full(ir::Literal::real(6, DType::f64), {}));
  CHECK(run(passes::constant_fold, ir::flip(c, {0})) == ir::constant(vector({3, 2, 1})));
  CHECK(run(passes::constant_fold, ir::dot(c, c)) == ir::full(ir::Literal::real(14, DType::f64), {}));
}

TEST_CASE("Folding never makes constants larger") {
  ops::register_all();
  const Tensor wide = ir::broadcast_to(ir::constant(vector({1, 2, 3})), {1000, 3});
  CHECK(run(passes::constant_fold, wide) == wide);
  std::vector<double> values(10'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const Tensor large = ops::exp(ir::constant(vector(values)));
  CHECK(run(passes::constant_fold, large) == large);
}

// ---- sink_movement ----

TEST_CASE("Movements sink below elementwise ops") {
  const Tensor a = f64("a", {3}), b = f64("b", {3}), s = f64("s", {});
  const ir::Shape shape{2, 3};
  const auto wide = [&](const Tensor& t) { return ir::broadcast_to(t, shape); };
  CHECK(run(passes::sink_movement, ops::exp(wide(a)) * 2.0) == wide(ops::exp(a) * 2.0));
  CHECK(run(passes::sink_movement, wide(a) * wide(b)) == wide(a * b));
  CHECK(run(passes::sink_movement, wide(a) * wide(s)) == wide(a * ir::broadcast_to(s, {3})));
  const Tensor m = f64("m", {2, 3}), k = f64("k", {2, 3});
  CHECK(run(passes::sink_movement, ir::transpose(m) + ir::transpose(k)) == ir::transpose(m + k));
  CHECK(run(passes::sink_movement, ops::tanh(ir::reshape(m, {6}))) == ir::reshape(ops::tanh(m), {6}));
  const Tensor mixed = wide(a) * m;
  CHECK(run(passes::sink_movement, mixed) == mixed);
}

// ---- tables in concert ----

TEST_CASE("Expressions that a model writes end up as one would wish") {
  const Tensor x = f64("x", {4}), a = f64("a", {4, 5}), b = f64("b", {6, 5});
  CHECK(optimised(ops::log(1.0 - ops::sigmoid(x))) == ir::neg(ops::softplus(x)));
  CHECK(optimised(ops::log(1.0 / (1.0 + ops::exp(-x)))) == ir::neg(ops::softplus(ir::neg(x))));
  CHECK(optimised(ops::exp(x) + -1.0) == ops::expm1(x));
  CHECK(optimised(ops::log(ops::sum(ops::exp(x)))) == ops::logsumexp(x));
  CHECK(optimised((x * 1.0 + 0.0) / 1.0) == x);
  CHECK(optimised(ops::pow(x, 2)) == x * x);
  CHECK(optimised(x + ir::zeros_like(x) * 3.0) == x);
  CHECK(optimised(ir::dot(a, ir::transpose(b))) == ir::dot_general(a, b, {{}, {}, {1}, {1}}));
  CHECK(optimised(ir::transpose(ir::dot(a, ir::transpose(b)))) == ir::dot_general(b, a, {{}, {}, {1}, {1}}));
  const Tensor outer = ir::sum(ir::expand_dims(a, 1) * ir::expand_dims(b, 0), {2});
  CHECK(optimised(outer) == ir::dot_general(a, b, {{}, {}, {1}, {1}}));
}

TEST_CASE("The derivative of softmax cross-entropy written out stays finite") {
  const Tensor x = f64("x", {2, 3});
  const Tensor p = ops::exp(x) / ops::sum(ops::exp(x), {1}, true);
  const Array large = Array::of<double>(std::vector<double>{800, 0, -800, 1, 2, 3}, {2, 3});
  const Array values = value_of(optimised(p), {{x, large}});
  CHECK(values.at(0) == Approx(1));
  CHECK(values.at(1) == 0);
  CHECK(values.at(3) + values.at(4) + values.at(5) == Approx(1));
}

// ---- random graphs ----

namespace {

// Random expressions whose values stay small and smooth, so that rules which round otherwise change them by little.
// Written in the forms that the rules look for. Conditions compare leaves only.
class RandomGraph {
 public:
  RandomGraph(std::uint64_t seed, int size) : random_(seed) {
    for (int i = 0; i < 4; ++i) push(f64(("x" + std::to_string(i)).c_str(), {3, 4}), 2);
    while (static_cast<int>(tensors_.size()) < size) grow();
  }

  std::vector<Tensor> outputs() const {
    std::vector<Tensor> result;
    for (std::size_t i = tensors_.size() - 6; i < tensors_.size(); ++i) result.push_back(tensors_[i]);
    return result;
  }

 private:
  struct Value {
    Tensor tensor;
    double bound;
  };

  void push(const Tensor& t, double bound) {
    tensors_.push_back(t);
    bounds_.push_back(bound);
  }
  std::size_t pick(std::size_t n) { return random_() % n; }
  Value any() {
    const std::size_t i = pick(tensors_.size());
    return {tensors_[i], bounds_[i]};
  }
  double constant() { return std::array{0.0, 1.0, -1.0, 2.0, 0.5, -0.25, 3.0}[pick(7)]; }
  Tensor condition() {
    const Tensor c = ir::less(tensors_[pick(4)], tensors_[pick(4)]);
    return pick(3) == 0   ? ir::logical_not(c)
           : pick(3) == 0 ? ir::logical_and(c, ir::logical_not(ir::less(tensors_[pick(4)], tensors_[pick(4)])))
                          : c;
  }

  void grow() {
    Value a = any(), b = any();
    const Value r = combine(a, b);
    if (r.bound > 8)
      push(ops::tanh(r.tensor * 0.125), 1);
    else
      push(r.tensor, r.bound);
  }

  Value combine(const Value& a, const Value& b) {
    const Tensor &x = a.tensor, &y = b.tensor;
    const double c = constant(), both = a.bound + b.bound;
    switch (pick(28)) {
      case 0:
        return {x + y, both};
      case 1:
        return {x - y, both};
      case 2:
        return {x * y, a.bound * b.bound};
      case 3:
        return {x * c, a.bound * 3};
      case 4:
        return {c - x, a.bound + 3};
      case 5:
        return {x + c, a.bound + 3};
      case 6:
        return {x / 4.0, a.bound};
      case 7:
        return {-x, a.bound};
      case 8:
        return {x + -y, both};
      case 9:
        return {-x * y, a.bound * b.bound};
      case 10:
        return {ops::sigmoid(x), 1};
      case 11:
        return {1.0 / (1.0 + ops::exp(-x)), 1};
      case 12:
        return {1.0 - ops::sigmoid(x), 1};
      case 13:
        return {ops::log(1.0 + ops::exp(x)), a.bound + 1};
      case 14:
        return {ops::log(1.0 + ops::sigmoid(x)), 1};
      case 15:
        return {ops::tanh(x), 1};
      case 16:
        return {ops::pow(x, 2), a.bound * a.bound};
      case 17:
        return {ir::where(condition(), x, y), std::max(a.bound, b.bound)};
      case 18:
        return {ir::where(condition(), x, x), a.bound};
      case 19:
        return {ir::transpose(ops::sin(ir::transpose(x))), 1};
      case 20:
        return {ir::reshape(ir::reshape(x, {12}) + ir::reshape(y, {12}), {3, 4}), both};
      case 21:
        return {ir::broadcast_to(ir::reshape(ir::sum(x * 0.25, {1}), {3, 1}), {3, 4}), a.bound};
      case 22:
        return {ir::flip(ir::flip(x, {0}), {0, 1}), a.bound};
      case 23:
        return {ir::slice(ir::concat({x, y}, 0), {2, 0}, {3, 4}, {1, 1}), std::max(a.bound, b.bound)};
      case 24:
        return {ir::dot(ir::dot(x, ir::transpose(y)) * 0.0625, x), a.bound * a.bound * b.bound};
      case 25:
        return {ir::maximum(ops::exp(ir::neg(ir::abs(x))), 1.0 / ops::exp(ir::abs(y))), 1};
      case 26:
        return {ir::cast(ir::cast(x, DType::f64), DType::f64) * 1.0 + 0.0, a.bound};
      default:
        return {ops::sin(ir::broadcast_to(ir::slice(x, {1, 0}, {1, 4}, {1, 1}), {3, 4})) + y, b.bound + 1};
    }
  }

  std::mt19937_64 random_;
  std::vector<Tensor> tensors_;
  std::vector<double> bounds_;
};

void check_random_graph(std::uint64_t seed, int size) {
  INFO("seed " << seed << ", size " << size);
  const RandomGraph graph(seed, size);
  std::vector<Tensor> before = graph.outputs();
  const std::vector<Tensor> after = optimised(before);
  CHECK(nodes(after) <= nodes(before) + 32);

  std::mt19937_64 random(seed);
  std::vector<Tensor> both = before;
  both.insert(both.end(), after.begin(), after.end());
  Bindings leaves;
  for (const Tensor& t : leaves_of(both)) leaves.emplace_back(t, draw(DType::f64, {3, 4}, -2, 2, random));
  const std::vector<Array> values = values_of(both, leaves);
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(difference(values[i], values[i + before.size()], rewrite::RuleClass::stabilising, 1e-7) == "");
}

}  // namespace

TEST_CASE("Random graphs keep their values under all passes") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) check_random_graph(seed, 200);
  for (std::uint64_t seed = 100; seed < 103; ++seed) check_random_graph(seed, 2000);
}

TEST_CASE("Random graphs keep their bits under the exact rules, NaN and infinities included") {
  std::vector<const rewrite::Rule*> exact;
  for (const rewrite::Rule* rule : passes::algebra_rules())
    if (rule->rule_class == rewrite::RuleClass::exact) exact.push_back(rule);
  const rewrite::RuleSet rules(exact);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    const auto before = RandomGraph(seed, 300).outputs();
    rewrite::Counts counts;
    const auto after = rewrite::apply_rules(before, rules, {}, counts);
    CHECK(counts.size() > 5);
    std::mt19937_64 random(seed);
    Bindings leaves;
    for (const Tensor& t : leaves_of(before))
      leaves.emplace_back(t, draw(DType::f64, {3, 4}, -2, 2, random, Draw::hostile));
    const std::vector<Array> a = values_of(before, leaves), b = values_of(after, leaves);
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(difference(a[i], b[i], rewrite::RuleClass::exact) == "");
  }
}

TEST_CASE("The same random graph over new leaves gives the same text") {
  const auto text = [] {
    const auto outputs = RandomGraph(42, 500).outputs();
    return ir::to_string(ir::Graph{{}, optimised(outputs)});
  };
  CHECK(text() == text());
}

TEST_CASE("The work of the rules is linear in the graph") {
  std::vector<const rewrite::Rule*> list(passes::stabilising_rules().begin(), passes::stabilising_rules().end());
  list.insert(list.end(), passes::algebra_rules().begin(), passes::algebra_rules().end());
  const rewrite::RuleSet rules(list);
  for (int size : {500, 1000, 2000, 4000}) {
    const auto outputs = RandomGraph(7, size).outputs();
    rewrite::Counts counts;
    rewrite::RewriteStats stats;
    rewrite::apply_rules(outputs, rules, {}, counts, &stats);
    const int n = nodes(outputs);
    INFO(size << ": " << n << " nodes, " << stats.sweeps << " sweeps, " << stats.visits << " visits, " << stats.attempts
              << " attempts, " << stats.firings);
    CHECK(stats.visits <= 8 * n);
    CHECK(stats.attempts <= 64 * 8 * n);
    CHECK(stats.firings <= 4 * n);
  }
}

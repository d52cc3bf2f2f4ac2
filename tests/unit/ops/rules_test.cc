// The rules of ops fire on their left sides and keep their values; and on graphs as users write them.
#include "ops/nn/rules.h"

#include <cmath>
#include <limits>

#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "ops/linalg/rules.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using ir::Tensor;
using rewrite::Rule;

namespace {

std::vector<Tensor> rewritten(std::span<const Tensor> outputs, std::vector<const Rule*> rules,
                              rewrite::Counts& counts) {
  return rewrite::apply_rules(outputs, rewrite::RuleSet(std::move(rules)),
                              {.relaxed = false, .disabled = {}, .max_sweeps = 8}, counts);
}

std::vector<Tensor> with_nn_rules(std::span<const Tensor> outputs, rewrite::Counts& counts) {
  ops::register_all();
  return rewritten(outputs, {ops::nn_rules().begin(), ops::nn_rules().end()}, counts);
}

// Left sides over the inputs that make() gives; their pattern's, if the rule has none of its own.
std::vector<Tensor> left_sides(const Rule& rule, const rewrite::FreshInput& make) {
  if (rule.left_sides) return rule.left_sides(make);
  std::map<std::string, Tensor> variables;
  return {rewrite::instantiate(rule.pattern, {DType::f64, {2, 3}}, [&](const std::string& name, bool) {
    const auto [it, fresh] = variables.try_emplace(name);
    if (fresh) it->second = make(DType::f64, {2, 3});
    return it->second;
  })};
}

int count_of(std::span<const Tensor> outputs, const std::string& op) {
  int n = 0;
  for (const auto& node : ir::topological(outputs)) n += node->op().name == op ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("rules of ops keep the values of what they replace") {
  ops::register_all();
  std::vector<const Rule*> rules(ops::nn_rules().begin(), ops::nn_rules().end());
  rules.insert(rules.end(), ops::linalg_rules().begin(), ops::linalg_rules().end());
  for (const Rule* rule : rules) {
    INFO(rule->name);
    std::vector<eval::Binding> bindings;
    const auto sides = left_sides(*rule, [&](DType dtype, ir::Shape shape) {
      ir::Sample sample{
          "", {{.shape = {}, .low = rule->low, .high = rule->high, .dtype = dtype, .differentiable = false}}, {}};
      for (const ir::Dim& d : shape) sample.inputs[0].shape.push_back(d.value());
      const Tensor x = ir::input("x", {dtype, std::move(shape)});
      bindings.push_back({x, tests::draw(sample, dtype)[0]});
      return x;
    });
    for (const Tensor& left : sides) {
      rewrite::Counts counts;
      const Tensor side[] = {left};
      const auto right = rewritten(side, {rule}, counts);
      CHECK(counts[rule->name] >= 1);
      CHECK(right[0].type() == left.type());
      tests::check_close(eval::evaluate(right, bindings)[0], eval::evaluate(side, bindings)[0], 1e-12);
    }
  }
}

TEST_CASE("softmax and its logarithm written by hand become the ops") {
  const Tensor x = ir::input("x", {DType::f64, {ir::Dim::symbol("n"), 5}});
  const Tensor e = ops::exp(x), p = e / ops::sum(e, {-1}, true);
  const Tensor shifted = ops::exp(x - ops::max(x, {-1}, true));
  const Tensor outputs[] = {p, ops::log(p), shifted / ops::sum(shifted, {-1}, true)};
  rewrite::Counts counts;
  const auto r = with_nn_rules(outputs, counts);
  CHECK(r[0] == ops::softmax(x));
  CHECK(r[1] == ops::log_softmax(x));
  CHECK(r[2] == ops::softmax(x));
}

TEST_CASE("the gradient of log(softmax) does not divide by the softmax") {
  const Tensor x = ir::input("x", {DType::f64, {1, 3}}), g = ir::input("g", {DType::f64, {1, 3}});
  const Tensor ys[] = {ops::log(ops::softmax(x))}, dys[] = {g}, wrt[] = {x};
  rewrite::Counts counts;
  const auto r = with_nn_rules(ad::vjp(ys, dys, wrt), counts);
  CHECK(count_of(r, "div") == 0);
  CHECK(count_of(r, "strong_mul") == 0);
  const eval::Binding bindings[] = {{x, Array::of<double>(std::vector{1000.0, 0.0, -1000.0}, {1, 3})},
                                    {g, Array::of<double>(std::vector{1.0, 2.0, 3.0}, {1, 3})}};
  tests::check_close(eval::evaluate(r, bindings)[0], Array::of<double>(std::vector{-5.0, 2.0, 3.0}, {1, 3}), 1e-12);
}

TEST_CASE("the gradient of cross_entropy sums nothing") {
  const ir::Dim n = ir::Dim::symbol("n");
  const Tensor x = ir::input("x", {DType::f32, {n, 10}}), labels = ir::input("y", {DType::u8, {n}}),
               g = ir::input("g", {DType::f32, {n}});
  const Tensor losses[] = {ops::cross_entropy(x, labels)}, dys[] = {g}, wrt[] = {x};
  rewrite::Counts counts;
  const auto r = with_nn_rules(ad::vjp(losses, dys, wrt), counts);
  CHECK(count_of(r, "sum") == 0);
  CHECK(count_of(r, "softmax") == 1);
  CHECK(count_of(r, "pick_backward") == 1);
}

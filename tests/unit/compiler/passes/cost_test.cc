// What rules are for: no left side costs more with its rule than without it, and for every rule there is a graph that
// costs less. Counted through the whole pipeline and the lowering, not timed.
#include "tests/support/cost.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/passes/rules.h"
#include "ops/api/ops.h"
#include "ops/index/rules.h"
#include "ops/nn/rules.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;
using rewrite::Rule;

namespace {

std::vector<const Rule*> simplifying_rules() {
  ops::register_all();
  std::vector<const Rule*> rules(passes::algebra_rules().begin(), passes::algebra_rules().end());
  for (const auto& table : {ops::nn_algebra_rules(), ops::index_rules()})
    rules.insert(rules.end(), table.begin(), table.end());
  return rules;
}

std::vector<Tensor> left_sides(const Rule& rule) {
  const auto fresh = [](DType dtype, ir::Shape shape) { return ir::input("x", {dtype, std::move(shape)}); };
  if (rule.left_sides) return rule.left_sides(fresh);
  std::map<std::string, Tensor> variables;
  return {rewrite::instantiate(rule.pattern, {rule.dtype, {6, 5}}, [&](const std::string& name, bool boolean) {
    const auto [it, made] = variables.try_emplace(name);
    if (made) it->second = fresh(boolean ? DType::bool_ : rule.dtype, {6, 5});
    return it->second;
  })};
}

struct Both {
  Cost with, without;

  // Eight bytes loaded or stored count as one operation.
  static std::int64_t work(const Cost& c) { return c.operations + c.bytes / 8; }
  // A launch more is worth it if there is less to do.
  bool dearer() const {
    return work(with) > work(without) || (with.steps > without.steps && work(with) == work(without));
  }
  bool cheaper() const {
    return !dearer() && (with.nodes < without.nodes || with.steps < without.steps || work(with) < work(without));
  }
};

Both costs(std::span<const Tensor> outputs, const std::string& rule) {
  return {cost_of(outputs, {.relaxed = true, .disabled = {}}), cost_of(outputs, {.relaxed = true, .disabled = {rule}})};
}

// Under something that reads it, as in a program: an output must be in memory in its own order.
Tensor read(const Tensor& t) {
  const Tensor other = ir::input("other", t.type());
  return t.dtype() == DType::bool_ ? ir::logical_or(t, other) : ir::maximum(t, other);
}

bool has_empty(const Tensor& t) {
  for (const ir::NodePtr& n : ir::topological({&t, 1}))
    if (std::any_of(n->type().shape.begin(), n->type().shape.end(), [](const ir::Dim& d) { return d.is(0); }))
      return true;
  return false;
}

// Rules that gain nothing by themselves: they bring what others look for into one form, or give for symbolic extents
// what constant folding gives for the constant ones that costs are counted for.
const std::set<std::string> forms{
    "div-one",
    "div-minus-one",
    "strong-mul-by-constant",
    "strong-mul-of-constant",
    "neg-minus",
    "mul-neg",
    "div-neg",
    "neg-div",
    "add-self",
    "add-negative-constant",
    "sub-negative-constant",
    "transpose-broadcast",
    "sum-flip",
    "max-flip",
    "reshape-splat",
    "transpose-splat",
    "flip-splat",
    "cast-splat",
    "slice-splat",
    "concat-splats",
    "sum-splat",
    "max-splat",
    "min-splat",
};

Tensor f32(ir::Shape shape) { return ir::input("x", {DType::f32, std::move(shape)}); }

// Where a rule pays that its own left sides do not show.
std::map<std::string, std::vector<Tensor>> programs() {
  const auto product = [] { return ir::dot(f32({32, 16}), f32({16, 24})); };
  const Tensor set = ops::set_subtensor(f32({32, 8}), {ops::Slice{4, 12}}, f32({8, 8}));
  const Tensor increased = ops::inc_subtensor(f32({32, 8}), {ops::Slice{4, 12}}, f32({8, 8}));
  return {{"slice-elementwise", {ir::slice(ops::sin(product()) + f32({32, 24}), {31, 0}, {1, 24}, {1, 1})}},
          {"slice-transpose", {ir::slice(ir::transpose(ops::tanh(product())), {0, 3}, {24, 4}, {1, 1})}},
          {"slice-reshape", {ir::slice(ir::reshape(product(), {32, 4, 6}), {8, 0, 0}, {4, 4, 6}, {1, 1, 1})}},
          {"slice-of-set", {ops::tanh(set), ir::slice(set, {4, 0}, {8, 8}, {1, 1}) * f32({8, 8})}},
          {"slice-beside-inc", {ops::tanh(increased), ir::slice(increased, {12, 0}, {8, 8}, {1, 1}) * f32({8, 8})}}};
}

}  // namespace

TEST_CASE("No rule makes what it replaces dearer, and all but forms make something cheaper") {
  const auto more = programs();
  for (const Rule* rule : simplifying_rules()) {
    bool cheaper = false;
    const auto check = [&](const std::vector<Tensor>& outputs, bool empty) {
      const Both c = costs(outputs, rule->name);
      INFO(rule->name << ":\n"
                      << ir::to_string(ir::Graph{{}, outputs}) << to_string(c.with) << "\n"
                      << to_string(c.without));
      CHECK((empty || !c.dearer()));
      cheaper = cheaper || c.cheaper();
    };
    for (const Tensor& left : left_sides(*rule)) check({read(left)}, has_empty(left));
    if (const auto it = more.find(rule->name); it != more.end()) check(it->second, false);
    INFO(rule->name);
    CHECK(cheaper != forms.contains(rule->name));
  }
}

TEST_CASE("The gradient of batch_norm sums twice") {
  for (bool symbolic : {false, true}) {
    const ir::Dim n = symbolic ? ir::Dim::symbol("n") : ir::Dim(16);
    const Tensor x = f32({n, 4, 6, 6}), scale = f32({4}), shift = f32({4}), mean = f32({4}), variance = f32({4}),
                 dy = f32({n, 4, 6, 6});
    const Tensor ys[] = {ops::batch_norm(x, scale, shift, mean, variance, {}).y}, dys[] = {dy},
                 wrt[] = {x, scale, shift};
    const auto gradient = ad::vjp(ys, dys, wrt);
    rewrite::PassContext context;
    std::vector<rewrite::PassReport> reports;
    const auto outputs = rewrite::run_pipeline(driver::pipeline(), {{}, gradient}, context, reports).outputs;
    int sums = 0;
    for (const ir::NodePtr& node : ir::topological(outputs)) sums += node->op().name == "sum";
    CHECK(sums == 3);  // of x, for the mean; of dy, and of dy (x - mean)
    if (symbolic) continue;
    const Both c = costs(gradient, "sum-scaled");
    INFO(to_string(c.with) << "\n" << to_string(c.without));
    CHECK(10 * c.with.operations < 8 * c.without.operations);
    CHECK(10 * c.with.bytes < 8 * c.without.bytes);
  }
}

// Every row of the rule tables: it fires on its left sides, and what it makes has their values, as its class promises.
#include "compiler/passes/rules.h"

#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/values.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

std::vector<const Rule*> all_rules() {
  ops::register_all();
  std::vector<const Rule*> rules(passes::algebra_rules().begin(), passes::algebra_rules().end());
  rules.insert(rules.end(), passes::stabilising_rules().begin(), passes::stabilising_rules().end());
  return rules;
}

// The left sides of a row: its own, or its pattern over inputs of several shapes.
std::vector<Tensor> left_sides(const Rule& rule) {
  if (rule.left_sides)
    return rule.left_sides([](DType dtype, ir::Shape shape) { return ir::input("x", {dtype, std::move(shape)}); });
  std::vector<Tensor> sides;
  const auto add = [&](DType dtype, const ir::Shape& shape) {
    std::map<std::string, Tensor> variables;
    sides.push_back(rewrite::instantiate(rule.pattern, {dtype, shape}, [&](const std::string& name, bool boolean) {
      const auto [it, fresh] = variables.try_emplace(name);
      if (fresh) it->second = ir::input(name, {boolean ? DType::bool_ : dtype, shape});
      return it->second;
    }));
  };
  for (const ir::Shape& shape : {ir::Shape{}, ir::Shape{1}, ir::Shape{4}, ir::Shape{0}, ir::Shape{2, 3}})
    add(rule.dtype, shape);
  if (rule.rule_class == RuleClass::exact && rule.dtype == DType::f64) add(DType::f32, {4});
  if (rule.dtype == DType::i32) add(DType::u8, {4});
  return sides;
}

void check_values(const Rule& rule, const Tensor& left, const Tensor& right, Draw how, std::mt19937_64& random) {
  const Tensor both[] = {left, right};
  ad::Bindings leaves;
  for (const Tensor& t : leaves_of(both)) {
    Extents shape;
    for (const ir::Dim& d : t.shape()) shape.push_back(d.value());
    leaves.emplace_back(t, draw(t.dtype(), shape, rule.low, rule.high, random, how));
  }
  const std::vector<Array> values = values_of(both, leaves);
  INFO(ir::to_string(ir::Graph{{}, {left}}) + "becomes\n" + ir::to_string(ir::Graph{{}, {right}}));
  for (const auto& [tensor, value] : leaves) UNSCOPED_INFO(to_string(value));
  CHECK(difference(values[0], values[1], rule.rule_class) == "");
}

}  // namespace

TEST_CASE("Every rule fires on its left sides and keeps their values") {
  std::mt19937_64 random(7);
  for (const Rule* rule : all_rules()) {
    INFO(rule->name);
    for (const Tensor& left : left_sides(*rule)) {
      rewrite::Counts counts;
      const rewrite::RuleSet one({rule});
      const Tensor right =
          rewrite::apply_rules({&left, 1}, one, {.relaxed = true, .disabled = {}, .max_sweeps = 1}, counts)[0];
      INFO(ir::to_string(ir::Graph{{}, {left}}));
      CHECK(counts[rule->name] >= 1);
      CHECK(right.type() == left.type());
      ir::verify({{}, {right}});
      for (int i = 0; i < 4; ++i) check_values(*rule, left, right, Draw::plain, random);
      if (rule->rule_class == RuleClass::relaxed) continue;
      for (int i = 0; i < 12; ++i) check_values(*rule, left, right, Draw::hostile, random);
    }
  }
}

TEST_CASE("Rules have names of their own") {
  std::map<std::string, int> names;
  for (const Rule* rule : all_rules()) CHECK(++names[rule->name] == 1);
  CHECK(names.size() > 100);
}

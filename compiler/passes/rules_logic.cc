// Selection, comparisons, and, or, not.
#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

Tensor all_true(const Match& m) { return full(Literal::integer(1, DType::bool_), m.root().shape()); }
Tensor all_false(const Match& m) { return zeros_like(m.root()); }

Pattern where(Pattern c, Pattern a, Pattern b) { return op("where", {std::move(c), std::move(a), std::move(b)}); }
Pattern both(Pattern a, Pattern b) { return op("logical_and", {std::move(a), std::move(b)}); }
Pattern either(Pattern a, Pattern b) { return op("logical_or", {std::move(a), std::move(b)}); }
Pattern negation(Pattern a) { return op("logical_not", {std::move(a)}); }

}  // namespace

const std::vector<Rule>& logic_rules() {
  static const Pattern x = any("x"), y = any("y"), z = any("z"), c = any("c");
  static const std::vector<Rule> rules{
      {"where-true", where(literal(1), x, y), keep("x")},
      {"where-false", where(literal(0), x, y), keep("y")},
      {"where-same", where(c, x, x), keep("x")},
      {"where-not", where(negation(c), x, y), [](const Match& m) { return ir::where(m["c"], m["y"], m["x"]); }},
      {"where-where-yes", where(c, where(c, x, y), z),
       [](const Match& m) { return ir::where(m["c"], m["x"], m["z"]); }},
      {"where-where-no", where(c, x, where(c, y, z)), [](const Match& m) { return ir::where(m["c"], m["x"], m["z"]); }},
      {"where-one-zero", where(c, literal(1), literal(0)),
       [](const Match& m) { return cast(m["c"], m.root().dtype()); }, RuleClass::stabilising},

      {"and-true", both(c, literal(1)), keep("c")},
      {"and-false", both(c, literal(0)), all_false},
      {"and-same", both(c, c), keep("c")},
      {"or-true", either(c, literal(1)), all_true},
      {"or-false", either(c, literal(0)), keep("c")},
      {"or-same", either(c, c), keep("c")},
      {"not-not", negation(negation(c)), keep("c")},

      {"less-self", op("less", {x, x}), all_false},
      {.name = "less-equal-self",
       .pattern = op("less_equal", {x, x}),
       .result = if_integer(all_true),
       .dtype = DType::i32},
      {.name = "equal-self", .pattern = op("equal", {x, x}), .result = if_integer(all_true), .dtype = DType::i32},
      {.name = "not-equal-self",
       .pattern = op("not_equal", {x, x}),
       .result = if_integer(all_false),
       .dtype = DType::i32},
      {.name = "not-less",
       .pattern = negation(op("less", {x, y})),
       .result = [](const Match& m) { return is_floating(m["x"].dtype()) ? Tensor() : less_equal(m["y"], m["x"]); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{logical_not(ir::less(fresh(DType::i32, {2, 3}), fresh(DType::i32, {2, 3})))};
           }},
      {.name = "not-less-equal",
       .pattern = negation(op("less_equal", {x, y})),
       .result = [](const Match& m) { return is_floating(m["x"].dtype()) ? Tensor() : ir::less(m["y"], m["x"]); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{logical_not(ir::less_equal(fresh(DType::i32, {2, 3}), fresh(DType::i32, {2, 3})))};
           }},
      {.name = "not-equal",
       .pattern = negation(op("equal", {x, y})),
       .result = [](const Match& m) { return ir::not_equal(m["x"], m["y"]); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{logical_not(ir::equal(fresh(DType::f64, {2, 3}), fresh(DType::f64, {2, 3})))};
           }},
      {.name = "not-not-equal",
       .pattern = negation(op("not_equal", {x, y})),
       .result = [](const Match& m) { return ir::equal(m["x"], m["y"]); },
       .left_sides =
           [](const FreshInput& fresh) {
             return std::vector{logical_not(ir::not_equal(fresh(DType::f64, {2, 3}), fresh(DType::f64, {2, 3})))};
           }},
  };
  return rules;
}

}  // namespace bitale::passes

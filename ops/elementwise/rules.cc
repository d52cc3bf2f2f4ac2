#include "ops/elementwise/rules.h"

#include <vector>

#include "ops/api/elementwise.h"

namespace bitale::ops {

using rewrite::any;
using rewrite::Match;
using rewrite::op;
using rewrite::Pattern;
using rewrite::Rule;
using rewrite::RuleClass;

namespace {

using Unary = Tensor (*)(const Tensor&, SourceLine);
std::function<Tensor(const Match&)> of_x(Unary f) {
  return [f](const Match& m) { return f(m["x"], {}); };
}
Tensor x_itself(const Match& m) { return m["x"]; }

Pattern unary(const char* name, Pattern p) { return op(name, {std::move(p)}); }

const std::vector<Rule>& table() {
  constexpr auto stabilising = RuleClass::stabilising;
  static const Pattern x = any("x");
  static const Pattern erf = unary("erf", x), erfc = unary("erfc", x);
  static const std::vector<Rule> rules{
      // ---- the error function and its complement ----
      {"one-minus-erf", 1.0 - erf, of_x(ops::erfc), stabilising},
      {"one-plus-erf", 1.0 + erf, [](const Match& m) { return ops::erfc(neg(m["x"])); }, stabilising},
      {"erf-minus-one", erf - 1.0, [](const Match& m) { return neg(ops::erfc(m["x"])); }, stabilising},
      {"one-minus-erfc", 1.0 - erfc, of_x(ops::erf), stabilising},
      {"two-minus-erfc", 2.0 - erfc, [](const Match& m) { return ops::erfc(neg(m["x"])); }, stabilising},

      // ---- log(1 - exp(x)), also as the rules of exp leave it ----
      {.name = "log-one-minus-exp",
       .pattern = unary("log", 1.0 - unary("exp", x)),
       .result = of_x(ops::log1mexp),
       .rule_class = stabilising,
       .low = -3,
       .high = -0.1},
      {.name = "log-neg-expm1",
       .pattern = unary("log", -unary("expm1", x)),
       .result = of_x(ops::log1mexp),
       .rule_class = stabilising,
       .low = -3,
       .high = -0.1},
      {.name = "log1p-neg-exp",
       .pattern = unary("log1p", -unary("exp", x)),
       .result = of_x(ops::log1mexp),
       .rule_class = stabilising,
       .low = -3,
       .high = -0.1},

      // ---- inverses, where the left side is x wherever it is finite ----
      {"asinh-of-sinh", unary("asinh", unary("sinh", x)), x_itself, stabilising},
      {"sinh-of-asinh", unary("sinh", unary("asinh", x)), x_itself, stabilising},
      {"atanh-of-tanh", unary("atanh", unary("tanh", x)), x_itself, stabilising},
      {"tan-of-atan", unary("tan", unary("atan", x)), x_itself, stabilising},
      {"log2-of-exp2", unary("log2", unary("exp2", x)), x_itself, stabilising},
  };
  return rules;
}

}  // namespace

std::span<const Rule* const> elementwise_rules() {
  static const auto list = rewrite::rule_list({&table()});
  return list;
}

}  // namespace bitale::ops

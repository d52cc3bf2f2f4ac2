// Terms and factors that cancel. In integers, which wrap round, always; in floats only where asked for (relaxed): x - x
// is NaN for an infinite x, and what was rounded away does not come back.
#include "compiler/passes/building.h"
#include "compiler/passes/rules.h"

namespace bitale::passes {

using namespace ir;

namespace {

void add_terms(const std::string& name, const Pattern& pattern, const Result& result, std::vector<Rule>& rules) {
  rules.push_back({.name = name + "-integer", .pattern = pattern, .result = if_integer(result), .dtype = DType::i32});
  rules.push_back({.name = name, .pattern = pattern, .result = if_float(result), .rule_class = RuleClass::relaxed});
}

void add_factors(const std::string& name, const Pattern& pattern, const Result& result, std::vector<Rule>& rules) {
  rules.push_back({.name = name,
                   .pattern = pattern,
                   .result = if_float(result),
                   .rule_class = RuleClass::relaxed,
                   .low = 0.5,
                   .high = 3});
}

Result difference(const char* a, const char* b) {
  return [=](const Match& m) { return sub(m[a], m[b]); };
}
Result quotient(const char* a, const char* b) {
  return [=](const Match& m) { return div(m[a], m[b]); };
}

}  // namespace

const std::vector<Rule>& cancel_rules() {
  static const std::vector<Rule> rules = [] {
    const Pattern x = any("x"), y = any("y"), z = any("z");
    std::vector<Rule> all;
    add_terms("sum-less-term", (x + y) - x, keep("y"), all);
    add_terms("difference-plus-term", (x - y) + y, keep("x"), all);
    add_terms("term-less-sum", x - (x + y), [](const Match& m) { return neg(m["y"]); }, all);
    add_terms("term-less-difference", x - (x - y), keep("y"), all);
    add_terms("difference-less-term", (x - y) - x, [](const Match& m) { return neg(m["y"]); }, all);
    add_terms("sum-less-sum", (x + y) - (x + z), difference("y", "z"), all);
    add_terms("sum-of-differences", (x - y) + (y - z), difference("x", "z"), all);
    add_terms("difference-less-difference", (x - y) - (z - y), difference("x", "z"), all);
    add_terms("difference-from-one-term", (x - y) - (x - z), difference("z", "y"), all);

    add_factors("product-over-factor", (x * y) / x, keep("y"), all);
    add_factors("quotient-times-divisor", (x / y) * y, keep("x"), all);
    add_factors("factor-over-product", x / (x * y), [](const Match& m) { return div(1.0, m["y"]); }, all);
    add_factors("factor-over-quotient", x / (x / y), keep("y"), all);
    add_factors("product-over-product", (x * y) / (x * z), quotient("y", "z"), all);
    add_factors("product-of-quotients", (x / y) * (y / z), quotient("x", "z"), all);
    add_factors("quotient-over-quotient", (x / y) / (z / y), quotient("x", "z"), all);
    return all;
  }();
  return rules;
}

}  // namespace bitale::passes

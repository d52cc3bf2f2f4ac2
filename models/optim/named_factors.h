// Factors that parameters get by their names.
#pragma once

#include <string>
#include <vector>

namespace bitale::models {

struct NamedFactor {
  std::string pattern;  // as a shell's: * is any text, ? any character, [ab] one of these
  double factor = 1;
};
using NamedFactors = std::vector<NamedFactor>;

// The factor of the last pattern that `name` matches; 1 if it matches none.
double factor_of(const NamedFactors& factors, const std::string& name);

// Those whose patterns match one of `names`.
NamedFactors matching(const NamedFactors& factors, const std::vector<std::string>& names);

// Error if a factor is negative or not finite, or a pattern matches none of `names`; `what` begins the message.
void check(const NamedFactors& factors, const std::vector<std::string>& names, const std::string& what);

// "b*=2,W1=0.5"; and "W1,b*", whose factors are 0. Empty text: none. Error if the text is none of this form.
NamedFactors parse_factors(const std::string& text);
NamedFactors parse_frozen(const std::string& text);

}  // namespace bitale::models

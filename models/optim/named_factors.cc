#include "models/optim/named_factors.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

bool matches(const NamedFactor& f, const std::string& name) {
  return ::fnmatch(f.pattern.c_str(), name.c_str(), 0) == 0;
}

bool matches_any(const NamedFactor& f, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return matches(f, name); });
}

// What stands between commas; none of an empty text.
std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

NamedFactor parse_factor(const std::string& part) {
  const std::size_t equals = part.find('=');
  double factor = 0;
  const char* const end = part.data() + part.size();
  if (equals == 0 || equals == std::string::npos ||
      std::from_chars(part.data() + equals + 1, end, factor) != std::from_chars_result{end, std::errc{}})
    throw Error(fmt::format("'{}': expected a pattern of names and a factor, as in b*=2.", part));
  return {part.substr(0, equals), factor};
}

}  // namespace

double factor_of(const NamedFactors& factors, const std::string& name) {
  double found = 1;
  for (const NamedFactor& f : factors)
    if (matches(f, name)) found = f.factor;
  return found;
}

NamedFactors matching(const NamedFactors& factors, const std::vector<std::string>& names) {
  NamedFactors out;
  for (const NamedFactor& f : factors)
    if (matches_any(f, names)) out.push_back(f);
  return out;
}

void check(const NamedFactors& factors, const std::vector<std::string>& names, const std::string& what) {
  for (const NamedFactor& f : factors) {
    if (!(f.factor >= 0 && std::isfinite(f.factor)))
      throw Error(fmt::format("{}: the factor of '{}' must not be negative, {} was given.", what, f.pattern, f.factor));
    if (!matches_any(f, names))
      throw Error(
          fmt::format("{}: no parameter is named '{}'; there are: {}.", what, f.pattern, fmt::join(names, ", ")));
  }
}

NamedFactors parse_factors(const std::string& text) {
  NamedFactors out;
  for (const std::string& part : parts(text)) out.push_back(parse_factor(part));
  return out;
}

NamedFactors parse_frozen(const std::string& text) {
  NamedFactors out;
  for (const std::string& part : parts(text)) {
    if (part.empty() || part.find('=') != std::string::npos)
      throw Error(fmt::format("'{}': expected names of parameters, as in W1,b1.", text));
    out.push_back({part, 0});
  }
  return out;
}

}  // namespace bitale::models

#include "runtime/base/flags.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "runtime/base/error.h"

namespace bitale {
namespace {

std::string variable_of(const char* name) {
  std::string v = std::string("BITALE_") + name;
  std::transform(v.begin(), v.end(), v.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return v;
}

[[noreturn]] void reject(const std::string& variable, const char* text, const char* expected) {
  throw Error(variable + "='" + text + "': expected " + expected);
}

void parse(const std::string&, const char* text, std::string& out) { out = text; }

void parse(const std::string& variable, const char* text, std::int64_t& out) {
  const char* end = text + std::strlen(text);
  const auto [p, ec] = std::from_chars(text, end, out);
  if (ec != std::errc() || p != end) reject(variable, text, "an integer");
}

void parse(const std::string& variable, const char* text, bool& out) {
  const std::string t = text;
  if (t == "1" || t == "true" || t == "on")
    out = true;
  else if (t == "0" || t == "false" || t == "off" || t.empty())
    out = false;
  else
    reject(variable, text, "0 or 1");
}

std::string show(const std::string& v) { return v; }
std::string show(std::int64_t v) { return std::to_string(v); }
std::string show(bool v) { return v ? "1" : "0"; }

Flags from_environment() {
  Flags f;
#define BITALE_FLAG(name, type, fallback, help) \
  if (const char* text = std::getenv(variable_of(#name).c_str())) parse(variable_of(#name), text, f.name);
#include "runtime/base/flags.def"
#undef BITALE_FLAG
  return f;
}

}  // namespace

Flags& flags() {
  static Flags f = from_environment();
  return f;
}

std::vector<FlagRow> flag_rows() {
  const Flags defaults;
  std::vector<FlagRow> rows;
#define BITALE_FLAG(name, type, fallback, help) \
  rows.push_back({variable_of(#name), show(defaults.name), show(flags().name), help});
#include "runtime/base/flags.def"
#undef BITALE_FLAG
  return rows;
}

}  // namespace bitale

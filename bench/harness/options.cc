#include "bench/harness/options.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "frontends/cpp/command.h"

namespace bitale::bench {

Isa executable_isa(const std::string& name) {
  std::string names;
  for (const Isa isa : executable_isas()) {
    if (to_string(isa) == name) return isa;
    names += (names.empty() ? "" : ", ") + to_string(isa);
  }
  throw UsageError(fmt::format("--isa {}: this CPU executes {}.", name, names));
}

std::vector<Isa> isas_to_measure(const std::vector<std::string>& names) {
  std::vector<Isa> out;
  for (const std::string& name : names) out.push_back(executable_isa(name));
  if (!out.empty()) return out;
  out = executable_isas();
  if (out.size() > 1) out.erase(out.begin());
  return out;
}

void write_text(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::fputs(text.c_str(), stdout);
    return;
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Error(fmt::format("'{}' cannot be written: {}.", path, std::generic_category().message(errno)));
}

std::string building_compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace bitale::bench

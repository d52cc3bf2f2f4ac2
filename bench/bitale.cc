// The `bitale` program: a list of commands, each of which lives where its code lives.

#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/cpp/command.h"
#include "runtime/base/version.h"

namespace bitale {
namespace {

int print_version(std::span<const std::string>) {
  std::printf("bitale %s\n", version());
  return 0;
}

const Command commands[] = {
    {"version", "print the version", print_version},
};

void print_help(std::FILE* out) {
  std::fprintf(out, "usage: bitale COMMAND [ARGUMENTS]\n\n");
  for (const Command& command : commands) std::fprintf(out, "  %-14s %s\n", command.name, command.help);
}

int run(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    print_help(stderr);
    return 2;
  }
  const std::string_view name = arguments[0];
  if (name == "help" || name == "--help" || name == "-h") {
    print_help(stdout);
    return 0;
  }
  for (const Command& command : commands) {
    if (name == command.name) return command.run(arguments.subspan(1));
  }
  std::fprintf(stderr, "bitale: there is no command '%s'; `bitale help` lists them.\n", arguments[0].c_str());
  return 2;
}

}  // namespace
}  // namespace bitale

int main(int argc, char** argv) {
  try {
    return bitale::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bitale: %s\n", error.what());
    return 1;
  }
}

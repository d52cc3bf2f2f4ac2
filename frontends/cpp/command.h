#pragma once

#include <span>
#include <string>

namespace bitale {

// One command of the `bitale` program. It lives where its code lives; bench/bitale.cc lists them all.
// `run` gets the arguments after the command's name and returns the exit status.
struct Command {
  const char* name;
  const char* help;  // one line
  int (*run)(std::span<const std::string> arguments);
};

}  // namespace bitale

#pragma once

#include <span>
#include <string>

#include <bitale/conv_algorithm.h>

#include "runtime/base/error.h"

namespace CLI {
class App;
}

namespace bitale {

// One command of the `bitale` program. It lives where its code lives; bench/bitale.cc lists them all.
// `run` gets the arguments after the command's name and returns the exit status. Errors leave it as exceptions.
struct Command {
  const char* name;
  const char* help;  // one line; null for commands that only other commands start
  int (*run)(std::span<const std::string> arguments);
};

// What was asked for by name does not exist, or cannot be asked for this way: exit status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// False if help was asked for, and printed. What cannot be parsed is a UsageError that says what can be given instead.
bool parse_command_line(CLI::App& app, std::span<const std::string> arguments);

// --conv ALGORITHM, --device NAME and --tf32, of commands that compile networks. A device need not be there yet.
void add_conv_option(CLI::App& app, ConvAlgorithm& algorithm);
void add_device_option(CLI::App& app, std::string& device);
std::string why_no_device_name(const std::string& name);  // empty: it is one
void add_tf32_option(CLI::App& app, bool& tf32);

// After parsing: UsageError if TF32 is asked for and the device computes nothing in it.
void check_tf32(const std::string& command, const std::string& device, bool tf32);

}  // namespace bitale

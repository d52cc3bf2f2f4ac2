#include "frontends/cpp/command.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/device/driver.h"

namespace bitale {
namespace {

std::string visible_names(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return !o->get_group().empty(); })) {
    for (const std::string& name : option->get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  }
  return names;
}

std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr)
    return fmt::format("{}: {}.", app.get_name(), error.what());
  std::string unknown;
  for (const std::string& word : app.remaining()) unknown += (unknown.empty() ? "'" : ", '") + word + "'";
  return fmt::format("{} does not know {}; its options are: {}.", app.get_name(), unknown, visible_names(app));
}

}  // namespace

bool parse_command_line(CLI::App& app, std::span<const std::string> arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(explain(app, error));
  }
  return true;
}

void add_conv_option(CLI::App& app, ConvAlgorithm& algorithm) {
  const std::string names = conv_algorithm_names();
  std::vector<std::string> each;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(", ", at), names.size());
    each.push_back(names.substr(at, end - at));
    at = end + 2;
  }
  app.add_option_function<std::string>(
         "--conv", [&algorithm](const std::string& name) { algorithm = conv_algorithm(name); },
         "what computes convolutions: " + names + " (automatic)")
      ->check(CLI::IsMember(each));
}

std::string why_no_device_name(const std::string& name) {
  if (name == "cpu" || is_device_name(name)) return {};
  return name + " not in {cpu,cuda,cuda:1,...,emulated}";
}

void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device,
                 "cpu; cuda or cuda:1, a GPU; emulated: the GPU's kernels played by the CPU, very slow (cpu)")
      ->check(CLI::Validator(why_no_device_name, "NAME", "device"));
}

void add_tf32_option(CLI::App& app, bool& tf32) {
  app.add_flag(
      "--tf32", tf32,
      "of a GPU: products by cuBLASLt and convolutions by cuDNN round their operands to TF32, 10 bits of mantissa "
      "(float32)");
}

void check_tf32(const std::string& command, const std::string& device, bool tf32) {
  if (!tf32 || device.starts_with("cuda") || is_architecture(device)) return;
  throw UsageError(fmt::format("{}: --tf32 is for GPUs (--device cuda); device {} computes products in float32 alone.",
                               command, device));
}

}  // namespace bitale

#include "frontends/cpp/command.h"

#include <cstdio>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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

}  // namespace bitale

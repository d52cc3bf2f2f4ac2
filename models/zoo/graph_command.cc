// bitale graph MODEL: shows what the compiler makes of a network.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "frontends/cpp/command.h"
#include "models/zoo/commands.h"
#include "models/zoo/models.h"

namespace bitale::models {
namespace {

struct Settings {
  std::string model, variant, step, stage = "optimised", function = "forward", dot;
  ConvAlgorithm conv = ConvAlgorithm::automatic;
};

struct StageText {
  const char* name;
  std::string Stages::* text;
  std::string Stages::* dot;  // null: the stage is not a graph
};
const StageText stage_rows[] = {
    {"input", &Stages::input, &Stages::input_dot},
    {"optimised", &Stages::optimised, &Stages::optimised_dot},
    {"kernels", &Stages::kernels, nullptr},
    {"program", &Stages::program, nullptr},
    {"cuda", &Stages::cuda, nullptr},
};

std::vector<std::string> stage_names() {
  std::vector<std::string> names;
  for (const StageText& row : stage_rows) names.emplace_back(row.name);
  return names;
}

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app("Prints a network as the compiler sees it.", "bitale graph");
  app.add_option("model", s.model, "one of: " + model_names())->required();
  app.add_option("--stage", s.stage, "input, optimised, kernels, program or cuda (optimised)")
      ->check(CLI::IsMember(stage_names()));
  app.add_option("--function", s.function, "forward or gradient (forward)")
      ->check(CLI::IsMember(std::vector<std::string>{"forward", "gradient"}));
  add_conv_option(app, s.conv);
  app.add_option("--dot", s.dot, "write the graph for GraphViz to this file instead ('-': standard output)");
  app.add_option("--variant", s.variant, "of a network that has several (the first; " + variant_names() + ")");
  app.add_option("--step", s.step, "of a network that is trained in several (the last; " + step_names() + ")");
  if (!parse_command_line(app, arguments)) return false;
  const ModelRow& row = find_model(s.model);
  check_variant(row, s.variant);
  check_step(row, s.step);
  return true;
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

}  // namespace

int graph_command(std::span<const std::string> arguments) {
  Settings s;
  if (!parse(s, arguments)) return 0;
  const StageText& row = *std::find_if(std::begin(stage_rows), std::end(stage_rows),
                                       [&](const StageText& r) { return s.stage == r.name; });
  if (!s.dot.empty() && !row.dot)
    throw UsageError(
        fmt::format("bitale graph: the stage '{}' is not a graph; --dot is for input and optimised.", s.stage));
  const BuiltModel model = step_of(find_model(s.model).build({.variant = s.variant, .graph_only = true}), s.step);
  const std::vector<Tensor> outputs =
      s.function == "forward" ? std::vector{model.loss} : grad(model.loss, model.parameter_tensors());
  const Stages stages =
      bitale::stages(model.inputs, outputs,
                     {.name = s.model + "_" + (s.step.empty() ? "" : s.step + "_") + s.function, .conv = s.conv});
  if (s.dot.empty()) {
    write_text("-", stages.*row.text);
  } else {
    write_text(s.dot, stages.*row.dot);
  }
  return 0;
}

}  // namespace bitale::models

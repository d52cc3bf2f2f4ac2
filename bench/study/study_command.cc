// bitale study: the tables and figures of the 2015 study, beside what this machine does.

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/harness/options.h"
#include "bench/study/commands.h"
#include "bench/study/plan/limits.h"
#include "bench/study/plan/run.h"
#include "bench/study/report/page.h"
#include "bench/study/report/plots.h"
#include "bench/study/report/tables.h"
#include "compiler/codegen/codegen.h"
#include "compiler/driver/build_id.h"
#include "frontends/cpp/command.h"
#include "runtime/base/version.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

namespace fs = std::filesystem;

constexpr double estimate_peak_seconds = 0.1;

struct Settings {
  StudyPlan plan;
  fs::path folder = "bitale-study";
  bool fresh = false, only_plan = false, report = true;
  double within_s = 0;
};

// Once each, ascending.
template <class T>
void tidy(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::string numbers(const auto& rows) {
  std::vector<int> all;
  for (const auto& row : rows) all.push_back(row.number);
  return fmt::format("{}", fmt::join(all, ","));
}

bool parse(Settings& s, const Machine& machine, std::span<const std::string> arguments) {
  StudyPlan& plan = s.plan;
  plan.devices = {"cpu", "cuda"};
  std::string folder = s.folder.string();
  CLI::App app("Measures the networks of the 2015 study by its protocol and shows its tables and figures beside ours.",
               "bitale study");
  app.add_option("--tables", plan.tables, fmt::format("some of {} (all)", numbers(study_tables())))->delimiter(',');
  app.add_option("--figures", plan.figures, fmt::format("some of {} (all)", numbers(study_figures())))->delimiter(',');
  app.add_option("--threads", plan.threads, "numbers of threads (1, the physical cores, the hardware threads)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--device", plan.devices,
                 "some of cpu, cuda, cuda:1... and emulated (cpu,cuda: what cannot run is left out, and says why)")
      ->delimiter(',')
      ->check(CLI::Validator(why_no_device_name, "NAME,...", "device"));
  add_tf32_option(app, plan.tf32);
  app.add_option("--batches", plan.batches, "batch sizes of the figures (LeNet 32 to 1024, AlexNet 32 to 256)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_flag("--quick", plan.quick, "few calls, and 20 s for a measurement: to see whether all is well");
  app.add_option("--budget", plan.budget_s,
                 "seconds for a measurement, after which it ends with fewer calls (no limit)")
      ->check(CLI::PositiveNumber);
  app.add_option("--within", s.within_s, "seconds after which no other measurement begins (no limit)")
      ->check(CLI::PositiveNumber);
  app.add_option("--repetitions", plan.repetitions, "compilations of each kind (3)")->check(CLI::PositiveNumber);
  app.add_option("--out", folder, "the folder that all is written to")->capture_default_str();
  app.add_flag("--fresh", s.fresh, "measure all again, also what the folder has");
  app.add_flag("--plan", s.only_plan, "say what would be measured, and how long that would take; measure nothing");
  app.add_flag("!--no-report", s.report, "no HTML report, for which gnuplot is needed");
  app.footer(
      "Only tables or only figures that are named are measured; without names, all. A study that was interrupted goes\n"
      "on where it was: what this program measured on this machine is in results.jsonl and is not measured again.\n\n"
      "Written to the folder: results.jsonl, tables.txt, table3.csv ..., figure1.csv ..., study.json, report.html.");
  if (!parse_command_line(app, arguments)) return false;
  s.folder = folder;
  if (plan.tables.empty() && plan.figures.empty()) {
    for (const StudyTable& table : study_tables()) plan.tables.push_back(table.number);
    for (const StudyFigure& figure : study_figures()) plan.figures.push_back(figure.number);
  }
  if (plan.threads.empty()) plan.threads = {1, machine.cores, machine.cpus};
  if (plan.quick && app.count("--repetitions") == 0) plan.repetitions = 1;
  tidy(plan.tables);
  tidy(plan.figures);
  tidy(plan.threads);
  tidy(plan.devices);
  tidy(plan.batches);
  if (std::none_of(plan.devices.begin(), plan.devices.end(),
                   [](const std::string& device) { return device.starts_with("cuda"); }))
    check_tf32(app.get_name(), plan.devices[0], plan.tf32);
  for (const int number : plan.tables) find_table(number);
  for (const int number : plan.figures) find_figure(number);
  return true;
}

std::string words_of(std::span<const std::string> arguments) {
  std::string text = "bitale study";
  for (const std::string& word : arguments) text += " " + word;
  return text;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts)};
}

// Results of another program, or of another machine, are none of ours.
std::string version_of_results(const Machine& machine) {
  std::string text = fmt::format("{}; {}; {}; {}", driver::build_id(), codegen::host_generator_version(), machine.cpu,
                                 to_string(default_isa()));
  for (const Gpu& gpu : machine.gpus.all) text += "; " + gpu.name;
  return machine.gpus.cuda.empty() ? text : text + "; CUDA " + machine.gpus.cuda;
}

StudyData describe(const Settings& s, const Machine& machine, std::span<const std::string> arguments) {
  StudyData data{.plan = s.plan,
                 .machine = machine,
                 .date = today(),
                 .isa = to_string(default_isa()),
                 .command = words_of(arguments),
                 .bitale = version(),
                 .code_generator = codegen::host_generator_version(),
                 .compiler = building_compiler()};
  for (const int number : s.plan.tables) data.paper[number] = paper_table(number);
  return data;
}

void say(const std::string& line) { fmt::print(stderr, "{}\n", line); }

void print_plan(const std::vector<StudyCell>& cells, const StudyData& data, const StudyEstimate& estimate) {
  double sum_s = 0;
  for (const StudyCell& cell : cells) {
    const std::string reason = why_not(cell, data.machine);
    fmt::print("{:<60} {}\n", cell.title(), reason.empty() ? duration_text(estimate.seconds(cell)) : reason);
    if (reason.empty()) sum_s += estimate.seconds(cell);
  }
  fmt::print("\nabout {} in all\n", duration_text(sum_s));
}

// The text of all tables and figures.
std::string write_tables(const Settings& s, const StudyData& data) {
  std::string text;
  for (const int number : s.plan.tables) {
    const StudyTable& table = find_table(number);
    text += to_text(comparison(table, data)) + "\n" + to_text(details(table, data)) + "\n";
    write_text((s.folder / fmt::format("table{}.csv", number)).string(), table_csv(table, data));
  }
  for (const int number : s.plan.figures) {
    const StudyFigure& figure = find_figure(number);
    text += to_text(batches(figure, data)) + "\n";
    write_text((s.folder / fmt::format("figure{}.csv", number)).string(), figure_csv(figure, data));
  }
  return text;
}

void write_report(const Settings& s, const StudyData& data) {
  const std::string text = write_tables(s, data);
  write_text((s.folder / "tables.txt").string(), text);
  write_text((s.folder / "study.json").string(), study_json(data));
  if (s.report) {
    const std::vector<Plot> all = plots(data);
    write_text((s.folder / "report.html").string(), report_html(data, all, draw(all)));
  }
  fmt::print("{}{}\n{}\nWritten to {}.\n", text, machine_text(data), protocol_text(data), s.folder.string());
}

}  // namespace

int study_command(std::span<const std::string> arguments) {
  Settings s;
  const Machine machine = this_machine();
  if (!parse(s, machine, arguments)) return 0;
  if (s.report && !s.only_plan) require_gnuplot();
  StudyData data = describe(s, machine, arguments);
  const std::vector<StudyCell> cells = s.plan.cells();
  std::map<int, double> peaks;
  StudyEstimate estimate([&](int threads) {
    double& peak = peaks[threads];
    if (peak <= 0) peak = measure_fma_peak(default_isa(), threads, estimate_peak_seconds);
    return peak;
  });
  if (s.only_plan) {
    print_plan(cells, data, estimate);
    return 0;
  }
  std::error_code failure;
  fs::create_directories(s.folder, failure);
  if (failure)
    throw Error(fmt::format("--out {}: no folder can be made there: {}.", s.folder.string(), failure.message()));
  const auto& devices = s.plan.devices;
  if (std::find(devices.begin(), devices.end(), "emulated") != devices.end()) say(about_played);
  StudyResults results(s.folder / "results.jsonl", version_of_results(machine), s.fresh);
  for (const std::string& line : results.skipped()) say(line);
  data.outcomes = run_cells(cells, machine, results, estimate, measure_cell, say, s.within_s);
  write_report(s, data);
  return 0;
}

}  // namespace bitale::bench

// bitale bench data: what loading pictures costs a training step.

#include "bench/data/data_command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/data/network.h"
#include "bench/harness/options.h"
#include "frontends/cpp/command.h"
#include "models/zoo/images_data.h"
#include "runtime/device/pool.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string data, model, json;
  std::int64_t crop = 0, side = -1;
  int threads = 0;
  LoadingOptions loading;
  models::ImageBatchOptions batches;
};

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app(
      "Measures the loading of pictures: alone; and a training step on a batch that is there, and on batches as they\n"
      "come, beside what cannot be undercut on the CPUs of this process.",
      "bitale bench data");
  app.add_option("--data", s.data, "folder or database of pictures")->required();
  app.add_option("--model", s.model, "that is trained; a small network of its own without one");
  app.add_option("--batch", s.batches.batch, "pictures of a step (64)")->default_val(64)->check(CLI::PositiveNumber);
  app.add_option("--crop", s.crop, "side of the crops (224, or the model's)")->check(CLI::PositiveNumber);
  app.add_option("--size", s.side,
                 "shorter side to which pictures are scaled before; 0: as they are (256; of databases 0)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--threads", s.threads, "of the training step; 0: all CPUs of this process (0)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--loader-threads", s.loading.loader_threads,
                 "one or more numbers of threads that load (1, and all CPUs)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--prefetch", s.batches.prefetch, "batches that are loaded ahead (2)")->check(CLI::Range(1, 64));
  app.add_option("--steps", s.loading.steps, "timed steps of a turn (10)")->check(CLI::PositiveNumber);
  app.add_option("--rounds", s.loading.rounds, "turns of each kind (3)")->check(CLI::PositiveNumber);
  app.add_option("--json", s.json, json_help);
  return parse_command_line(app, arguments);
}

models::BuiltModel model_for(Settings& s) {
  constexpr std::int64_t usual_crop = 224;
  if (s.model.empty()) {
    s.batches.crop = s.crop > 0 ? s.crop : usual_crop;
    return small_network(s.batches.crop);
  }
  const models::ModelRow& row = models::find_model(s.model);
  const auto pictures = models::picture_input(row);
  if (!pictures) throw UsageError(fmt::format("bitale bench data: {} does not read pictures.", row.name));
  if (s.crop > 0 && s.crop != pictures->crop)
    throw UsageError(
        fmt::format("bitale bench data: --crop {}: {} reads crops of {}.", s.crop, row.name, pictures->crop));
  s.batches.crop = pictures->crop;
  return row.build({});
}

void print_table(const Settings& s, const models::ImageSet& set, const std::string& model,
                 const std::vector<Loading>& rows, int cpus) {
  const auto batch = static_cast<double>(s.batches.batch);
  fmt::print("{}: {} pictures; batches of {}, crops of {}, {} CPU{}\n", set.source(), set.count(), s.batches.batch,
             s.batches.crop, cpus, cpus == 1 ? "" : "s");
  fmt::print("a step of {} on {} thread{}: {:.2f} ms, {:.2f} ms of CPU time\n\n", model, s.threads,
             s.threads == 1 ? "" : "s", rows[0].step_ms, rows[0].step_cpu_ms);
  fmt::print("{:<8}{:>12}{:>14}{:>12}{:>14}{:>12}{:>10}\n", "loader", "pictures/s", "CPU ms each", "batch ms",
             "step + load ms", "bound ms", "of bound");
  for (const Loading& row : rows)
    fmt::print("{:<8}{:>12.0f}{:>14.3f}{:>12.2f}{:>14.2f}{:>12.2f}{:>10.3f}\n", row.threads, batch / row.load_ms * 1e3,
               row.load_cpu_ms / batch, row.load_ms, row.with_loader_ms, row.bound_ms(cpus),
               row.with_loader_ms / row.bound_ms(cpus));
}

Json to_json(const Settings& s, const models::ImageSet& set, const std::string& model, const std::vector<Loading>& rows,
             int cpus) {
  Json out = {{"data", set.source()},   {"pictures", set.count()}, {"model", model}, {"batch", s.batches.batch},
              {"crop", s.batches.crop}, {"threads", s.threads},    {"cpus", cpus},   {"prefetch", s.batches.prefetch}};
  for (const Loading& row : rows)
    out["loaders"].push_back({{"threads", row.threads},
                              {"load_ms", row.load_ms},
                              {"load_cpu_ms", row.load_cpu_ms},
                              {"step_ms", row.step_ms},
                              {"step_cpu_ms", row.step_cpu_ms},
                              {"with_loader_ms", row.with_loader_ms},
                              {"bound_ms", row.bound_ms(cpus)}});
  return out;
}

}  // namespace

int bench_data_command(std::span<const std::string> arguments) {
  Settings s;
  if (!parse(s, arguments)) return 0;
  const int cpus = available_cpus();
  if (s.threads == 0) s.threads = default_threads();
  if (s.loading.loader_threads.empty()) {
    s.loading.loader_threads = {1};
    if (cpus > 1) s.loading.loader_threads.push_back(cpus);
  }
  const models::BuiltModel model = model_for(s);
  const auto set = models::open_images(s.data);
  constexpr std::int64_t usual_side = 256;
  s.batches.read.side = s.side >= 0 ? s.side : set->scaled() ? 0 : std::max(usual_side, s.batches.crop);
  s.batches.seed = 1;
  s.batches.mean = set->mean();
  const std::vector<Loading> rows = measure_loading(*set, s.batches, training_step(model, s.threads), s.loading);
  if (s.json != "-") print_table(s, *set, model.name, rows, cpus);
  if (!s.json.empty()) write_text(s.json, to_json(s, *set, model.name, rows, cpus).dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench

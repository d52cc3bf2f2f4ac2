// bitale train MODEL: trains, prints progress, writes checkpoints, continues from them.

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "frontends/cpp/command.h"
#include "models/optim/optimizer.h"
#include "models/zoo/commands.h"
#include "models/zoo/interrupt.h"
#include "models/zoo/progress.h"

namespace bitale::models {
namespace {

constexpr int interrupted_status = 130;

// ---- the command line ----

using Row = TrainOptionRow;

struct Settings {
  std::string model, checkpoint;
  std::optional<std::string> data;
  std::optional<std::int64_t> epochs;
  std::int64_t every = 1;
  bool resume = false, quiet = false, no_pretrain = false, tf32 = false;
  std::vector<std::pair<const Row*, TrainValue>> given;
  int threads = 0, loader_threads = 0;
  std::int64_t prefetch = TrainOptions().prefetch;
  ConvAlgorithm conv = ConvAlgorithm::automatic;
  std::string device = "cpu";
};

// "(64)", or where models differ "(lenet 64, lstm 16)", of a setting or of what else `value` says.
template <class F>
std::string defaults(const F& value) {
  std::string each, only;
  bool same = true;
  for (const ModelRow& model : all_models()) {
    if (!model.trainable) continue;
    const std::optional<std::string> text = value(model);
    if (!text) continue;
    same = same && (only.empty() || only == *text);
    only = *text;
    each += fmt::format("{}{} {}", each.empty() ? "" : ", ", model.name, *text);
  }
  return same ? only : each;
}

std::string help_of(const Row& row) {
  const auto value = [&](const ModelRow& model) -> std::optional<std::string> {
    if (!row.concerns(model)) return std::nullopt;
    return to_text(row.get(default_options(model)));
  };
  const std::string whose = row.whose();
  return fmt::format("{} ({}){}", row.help, defaults(value), whose.empty() ? "" : "; of " + whose);
}

void add_setting(CLI::App& app, Settings& s, const Row& row) {
  std::visit(
      [&](auto member) {
        using T = std::remove_cvref_t<decltype(std::declval<TrainOptions>().*member)>;
        app.add_option_function<T>(row.flag(), [&](const T& v) { s.given.emplace_back(&row, v); }, help_of(row));
      },
      row.member);
}

void check_given(const Settings& s, const ModelRow& model) {
  for (const auto& [row, value] : s.given) {
    if (!row->concerns(model)) {
      throw UsageError(fmt::format("bitale train: {} is a setting of {}, which {} {} not.", row->flag(), row->whose(),
                                   model.name, row->of == Row::Of::steps ? "is" : "does"));
    }
    TrainOptions options;
    row->set(options, value);
    if (row->of == Row::Of::variants) check_variant(model, options.variant);
    if (!row->good(options))
      throw UsageError(fmt::format("bitale train: {} {}: it must be {}.", row->flag(), to_text(value), row->range));
  }
}

void skip_pretraining(Settings& s) {
  for (const Row& row : train_option_rows()) {
    if (row.member != decltype(row.member)(&TrainOptions::pretrain_epochs)) continue;
    for (const auto& [given, value] : s.given)
      if (given == &row)
        throw UsageError(
            fmt::format("bitale train: --no-pretrain is --pretrain-epochs 0, and {} was given too.", to_text(value)));
    s.given.emplace_back(&row, std::int64_t{0});
  }
}

// False if help was printed.
bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app("Trains a network on MNIST or on reviews: --data, else $BITALE_DATA, else what is bundled.",
               "bitale train");
  app.add_option("model", s.model, "one of: " + trainable_names())->required();
  app.add_option(
      "--data", s.data,
      "folder with the four files of MNIST, plain or gzip; with IMDB's reviews; with pictures, or a database");
  const auto epochs = [](const ModelRow& model) { return std::optional(std::to_string(default_epochs(model))); };
  app.add_option("--epochs", s.epochs,
                 fmt::format("epochs in all, those of a resumed run included ({})", defaults(epochs)))
      ->check(CLI::NonNegativeNumber);
  for (const Row& row : train_option_rows()) add_setting(app, s, row);
  app.add_flag("--no-pretrain", s.no_pretrain, "the same as --pretrain-epochs 0");
  app.add_option("--threads", s.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  add_conv_option(app, s.conv);
  add_device_option(app, s.device);
  add_tf32_option(app, s.tf32);
  app.add_option("--loader-threads", s.loader_threads, "that load pictures; 0: as many as --threads 0 has (0)")
      ->check(CLI::Range(0, 1024));
  app.add_option("--prefetch", s.prefetch, "batches of pictures that are loaded ahead (2)")->check(CLI::Range(1, 64));
  app.add_option("--checkpoint", s.checkpoint, "safetensors file, written after epochs and on Ctrl-C");
  app.add_flag("--resume", s.resume, "continue from the checkpoint, with its settings where none are given");
  app.add_option("--every", s.every, "epochs between checkpoints (1)")->check(CLI::PositiveNumber);
  app.add_flag("--quiet", s.quiet, "print the result only");
  if (!parse_command_line(app, arguments)) return false;
  check_tf32(app.get_name(), s.device, s.tf32);
  const ModelRow& model = find_model(s.model);
  if (!model.trainable)
    throw UsageError(
        fmt::format("bitale train: {} cannot be trained here; there are: {}.", s.model, trainable_names()));
  if (s.no_pretrain) skip_pretraining(s);
  check_given(s, model);
  if (s.resume && s.checkpoint.empty())
    throw UsageError("bitale train: --resume needs --checkpoint FILE, the file to continue from.");
  return true;
}

// That no setting is given which the policy does not read.
void check_policy(const Settings& s, const RatePolicyRow& policy) {
  const auto all = all_rate_policies();
  for (const auto& [row, value] : s.given) {
    const bool of_policies =
        std::any_of(all.begin(), all.end(), [&](const RatePolicyRow& p) { return p.takes(row->name); });
    if (of_policies && !policy.takes(row->name)) {
      throw UsageError(fmt::format("bitale train: the learning rate policy {}, {}, takes no {}.", policy.name,
                                   policy.formula, row->flag()));
    }
  }
}

// Another optimizer or policy than the default one, or the checkpoint's, brings the settings that go with it.
TrainOptions options_for(const Settings& s, const ModelRow& model, const NamedArrays* checkpoint) {
  TrainOptions o = checkpoint ? options_of(model, *checkpoint, s.checkpoint) : default_options(model);
  TrainOptions given = o;
  for (const auto& [row, value] : s.given) row->set(given, value);
  if (given.optimizer != o.optimizer) {
    const OptimizerRow& row = find_optimizer(given.optimizer);
    o.learning_rate = o.pretrain_learning_rate = row.learning_rate;
    o.momentum = row.momentum.value_or(0);
    o.weight_decay = row.weight_decay;
  }
  if (given.policy != o.policy) use_policy(o, given.policy);
  for (const auto& [row, value] : s.given) row->set(o, value);
  check_policy(s, find_rate_policy(o.policy));
  o.threads = s.threads;
  o.device = s.device;
  o.tf32 = s.tf32;
  o.conv = s.conv;
  o.loader_threads = s.loader_threads;
  o.prefetch = s.prefetch;
  check(model, o);
  return o;
}

// ---- the run ----

// One epoch, or what is left of it. False if it was interrupted.
bool run_epoch(Trainer& trainer, Progress& progress) {
  progress.begin_epoch(trainer);
  for (const std::int64_t epoch = trainer.epoch(); trainer.epoch() == epoch && !InterruptGuard::noted();) {
    trainer.step();
    progress.after_step(trainer);
  }
  progress.end_epoch();
  return !InterruptGuard::noted();
}

int stop(const Trainer& trainer, const Settings& s) {
  const std::string file = s.checkpoint.empty() ? s.model + "-interrupted.safetensors" : s.checkpoint;
  write_safetensors(file, trainer.checkpoint());
  fmt::print(
      "interrupted in epoch {}{}; '{}' holds the state: continue with\n  bitale train {} --resume --checkpoint {}\n",
      trainer.epoch() + 1, trainer.phase().empty() ? "" : " of " + trainer.phase(), file, s.model, file);
  return interrupted_status;
}

std::string accuracy_text(const Score& score) {
  return fmt::format("{:.2f} % ({} of {})", score.accuracy() * 100, score.right, score.examples);
}

std::string error_text(const Score& score) { return fmt::format("{:.2f} %", (1 - score.accuracy()) * 100); }

void print_result(const Trainer& trainer, const Settings& s, const Score& held_out, double seconds) {
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<18} {}\n", what, value); };
  fmt::print("\n{}\n", trainer.model().name);
  row("data", trainer.data().source());
  if (trainer.pretrain_epochs() > 0)
    row("pre-training", fmt::format("{} epochs of each layer", trainer.pretrain_epochs()));
  row("epochs", std::to_string(trainer.epoch()) +
                    (trainer.best() ? fmt::format(", the best of them {}", trainer.best()->epoch) : ""));
  row("learning rate", fmt::format("{:.4g} at step {}", trainer.learning_rate(), trainer.iteration()));
  row("training loss", fmt::format("{:.4f}", trainer.last_epoch().loss()));
  row("training accuracy", fmt::format("{:.2f} %", trainer.last_epoch().accuracy() * 100));
  row("held-out loss", fmt::format("{:.4f}", held_out.loss()));
  row("held-out accuracy", accuracy_text(held_out));
  row("held-out error", error_text(held_out));
  if (trainer.data().has_test()) {
    const Score test = trainer.evaluate(TrainingData::Part::test);
    row("test loss", fmt::format("{:.4f}", test.loss()));
    row("test accuracy", accuracy_text(test));
    row("test error", error_text(test));
  }
  row("compiled in", fmt::format("{:.1f} ms", trainer.compile_seconds() * 1e3));
  row("trained in",
      fmt::format("{:.2f} s on {} thread{}", seconds, trainer.threads(), trainer.threads() == 1 ? "" : "s"));
  if (!s.checkpoint.empty()) row("checkpoint", s.checkpoint);
}

// What is left of the phase, up to `epochs`. False if it was interrupted; else `held_out` is the score after the last
// epoch, if there was one.
bool run_phase(Trainer& trainer, Progress& progress, std::int64_t epochs, const Settings& s,
               std::optional<Score>& held_out) {
  held_out.reset();
  progress.begin_phase(epochs);
  while (trainer.epoch() < epochs && !trainer.out_of_patience()) {
    if (!run_epoch(trainer, progress)) return false;
    held_out = trainer.evaluate();
    if (!trainer.pretraining()) trainer.note(*held_out);
    progress.after_epoch(trainer, *held_out);
    const bool due = trainer.epoch() % s.every == 0 || trainer.epoch() == epochs || trainer.out_of_patience();
    if (!s.checkpoint.empty() && due) write_safetensors(s.checkpoint, trainer.checkpoint());
  }
  return true;
}

int train(const Settings& s) {
  const ModelRow& row = find_model(s.model);
  const std::int64_t epochs = s.epochs.value_or(default_epochs(row));
  std::optional<NamedArrays> start;
  if (s.resume) start = read_safetensors(s.checkpoint);
  const TrainOptions options = options_for(s, row, start ? &*start : nullptr);
  Trainer trainer(row, load_training_data(row, s.data, options), options);
  if (!s.quiet) fmt::print("{} on {}\n", row.name, trainer.data().source());
  if (start) trainer.restore(*start, s.checkpoint);

  const InterruptGuard guard;
  Progress progress(Progress::style_of_stdout(s.quiet), trainer.data().size());
  std::optional<Score> held_out;
  for (;; trainer.next_phase()) {
    const bool last = !trainer.pretraining();
    if (!run_phase(trainer, progress, last ? epochs : options.pretrain_epochs, s, held_out)) {
      progress.end_line();
      return stop(trainer, s);
    }
    if (last) break;
  }
  trainer.use_best();
  print_result(trainer, s,
               trainer.best() ? trainer.best()->score
               : held_out     ? *held_out
                              : trainer.evaluate(),
               progress.seconds());
  return 0;
}

}  // namespace

int train_command(std::span<const std::string> arguments) {
  Settings settings;
  return parse(settings, arguments) ? train(settings) : 0;
}

}  // namespace bitale::models

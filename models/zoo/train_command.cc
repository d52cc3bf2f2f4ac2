// bitale train MODEL: trains, prints progress, writes checkpoints, continues from them.

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
  bool resume = false, quiet = false;
  std::vector<std::pair<const Row*, TrainValue>> given;
  int threads = 0;

  bool gives(const std::string& option) const {
    for (const auto& [row, value] : given)
      if (row->name == option) return true;
    return false;
  }
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
  return fmt::format("{} ({}){}", row.help, defaults(value),
                     row.of == Row::Of::all      ? ""
                     : row.of == Row::Of::digits ? "; of models that read digits"
                                                 : "; of models that read words");
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
      throw UsageError(fmt::format("bitale train: {} is a setting of models that read {}, which {} does not.",
                                   row->flag(), row->of == Row::Of::digits ? "digits" : "words", model.name));
    }
    TrainOptions options;
    row->set(options, value);
    if (!row->good(options))
      throw UsageError(fmt::format("bitale train: {} {}: it must be {}.", row->flag(), to_text(value), row->range));
  }
}

// False if help was printed.
bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app("Trains a network on MNIST or on reviews: --data, else $BITALE_DATA, else what is bundled.",
               "bitale train");
  app.add_option("model", s.model, "one of: " + trainable_names())->required();
  app.add_option("--data", s.data, "folder with the four files of MNIST, plain or gzip; with IMDB's reviews");
  const auto epochs = [](const ModelRow& model) { return std::optional(std::to_string(default_epochs(model))); };
  app.add_option("--epochs", s.epochs,
                 fmt::format("epochs in all, those of a resumed run included ({})", defaults(epochs)))
      ->check(CLI::NonNegativeNumber);
  for (const Row& row : train_option_rows()) add_setting(app, s, row);
  app.add_option("--threads", s.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  app.add_option("--checkpoint", s.checkpoint, "safetensors file, written after epochs and on Ctrl-C");
  app.add_flag("--resume", s.resume, "continue from the checkpoint, with its settings where none are given");
  app.add_option("--every", s.every, "epochs between checkpoints (1)")->check(CLI::PositiveNumber);
  app.add_flag("--quiet", s.quiet, "print the result only");
  if (!parse_command_line(app, arguments)) return false;
  const ModelRow& model = find_model(s.model);
  if (!model.trainable)
    throw UsageError(
        fmt::format("bitale train: {} cannot be trained here; there are: {}.", s.model, trainable_names()));
  check_given(s, model);
  if (s.resume && s.checkpoint.empty())
    throw UsageError("bitale train: --resume needs --checkpoint FILE, the file to continue from.");
  return true;
}

// Another optimizer than the default one brings the learning rate that goes with it, and no momentum if it has none.
TrainOptions options_for(const Settings& s, const ModelRow& model, const NamedArrays* checkpoint) {
  TrainOptions o = checkpoint ? options_of(model, *checkpoint, s.checkpoint) : default_options(model);
  const std::string optimizer = o.optimizer;
  for (const auto& [row, value] : s.given) row->set(o, value);
  if (o.optimizer != optimizer && !checkpoint) {
    const OptimizerRow& row = find_optimizer(o.optimizer);
    if (!s.gives("learning_rate")) o.learning_rate = row.learning_rate;
    if (!s.gives("momentum") && !row.momentum) o.momentum = 0;
  }
  o.threads = s.threads;
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
      "interrupted in epoch {}; '{}' holds the state: continue with\n  bitale train {} --resume --checkpoint {}\n",
      trainer.epoch() + 1, file, s.model, file);
  return interrupted_status;
}

std::string accuracy_text(const Score& score) {
  return fmt::format("{:.2f} % ({} of {})", score.accuracy() * 100, score.right, score.examples);
}

void print_result(const Trainer& trainer, const Settings& s, const Score& held_out, double seconds) {
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<18} {}\n", what, value); };
  fmt::print("\n{}\n", trainer.model().name);
  row("data", trainer.data().source());
  row("epochs", std::to_string(trainer.epoch()) +
                    (trainer.best() ? fmt::format(", the best of them {}", trainer.best()->epoch) : ""));
  row("training loss", fmt::format("{:.4f}", trainer.last_epoch().loss()));
  row("training accuracy", fmt::format("{:.2f} %", trainer.last_epoch().accuracy() * 100));
  row("held-out loss", fmt::format("{:.4f}", held_out.loss()));
  row("held-out accuracy", accuracy_text(held_out));
  if (trainer.data().has_test()) {
    const Score test = trainer.evaluate(TrainingData::Part::test);
    row("test loss", fmt::format("{:.4f}", test.loss()));
    row("test accuracy", accuracy_text(test));
  }
  row("compiled in", fmt::format("{:.1f} ms", trainer.compile_seconds() * 1e3));
  row("trained in",
      fmt::format("{:.2f} s on {} thread{}", seconds, trainer.threads(), trainer.threads() == 1 ? "" : "s"));
  if (!s.checkpoint.empty()) row("checkpoint", s.checkpoint);
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
  Progress progress(Progress::style_of_stdout(s.quiet), epochs, trainer.data().size());
  std::optional<Score> held_out;
  while (trainer.epoch() < epochs && !trainer.out_of_patience()) {
    if (!run_epoch(trainer, progress)) {
      progress.end_line();
      return stop(trainer, s);
    }
    held_out = trainer.evaluate();
    trainer.note(*held_out);
    progress.after_epoch(trainer, *held_out);
    const bool due = trainer.epoch() % s.every == 0 || trainer.epoch() == epochs || trainer.out_of_patience();
    if (!s.checkpoint.empty() && due) write_safetensors(s.checkpoint, trainer.checkpoint());
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

// bitale train MODEL: trains, prints progress, writes checkpoints, continues from them.

#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "frontends/cpp/command.h"
#include "models/zoo/commands.h"
#include "models/zoo/progress.h"

namespace bitale::models {
namespace {

constexpr int interrupted_status = 130;
constexpr std::int64_t default_epochs = 10;

// ---- interruption ----

volatile sig_atomic_t interrupted = 0;

// While it lives, the first SIGINT or SIGTERM is noted and the second one ends the process as usual.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, &before_[0]);
    ::sigaction(SIGTERM, &action, &before_[1]);
  }
  ~InterruptGuard() {
    ::sigaction(SIGINT, &before_[0], nullptr);
    ::sigaction(SIGTERM, &before_[1], nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_[2] = {};
};

// ---- the command line ----

struct Settings {
  std::string model, checkpoint;
  std::optional<std::string> data;
  std::int64_t epochs = default_epochs, every = 1;
  bool resume = false, quiet = false;
  std::optional<std::int64_t> batch;
  std::optional<double> learning_rate, decay, momentum, weight_decay;
  std::optional<std::int64_t> shift;
  std::optional<std::uint32_t> seed;
  int threads = 0;
};

// False if help was printed.
bool parse(Settings& s, std::span<const std::string> arguments) {
  const TrainOptions defaults;
  CLI::App app("Trains a network on MNIST: --data, else $BITALE_DATA, else the bundled digits.", "bitale train");
  app.add_option("model", s.model, "one of: " + model_names())->required();
  app.add_option("--data", s.data, "folder with the four files of MNIST, plain or gzip");
  app.add_option("--epochs", s.epochs,
                 fmt::format("epochs in all, those of a resumed run included ({})", default_epochs))
      ->check(CLI::NonNegativeNumber);
  app.add_option("--batch", s.batch, fmt::format("examples per step ({})", defaults.batch))->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", s.learning_rate, fmt::format("of the first epoch ({})", defaults.learning_rate))
      ->check(CLI::PositiveNumber);
  app.add_option("--decay", s.decay, fmt::format("factor of the learning rate per epoch ({})", defaults.decay));
  app.add_option("--momentum", s.momentum, fmt::format("({})", defaults.momentum))->check(CLI::Range(0.0, 0.9999));
  app.add_option("--weight-decay", s.weight_decay, fmt::format("({})", defaults.weight_decay))
      ->check(CLI::NonNegativeNumber);
  app.add_option("--shift", s.shift,
                 fmt::format("pixels that training digits are moved by, at random ({})", defaults.shift))
      ->check(CLI::Range(0, 27));
  app.add_option("--threads", s.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", s.seed, fmt::format("of initial values and shuffling ({})", defaults.seed));
  app.add_option("--checkpoint", s.checkpoint, "safetensors file, written after epochs and on Ctrl-C");
  app.add_flag("--resume", s.resume, "continue from the checkpoint, with its settings where none are given");
  app.add_option("--every", s.every, "epochs between checkpoints (1)")->check(CLI::PositiveNumber);
  app.add_flag("--quiet", s.quiet, "print the result only");
  if (!parse_command_line(app, arguments)) return false;
  find_model(s.model);
  if (s.resume && s.checkpoint.empty())
    throw UsageError("bitale train: --resume needs --checkpoint FILE, the file to continue from.");
  return true;
}

TrainOptions options_for(const Settings& s, const NamedArrays* checkpoint) {
  TrainOptions o = checkpoint ? options_of(*checkpoint, s.checkpoint) : TrainOptions{};
  o.batch = s.batch.value_or(o.batch);
  o.learning_rate = s.learning_rate.value_or(o.learning_rate);
  o.decay = s.decay.value_or(o.decay);
  o.momentum = s.momentum.value_or(o.momentum);
  o.weight_decay = s.weight_decay.value_or(o.weight_decay);
  o.shift = s.shift.value_or(o.shift);
  o.seed = s.seed.value_or(o.seed);
  o.threads = s.threads;
  return o;
}

// ---- the run ----

// One epoch, or what is left of it. False if it was interrupted.
bool run_epoch(Trainer& trainer, Progress& progress) {
  progress.begin_epoch(trainer);
  for (const std::int64_t epoch = trainer.epoch(); trainer.epoch() == epoch && !interrupted;) {
    trainer.step();
    progress.after_step(trainer);
  }
  progress.end_epoch();
  return !interrupted;
}

int stop(const Trainer& trainer, const Settings& s) {
  const std::string file = s.checkpoint.empty() ? s.model + "-interrupted.safetensors" : s.checkpoint;
  write_safetensors(file, trainer.checkpoint());
  fmt::print(
      "interrupted in epoch {}; '{}' holds the state: continue with\n  bitale train {} --resume --checkpoint {}\n",
      trainer.epoch() + 1, file, s.model, file);
  return interrupted_status;
}

void print_result(const Trainer& trainer, const Mnist& mnist, const Settings& s, const Score& held_out,
                  double seconds) {
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<18} {}\n", what, value); };
  fmt::print("\n{}\n", trainer.model().name);
  row("data", mnist.source);
  row("epochs", std::to_string(trainer.epoch()));
  row("training loss", fmt::format("{:.4f}", trainer.last_epoch().loss()));
  row("training accuracy", fmt::format("{:.2f} %", trainer.last_epoch().accuracy() * 100));
  row("held-out loss", fmt::format("{:.4f}", held_out.loss()));
  row("held-out accuracy",
      fmt::format("{:.2f} % ({} of {})", held_out.accuracy() * 100, held_out.right, held_out.examples));
  row("compiled in", fmt::format("{:.1f} ms", trainer.compile_seconds() * 1e3));
  row("trained in",
      fmt::format("{:.2f} s on {} thread{}", seconds, trainer.threads(), trainer.threads() == 1 ? "" : "s"));
  if (!s.checkpoint.empty()) row("checkpoint", s.checkpoint);
}

int train(const Settings& s) {
  const ModelRow& row = find_model(s.model);
  std::optional<NamedArrays> start;
  if (s.resume) start = read_safetensors(s.checkpoint);
  const TrainOptions options = options_for(s, start ? &*start : nullptr);
  const Mnist mnist = load_mnist(s.data);
  if (!s.quiet) fmt::print("{} on {}\n", row.name, mnist.source);
  Trainer trainer(row, mnist.train, mnist.test, options);
  if (start) trainer.restore(*start, s.checkpoint);

  const InterruptGuard guard;
  Progress progress(Progress::style_of_stdout(s.quiet), s.epochs, mnist.train.count);
  std::optional<Score> held_out;
  while (trainer.epoch() < s.epochs) {
    if (!run_epoch(trainer, progress)) {
      progress.end_line();
      return stop(trainer, s);
    }
    held_out = trainer.evaluate();
    progress.after_epoch(trainer, *held_out);
    const bool due = trainer.epoch() % s.every == 0 || trainer.epoch() == s.epochs;
    if (!s.checkpoint.empty() && due) write_safetensors(s.checkpoint, trainer.checkpoint());
  }
  if (!held_out) held_out = trainer.evaluate();
  print_result(trainer, mnist, s, *held_out, progress.seconds());
  return 0;
}

}  // namespace

int train_command(std::span<const std::string> arguments) {
  Settings settings;
  return parse(settings, arguments) ? train(settings) : 0;
}

}  // namespace bitale::models

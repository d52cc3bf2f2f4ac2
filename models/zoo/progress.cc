#include "models/zoo/progress.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

namespace bitale::models {
namespace {

constexpr double redraw_seconds = 0.1;
constexpr int bar_width = 24;

double between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

std::string bar(double share) {
  const int full = std::clamp(static_cast<int>(share * bar_width), 0, bar_width);
  return std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(bar_width - full), '.');
}

std::string words(const Trainer& trainer, const Score& score) {
  const std::string loss = fmt::format("loss {:.4f}", score.loss());
  return trainer.pretraining() ? loss : fmt::format("{}  accuracy {:6.2f} %", loss, score.accuracy() * 100);
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Style Progress::style_of_stdout(bool quiet) {
  return quiet ? Style::quiet : ::isatty(STDOUT_FILENO) != 0 ? Style::moving : Style::plain;
}

Progress::Progress(Style style, std::int64_t examples_per_epoch)
    : style_(style), per_epoch_(examples_per_epoch), epoch_start_(Clock::now()) {}

void Progress::begin_phase(std::int64_t epochs) { epochs_ = epochs; }

// "ae1  epoch  3/15"
std::string Progress::head(const Trainer& trainer, std::int64_t epoch) const {
  const std::string& phase = trainer.phase();
  return fmt::format("{}{}epoch {:>2}/{}", phase, phase.empty() ? "" : "  ", epoch, epochs_);
}

double Progress::seconds() const { return seconds_ + (in_epoch_ ? between(epoch_start_, Clock::now()) : 0); }

void Progress::after_step(const Trainer& trainer) {
  const std::int64_t done = trainer.examples_done();
  if (done == 0 || style_ != Style::moving) return;
  const Clock::time_point now = Clock::now();
  if (between(last_drawn_, now) < redraw_seconds) return;
  last_drawn_ = now;
  draw(trainer, between(epoch_start_, now));
}

void Progress::begin_epoch(const Trainer& trainer) {
  done_at_start_ = trainer.examples_done();
  epoch_start_ = Clock::now();
  in_epoch_ = true;
}

void Progress::draw(const Trainer& trainer, double seconds) {
  const Score& score = trainer.current();
  const auto done = static_cast<double>(score.examples - done_at_start_);
  const double rate = seconds > 0 ? done / seconds : 0;
  const double left = static_cast<double>((epochs_ - trainer.epoch()) * per_epoch_ - score.examples);
  const double share = static_cast<double>(score.examples) / static_cast<double>(per_epoch_);
  fmt::print("\r{}  [{}]  {}  {:>7.0f} examples/s  {} left\x1b[K", head(trainer, trainer.epoch() + 1), bar(share),
             words(trainer, score), rate, rate > 0 ? duration(left / rate) : "?");
  std::fflush(stdout);
  line_open_ = true;
}

void Progress::after_epoch(const Trainer& trainer, const Score& held_out) {
  if (style_ == Style::quiet) return;
  const Score& score = trainer.last_epoch();
  const double rate = epoch_seconds_ > 0 ? static_cast<double>(score.examples - done_at_start_) / epoch_seconds_ : 0;
  fmt::print("{}{}  {}  held out: {}  {:>7.0f} examples/s\n", line_open_ ? "\r\x1b[K" : "",
             head(trainer, trainer.epoch()), words(trainer, score), words(trainer, held_out), rate);
  std::fflush(stdout);
  line_open_ = false;
}

void Progress::end_epoch() {
  epoch_seconds_ = between(epoch_start_, Clock::now());
  seconds_ += epoch_seconds_;
  in_epoch_ = false;
}

void Progress::end_line() {
  if (line_open_) std::fputc('\n', stdout);
  line_open_ = false;
}

}  // namespace bitale::models

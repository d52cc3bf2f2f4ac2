// What a person sees of a training run: a line that moves on a terminal, one plain line per epoch elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "models/zoo/train.h"

namespace bitale::models {

class Progress {
 public:
  enum class Style : std::uint8_t { moving, plain, quiet };
  static Style style_of_stdout(bool quiet);

  Progress(Style style, std::int64_t examples_per_epoch);

  void begin_phase(std::int64_t epochs);  // that it has in all

  // Around the steps of an epoch, and after it; time outside begin_epoch and end_epoch is not counted.
  void begin_epoch(const Trainer& trainer);
  void after_step(const Trainer& trainer);
  void end_epoch();
  void after_epoch(const Trainer& trainer, const Score& held_out);
  void end_line();  // before other output

  double seconds() const;  // of all steps so far

 private:
  std::string head(const Trainer& trainer, std::int64_t epoch) const;
  void draw(const Trainer& trainer, double seconds);

  using Clock = std::chrono::steady_clock;
  Style style_;
  std::int64_t epochs_ = 0, per_epoch_;  // epochs of the phase
  std::int64_t done_at_start_ = 0;       // examples of the epoch that an earlier run has done
  double seconds_ = 0, epoch_seconds_ = 0;
  Clock::time_point epoch_start_, last_drawn_;
  bool line_open_ = false, in_epoch_ = false;
};

}  // namespace bitale::models

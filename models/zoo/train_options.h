// The settings of a training run: one list, from which come the command line, what a checkpoint says, and the checks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include <bitale/conv_algorithm.h>

#include "models/data/safetensors.h"
#include "models/optim/optimizer.h"
#include "models/optim/rate_policy.h"
#include "models/zoo/models.h"

namespace bitale::models {

// The values are LeNet's; default_options() has those of the others.
struct TrainOptions {
  std::string variant{};  // of ModelRow::variants; empty where there is one
  std::int64_t batch = 64;
  std::string optimizer = "sgd";
  double learning_rate = 0.05;
  double momentum = 0.9;
  double weight_decay = 0;
  double clip_norm = 0, clip_value = 0;

  // How the learning rate follows the steps of the run, however many come after; what the policy does not take is 0.
  std::string policy = "step";
  double gamma = 0.8, power = 0;
  std::int64_t step_size = 0;  // 0: the steps of an epoch
  std::int64_t max_iterations = 0;
  std::string milestones{};

  // Of parameters, by their names: as parse_factors and parse_frozen read them.
  std::string rate{}, decay_scale{}, freeze{};

  // Of models that are trained step by step: epochs of each step before the last (0: only that is trained), and b
  // there.
  std::int64_t pretrain_epochs = 0;
  double pretrain_learning_rate = 0.05;

  std::int64_t patience = 0;  // training ends after so many epochs that do no better on the held-out examples; 0: never
  std::int64_t seed = 23455;  // 32 bits: of initial values and orders

  std::int64_t shift = 1;  // every time a digit is seen, it is moved by up to so many pixels each way

  std::int64_t hidden = 0;  // 0: the variant's
  std::int64_t vocabulary = 10000;
  std::int64_t max_length = 100;  // reviews of so many words or more are left out; 0: none
  std::int64_t window = 0;        // of every so many batches, reviews are sorted by length; 0: of none

  int threads = 0;  // 0: the default of functions
  std::string device = "cpu";
  bool tf32 = false;
  ConvAlgorithm conv = ConvAlgorithm::automatic;

  // Of what loads pictures; results do not depend on them.
  int loader_threads = 0;     // 0: as many as the process has CPUs
  std::int64_t prefetch = 2;  // batches that are loaded ahead
};

TrainOptions default_options(const ModelRow& model);

// The policy, and what goes with it where nothing is known of the problem; 0 for what it does not take.
void use_policy(TrainOptions& options, const std::string& policy);
RateSchedule schedule_of(const TrainOptions& options, std::int64_t steps_per_epoch);

// All but the learning rate, which is a variable of the run. The text must be what the checks let pass.
OptimizerOptions optimizer_options_of(const TrainOptions& options);
std::int64_t default_epochs(const ModelRow& model);

using TrainValue = std::variant<std::int64_t, double, std::string>;

// One setting. Those of digits and of words concern the models that read these, those of variants and of steps the
// models that have several.
struct TrainOptionRow {
  enum class Of : std::uint8_t { all, digits, words, variants, steps };

  const char* name;  // in checkpoints: learning_rate; on the command line --learning-rate
  std::string help;
  std::variant<std::int64_t TrainOptions::*, double TrainOptions::*, std::string TrainOptions::*> member;
  std::string range;  // what must hold, in words behind "must be"
  bool (*good)(const TrainOptions& options);
  Of of = Of::all;
  bool fixed = false;     // a run cannot be continued with another value
  bool may_lack = false;  // in a checkpoint, where it then has its default

  bool concerns(const ModelRow& model) const;
  std::string whose() const;  // "models that read digits"; empty where it concerns all
  std::string flag() const;
  TrainValue get(const TrainOptions& options) const;
  void set(TrainOptions& options, const TrainValue& value) const;  // of its type
};
std::span<const TrainOptionRow> train_option_rows();

std::string to_text(const TrainValue& value);

// Error that names the first setting which is out of range or does not go with another.
void check(const ModelRow& model, const TrainOptions& options);

// ---- in checkpoints ----

void put(NamedArrays& checkpoint, const ModelRow& model, const TrainOptions& options);
// The settings that a checkpoint was trained with, for continuing it. Error if it is not one of this model, or holds
// settings that check() does not take.
TrainOptions options_of(const ModelRow& model, const NamedArrays& checkpoint, const std::string& file);

// Error if a setting that is fixed differs; `theirs` are a checkpoint's.
void require_fixed(const ModelRow& model, const TrainOptions& ours, const TrainOptions& theirs,
                   const std::string& file);

}  // namespace bitale::models

// Training a network on digits, step by step, in a way that can be stopped and continued bit for bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <bitale/bitale.h>

#include "models/data/mnist.h"
#include "models/data/safetensors.h"
#include "models/zoo/models.h"

namespace bitale::models {

struct TrainOptions {
  std::int64_t batch = 64;
  double learning_rate = 0.05;
  double decay = 0.8;  // the learning rate of epoch e is learning_rate * decay^e, however many epochs follow
  double momentum = 0.9;
  double weight_decay = 0;
  std::int64_t shift = 2;  // every time a digit is seen, it is moved by up to so many pixels each way
  int threads = 0;         // 0: the default of functions
  std::uint32_t seed = 23455;
};

// Over some examples: the mean loss and the share of right answers.
struct Score {
  double loss_sum = 0;
  std::int64_t right = 0, examples = 0;

  double loss() const { return examples > 0 ? loss_sum / static_cast<double>(examples) : 0; }
  double accuracy() const { return examples > 0 ? static_cast<double>(right) / static_cast<double>(examples) : 0; }
  bool operator==(const Score&) const = default;
};

class Trainer {
 public:
  // Builds and compiles. The digits must outlive the trainer.
  Trainer(const ModelRow& row, const Digits& train, const Digits& test, const TrainOptions& options);

  // One batch, updated in place. The batches of an epoch are its examples in an order that seed and epoch decide; the
  // last one may be smaller. How far each is moved, they decide too.
  void step();
  std::int64_t epoch() const { return epoch_; }                  // complete epochs
  std::int64_t examples_done() const { return seen_.examples; }  // of the epoch under way; 0 between epochs
  const Score& current() const { return seen_; }                 // of the epoch under way
  const Score& last_epoch() const { return last_; }              // of the last complete one
  double learning_rate() const;                                  // of the epoch under way

  Score evaluate() const;  // on the held-out digits

  // Everything that the next step depends on, also in the middle of an epoch. restore() gives an Error if the file is
  // not such a checkpoint, or is one of another model, seed, batch or number of digits; then nothing has changed.
  NamedArrays checkpoint() const;
  void restore(const NamedArrays& checkpoint, const std::string& file);

  const BuiltModel& model() const { return model_; }
  double compile_seconds() const { return train_.compile_seconds() + evaluate_.compile_seconds(); }
  int threads() const { return train_.threads(); }

 private:
  std::vector<Shared> variables() const;
  void shuffle();
  std::vector<Argument> training_batch(std::int64_t begin, std::int64_t end) const;

  const Digits& digits_;
  const Digits& held_out_;
  TrainOptions options_;
  BuiltModel model_;
  Shared learning_rate_;
  std::vector<Shared> velocities_;
  Function train_, evaluate_;
  std::vector<std::int64_t> order_;  // of the epoch under way
  std::int64_t epoch_ = 0;
  Score seen_, last_;
};

// The settings that a checkpoint was trained with, for continuing it.
TrainOptions options_of(const NamedArrays& checkpoint, const std::string& file);

}  // namespace bitale::models

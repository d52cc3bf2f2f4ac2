// Training a network, step by step, in a way that can be stopped and continued bit for bit.
//
// A run has phases, one after another: those of BuiltModel::before, each for TrainOptions::pretrain_epochs (0: they are
// left out), then the model itself, for as long as one likes. Each descends on a loss of its own, over variables that
// they share, with an optimizer that knows nothing of earlier phases; epochs and steps are counted in each from 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <bitale/bitale.h>

#include "models/data/safetensors.h"
#include "models/zoo/models.h"
#include "models/zoo/score.h"
#include "models/zoo/train_options.h"
#include "models/zoo/training_data.h"

namespace bitale::models {

class Trainer {
 public:
  // Builds and compiles.
  Trainer(const ModelRow& row, std::unique_ptr<TrainingData> data, const TrainOptions& options);

  // One batch, updated in place.
  void step();

  const std::string& phase() const { return under_way().model.step; }  // "ae1"; empty where a model has one only
  bool pretraining() const { return phase_ + 1 < phases_.size(); }     // there are phases behind this one
  // Epochs of each phase before the last: after so many, between epochs, next_phase() is due.
  std::int64_t pretrain_epochs() const { return phases_.size() > 1 ? options_.pretrain_epochs : 0; }
  void next_phase();

  std::int64_t epoch() const { return epoch_; }                  // complete epochs
  std::int64_t examples_done() const { return seen_.examples; }  // of the epoch under way; 0 between epochs
  const Score& current() const { return seen_; }                 // of the epoch under way
  const Score& last_epoch() const { return last_; }              // of the last complete one
  std::int64_t iteration() const;                                // steps of the phase that are done
  double learning_rate() const;                                  // of the next step

  // By the loss of the phase; pre-training has no right answers.
  Score evaluate(TrainingData::Part part = TrainingData::Part::held_out) const;

  // With patience, what the run is after. To be called after every epoch of the last phase with the score of the
  // held-out examples: remembers the parameters if it is the best so far.
  struct Best {
    std::int64_t epoch = 0;  // complete epochs
    Score score;
    std::vector<Array> values;  // of the parameters
  };
  void note(const Score& held_out);
  bool out_of_patience() const;  // so many epochs have not been better than the best one
  const std::optional<Best>& best() const { return best_; }
  void use_best();  // the parameters of the best epoch, if one was noted; evaluate() then measures these

  // Everything that the next step depends on, also in the middle of an epoch. restore() gives an Error if the file is
  // not such a checkpoint, is one of another model, seed, batch or other data, or lacks what the optimizer knows of a
  // parameter because it was frozen; then nothing has changed.
  NamedArrays checkpoint() const;
  void restore(const NamedArrays& checkpoint, const std::string& file);

  const BuiltModel& model() const { return model_; }
  const TrainingData& data() const { return *data_; }
  double compile_seconds() const;
  int threads() const { return under_way().train.threads(); }
  // Of a step's contractions on such a batch, 2 per multiply-add.
  double step_flops(const Examples& batch) const { return under_way().train.flops(under_way().arguments(batch)); }

 private:
  struct Phase {
    BuiltModel model;
    RateSchedule schedule;
    std::vector<Shared> optimizer_state;
    Function train, evaluate;

    std::vector<std::string> names() const;  // of the parameters
    std::span<const Argument> arguments(const Examples& batch) const;
  };

  const Phase& under_way() const { return phases_[phase_]; }
  void add_phase(const BuiltModel& model, double learning_rate);
  void check_names() const;
  void compile(Phase& phase);
  std::vector<Shared> parameters() const;
  std::vector<Shared> variables(const Phase& phase) const;
  std::size_t phase_of(const NamedArrays& checkpoint, const std::string& file) const;
  std::int64_t steps_per_epoch() const;
  void require_thawed(const Phase& phase, const TrainOptions& theirs, const std::string& file) const;

  const ModelRow& row_;
  TrainOptions options_;
  std::unique_ptr<TrainingData> data_;
  BuiltModel model_;
  Shared learning_rate_;
  std::vector<Phase> phases_;
  std::size_t phase_ = 0;
  std::optional<double> rate_set_;  // what learning_rate_ holds
  bool epoch_started_ = false;      // data_ stands behind examples_done()
  std::int64_t epoch_ = 0;
  Score seen_, last_;
  std::optional<Best> best_;
};

}  // namespace bitale::models

// What a network is trained on: batches, in an order that seed and epoch decide, and examples that are held out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bitale/bitale.h>

#include "models/zoo/train_options.h"

namespace bitale::models {

// A batch, as the functions of the model take it.
struct Examples {
  std::vector<Argument> arguments;
  std::int64_t count = 0;
};

class TrainingData {
 public:
  enum class Part : std::uint8_t {
    held_out,  // measured after every epoch, and what decides when training ends early
    test,      // measured once, at the end; there may be none
  };

  virtual ~TrainingData() = default;

  virtual std::string source() const = 0;  // where it was read from, in words for a person
  virtual std::int64_t size() const = 0;   // examples of an epoch, at least 1
  virtual bool has_test() const = 0;

  // The next batch is that behind the first `done` examples of the epoch: the same one whatever came before.
  virtual void start(std::int64_t epoch, std::int64_t done) = 0;
  virtual Examples next() = 0;  // where the epoch is not over

  virtual void each(Part part, const std::function<void(const Examples& batch)>& use) const = 0;

  // Numbers that tell this data from other data: a checkpoint of a run on other data cannot be continued.
  virtual std::vector<std::pair<std::string, std::int64_t>> facts() const = 0;
};

// What the model reads, from `dir` as load_mnist, load_reviews or open_picture_sets say; of the options, those that
// concern data.
std::unique_ptr<TrainingData> load_training_data(const ModelRow& model, const std::optional<std::string>& dir,
                                                 const TrainOptions& options);

}  // namespace bitale::models

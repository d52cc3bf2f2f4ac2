// Digits to train on: shuffled in every epoch, and moved a little, at random, each time that they are seen.
#pragma once

#include "models/data/mnist.h"
#include "models/zoo/training_data.h"

namespace bitale::models {

// Arguments: images [batch, 784] float32, labels [batch] int32. Held out are the test digits, as they are; there is no
// further test.
class DigitsData : public TrainingData {
 public:
  // Of the options: batch, seed, shift. Error if there are no digits.
  DigitsData(Mnist digits, const TrainOptions& options);

  std::string source() const override { return digits_.source; }
  std::int64_t size() const override { return digits_.train.count; }
  bool has_test() const override { return false; }
  void start(std::int64_t epoch, std::int64_t done) override;
  Examples next() override;
  void each(Part part, const std::function<void(const Examples& batch)>& use) const override;
  std::vector<std::pair<std::string, std::int64_t>> facts() const override { return {{"digits", size()}}; }

 private:
  Mnist digits_;
  TrainOptions options_;
  std::vector<std::int64_t> order_;  // of the epoch under way
  std::int64_t epoch_ = 0, done_ = 0;
};

}  // namespace bitale::models

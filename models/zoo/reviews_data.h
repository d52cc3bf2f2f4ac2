// Reviews to train on, as sequences of words.
#pragma once

#include "models/data/batches.h"
#include "models/zoo/training_data.h"

namespace bitale::models {

// Arguments: ids, mask and labels of models/data/batches.h. The vocabulary has the most frequent words of all reviews
// that are there to train on. Those of max_length words or more are left out everywhere; of the others that are there
// to train on, 5 % are held out, always the same ones.
class ReviewsData : public TrainingData {
 public:
  // Of the options: batch, seed, vocabulary, max_length, window. Error if a part has no reviews.
  ReviewsData(const Reviews& reviews, const TrainOptions& options);
  ReviewsData(const ReviewsData&) = delete;  // batches_ points into it
  ReviewsData& operator=(const ReviewsData&) = delete;

  std::string source() const override { return source_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(train_.size()); }
  bool has_test() const override { return true; }
  void start(std::int64_t epoch, std::int64_t done) override;
  Examples next() override;
  void each(Part part, const std::function<void(const Examples& batch)>& use) const override;
  std::vector<std::pair<std::string, std::int64_t>> facts() const override;

 private:
  std::string source_;
  std::vector<Sequence> train_, held_out_, test_;
  std::int64_t batch_;
  std::optional<Batches> batches_;
};

}  // namespace bitale::models

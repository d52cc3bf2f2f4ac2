#include "models/zoo/reviews_data.h"

#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "models/data/split_mix.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr double held_out_share = 0.05;
constexpr std::uint64_t held_out_seed = 123;
constexpr std::int64_t evaluation_batch = 64;

Vocabulary vocabulary_of(const std::vector<Review>& reviews, std::int64_t size) {
  WordCounts counts;
  for (const Review& review : reviews) counts.add(review.text);
  return counts.most_frequent(size);
}

// Those that have words, and fewer than max_length of them if that is not 0.
std::vector<Sequence> usable(const std::vector<Review>& reviews, const Vocabulary& vocabulary,
                             std::int64_t max_length) {
  std::vector<Sequence> sequences = encode(reviews, vocabulary);
  std::erase_if(sequences, [&](const Sequence& s) {
    return s.ids.empty() || (max_length > 0 && static_cast<std::int64_t>(s.ids.size()) >= max_length);
  });
  return sequences;
}

Examples examples(const Batch& batch) {
  return {{batch.ids, batch.mask, batch.labels}, static_cast<std::int64_t>(batch.sequences.size())};
}

}  // namespace

ReviewsData::ReviewsData(const Reviews& reviews, const TrainOptions& options) : batch_(options.batch) {
  const Vocabulary vocabulary = vocabulary_of(reviews.train, options.vocabulary);
  train_ = usable(reviews.train, vocabulary, options.max_length);
  test_ = usable(reviews.test, vocabulary, options.max_length);
  SplitMix(held_out_seed).shuffle(train_);
  const auto kept = train_.begin() + static_cast<std::ptrdiff_t>(held_out_share * static_cast<double>(size()));
  held_out_.assign(std::move_iterator(train_.begin()), std::move_iterator(kept));
  train_.erase(train_.begin(), kept);
  if (train_.empty() || held_out_.empty() || test_.empty()) {
    throw Error(fmt::format("of {}, {} are left to train on, {} to hold out and {} to test with; each takes one.",
                            reviews.source, train_.size(), held_out_.size(), test_.size()));
  }
  source_ = fmt::format("{}; {} to train on, {} held out, {} to test with", reviews.source, train_.size(),
                        held_out_.size(), test_.size());
  if (options.max_length > 0) source_ += fmt::format(", of less than {} words", options.max_length);
  batches_.emplace(
      train_,
      BatchOptions{.batch = batch_, .seed = static_cast<std::uint64_t>(options.seed), .window = options.window});
}

void ReviewsData::start(std::int64_t epoch, std::int64_t done) { batches_->start(epoch, done / batch_); }

Examples ReviewsData::next() {
  const std::optional<Batch> batch = batches_->next();
  BITALE_ASSERT(batch, "the epoch is not over");
  return examples(*batch);
}

void ReviewsData::each(Part part, const std::function<void(const Examples& batch)>& use) const {
  Batches batches(part == Part::held_out ? held_out_ : test_,
                  {.batch = evaluation_batch, .window = std::numeric_limits<std::int32_t>::max()});
  while (const std::optional<Batch> batch = batches.next()) use(examples(*batch));
}

std::vector<std::pair<std::string, std::int64_t>> ReviewsData::facts() const {
  std::int64_t words = 0;
  for (const Sequence& sequence : train_) words += static_cast<std::int64_t>(sequence.ids.size());
  return {{"reviews", size()}, {"words", words}};
}

}  // namespace bitale::models

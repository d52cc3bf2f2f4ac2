#include "models/data/batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "models/data/split_mix.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

void check(const BatchOptions& options) {
  if (options.batch < 1) throw Error(fmt::format("batches of {} sequences were asked for.", options.batch));
  if (options.max_length < 0 || options.window < 0) {
    throw Error(fmt::format("batches: max_length is {} and window {}; neither can be negative.", options.max_length,
                            options.window));
  }
}

}  // namespace

std::vector<Sequence> encode(std::span<const Review> reviews, const Vocabulary& vocabulary) {
  std::vector<Sequence> sequences;
  sequences.reserve(reviews.size());
  for (const Review& review : reviews) sequences.push_back({vocabulary.encode(review.text), review.label});
  return sequences;
}

Batches::Batches(std::span<const Sequence> sequences, const BatchOptions& options)
    : sequences_(sequences), options_(options) {
  check(options_);
  const bool drops = options_.max_length > 0 && options_.long_ones == BatchOptions::Long::drop;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto ids = static_cast<std::int64_t>(sequences_[i].ids.size());
    if (drops && ids >= options_.max_length) {
      ++too_long_;
    } else if (ids > 0) {
      used_.push_back(static_cast<std::int64_t>(i));
    }
  }
  count_ = used() / options_.batch + (options_.partial && used() % options_.batch > 0 ? 1 : 0);
  if (count_ == 0) {
    throw Error(fmt::format("{} sequences make no batch of {}: {} are too long and {} are empty.", sequences_.size(),
                            options_.batch, too_long_, empty()));
  }
  start(0);
}

std::int64_t Batches::length(std::int64_t sequence) const {
  const auto ids = static_cast<std::int64_t>(sequences_[static_cast<std::size_t>(sequence)].ids.size());
  return options_.max_length > 0 ? std::min(ids, options_.max_length) : ids;
}

void Batches::start(std::int64_t epoch, std::int64_t batch) {
  if (epoch < 0 || batch < 0 || batch > count_)
    throw Error(fmt::format("batch {} of epoch {} was asked for; epochs have {} batches.", batch, epoch, count_));
  order_ = used_;
  std::uint64_t batch_seed = 0;
  if (options_.seed) {
    SplitMix numbers(*options_.seed, epoch);
    numbers.shuffle(order_);
    batch_seed = numbers.next();
  }
  order_.resize(static_cast<std::size_t>(std::min(used(), count_ * options_.batch)));
  if (options_.window > 1) {
    sort_windows();
    if (options_.seed) shuffle_batches(batch_seed);
  }
  next_ = batch;
}

void Batches::sort_windows() {
  const auto size = static_cast<std::int64_t>(order_.size());
  const std::int64_t step = std::min(options_.window, count_) * options_.batch;
  for (std::int64_t begin = 0; begin < size; begin += step) {
    std::stable_sort(order_.begin() + begin, order_.begin() + std::min(begin + step, size),
                     [&](std::int64_t a, std::int64_t b) { return length(a) < length(b); });
  }
}

// A batch that is not full stays the last one.
void Batches::shuffle_batches(std::uint64_t seed) {
  std::vector<std::int64_t> full(order_.size() / static_cast<std::size_t>(options_.batch));
  std::iota(full.begin(), full.end(), 0);
  SplitMix(seed).shuffle(full);
  const std::vector<std::int64_t> before = order_;
  auto to = order_.begin();
  for (const std::int64_t b : full) to = std::copy_n(before.begin() + b * options_.batch, options_.batch, to);
}

std::optional<Batch> Batches::next() {
  if (next_ == count_) return std::nullopt;
  const auto begin = order_.begin() + next_ * options_.batch;
  const auto end = next_ + 1 == count_ ? order_.end() : begin + options_.batch;
  ++next_;

  Batch batch;
  batch.sequences.assign(begin, end);
  const auto width = static_cast<std::int64_t>(batch.sequences.size());
  std::int64_t steps = 0;
  for (const std::int64_t sequence : batch.sequences) steps = std::max(steps, length(sequence));
  batch.ids = Array(DType::i64, {steps, width});
  batch.mask = Array(DType::f32, {steps, width});
  batch.labels = Array(DType::i64, {width});
  const auto ids = batch.ids.view<std::int64_t>(), labels = batch.labels.view<std::int64_t>();
  const auto mask = batch.mask.view<float>();
  std::fill(ids.begin(), ids.end(), padding_id);
  std::fill(mask.begin(), mask.end(), 0.0f);
  for (std::size_t column = 0; column < batch.sequences.size(); ++column) {
    const Sequence& sequence = sequences_[static_cast<std::size_t>(batch.sequences[column])];
    labels[column] = sequence.label;
    const auto kept = static_cast<std::size_t>(length(batch.sequences[column]));
    for (std::size_t t = 0; t < kept; ++t) {
      ids[t * batch.sequences.size() + column] = sequence.ids[t];
      mask[t * batch.sequences.size() + column] = 1.0f;
    }
  }
  return batch;
}

}  // namespace bitale::models

// Batches of sequences of different lengths, as a recurrent network takes them: time first, padded at the end, with a
// mask.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/data/reviews.h"
#include "models/data/vocabulary.h"
#include "runtime/memory/array.h"

namespace bitale::models {

// A text as ids of words, and what is to be said of it.
struct Sequence {
  std::vector<std::int32_t> ids;
  std::int32_t label = 0;
};

std::vector<Sequence> encode(std::span<const Review> reviews, const Vocabulary& vocabulary);

struct BatchOptions {
  std::int64_t batch = 16;
  // What becomes of long sequences: with `drop`, those of `max_length` ids or more are left out, as in Theano's
  // tutorial (max_length 100); with `cut`, the first max_length ids of those that have more are taken. 0: no sequence
  // is long.
  enum class Long : std::uint8_t { drop, cut } long_ones = Long::drop;
  std::int64_t max_length = 0;
  // Without a seed, sequences come in the order in which they are given. With one, every epoch has an order of its own
  // that is the same on every machine.
  std::optional<std::uint64_t> seed = std::nullopt;
  // Of every so many batches in a row the sequences are sorted by length, so that little is padding; with a seed, the
  // order of the batches of an epoch is then shuffled. 0 or 1: they are not sorted.
  std::int64_t window = 0;
  bool partial = true;  // false: sequences at the end of the order that do not fill a batch are left out
};

struct Batch {
  Array ids;                            // [T, B] int64; T is the length of the longest sequence
  Array mask;                           // [T, B] float32: 1, and 0 where a sequence has ended and ids is padding_id
  Array labels;                         // [B] int64
  std::vector<std::int64_t> sequences;  // which of the given ones they are
};

// The batches of epochs, made one at a time. Sequences without ids are left out: they have no mean.
class Batches {
 public:
  // Starts epoch 0. The sequences must outlive the object. Error if the options are out of range, or leave no batch.
  Batches(std::span<const Sequence> sequences, const BatchOptions& options);

  void start(std::int64_t epoch, std::int64_t batch = 0);  // the next batch is this one of this epoch
  std::optional<Batch> next();                             // nothing once the epoch is over

  std::int64_t count() const { return count_; }                                  // batches of an epoch
  std::int64_t used() const { return static_cast<std::int64_t>(used_.size()); }  // not left out for their length
  std::int64_t too_long() const { return too_long_; }                            // dropped
  std::int64_t empty() const { return static_cast<std::int64_t>(sequences_.size()) - used() - too_long_; }

 private:
  std::int64_t length(std::int64_t sequence) const;
  void sort_windows();
  void shuffle_batches(std::uint64_t seed);

  std::span<const Sequence> sequences_;
  BatchOptions options_;
  std::vector<std::int64_t> used_, order_;  // order_: the sequences of the epoch under way, batch after batch
  std::int64_t too_long_ = 0, count_ = 0, next_ = 0;
};

}  // namespace bitale::models

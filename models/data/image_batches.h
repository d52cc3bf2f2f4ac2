// Batches of pictures, as a network takes them: decoded, cropped and mirrored by threads that work ahead.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/data/image_set.h"
#include "models/data/work_ahead.h"
#include "runtime/memory/array.h"

namespace bitale::models {

struct ImageBatchOptions {
  std::int64_t batch = 256;
  std::int64_t crop = 224;  // the side of what is cut out of a picture
  ReadOptions read;         // what is done to pictures before that
  // With augmentation, the crop lies anywhere and every other one is mirrored, as seed, epoch and the number of the
  // picture say; without, it is the centre, as it is.
  bool augment = true;
  // Without a seed, pictures come in the order of the set. With one, every epoch has an order of its own. Neither order
  // nor crops depend on the machine, or on how many threads there are.
  std::optional<std::uint64_t> seed = std::nullopt;
  bool partial = true;  // false: pictures at the end of the order that do not fill a batch are left out
  // Subtracted from pixels of 0 to 255. One of more than a pixel must have the size of every picture that a crop is
  // taken of, and of it is subtracted what lies under the crop.
  std::optional<MeanPicture> mean = std::nullopt;
  float scale = 1;            // of what remains
  bool blue_first = false;    // the order of channels: that of networks that come from Caffe
  int threads = 0;            // that decode; 0: as many as the process has CPUs
  std::int64_t prefetch = 2;  // batches that are worked on ahead of the one that was taken; at least 1
};

struct ImageBatch {
  Array images;                        // [B, 3, crop, crop] float32
  Array labels;                        // [B] int32
  std::vector<std::int64_t> pictures;  // which of the set
};

// The batches of epochs. Threads run from start() on, and when an epoch is over they have ended. They keep prefetch + 1
// batches in memory, which are used again as soon as nobody has the arrays of a batch any more.
class ImageBatches {
 public:
  // Of the pictures `chosen`, in this order, or all. The set must outlive the object. Starts nothing. Error if the
  // options are out of range, or leave no batch.
  ImageBatches(const ImageSet& set, const ImageBatchOptions& options, std::vector<std::int64_t> chosen = {});

  void start(std::int64_t epoch, std::int64_t batch = 0);  // the next batch is this one of this epoch
  // Nothing once the epoch is over. Error that names the picture if one cannot be read, or is smaller than the crop.
  std::optional<ImageBatch> next();

  std::int64_t count() const { return count_; }  // batches of an epoch
  std::int64_t pictures() const { return static_cast<std::int64_t>(chosen_.size()); }
  int threads() const { return threads_; }
  double cpu_seconds() const;  // that threads have spent decoding since the object was made

 private:
  struct Slot {
    Array images, labels;
  };
  std::int64_t end_of(std::int64_t batch) const;  // of its pictures, in the order of the epoch
  Slot slot_for(std::int64_t batch);
  void load(std::int64_t place);
  void stop();

  const ImageSet& set_;
  ImageBatchOptions options_;
  std::vector<std::int64_t> chosen_, order_;  // order_: places in chosen_, of the epoch under way
  int threads_;
  std::int64_t count_ = 0, first_ = 0, next_ = 0;  // batches; the one that start() was for
  std::uint64_t epoch_seed_ = 0;
  double cpu_seconds_ = 0;           // of threads that have ended
  std::vector<Slot> slots_, given_;  // [batch % prefetch]: being filled; handed out before
  std::unique_ptr<WorkAhead> work_;  // last: its threads use the rest
};

}  // namespace bitale::models

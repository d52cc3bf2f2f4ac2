#include "models/data/image_batches.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "models/data/split_mix.h"
#include "runtime/base/error.h"
#include "runtime/device/pool.h"

namespace bitale::models {
namespace {

constexpr std::int64_t max_threads = 1024, max_batch_bytes = std::int64_t{1} << 36;

void check(const ImageBatchOptions& o) {
  if (o.batch < 1) throw Error(fmt::format("batches of {} pictures were asked for.", o.batch));
  if (o.crop < 1 || o.crop > max_picture_pixels / o.crop)
    throw Error(fmt::format("crops of {0} x {0} pixels were asked for.", o.crop));
  if (o.batch > max_batch_bytes / (o.crop * o.crop * picture_channels * std::int64_t{sizeof(float)}))
    throw Error(fmt::format("a batch of {} pictures of {} x {} pixels takes more than {} bytes.", o.batch, o.crop,
                            o.crop, max_batch_bytes));
  if (o.read.side < 0 || (o.read.side > 0 && o.read.side < o.crop))
    throw Error(fmt::format("pictures scaled to {} pixels hold no crop of {}.", o.read.side, o.crop));
  if (o.threads < 0 || o.threads > max_threads)
    throw Error(fmt::format("{} threads were asked for to load pictures; 0 to {} can be.", o.threads, max_threads));
  if (o.prefetch < 1) throw Error(fmt::format("{} batches ahead were asked for; at least 1 is.", o.prefetch));
}

// What is cut out of a picture.
struct Crop {
  std::int64_t x = 0, y = 0;
  bool mirrored = false;
};

Crop centre(PictureSize size, std::int64_t crop) { return {(size.width - crop) / 2, (size.height - crop) / 2, false}; }

Crop random_crop(PictureSize size, std::int64_t crop, SplitMix& numbers) {
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(numbers.below(static_cast<std::uint64_t>(bound)));
  };
  Crop out;
  out.y = below(size.height - crop + 1);
  out.x = below(size.width - crop + 1);
  out.mirrored = numbers.below(2) == 1;
  return out;
}

// Of the 256 values that a pixel of a channel can have, what is left without the channel's mean, and scaled.
std::array<float, 256> values_of(float mean, float scale) {
  std::array<float, 256> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = (static_cast<float>(i) - mean) * scale;
  return values;
}

// `left` says what is left of the pixel at x in the picture. `to` is filled from its end if the crop is mirrored.
template <class F>
void write_row(const Crop& crop, std::int64_t side, float* to, const F& left) {
  if (crop.mirrored) {
    for (std::int64_t x = 0; x < side; ++x) to[side - 1 - x] = left(crop.x + x);
  } else {
    for (std::int64_t x = 0; x < side; ++x) to[x] = left(crop.x + x);
  }
}

void write_crop(const PictureView& picture, const Crop& crop, const ImageBatchOptions& o, float* to) {
  const bool whole_mean = o.mean && !o.mean->per_channel();
  for (std::int64_t channel = 0; channel < picture_channels; ++channel) {
    const std::int64_t c = o.blue_first ? picture_channels - 1 - channel : channel;
    const auto values = values_of(o.mean && !whole_mean ? o.mean->values[static_cast<std::size_t>(c)] : 0, o.scale);
    for (std::int64_t y = crop.y; y < crop.y + o.crop; ++y, to += o.crop) {
      const std::uint8_t* row = picture.channels[static_cast<std::size_t>(c)] + y * picture.row;
      if (whole_mean) {
        const float* mean = o.mean->values.data() + (c * picture.size.height + y) * picture.size.width;
        write_row(crop, o.crop, to,
                  [&](std::int64_t x) { return (static_cast<float>(row[x * picture.pixel]) - mean[x]) * o.scale; });
      } else {
        write_row(crop, o.crop, to, [&](std::int64_t x) { return values[row[x * picture.pixel]]; });
      }
    }
  }
}

void check_picture(PictureSize size, const ImageBatchOptions& o, const std::string& name) {
  if (size.width < o.crop || size.height < o.crop)
    throw Error(fmt::format("'{}' has {} pixels, and a crop of {} x {} was asked for; pictures can be scaled before.",
                            name, to_string(size), o.crop, o.crop));
  if (o.mean && !o.mean->per_channel() && o.mean->size != size)
    throw Error(fmt::format("'{}' has {} pixels, and the mean picture {}; they must be of one size.", name,
                            to_string(size), to_string(o.mean->size)));
}

bool used_elsewhere(const Array& array) {
  if (array.storage().use_count() > 1) return true;
  std::atomic_thread_fence(std::memory_order_acquire);  // behind what the last one to drop it did with it
  return false;
}

}  // namespace

ImageBatches::ImageBatches(const ImageSet& set, const ImageBatchOptions& options, std::vector<std::int64_t> chosen)
    : set_(set),
      options_(options),
      chosen_(std::move(chosen)),
      threads_(options.threads > 0 ? options.threads : default_threads()) {
  check(options_);
  if (chosen_.empty()) {
    chosen_.resize(static_cast<std::size_t>(set.count()));
    std::iota(chosen_.begin(), chosen_.end(), 0);
  }
  for (const std::int64_t picture : chosen_)
    BITALE_ASSERT(picture >= 0 && picture < set.count(), fmt::format("picture {} of {}", picture, set.count()));
  count_ = pictures() / options_.batch + (options_.partial && pictures() % options_.batch > 0 ? 1 : 0);
  if (count_ == 0) throw Error(fmt::format("{} pictures make no batch of {}.", pictures(), options_.batch));
  next_ = count_;
}

std::int64_t ImageBatches::end_of(std::int64_t batch) const {
  return std::min((batch + 1) * options_.batch, pictures());
}

void ImageBatches::stop() {
  if (!work_) return;
  cpu_seconds_ += work_->cpu_seconds();
  work_.reset();
}

double ImageBatches::cpu_seconds() const { return cpu_seconds_ + (work_ ? work_->cpu_seconds() : 0); }

void ImageBatches::start(std::int64_t epoch, std::int64_t batch) {
  if (epoch < 0 || batch < 0 || batch > count_)
    throw Error(fmt::format("batch {} of epoch {} was asked for; epochs have {} batches.", batch, epoch, count_));
  stop();
  order_.resize(chosen_.size());
  std::iota(order_.begin(), order_.end(), 0);
  if (options_.seed) SplitMix(*options_.seed, epoch).shuffle(order_);
  epoch_seed_ = SplitMix(options_.seed.value_or(0), epoch).next();
  first_ = next_ = batch;
  if (batch == count_) return;

  slots_.resize(static_cast<std::size_t>(options_.prefetch));
  for (std::int64_t b = batch; b < std::min(count_, batch + options_.prefetch); ++b)
    slots_[static_cast<std::size_t>(b % options_.prefetch)] = slot_for(b);
  const std::int64_t begin = batch * options_.batch;
  work_ = std::make_unique<WorkAhead>(threads_, end_of(count_ - 1) - begin, options_.prefetch * options_.batch,
                                      [this, begin](std::int64_t task) { load(begin + task); });
  work_->release(0);
}

// Arrays that nobody has any more, or new ones.
ImageBatches::Slot ImageBatches::slot_for(std::int64_t batch) {
  const std::int64_t size = end_of(batch) - batch * options_.batch;
  Slot slot;
  std::erase_if(given_, [&](Slot& given) {
    if (used_elsewhere(given.images) || used_elsewhere(given.labels)) return false;
    if (slot.images.empty() && given.labels.size() == size) slot = std::move(given);
    return true;
  });
  if (slot.images.empty())
    slot = {Array(DType::f32, {size, picture_channels, options_.crop, options_.crop}), Array(DType::i32, {size})};
  return slot;
}

void ImageBatches::load(std::int64_t place) {
  const std::int64_t batch = place / options_.batch, row = place % options_.batch;
  const std::int64_t picture = chosen_[static_cast<std::size_t>(order_[static_cast<std::size_t>(place)])];
  Slot& slot = slots_[static_cast<std::size_t>(batch % options_.prefetch)];
  float* images = static_cast<float*>(slot.images.data()) + row * picture_channels * options_.crop * options_.crop;
  auto* label = static_cast<std::int32_t*>(slot.labels.data()) + row;
  set_.read(picture, options_.read, [&](const PictureView& pixels, std::int32_t its_label) {
    check_picture(pixels.size, options_, set_.name(picture));
    SplitMix numbers(epoch_seed_, picture);
    write_crop(pixels,
               options_.augment ? random_crop(pixels.size, options_.crop, numbers) : centre(pixels.size, options_.crop),
               options_, images);
    *label = its_label;
  });
}

std::optional<ImageBatch> ImageBatches::next() {
  if (next_ == count_) return std::nullopt;
  const std::int64_t batch = next_, begin = first_ * options_.batch;
  work_->wait(end_of(batch) - begin);
  ++next_;
  Slot& slot = slots_[static_cast<std::size_t>(batch % options_.prefetch)];
  ImageBatch out{slot.images, slot.labels, {}};
  for (std::int64_t place = batch * options_.batch; place < end_of(batch); ++place)
    out.pictures.push_back(chosen_[static_cast<std::size_t>(order_[static_cast<std::size_t>(place)])]);
  given_.push_back(std::exchange(slot, {}));
  if (batch + options_.prefetch < count_) slot = slot_for(batch + options_.prefetch);
  work_->release(end_of(batch) - begin);
  if (next_ == count_) stop();
  return out;
}

}  // namespace bitale::models

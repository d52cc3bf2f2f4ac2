#include "models/zoo/digits_data.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "models/data/split_mix.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::int64_t evaluation_batch = 500;
constexpr std::int64_t side = 28;
static_assert(side * side == digit_pixels);

// A copy of an image moved down and to the right, with paper where it was not.
void copy_moved(const float* from, float* to, std::int64_t down, std::int64_t right) {
  std::fill_n(to, digit_pixels, 0.0f);
  const std::int64_t first = std::max<std::int64_t>(right, 0), last = std::min(side + right, side);
  for (std::int64_t row = std::max<std::int64_t>(down, 0); row < std::min(side + down, side); ++row)
    std::copy(from + (row - down) * side + first - right, from + (row - down) * side + last - right,
              to + row * side + first);
}

Examples as_they_are(const Digits& digits, std::int64_t begin, std::int64_t end) {
  const auto images = std::span(digits.images)
                          .subspan(static_cast<std::size_t>(begin * digit_pixels),
                                   static_cast<std::size_t>((end - begin) * digit_pixels));
  const auto labels =
      std::span(digits.labels).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return {{Array::of(images, {end - begin, digit_pixels}), Array::of(labels, {end - begin})}, end - begin};
}

}  // namespace

DigitsData::DigitsData(Mnist digits, const TrainOptions& options) : digits_(std::move(digits)), options_(options) {
  if (digits_.train.count == 0 || digits_.test.count == 0)
    throw Error("there are no digits to train on, or none to test with.");
  start(0, 0);
}

void DigitsData::start(std::int64_t epoch, std::int64_t done) {
  epoch_ = epoch;
  done_ = done;
  order_.resize(static_cast<std::size_t>(size()));
  std::iota(order_.begin(), order_.end(), 0);
  SplitMix(static_cast<std::uint64_t>(options_.seed), epoch_).shuffle(order_);
}

Examples DigitsData::next() {
  const std::int64_t begin = done_, end = std::min(begin + options_.batch, size());
  Array images(float32, {end - begin, digit_pixels}), labels(int32, {end - begin});
  float* image = images.view<float>().data();
  std::int32_t* label = labels.view<std::int32_t>().data();
  const std::uint64_t epoch_seed = SplitMix(static_cast<std::uint64_t>(options_.seed), epoch_).next();
  for (std::int64_t i = begin; i < end; ++i, image += digit_pixels) {
    const std::int64_t row = order_[static_cast<std::size_t>(i)];
    SplitMix numbers(epoch_seed, row);
    const std::int64_t down = numbers.within(options_.shift), right = numbers.within(options_.shift);
    copy_moved(digits_.train.images.data() + row * digit_pixels, image, down, right);
    *label++ = digits_.train.labels[static_cast<std::size_t>(row)];
  }
  done_ = end;
  return {{images, labels}, end - begin};
}

void DigitsData::each(Part part, const std::function<void(const Examples& batch)>& use) const {
  if (part != Part::held_out) return;
  const std::int64_t count = digits_.test.count;
  for (std::int64_t begin = 0; begin < count; begin += evaluation_batch)
    use(as_they_are(digits_.test, begin, std::min(begin + evaluation_batch, count)));
}

}  // namespace bitale::models

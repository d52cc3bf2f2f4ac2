#include "models/data/image_convert.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "models/data/image_database.h"
#include "models/data/jpeg.h"
#include "models/data/split_mix.h"
#include "models/data/work_ahead.h"
#include "runtime/base/error.h"
#include "runtime/device/pool.h"

namespace bitale::models {
namespace {

constexpr std::int64_t ahead_per_thread = 8;

// What becomes of one picture.
struct Item {
  std::string value;  // the Datum
  Picture picture;    // for the mean: what a reader of the database will see
  std::string error;  // why there is none
};

Item convert(const Datum& datum, const std::string& name, const ConvertOptions& o) {
  Item item;
  item.picture = read_picture(datum, name, o.read);
  if (!o.encoded) {
    item.value = datum_of(item.picture, datum.label);
    return item;
  }
  const bool as_it_is = datum.encoded && jpeg_size(datum.data, name) == item.picture.size;
  std::string made;
  if (!as_it_is) {
    made = encode_jpeg(item.picture, o.quality);
    item.picture = decode_jpeg(made, name);
  }
  item.value = encoded_datum(as_it_is ? datum.data : std::string_view(made), item.picture.size, datum.label);
  return item;
}

std::vector<std::int64_t> order_of(const ImageSet& set, const ConvertOptions& o) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(set.count()));
  std::iota(order.begin(), order.end(), 0);
  if (o.shuffle) SplitMix(*o.shuffle).shuffle(order);
  return order;
}

}  // namespace

Converted convert_images(const ImageSet& set, const std::filesystem::path& to, const ConvertOptions& o,
                         const std::function<void(std::int64_t)>& progress) {
  ImageDatabaseWriter writer(to);
  const std::vector<std::int64_t> order = order_of(set, o);
  const int threads = o.threads > 0 ? o.threads : default_threads();
  const std::int64_t ahead = threads * ahead_per_thread;
  std::vector<Item> items(static_cast<std::size_t>(ahead));
  const auto item = [&](std::int64_t place) -> Item& { return items[static_cast<std::size_t>(place % ahead)]; };
  const auto picture = [&](std::int64_t place) { return order[static_cast<std::size_t>(place)]; };
  WorkAhead work(threads, set.count(), ahead, [&](std::int64_t place) {
    try {
      set.get(picture(place), [&](const Datum& datum) { item(place) = convert(datum, set.name(picture(place)), o); });
    } catch (const Error& error) {
      if (!o.skip_damaged) throw;
      item(place) = {{}, {}, error.what()};
    }
  });

  Converted out;
  MeanOfPictures sums;
  work.release(0);
  for (std::int64_t place = 0; place < set.count(); ++place) {
    work.wait(place + 1);
    Item done = std::exchange(item(place), {});
    work.release(place + 1);
    if (done.error.empty()) {
      sums.add(view(done.picture));
      writer.add(set.name(picture(place)), std::move(done.value));
    } else {
      out.skipped.push_back(std::move(done.error));
    }
    if (progress) progress(place + 1);
  }
  out.pictures = writer.count();
  if (out.pictures == 0)
    throw Error(fmt::format("none of the {} pictures can be read: {}", set.count(), out.skipped[0]));
  out.mean = sums.mean();
  writer.finish(to_bytes(out.mean));
  return out;
}

void MeanOfPictures::add(const PictureView& picture) {
  if (count_ == 0) {
    size_ = picture.size;
    sums_.assign(static_cast<std::size_t>(picture_channels * size_.width * size_.height), 0);
  } else if (size_ != picture.size) {
    size_ = {};
    sums_ = {};
  }
  std::int64_t* sum = sums_.data();
  for (std::size_t c = 0; c < picture_channels; ++c) {
    for (std::int64_t y = 0; y < picture.size.height; ++y) {
      const std::uint8_t* row = picture.channels[c] + y * picture.row;
      std::int64_t of_row = 0;
      for (std::int64_t x = 0; x < picture.size.width; ++x) of_row += row[x * picture.pixel];
      channel_sums_[c] += of_row;
      if (sums_.empty()) continue;
      for (std::int64_t x = 0; x < picture.size.width; ++x) *sum++ += row[x * picture.pixel];
    }
  }
  ++count_;
  pixels_ += picture.size.width * picture.size.height;
}

MeanPicture MeanOfPictures::mean() const {
  MeanPicture out;
  if (sums_.empty()) {
    out.size = {1, 1};
    for (const std::int64_t sum : channel_sums_)
      out.values.push_back(static_cast<float>(static_cast<double>(sum) / static_cast<double>(pixels_)));
  } else {
    out.size = size_;
    for (const std::int64_t sum : sums_)
      out.values.push_back(static_cast<float>(static_cast<double>(sum) / static_cast<double>(count_)));
  }
  return out;
}

ImageStatistics look_at(const ImageSet& set) {
  ImageStatistics out;
  std::set<std::int32_t> labels;
  out.pictures = set.count();
  for (std::int64_t i = 0; i < set.count(); ++i) {
    set.get(i, [&](const Datum& datum) {
      const PictureSize size =
          datum.encoded ? jpeg_size(datum.data, set.name(i)) : PictureSize{datum.width, datum.height};
      if (i == 0) out.smallest = out.largest = size;
      out.smallest = {std::min(out.smallest.width, size.width), std::min(out.smallest.height, size.height)};
      out.largest = {std::max(out.largest.width, size.width), std::max(out.largest.height, size.height)};
      out.encoded += datum.encoded ? 1 : 0;
      out.bytes += static_cast<std::int64_t>(datum.data.size());
      labels.insert(datum.label);
    });
  }
  out.labels = static_cast<std::int64_t>(labels.size());
  out.first_label = *labels.begin();
  out.last_label = *labels.rbegin();
  return out;
}

}  // namespace bitale::models

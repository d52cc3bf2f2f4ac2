// Making a database of a set of pictures, and looking at one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/data/image_set.h"

namespace bitale::models {

struct ConvertOptions {
  ReadOptions read{.side = 256, .fit = Fit::square};    // with these, what Caffe's scripts make of ImageNet
  bool encoded = false;                                 // JPEGs instead of pixels: a tenth of the bytes, to be decoded
  int quality = 95;                                     // of those JPEGs that are not stored as they are found
  std::optional<std::uint64_t> shuffle = std::nullopt;  // a seed: the order is one of all orders
  bool skip_damaged = false;                            // what cannot be read is left out, instead of being an Error
  int threads = 0;                                      // that decode; 0: as many as the process has CPUs
};

struct Converted {
  std::int64_t pictures = 0;
  std::vector<std::string> skipped;  // what was wrong with each picture that was left out
  MeanPicture mean;                  // of a value for each pixel if all pictures have one size, else for each channel
};

// Writes the database, with its mean picture beside it, and nothing if that fails. What it holds does not depend on the
// number of threads. `progress` is called with the number of pictures that are done. A JPEG that has its size already
// is stored as it is.
Converted convert_images(const ImageSet& set, const std::filesystem::path& to, const ConvertOptions& options,
                         const std::function<void(std::int64_t done)>& progress = {});

// Adds up pictures. Sums are exact, so their order does not matter.
class MeanOfPictures {
 public:
  void add(const PictureView& picture);
  MeanPicture mean() const;  // of at least one picture

 private:
  PictureSize size_;                // of all of them so far, or 0 x 0 if they differ
  std::vector<std::int64_t> sums_;  // [3, height, width], as long as they do not differ
  std::int64_t channel_sums_[picture_channels] = {};
  std::int64_t count_ = 0, pixels_ = 0;
};

// What a set holds, after a look at every picture.
struct ImageStatistics {
  std::int64_t pictures = 0, encoded = 0, bytes = 0;  // bytes: of files or pixels
  PictureSize smallest, largest;                      // of each side alone
  std::int32_t first_label = 0, last_label = 0;
  std::int64_t labels = 0;  // different ones
};
ImageStatistics look_at(const ImageSet& set);

}  // namespace bitale::models

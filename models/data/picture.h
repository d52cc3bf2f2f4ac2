// Pictures of 8 bits per channel, red, green and blue, and their scaling.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitale::models {

struct PictureSize {
  std::int64_t width = 0, height = 0;
  bool operator==(const PictureSize&) const = default;
};
std::string to_string(PictureSize size);  // "341 x 256"

// What is larger is refused: whoever trains a network has no use for it, and its pixels would take 200 MB.
inline constexpr std::int64_t max_picture_pixels = std::int64_t{1} << 26;
inline constexpr std::int64_t picture_channels = 3;

// Rows from the top, pixels from the left, the three channels of a pixel side by side.
struct Picture {
  PictureSize size;
  std::vector<std::uint8_t> pixels;  // height * width * 3
};

// Somebody's pixels, whatever their order: channel c of the pixel at (y, x) is channels[c][y * row + x * pixel].
struct PictureView {
  PictureSize size;
  std::array<const std::uint8_t*, picture_channels> channels{};  // red, green, blue
  std::ptrdiff_t row = 0, pixel = 0;
};
PictureView view(const Picture& picture);
Picture copy(const PictureView& picture);

// How pictures of any size become pictures that a crop can be taken of.
enum class Fit : std::uint8_t {
  square,   // both sides as asked for, whatever becomes of the proportions: as Caffe's convert_imageset does
  shorter,  // the shorter side as asked for; the longer one in proportion, to the nearest pixel
};

// The size that a picture of `size` gets; `side` is at least 1, or 0: the one that it has.
PictureSize fitted(PictureSize size, std::int64_t side, Fit fit);

// Scaled to `size` with a triangle for a filter: interpolated linearly where the picture grows, and where it shrinks a
// weighted average of all pixels that a new one covers.
Picture resized(const Picture& picture, PictureSize size);

}  // namespace bitale::models

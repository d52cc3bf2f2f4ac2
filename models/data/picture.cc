#include "models/data/picture.h"

#include <algorithm>

#include <fmt/format.h>
#include <stb_image_resize.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

// Of `longer`, where `shorter` becomes `side`. A picture that is a thousand times as wide as high would grow beyond all
// measure; it is refused where its size is.
std::int64_t in_proportion(std::int64_t longer, std::int64_t shorter, std::int64_t side) {
  return (longer * side * 2 + shorter) / (shorter * 2);
}

}  // namespace

std::string to_string(PictureSize size) { return fmt::format("{} x {}", size.width, size.height); }

PictureView view(const Picture& picture) {
  const std::uint8_t* first = picture.pixels.data();
  return {picture.size, {first, first + 1, first + 2}, picture.size.width * picture_channels, picture_channels};
}

Picture copy(const PictureView& picture) {
  Picture out{picture.size, {}};
  out.pixels.resize(static_cast<std::size_t>(picture.size.width * picture.size.height * picture_channels));
  std::uint8_t* to = out.pixels.data();
  for (std::int64_t y = 0; y < picture.size.height; ++y)
    for (std::int64_t x = 0; x < picture.size.width; ++x)
      for (const std::uint8_t* channel : picture.channels) *to++ = channel[y * picture.row + x * picture.pixel];
  return out;
}

PictureSize fitted(PictureSize size, std::int64_t side, Fit fit) {
  if (side == 0) return size;
  PictureSize out{side, side};
  if (fit == Fit::shorter) {
    const bool wide = size.width >= size.height;
    if (wide)
      out.width = in_proportion(size.width, size.height, side);
    else
      out.height = in_proportion(size.height, size.width, side);
  }
  if (side > max_picture_pixels || out.width > max_picture_pixels / out.height)
    throw Error(fmt::format("a picture of {} pixels would become one of {}; {} pixels are the limit.", to_string(size),
                            to_string(out), max_picture_pixels));
  return out;
}

Picture resized(const Picture& picture, PictureSize size) {
  if (size == picture.size) return picture;
  Picture out{size, {}};
  out.pixels.resize(static_cast<std::size_t>(size.width * size.height * picture_channels));
  const int done =
      stbir_resize(picture.pixels.data(), static_cast<int>(picture.size.width), static_cast<int>(picture.size.height),
                   0, out.pixels.data(), static_cast<int>(size.width), static_cast<int>(size.height), 0,
                   STBIR_TYPE_UINT8, static_cast<int>(picture_channels), STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP,
                   STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, nullptr);
  if (done == 0)
    throw Error(fmt::format("a picture of {} pixels could not be scaled to {}: out of memory.", to_string(picture.size),
                            to_string(size)));
  return out;
}

}  // namespace bitale::models

#include "tests/unit/models/data/pictures.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "tests/support/catch.h"

namespace bitale::models::tests {

Picture gradient(PictureSize size, int blue) {
  Picture out{size, {}};
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width; ++x) {
      out.pixels.push_back(static_cast<std::uint8_t>(x * 255 / std::max<std::int64_t>(1, size.width - 1)));
      out.pixels.push_back(static_cast<std::uint8_t>(y * 255 / std::max<std::int64_t>(1, size.height - 1)));
      out.pixels.push_back(static_cast<std::uint8_t>(blue));
    }
  }
  return out;
}

std::string jpeg_of(const Picture& picture, JpegKind kind) {
  const bool inks = kind == JpegKind::inks || kind == JpegKind::adobe_inks;
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(picture.size.width);
  info.image_height = static_cast<JDIMENSION>(picture.size.height);
  info.input_components = inks ? 4 : kind == JpegKind::grey ? 1 : 3;
  info.in_color_space = inks ? JCS_CMYK : kind == JpegKind::grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;  // colours in full resolution
  if (kind == JpegKind::progressive) jpeg_simple_progression(&info);
  info.write_Adobe_marker = kind == JpegKind::adobe_inks;
  jpeg_start_compress(&info, TRUE);
  for (std::int64_t y = 0; y < picture.size.height; ++y) {
    std::vector<JSAMPLE> row;
    for (std::int64_t x = 0; x < picture.size.width; ++x) {
      const std::uint8_t* pixel = picture.pixels.data() + (y * picture.size.width + x) * picture_channels;
      for (int c = 0; c < std::min(info.input_components, 3); ++c)  // Adobe writes the light that inks leave
        row.push_back(static_cast<JSAMPLE>(kind == JpegKind::inks ? 255 - pixel[c] : pixel[c]));
      if (inks) row.push_back(kind == JpegKind::inks ? 0 : 255);
    }
    JSAMPROW rows[1] = {row.data()};
    jpeg_write_scanlines(&info, rows, 1);
  }
  jpeg_finish_compress(&info);
  std::string out(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return out;
}

int difference(const Picture& a, const Picture& b) {
  REQUIRE(a.size == b.size);
  REQUIRE(a.pixels.size() == b.pixels.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

MemoryImages::MemoryImages(std::int64_t count, PictureSize size) {
  for (std::int64_t i = 0; i < count; ++i)
    values_.push_back(datum_of(gradient(size, static_cast<int>(i % 256)), static_cast<std::int32_t>(i)));
}

void MemoryImages::get(std::int64_t index, const std::function<void(const Datum&)>& use) const {
  use(parse_datum(values_[static_cast<std::size_t>(index)], name(index)));
}

}  // namespace bitale::models::tests

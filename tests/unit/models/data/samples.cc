#include "tests/unit/models/data/samples.h"

#include <zlib.h>

#include "models/data/mnist.h"
#include "tests/support/catch.h"

namespace bitale::models::tests {

std::string idx_text(const std::vector<std::uint32_t>& extents, std::string_view elements) {
  std::string text{0, 0, 8, static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(extent >> shift & 0xff);
  }
  return text.append(elements);
}

std::string idx_images(std::uint32_t count) {
  std::string pixels;
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t p = 0; p < digit_pixels; ++p) pixels += static_cast<char>((i + p) & 0xff);
  }
  return idx_text({count, 28, 28}, pixels);
}

std::string idx_labels(std::uint32_t count) {
  std::string labels;
  for (std::uint32_t i = 0; i < count; ++i) labels += static_cast<char>(i % 10);
  return idx_text({count}, labels);
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  constexpr int gzip_only = 16, memory_level = 8;
  REQUIRE(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + gzip_only, memory_level,
                       Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string csv_row(int pixel, int label) {
  std::string row;
  for (int i = 0; i < digit_pixels; ++i) row += std::to_string(pixel) + ",";
  return row + std::to_string(label) + "\n";
}

}  // namespace bitale::models::tests

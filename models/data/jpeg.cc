#include "models/data/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <jerror.h>  // behind jpeglib.h, whose types it needs
#include <jpeglib.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

// A block of 64 pixels of one channel takes a bit at least, whatever its content; the channels of colour may have a
// quarter of the blocks.
constexpr std::int64_t max_pixels_per_byte = 8 * 64;

// Progressive files are read scan after scan, each of them over the whole picture: real ones have about ten.
constexpr int max_scans = 100;
constexpr std::int64_t max_scanned_pixels = std::int64_t{1} << 30;

// Warnings about what cameras and programs write, and no pixel suffers from.
bool harmless(int code) { return code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR; }

// What libjpeg calls where it would end the process: the jump leaves its C frames, which hold nothing of ours.
struct Failure {
  jpeg_error_mgr manager{};  // first: libjpeg knows this part alone
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";

  Failure() {
    jpeg_std_error(&manager);
    manager.error_exit = [](j_common_ptr info) { reinterpret_cast<Failure*>(info->err)->give_up(info); };
    manager.emit_message = [](j_common_ptr info, int level) {
      // Level -1: the data is damaged, and what libjpeg makes of it is a guess.
      if (level < 0 && !harmless(info->err->msg_code)) reinterpret_cast<Failure*>(info->err)->give_up(info);
    };
    manager.output_message = [](j_common_ptr) {};
  }

  [[noreturn]] void give_up(j_common_ptr info) {
    manager.format_message(info, message);
    std::longjmp(jump, 1);
  }
};

struct Decoder {
  Failure failure;
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};

  ~Decoder() { jpeg_destroy_decompress(&info); }
};

void limit_scans(j_common_ptr common) {
  auto* info = reinterpret_cast<j_decompress_ptr>(common);
  const std::int64_t pixels = std::int64_t{info->image_width} * info->image_height;
  if (info->input_scan_number <= max_scans && info->input_scan_number * pixels <= max_scanned_pixels) return;
  auto* failure = reinterpret_cast<Failure*>(info->err);
  std::snprintf(failure->message, sizeof failure->message, "more scans than a picture needs");
  std::longjmp(failure->jump, 1);
}

// The functions that a jump may leave hold no object that would have to be destroyed. They return whether all went
// well.

bool read_header(Decoder& d, std::string_view bytes) {
  d.info.err = &d.failure.manager;
  if (setjmp(d.failure.jump) != 0) return false;
  jpeg_create_decompress(&d.info);
  d.progress.progress_monitor = limit_scans;
  d.info.progress = &d.progress;
  jpeg_mem_src(&d.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&d.info, TRUE);
  return true;
}

bool start(Decoder& d) {
  if (setjmp(d.failure.jump) != 0) return false;
  jpeg_start_decompress(&d.info);
  return true;
}

bool read_rows(Decoder& d, std::uint8_t* to, std::size_t row_bytes) {
  if (setjmp(d.failure.jump) != 0) return false;
  while (d.info.output_scanline < d.info.output_height) {
    JSAMPROW rows[8];
    const JDIMENSION left = d.info.output_height - d.info.output_scanline, count = left < 8 ? left : 8;
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = to + (d.info.output_scanline + i) * row_bytes;
    jpeg_read_scanlines(&d.info, rows, count);
  }
  jpeg_finish_decompress(&d.info);
  return true;
}

[[noreturn]] void refuse(const Decoder& d, std::string_view bytes, const std::string& name) {
  if (bytes.empty()) throw Error(fmt::format("'{}' is empty; a JPEG was expected.", name));
  if (!bytes.starts_with("\xff\xd8")) {
    std::string start;
    for (const char c : bytes.substr(0, 4)) start += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    throw Error(fmt::format("'{}' is no JPEG: it starts with the bytes{}, and a JPEG with ff d8.", name, start));
  }
  throw Error(fmt::format("'{}' is a damaged JPEG of {} bytes: {}.", name, bytes.size(), d.failure.message));
}

PictureSize size_of(const Decoder& d, std::string_view bytes, const std::string& name) {
  const PictureSize size{d.info.image_width, d.info.image_height};
  const std::int64_t pixels = size.width * size.height;
  if (pixels > static_cast<std::int64_t>(bytes.size()) * max_pixels_per_byte)
    throw Error(fmt::format("'{}' is a damaged JPEG: {} bytes cannot hold the {} pixels that it claims.", name,
                            bytes.size(), to_string(size)));
  if (pixels > max_picture_pixels)
    throw Error(fmt::format("'{}' has {} pixels; at most {} are read.", name, to_string(size), max_picture_pixels));
  return size;
}

// The smallest eighths at which both sides are still those of `target`.
void choose_scale(Decoder& d, PictureSize target) {
  if (target.width <= 0 || target.height <= 0) return;
  for (const unsigned eighths : {1u, 2u, 4u}) {
    const auto scaled = [&](JDIMENSION extent) { return (std::int64_t{extent} * eighths + 7) / 8; };
    if (scaled(d.info.image_width) < target.width || scaled(d.info.image_height) < target.height) continue;
    d.info.scale_num = eighths;
    d.info.scale_denom = 8;
    return;
  }
}

// Four channels to three, in place. Adobe's files, which almost all are, hold what ink leaves of the light.
void to_rgb(std::vector<std::uint8_t>& pixels, bool inverted) {
  const std::size_t count = pixels.size() / 4;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* from = pixels.data() + 4 * i;
    const int black = inverted ? from[3] : 255 - from[3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int light = inverted ? from[c] : 255 - from[c];
      pixels[3 * i + c] = static_cast<std::uint8_t>((light * black + 127) / 255);
    }
  }
  pixels.resize(3 * count);
}

struct Encoder {
  Failure failure;
  jpeg_compress_struct info{};
  unsigned char* bytes = nullptr;  // of malloc, by libjpeg
  unsigned long size = 0;

  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

bool encode(Encoder& e, const Picture& picture, int quality) {
  e.info.err = &e.failure.manager;
  if (setjmp(e.failure.jump) != 0) return false;
  jpeg_create_compress(&e.info);
  jpeg_mem_dest(&e.info, &e.bytes, &e.size);
  e.info.image_width = static_cast<JDIMENSION>(picture.size.width);
  e.info.image_height = static_cast<JDIMENSION>(picture.size.height);
  e.info.input_components = static_cast<int>(picture_channels);
  e.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&e.info);
  jpeg_set_quality(&e.info, quality, TRUE);
  jpeg_start_compress(&e.info, TRUE);
  while (e.info.next_scanline < e.info.image_height) {
    auto* row = const_cast<JSAMPROW>(picture.pixels.data()) +  // libjpeg's C interface; it only reads
                std::size_t{e.info.next_scanline} * e.info.image_width * picture_channels;
    jpeg_write_scanlines(&e.info, &row, 1);
  }
  jpeg_finish_compress(&e.info);
  return true;
}

}  // namespace

PictureSize jpeg_size(std::string_view bytes, const std::string& name) {
  const auto d = std::make_unique<Decoder>();
  if (!read_header(*d, bytes)) refuse(*d, bytes, name);
  return size_of(*d, bytes, name);
}

Picture decode_jpeg(std::string_view bytes, const std::string& name, PictureSize target) {
  const auto d = std::make_unique<Decoder>();
  if (!read_header(*d, bytes)) refuse(*d, bytes, name);
  size_of(*d, bytes, name);
  choose_scale(*d, target);
  const bool inks = d->info.jpeg_color_space == JCS_CMYK || d->info.jpeg_color_space == JCS_YCCK;
  d->info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  if (!start(*d)) refuse(*d, bytes, name);

  Picture picture{{d->info.output_width, d->info.output_height}, {}};
  const std::size_t row_bytes = std::size_t{d->info.output_width} * static_cast<std::size_t>(d->info.output_components);
  picture.pixels.resize(row_bytes * d->info.output_height);
  if (!read_rows(*d, picture.pixels.data(), row_bytes)) refuse(*d, bytes, name);
  if (inks) to_rgb(picture.pixels, d->info.saw_Adobe_marker);
  return picture;
}

std::string encode_jpeg(const Picture& picture, int quality) {
  if (quality < 1 || quality > 100)
    throw Error(fmt::format("the quality of a JPEG is 1 to 100, {} was given.", quality));
  const auto e = std::make_unique<Encoder>();
  if (!encode(*e, picture, quality))
    throw Error(
        fmt::format("a picture of {} pixels cannot be a JPEG: {}.", to_string(picture.size), e->failure.message));
  return {reinterpret_cast<const char*>(e->bytes), e->size};
}

}  // namespace bitale::models

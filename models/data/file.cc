#include "models/data/file.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <zlib.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::string_view gzip_magic = "\x1f\x8b";

std::string read_bytes(const std::filesystem::path& path, std::size_t limit) {
  std::error_code failure;
  if (!std::filesystem::is_regular_file(path, failure)) throw Error(fmt::format("'{}' is not a file.", path.string()));
  const auto size = std::filesystem::file_size(path, failure);
  if (failure) throw Error(fmt::format("'{}' cannot be read: {}.", path.string(), failure.message()));
  if (size > limit) {
    throw Error(fmt::format("'{}' has {} bytes; at most {} were expected.", path.string(), size, limit));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("'{}' cannot be opened for reading.", path.string()));
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  if (static_cast<std::size_t>(file.gcount()) != size) {
    throw Error(fmt::format("'{}' ended after {} of {} bytes while it was read.", path.string(), file.gcount(), size));
  }
  return bytes;
}

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& name, std::size_t limit) {
  z_stream stream{};
  constexpr int gzip_only = 16;
  if (inflateInit2(&stream, MAX_WBITS + gzip_only) != Z_OK) throw Error("zlib could not be started: out of memory.");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);

  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's C interface; it only reads
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const std::size_t have = out.size();
    if (have == limit) throw Error(fmt::format("'{}' decompresses to more than the {} bytes expected.", name, limit));
    out.resize(std::min(limit, std::max<std::size_t>(2 * have, 1 << 16)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(out.size() - have);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END) {
      throw Error(status == Z_BUF_ERROR
                      ? fmt::format("'{}' is a truncated gzip file: it ends after {} bytes.", name, bytes.size())
                      : fmt::format("'{}' is a damaged gzip file: {}.", name, stream.msg ? stream.msg : "bad stream"));
    }
  }
  if (stream.avail_in != 0) {
    throw Error(fmt::format("'{}' has {} bytes after the end of its gzip stream.", name, stream.avail_in));
  }
  return out;
}

std::string read_data_file(const std::filesystem::path& path, std::size_t limit) {
  std::string bytes = read_bytes(path, limit);
  return bytes.starts_with(gzip_magic) ? gunzip(bytes, path.string(), limit) : bytes;
}

}  // namespace bitale::models

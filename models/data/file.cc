#include "models/data/file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view gzip_magic = "\x1f\x8b";

std::string read_bytes(const fs::path& path, std::size_t limit) {
  std::error_code failure;
  if (!fs::is_regular_file(path, failure)) throw Error(fmt::format("'{}' is not a file.", path.string()));
  const auto size = fs::file_size(path, failure);
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

// Whether all of it was written; if not, errno says why.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool write_new_file(const std::string& path, std::span<const std::string_view> parts) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return false;
  bool good = true;
  for (const std::string_view part : parts) good = good && write_all(descriptor, part);
  good = good && ::fsync(descriptor) == 0;
  const int why = errno;
  if (::close(descriptor) != 0) return false;
  errno = why;
  return good;
}

// The new name survives a power cut only once its folder is on the disk too; where that cannot be asked for, it is not.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
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

std::string read_data_file(const fs::path& path, std::size_t limit) {
  std::string bytes = read_bytes(path, limit);
  return bytes.starts_with(gzip_magic) ? gunzip(bytes, path.string(), limit) : bytes;
}

void replace_file(const fs::path& path, std::span<const std::string_view> parts) {
  const std::string temporary = fmt::format("{}.{}.tmp", path.string(), ::getpid());
  if (!write_new_file(temporary, parts) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::error_code(errno, std::generic_category()).message();
    ::unlink(temporary.c_str());
    throw Error(
        fmt::format("'{}' cannot be written: {}. A file that was there before is unchanged.", path.string(), why));
  }
  sync_folder(path.parent_path());
}

fs::path bundled_folder(const std::string& name) {
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  if (!failure) {
    const fs::path installed = program.parent_path().parent_path() / "share" / "bitale" / name;
    if (fs::is_directory(installed, failure)) return installed;
  }
  return fs::path(BITALE_BUNDLED_DATA) / name;
}

}  // namespace bitale::models

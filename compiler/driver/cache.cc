#include "compiler/driver/cache.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/program/serialize.h"

namespace bitale::driver {
namespace {

namespace fs = std::filesystem;
using Kind = CacheEntry::Kind;

// Of the names of files, by kind.
constexpr const char* suffixes[] = {".bitale", ".kernels"};

std::string default_directory() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return std::string(xdg) + "/bitale";
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache/bitale";
  return "";
}

void warn_once(const std::string& message) {
  static std::atomic<bool> warned{false};
  if (!warned.exchange(true)) warn(message);
}

std::optional<std::vector<std::uint8_t>> read_file(const std::string& path, bool counts_as_use) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      warn("cannot read the cache entry " + path + ": " + std::strerror(errno) + "; compiling instead");
    return std::nullopt;
  }
  struct stat info{};
  std::vector<std::uint8_t> bytes;
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) bytes.resize(static_cast<std::size_t>(info.st_size));
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + got, bytes.size() - got);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  if (counts_as_use) ::futimens(fd, nullptr);  // for trimming; failing is harmless
  ::close(fd);
  bytes.resize(got);
  return bytes;
}

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Cache Cache::from_flags() {
  const std::string& f = flags().cache;
  if (f == "off") return Cache("");
  return Cache(f.empty() ? default_directory() : f);
}

std::string Cache::path_of(Kind kind, const std::string& key) const {
  return directory_ + "/" + key + suffixes[static_cast<std::size_t>(kind)];
}

std::optional<program::Program> Cache::load(const Digest& key) const {
  if (!enabled()) return std::nullopt;
  const std::string path = path_of(Kind::function, key.hex());
  const auto bytes = read_file(path, true);
  if (!bytes) return std::nullopt;
  try {
    return program::deserialize(*bytes, path);
  } catch (const Error& e) {
    warn(std::string("ignoring a bad cache entry (it is removed): ") + e.what());
    std::error_code ignored;
    fs::remove(path, ignored);
    return std::nullopt;
  }
}

bool Cache::store(const Digest& key, const program::Program& program) const {
  if (!enabled() || !write(path_of(Kind::function, key.hex()), program::serialize(program))) return false;
  trim(flags().cache_mb * (std::int64_t{1} << 20));
  return true;
}

std::string Cache::index_path(const std::string& key) const { return path_of(Kind::kernel_index, key); }

std::optional<std::vector<std::uint8_t>> Cache::load_index(const std::string& key, bool counts_as_use) const {
  if (!enabled()) return std::nullopt;
  return read_file(index_path(key), counts_as_use);
}

void Cache::store_index(const std::string& key, std::span<const std::uint8_t> bytes) const {
  if (enabled()) write(index_path(key), bytes);
}

bool Cache::write(const std::string& path, std::span<const std::uint8_t> bytes) const {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  if (!failed) fs::permissions(directory_, fs::perms::owner_all, failed);
  if (failed) {
    warn_once("cannot use the cache directory " + directory_ + ": " + failed.message() +
              "; programs are compiled anew in every process");
    return false;
  }
  static std::atomic<int> serial{0};
  const std::string temporary = path + "." + std::to_string(::getpid()) + "." + std::to_string(serial++) + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool good = fd >= 0 && write_all(fd, bytes);
  int error = errno;
  if (fd >= 0 && ::close(fd) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && ::rename(temporary.c_str(), path.c_str()) != 0) {
    good = false;
    error = errno;
  }
  if (good) return true;
  ::unlink(temporary.c_str());
  warn_once("cannot write the cache entry " + path + ": " + std::strerror(error) +
            "; programs are compiled anew in every process");
  return false;
}

void Cache::trim(std::int64_t limit) const {
  std::vector<CacheEntry> list = entries();
  std::int64_t total = 0;
  for (const CacheEntry& e : list) total += e.bytes;
  std::sort(list.begin(), list.end(), [](const CacheEntry& a, const CacheEntry& b) { return a.used < b.used; });
  for (const CacheEntry& e : list) {
    if (total <= limit) return;
    std::error_code ignored;  // someone else may have removed it
    fs::remove(path_of(e.kind, e.key), ignored);
    total -= e.bytes;
  }
}

std::vector<CacheEntry> Cache::entries() const {
  std::vector<CacheEntry> out;
  if (!enabled()) return out;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(directory_, ignored)) {
    const auto suffix = std::find(std::begin(suffixes), std::end(suffixes), file.path().extension());
    if (suffix == std::end(suffixes)) continue;
    struct stat info{};
    if (::stat(file.path().c_str(), &info) != 0) continue;
    out.push_back({static_cast<Kind>(suffix - std::begin(suffixes)), file.path().stem().string(), info.st_size,
                   info.st_mtim.tv_sec});
  }
  std::sort(out.begin(), out.end(),
            [](const CacheEntry& a, const CacheEntry& b) { return std::tie(a.kind, a.key) < std::tie(b.kind, b.key); });
  return out;
}

std::string Cache::function_of(const CacheEntry& entry) const {
  const std::string path = path_of(entry.kind, entry.key);
  const auto bytes = read_file(path, false);
  if (!bytes) return "";
  try {
    return program::deserialize(*bytes, path).name;
  } catch (const Error&) {
    return "";
  }
}

std::int64_t Cache::clear() const {
  std::vector<fs::path> files;
  for (const CacheEntry& e : entries()) files.emplace_back(path_of(e.kind, e.key));
  std::error_code ignored;
  if (enabled())
    for (const auto& file : fs::directory_iterator(directory_, ignored))
      if (file.path().filename().string().starts_with(tuned_prefix)) files.push_back(file.path());
  std::int64_t removed = 0;
  for (const fs::path& file : files) {
    std::error_code failed;
    if (fs::remove(file, failed)) ++removed;
    if (failed) throw Error("cannot remove the cache entry " + file.string() + ": " + failed.message());
  }
  return removed;
}

}  // namespace bitale::driver

// The on-disk cache: one file per compiled function, named by the hash of what it was compiled from, and a few indexes
// of the kernels in them (kernel_cache.h).
//
// Files are private to the user, written under a temporary name and renamed, so readers never wait and never see half a
// file. A corrupt, foreign or unreadable entry is a warning and a miss; an unwritable directory is a warning, once. The
// directory is kept under a size bound: the entries that were used longest ago go first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/hash.h"
#include "runtime/program/program.h"

namespace bitale::driver {

inline constexpr const char* tuned_prefix = "tuned_";  // of the names of the tuner's files

struct CacheEntry {
  enum class Kind : std::uint8_t { function, kernel_index } kind = Kind::function;
  std::string key;  // the name of the file, without what tells its kind
  std::int64_t bytes = 0;
  std::int64_t used = 0;  // seconds since the epoch
};

class Cache {
 public:
  // From the flags: BITALE_CACHE names the directory or is "off".
  static Cache from_flags();
  explicit Cache(std::string directory) : directory_(std::move(directory)) {}

  bool enabled() const { return !directory_.empty(); }
  const std::string& directory() const { return directory_; }

  std::optional<program::Program> load(const Digest& key) const;
  // False, after a warning, if it could not be written.
  bool store(const Digest& key, const program::Program& program) const;

  // An index as bytes that are to be checked; nullopt if there is none.
  std::optional<std::vector<std::uint8_t>> load_index(const std::string& key, bool counts_as_use) const;
  void store_index(const std::string& key, std::span<const std::uint8_t> bytes) const;
  std::string index_path(const std::string& key) const;

  std::vector<CacheEntry> entries() const;
  std::string function_of(const CacheEntry& entry) const;  // its name; empty if the entry cannot be read
  // Removes the entries and what the tuner measured (tuned.h). Returns the number of files; Error if one cannot be
  // removed.
  std::int64_t clear() const;

 private:
  std::string path_of(CacheEntry::Kind kind, const std::string& key) const;
  bool write(const std::string& path, std::span<const std::uint8_t> bytes) const;
  void trim(std::int64_t limit) const;

  std::string directory_;  // empty: off
};

}  // namespace bitale::driver

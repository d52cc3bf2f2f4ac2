#include "compiler/driver/kernel_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "compiler/codegen/codegen.h"
#include "compiler/driver/build_id.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/program/abi.h"

namespace bitale::driver {
namespace {

// An index is a header and rows, the latest first. A structure has one row.
static_assert(std::endian::native == std::endian::little);

constexpr char magic[8] = {'B', 'I', 'T', 'A', 'L', 'E', 'K', '\n'};
constexpr std::size_t most_rows = 1 << 15;  // 1 MiB; the oldest go

struct Row {
  Digest structure, program;
};
static_assert(sizeof(Row) == 32);

struct Header {
  char magic[8];
  std::uint64_t rows;
  Digest hash;  // of the rows
};
static_assert(sizeof(Header) == 32);

Digest hash_of(const std::vector<Row>& rows) { return Hasher().bytes(rows.data(), rows.size() * sizeof(Row)).digest(); }

std::vector<std::uint8_t> encode(const std::vector<Row>& rows) {
  Header header{{}, rows.size(), hash_of(rows)};
  std::memcpy(header.magic, magic, sizeof magic);
  std::vector<std::uint8_t> bytes(sizeof header + rows.size() * sizeof(Row));
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!rows.empty()) std::memcpy(bytes.data() + sizeof header, rows.data(), rows.size() * sizeof(Row));
  return bytes;
}

// nullopt if the bytes are not a whole index.
std::optional<std::vector<Row>> decode(const std::vector<std::uint8_t>& bytes) {
  Header header;
  if (bytes.size() < sizeof header || (bytes.size() - sizeof header) % sizeof(Row) != 0) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Row> rows((bytes.size() - sizeof header) / sizeof(Row));
  if (!rows.empty()) std::memcpy(rows.data(), bytes.data() + sizeof header, rows.size() * sizeof(Row));
  if (std::memcmp(header.magic, magic, sizeof magic) != 0 || header.rows != rows.size() || header.hash != hash_of(rows))
    return std::nullopt;
  return rows;
}

std::vector<Row> read(const Cache& cache, const std::string& index) {
  const auto bytes = cache.load_index(index, true);
  if (!bytes) return {};
  if (auto rows = decode(*bytes)) return std::move(*rows);
  warn("ignoring a bad index of cached kernels (it is written anew): " + cache.index_path(index));
  cache.store_index(index, encode({}));
  return {};
}

Digest structure_of(const program::Entry& entry) { return Hasher().text(entry.structure).digest(); }

// The piece of the entry of this structure in a program that was read from the cache.
std::optional<codegen::Piece> piece_in(const program::Program& p, const std::string& structure,
                                       const std::string& target) {
  const auto entry =
      std::find_if(p.entries.begin(), p.entries.end(), [&](const auto& e) { return e.structure == structure; });
  const auto blob = std::find_if(p.blobs.begin(), p.blobs.end(), [&](const auto& b) { return b.target == target; });
  if (entry == p.entries.end() || blob == p.blobs.end()) return std::nullopt;
  try {
    return codegen::piece_of(*blob, static_cast<std::size_t>(entry - p.entries.begin()));
  } catch (const Error& e) {
    warn(std::string("ignoring a kernel in the cache: ") + e.what());
    return std::nullopt;
  }
}

}  // namespace

KernelCache::KernelCache(const Cache& cache, Isa isa, bool quick) : cache_(cache), target_(target_of(isa)) {
  if (!enabled()) return;
  Hasher h;
  h.text(target_).number(quick).number(abi_version).text(codegen::host_generator_version()).text(build_id());
  index_ = h.digest().hex();
}

std::vector<std::optional<codegen::Piece>> KernelCache::find(const std::vector<program::Entry>& entries) const {
  std::vector<std::optional<codegen::Piece>> pieces(entries.size());
  if (!enabled()) return pieces;
  std::map<Digest, Digest> program_of;
  for (const Row& row : read(cache_, index_)) program_of.emplace(row.structure, row.program);
  std::map<Digest, std::vector<std::size_t>> wanted;  // entries, by the program that has them
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (const auto it = program_of.find(structure_of(entries[i])); it != program_of.end())
      wanted[it->second].push_back(i);
  for (const auto& [key, numbers] : wanted)
    if (const auto program = cache_.load(key))
      for (const std::size_t i : numbers) pieces[i] = piece_in(*program, entries[i].structure, target_);
  return pieces;
}

void KernelCache::add(const std::vector<program::Entry>& entries, const Digest& key) const {
  if (!enabled() || entries.empty()) return;
  static std::mutex mutex;  // threads of one process lose nothing
  const std::lock_guard lock(mutex);
  std::vector<Row> rows;
  std::set<Digest> known;
  const auto append = [&](const Row& row) {
    if (rows.size() < most_rows && known.insert(row.structure).second) rows.push_back(row);
  };
  for (const program::Entry& e : entries) append({structure_of(e), key});
  for (const Row& row : read(cache_, index_)) append(row);
  cache_.store_index(index_, encode(rows));
}

std::optional<std::int64_t> kernels_in(const Cache& cache, const CacheEntry& index) {
  const auto bytes = cache.load_index(index.key, false);
  const auto rows = bytes ? decode(*bytes) : std::nullopt;
  return rows ? std::optional(static_cast<std::int64_t>(rows->size())) : std::nullopt;
}

}  // namespace bitale::driver

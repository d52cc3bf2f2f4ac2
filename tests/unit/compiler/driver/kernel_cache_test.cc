// Kernel-level entries of the cache: which programs' code is found again, and what damage does.
#include "compiler/driver/kernel_cache.h"

#include <fstream>
#include <iterator>
#include <thread>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace bitale::driver {
namespace {

namespace fs = std::filesystem;
using codegen::Piece;
using tests::TempFolder;

// A program of nothing but code: one piece of `ret` and a mark for each structure.
program::Program program_of(const std::vector<std::string>& structures) {
  program::Program p;
  p.name = "code";
  std::vector<Piece> pieces;
  for (const std::string& s : structures) {
    p.entries.push_back({"kernel_" + std::to_string(pieces.size()), s});
    pieces.push_back({0xc3});
    pieces.back().insert(pieces.back().end(), s.begin(), s.end());
  }
  p.blobs.push_back(codegen::join(pieces, target_of(Isa::v3)));
  return p;
}

Digest key_of(const std::string& name) { return Hasher().text(name).digest(); }

void keep(const Cache& cache, const KernelCache& kernels, const std::string& name,
          const std::vector<std::string>& structures) {
  const program::Program p = program_of(structures);
  REQUIRE(cache.store(key_of(name), p));
  kernels.add(p.entries, key_of(name));
}

// What `find` gives for these structures, "-" for a miss.
std::string found(const KernelCache& kernels, const std::vector<std::string>& structures) {
  std::string out;
  for (const auto& piece : kernels.find(program_of(structures).entries)) {
    if (!piece) {
      out += "-";
      continue;
    }
    REQUIRE(piece->size() == codegen::piece_alignment);
    REQUIRE(piece->front() == 0xc3);
    for (auto c = piece->begin() + 1; *c != 0xcc; ++c) out += static_cast<char>(*c);
  }
  return out;
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path index_of(const Cache& cache) {
  for (const CacheEntry& e : cache.entries())
    if (e.kind == CacheEntry::Kind::kernel_index) return cache.index_path(e.key);
  return {};
}

// While it lives, damaged files are no news.
struct Quiet {
  Quiet() { flags().log = 0; }
  ~Quiet() { flags().log = saved; }
  const std::int64_t saved = flags().log;
};

}  // namespace

TEST_CASE("code is found by structure, in whatever program it is") {
  const TempFolder folder;
  const Cache cache(folder.path());
  const KernelCache kernels(cache, Isa::v3, false);
  CHECK(found(kernels, {"a", "b"}) == "--");
  keep(cache, kernels, "first", {"a", "b"});
  keep(cache, kernels, "second", {"c", "b", "d"});
  CHECK(found(kernels, {"d", "a", "x", "b", "c"}) == "da-bc");
  CHECK(found(kernels, {}).empty());
  CHECK(found(KernelCache(cache, Isa::v4, false), {"a"}) == "-");
  CHECK(found(KernelCache(cache, Isa::v3, true), {"a"}) == "-");
  CHECK(found(KernelCache(Cache(""), Isa::v3, false), {"a"}) == "-");
}

TEST_CASE("an index counts towards the size of the cache, is listed, and goes with `clear`") {
  const TempFolder folder;
  const Cache cache(folder.path());
  const KernelCache kernels(cache, Isa::v3, false);
  keep(cache, kernels, "first", {"a", "b"});
  REQUIRE(cache.entries().size() == 2);
  const CacheEntry index = cache.entries()[1];
  CHECK(index.kind == CacheEntry::Kind::kernel_index);
  CHECK(kernels_in(cache, index) == 2);
  CHECK(index.bytes == static_cast<std::int64_t>(fs::file_size(index_of(cache))));
  CHECK(cache.clear() == 2);
  CHECK(cache.entries().empty());

  keep(cache, kernels, "first", {"a", "b"});
  fs::last_write_time(index_of(cache), fs::file_time_type::clock::now() - std::chrono::hours(1));
  const std::int64_t saved = flags().cache_mb;
  flags().cache_mb = 0;
  CHECK(cache.store(key_of("second"), program_of({"c"})));
  flags().cache_mb = saved;
  CHECK(cache.entries().empty());
}

TEST_CASE("a damaged index is a miss, and is written anew") {
  const Quiet quiet;
  const TempFolder folder;
  const Cache cache(folder.path());
  const KernelCache kernels(cache, Isa::v3, false);
  keep(cache, kernels, "first", {"a", "b"});
  const fs::path index = index_of(cache);
  const std::string whole = content(index);
  std::vector<std::string> damages = {"", "short", std::string(whole.size(), 'x'), whole + std::string(32, '\0'),
                                      whole.substr(0, whole.size() - 32)};
  for (std::size_t i = 0; i < whole.size(); ++i) {
    damages.push_back(whole);
    damages.back()[i] ^= 0x41;
  }
  for (const std::string& bytes : damages) {
    folder.write(index.filename(), bytes);
    CHECK_FALSE(kernels_in(cache, cache.entries().back()).has_value());
    CHECK(found(kernels, {"a", "b"}) == "--");
    CHECK(kernels_in(cache, cache.entries().back()) == 0);
  }
  keep(cache, kernels, "second", {"b"});
  CHECK(found(kernels, {"a", "b"}) == "-b");
}

TEST_CASE("an index is believed as far as the programs bear it out") {
  const Quiet quiet;
  const TempFolder folder;
  const Cache cache(folder.path());
  const KernelCache kernels(cache, Isa::v3, false);
  keep(cache, kernels, "first", {"a", "b"});
  const fs::path program = folder.path() / (key_of("first").hex() + ".bitale");
  const std::string whole = content(program);

  std::string changed = whole;
  changed[whole.size() - 70] ^= 1;
  for (const std::string& bytes : {std::string(), whole.substr(0, whole.size() / 2), changed}) {
    folder.write(program.filename(), bytes);
    CHECK(found(kernels, {"a", "b"}) == "--");
    CHECK_FALSE(fs::exists(program));
  }
  REQUIRE(cache.store(key_of("first"), program_of({"b", "c"})));  // whole, but another
  CHECK(found(kernels, {"a", "b", "c"}) == "-b-");
  program::Program elsewhere = program_of({"a", "b"});
  elsewhere.blobs[0].target = target_of(Isa::v4);
  REQUIRE(cache.store(key_of("first"), elsewhere));
  CHECK(found(kernels, {"a", "b"}) == "--");
  program::Program shifted = program_of({"a", "b"});
  shifted.blobs[0].offsets[1] -= 1;
  REQUIRE(cache.store(key_of("first"), shifted));
  CHECK(found(kernels, {"a", "b"}) == "--");
  fs::remove(program);
  CHECK(found(kernels, {"a", "b"}) == "--");
  keep(cache, kernels, "first", {"a", "b"});
  CHECK(found(kernels, {"a", "b"}) == "ab");
}

TEST_CASE("threads that write at once lose nothing") {
  const TempFolder folder;
  const Cache cache(folder.path());
  const KernelCache kernels(cache, Isa::v3, false);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string own = std::to_string(10 * t + i);
        const program::Program p = program_of({own + ".", "shared"});
        if (cache.store(key_of(own), p)) kernels.add(p.entries, key_of(own));
        kernels.find(p.entries);
      }
    });
  for (std::thread& t : threads) t.join();
  std::vector<std::string> all;
  std::string expected;
  for (int i = 0; i < 40; ++i) expected += all.emplace_back(std::to_string(i) + ".");
  CHECK(found(kernels, all) == expected);
  for (const auto& file : fs::directory_iterator(folder.path())) CHECK(file.path().extension() != ".tmp");
}

}  // namespace bitale::driver

// Readers of bytes from outside (tests/fuzz/readers.h) on their seeds, on damaged seeds, and on what libFuzzer kept:
// what once was a fault, and a few that reach far into the code.
#include "tests/fuzz/readers.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/source_folder.h"

using namespace bitale;
using namespace bitale::tests;

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> corpus_of(const std::string& reader) {
  std::vector<fs::path> files;
  const fs::path folder = fs::path(source_folder()) / "tests/fuzz/corpus" / reader;
  if (fs::exists(folder))
    for (const auto& file : fs::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

Bytes damaged(Bytes bytes, Random& random) {
  for (std::int64_t n = random.between(1, 4); n > 0 && !bytes.empty(); --n) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const auto at = bytes.begin() + random.below(size);
    const auto length = std::min<std::int64_t>(random.between(1, 8), bytes.end() - at);
    switch (random.below(4)) {
      case 0:
        *at = static_cast<std::uint8_t>(random.below(256));
        break;
      case 1:
        *at ^= static_cast<std::uint8_t>(1 << random.below(8));
        break;
      case 2:
        bytes.erase(at, at + length);
        break;
      default: {
        const Bytes piece(at, at + length);
        bytes.insert(bytes.begin() + random.below(size), piece.begin(), piece.end());
      }
    }
  }
  return bytes;
}

// Refused cache entries are warnings.
class Silence {
 public:
  Silence() { flags().log = 0; }
  ~Silence() { flags().log = level_; }

 private:
  std::int64_t level_ = flags().log;
};

}  // namespace

TEST_CASE("readers read what Bitale wrote") {
  for (const ReaderUnderTest& reader : readers_under_test()) {
    const std::vector<Bytes> seeds = reader.seeds();
    CHECK(seeds.size() >= 2);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      INFO(reader.name << " reads seed " << i);
      CHECK(reader.read(seeds[i]));
    }
  }
}

TEST_CASE("readers read or refuse damaged content, and nothing else happens") {
  const Silence silence;
  for (const ReaderUnderTest& reader : readers_under_test()) {
    const std::vector<Bytes> seeds = reader.seeds();
    Random random(1);
    int read = 0;
    for (int i = 0; i < 3000; ++i) {
      const Bytes bytes = damaged(random.pick(seeds), random);
      INFO(reader.name << ", number " << i);
      bool taken = false;
      CHECK_NOTHROW(taken = reader.read(bytes));
      read += taken;
    }
    INFO(reader.name);
    CHECK(read < 3000);
  }
}

TEST_CASE("readers read or refuse what libFuzzer found") {
  const Silence silence;
  for (const ReaderUnderTest& reader : readers_under_test()) {
    const std::vector<fs::path> files = corpus_of(reader.name);
    CHECK(!files.empty());
    for (const fs::path& path : files) {
      std::ifstream file(path, std::ios::binary);
      const Bytes bytes(std::istreambuf_iterator<char>(file), {});
      INFO(path.string());
      CHECK_NOTHROW(reader.read(bytes));
    }
  }
}

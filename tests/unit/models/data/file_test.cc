#include "models/data/file.h"

#include <iterator>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/models/data/samples.h"

using bitale::Error;
using bitale::tests::contains;
using bitale::tests::TempFolder;
using namespace bitale::models;
using bitale::models::tests::gzip;

TEST_CASE("plain and compressed files give the same bytes") {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i);
  CHECK(read_data_file(folder.write("plain", text)) == text);
  CHECK(read_data_file(folder.write("packed", gzip(text))) == text);
  CHECK(read_data_file(folder.write("empty", "")).empty());
  CHECK(read_data_file(folder.write("packed empty", gzip(""))).empty());
}

TEST_CASE("every truncation of a gzip file is an error") {
  const std::string packed = gzip("some text, and some more text");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    CHECK_THROWS_AS(gunzip(packed.substr(0, size), "cut.gz"), Error);
  }
  CHECK_THROWS_WITH(gunzip(packed.substr(0, 20), "cut.gz"), contains("'cut.gz'") && contains("truncated"));
}

TEST_CASE("no flipped bit of a gzip file changes the text unseen") {
  const std::string text = "some text, and some more text";
  const std::string packed = gzip(text);
  constexpr std::size_t header = 10;  // of its fields only some are checked: a time stamp may be any
  std::size_t refused = 0;
  for (std::size_t bit = header * 8; bit < packed.size() * 8; ++bit) {
    std::string damaged = packed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      const std::string read = gunzip(damaged, "damaged.gz");
      CHECK(read == text);  // bits that pad the last byte of the stream carry nothing
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > (packed.size() - header - 1) * 8);
}

TEST_CASE("bytes after a gzip stream are an error") {
  CHECK_THROWS_WITH(gunzip(gzip("text") + "more", "long.gz"), contains("'long.gz'") && contains("4 bytes after"));
}

TEST_CASE("a file is refused for its size before it is read or decompressed") {
  const TempFolder folder;
  const std::string text(1000, 'x');
  CHECK(read_data_file(folder.write("fits", text), 1000) == text);
  CHECK(gunzip(gzip(text), "fits.gz", 1000) == text);
  CHECK_THROWS_WITH(read_data_file(folder.write("large", text), 999), contains("1000 bytes") && contains("999"));
  CHECK_THROWS_WITH(gunzip(gzip(text), "bomb.gz", 999), contains("'bomb.gz'") && contains("more than the 999 bytes"));
}

TEST_CASE("what is no file is named") {
  const TempFolder folder;
  CHECK_THROWS_WITH(read_data_file(folder.path() / "absent"), contains("absent' is not a file"));
  CHECK_THROWS_WITH(read_data_file(folder.path()), contains("is not a file"));
}

TEST_CASE("a replaced file has its parts, and nothing else lies beside it") {
  const TempFolder folder;
  const auto path = folder.write("file", "what was there before");
  replace_file(path, std::vector<std::string_view>{"some ", "", "text"});
  CHECK(read_data_file(path) == "some text");
  replace_file(path, {});
  CHECK(read_data_file(path).empty());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK_THROWS_WITH(replace_file(folder.path() / "no" / "file", {}), contains("no/file' cannot be written: No such"));
}

#include "models/data/safetensors.h"

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using bitale::Array;
using bitale::DType;
using bitale::Error;
using bitale::tests::contains;
using bitale::tests::TempFolder;
using namespace bitale::models;

namespace {

Array floats(std::vector<float> values, bitale::Extents shape) {
  return Array::of(std::span<const float>(values), std::move(shape));
}

NamedArrays sample() {
  NamedArrays content;
  content.arrays = {{"w", floats({1, -2, 3.5f, 4, 5, 6}, {2, 3})},
                    {"empty", floats({}, {0, 4})},
                    {"half", floats({1, -2, 0.1f}, {3}).cast(DType::f16)},
                    {"brain", floats({1, -2, 0.1f}, {3}).cast(DType::bf16)},
                    {"step", Array::scalar<std::int64_t>(42)},
                    {"flag", Array::scalar<bool>(true)}};
  content.metadata = {{"model", "lenet"}, {"note", "a \"quoted\" text"}};
  return content;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string with_header(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + data;
}

NamedArrays read_text(const std::string& text) {
  const TempFolder folder;
  return read_safetensors(folder.write("x.safetensors", text));
}

NamedArrays read_header(const std::string& header, std::size_t data_bytes = 0) {
  return read_text(with_header(header, std::string(data_bytes, '\0')));
}

}  // namespace

TEST_CASE("what is written is read back, bit for bit") {
  const TempFolder folder;
  const auto path = folder.path() / "a.safetensors";
  write_safetensors(path, sample());
  const NamedArrays read = read_safetensors(path);
  const NamedArrays expected = sample();
  REQUIRE(read.arrays.size() == expected.arrays.size());
  for (std::size_t i = 0; i < expected.arrays.size(); ++i) {
    CHECK(read.arrays[i].first == expected.arrays[i].first);
    CHECK(read.arrays[i].second.same_bits(expected.arrays[i].second));
  }
  CHECK(read.metadata == expected.metadata);
}

TEST_CASE("arrays of another type than expected are named") {
  const NamedArrays content = sample();
  CHECK(content.array("w", DType::f32, {2, 3}, "f").at(2) == 3.5);
  CHECK_THROWS_WITH(content.array("w", DType::f32, {3, 2}, "f"), contains("'w' is float32[2, 3], and float32[3, 2]"));
  CHECK_THROWS_WITH(content.array("w", DType::f64, {2, 3}, "f"), contains("float64[2, 3] was expected"));
  CHECK_THROWS_WITH(content.array("v", DType::f64, {}, "f"), contains("'f' has no array 'v'"));
  CHECK_THROWS_WITH(content.text("seed", "f"), contains("no metadata 'seed'"));
}

TEST_CASE("every truncation is an error") {
  const TempFolder folder;
  const auto path = folder.path() / "a.safetensors";
  write_safetensors(path, sample());
  const std::string whole = bytes_of(path);
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_THROWS_AS(read_text(whole.substr(0, size)), Error);
  CHECK_THROWS_WITH(read_text(whole + "x"), contains("its arrays take"));
}

TEST_CASE("a changed byte of the header is an error or another well-formed file, never worse") {
  const TempFolder folder;
  const auto path = folder.path() / "a.safetensors";
  write_safetensors(path, sample());
  const std::string whole = bytes_of(path);
  for (std::size_t at = 0; at < whole.size() - 33; ++at) {
    for (const int flip : {1, 4, 0x20, 0x80}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      try {
        read_text(damaged);
      } catch (const Error& error) {
        CHECK_THAT(error.what(), contains("x.safetensors"));
      }
    }
  }
}

TEST_CASE("absurd header lengths are refused before memory is taken") {
  std::string text = with_header("{}", "");
  text[7] = '\x7f';
  CHECK_THROWS_WITH(read_text(text), contains("its header claims"));
  text = with_header("{}", "");
  text[1] = '\x01';
  CHECK_THROWS_WITH(read_text(text), contains("its header claims 258 bytes, and the file has 10"));
}

TEST_CASE("sizes and offsets are checked") {
  const auto entry = [](const char* dtype, const char* shape, const char* offsets) {
    return std::string(R"({"dtype":")") + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  const auto one = [&](const char* dtype, const char* shape, const char* offsets) {
    return "{\"a\":" + entry(dtype, shape, offsets) + "}";
  };
  CHECK(read_header(one("F32", "[2]", "[0,8]"), 8).arrays[0].second.size() == 2);
  CHECK_THROWS_WITH(read_header(one("F32", "[3]", "[0,8]"), 8),
                    contains("has 8 bytes, which is not what float32[3] takes"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2]", "[0,9]"), 9), contains("has 9 bytes"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2]", "[0,8]"), 4), contains("claims the bytes 0 to 8 of 4"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2]", "[8,0]"), 8), contains("claims the bytes 8 to 0"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2]", "[4,12]"), 12), contains("no array has the bytes 0 to 4"));
  CHECK_THROWS_WITH(read_header(one("F32", "[-2]", "[0,8]"), 8), contains("not a list of whole numbers"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2.0]", "[0,8]"), 8), contains("not a list of whole numbers"));
  CHECK_THROWS_WITH(read_header(one("F32", "[2]", "[0]"), 8), contains("has 1 data_offsets"));
  CHECK_THROWS_WITH(read_header(one("F32", "[4611686018427387904,4611686018427387904]", "[0,8]"), 8),
                    contains("takes"));
  CHECK_THROWS_WITH(read_header(one("F32", "[0,4611686018427387904,8]", "[0,8]"), 8), contains("takes"));
  CHECK_THROWS_WITH(read_header(one("F8_E4M3", "[4]", "[0,4]"), 4), contains("\"F8_E4M3\", which is not supported"));
  CHECK_THROWS_WITH(
      read_header("{\"a\":" + entry("U8", "[4]", "[0,4]") + ",\"b\":" + entry("U8", "[4]", "[2,6]") + "}", 6),
      contains("'b' overlaps"));
}

TEST_CASE("headers that are not headers") {
  CHECK_THROWS_WITH(read_header("[]"), contains("not a JSON object"));
  CHECK_THROWS_WITH(read_header("{\"a\""), contains("not a JSON object"));
  CHECK_THROWS_WITH(read_header("{\"a\":3}"), contains("'a' has no dtype"));
  CHECK_THROWS_WITH(read_header("{\"a\":{\"dtype\":\"F32\"}}"), contains("'a' has no shape"));
  CHECK_THROWS_WITH(read_header("{\"__metadata__\":3}"), contains("metadata is not a JSON object"));
  CHECK_THROWS_WITH(read_header("{\"__metadata__\":{\"k\":3}}"), contains("'k' is not a text"));
  CHECK_THROWS_WITH(read_text(with_header(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\x02")),
                    contains("neither 0 nor 1"));
}

TEST_CASE("a file that cannot be opened is named") {
  const TempFolder folder;
  CHECK_THROWS_WITH(read_safetensors(folder.path() / "none"), contains("none' cannot be opened: No such file"));
  CHECK_THROWS_WITH(read_safetensors(folder.path()), contains("is not a file"));
  CHECK_THROWS_WITH(write_safetensors(folder.path() / "none" / "a", sample()),
                    contains("cannot be written: No such file"));
}

TEST_CASE("a disk that fills up leaves the old file as it was") {
  const TempFolder folder;
  const auto path = folder.path() / "a.safetensors";
  write_safetensors(path, sample());
  const std::string before = bytes_of(path);

  NamedArrays large;
  large.arrays = {{"w", Array::zeros(DType::f32, {100000})}};
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small = {4096, limit.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_safetensors(path, large);
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);

  CHECK_THAT(message, contains("cannot be written: File too large. A file that was there before is unchanged."));
  CHECK(bytes_of(path) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

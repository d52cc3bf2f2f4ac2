#include "models/data/datum.h"

#include <limits>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

std::string said(const std::string& bytes) {
  return message_of([&] { parse_datum(bytes, "00000003_cat.jpg"); });
}

}  // namespace

// The bytes are written down from Caffe's caffe.proto and protobuf's encoding, not made by the code under test.
TEST_CASE("a Datum of pixels has Caffe's bytes") {
  const Picture picture{{2, 1}, {10, 20, 30, 11, 21, 31}};  // two pixels: red, green, blue
  const std::string expected =
      std::string("\x08\x03\x10\x01\x18\x02\x22\x06", 8) + "\x1e\x1f\x14\x15\x0a\x0b" + "\x28\x07";
  CHECK(datum_of(picture, 7) == expected);
  const Datum read = parse_datum(expected, "x");
  CHECK(read.channels == 3);
  CHECK(read.width == 2);
  CHECK(read.height == 1);
  CHECK(read.label == 7);
  CHECK_FALSE(read.encoded);
  CHECK(copy(view(read, "x")).pixels == picture.pixels);
}

TEST_CASE("a Datum of a file has Caffe's bytes") {
  const std::string expected(
      "\x08\x03\x10\x05\x18\x04\x22\x03"
      "abc"
      "\x28\x00\x38\x01",
      15);
  CHECK(encoded_datum("abc", {4, 5}, 0) == expected);
  const Datum read = parse_datum(expected, "x");
  CHECK(read.encoded);
  CHECK(read.data == "abc");
  CHECK(read.label == 0);
}

TEST_CASE("grey pixels are three equal channels") {
  const std::string grey(
      "\x08\x01\x10\x01\x18\x03\x22\x03"
      "\x05\x06\x07",
      11);
  CHECK(copy(view(parse_datum(grey, "x"), "x")).pixels == std::vector<std::uint8_t>{5, 5, 5, 6, 6, 6, 7, 7, 7});
}

TEST_CASE("what is no Datum of a picture") {
  CHECK_THAT(said(""), contains("'00000003_cat.jpg' claims 0 channels of 0 x 0 pixels"));
  CHECK_THAT(said("\x08"), contains("is no Datum"));
  CHECK_THAT(said("\x22\x7f"
                  "abc"),
             contains("is no Datum"));
  CHECK_THAT(said("\x20\x05"), contains("field 4 has wire type 0; 2 was expected"));
  CHECK_THAT(said(std::string("\x08\x03\x10\x01\x18\x02\x22\x05", 8) + "abcde"),
             contains("has 5 bytes of pixels; its 3 channels of 2 x 1 pixels take 6"));
  CHECK_THAT(said(std::string("\x35\x00\x00\x80\x3f", 5)), contains("holds numbers (float_data)"));
  CHECK_THAT(said(std::string("\x38\x01", 2)), contains("said to hold a file, and holds no bytes"));
  // A million times a million pixels, of which the product would overflow 32 bits.
  CHECK_THAT(said("\x08\x03\x10\x80\x89\x7a\x18\x80\x89\x7a"), contains("3 channels of 2000000 x 2000000 pixels"));
  const std::string two(
      "\x08\x02\x10\x01\x18\x01\x22\x02"
      "ab",
      10);
  CHECK_THROWS_WITH(view(parse_datum(two, "x"), "x"), contains("has 2 channels; pictures have 3"));
}

TEST_CASE("fields that are not known are passed over") {
  const std::string more = std::string("\x7a\x02hi\x80\x01\x05", 7) + datum_of(gradient({2, 2}), 4);
  CHECK(parse_datum(more, "x").label == 4);
}

TEST_CASE("a mean picture is a BlobProto, blue first") {
  const MeanPicture mean{{1, 1}, {1.0f, 2.0f, 4.0f}};
  const std::string expected(
      "\x08\x01\x10\x03\x18\x01\x20\x01\x2a\x0c"
      "\0\0\x80\x40"
      "\0\0\0\x40"
      "\0\0\x80\x3f",
      22);
  CHECK(to_bytes(mean) == expected);
  CHECK(parse_mean(expected, "x").values == mean.values);
  CHECK(parse_mean(expected, "x").per_channel());

  MeanPicture large{{3, 2}, {}};
  for (int i = 0; i < 18; ++i) large.values.push_back(static_cast<float>(i));
  const MeanPicture read = parse_mean(to_bytes(large), "x");
  CHECK(read.size == large.size);
  CHECK(read.values == large.values);
}

TEST_CASE("a mean picture in the newer form, and unpacked") {
  // shape {1, 3, 1, 1}, then three single floats
  const std::string bytes(
      "\x3a\x06\x0a\x04\x01\x03\x01\x01"
      "\x2d\0\0\x80\x40"
      "\x2d\0\0\0\x40"
      "\x2d\0\0\x80\x3f",
      23);
  CHECK(parse_mean(bytes, "x").values == std::vector<float>{1, 2, 4});
}

TEST_CASE("what is no mean picture") {
  const auto mean_said = [](const std::string& bytes) { return message_of([&] { parse_mean(bytes, "m"); }); };
  CHECK_THAT(mean_said(""),
             contains("'m' is an array of extents [0, 0, 0, 0]; a mean picture has [1, 3, height, width]"));
  CHECK_THAT(mean_said(std::string("\x08\x01\x10\x03\x18\x01\x20\x01", 8)),
             contains("has 0 values; its extents [1, 3, 1, 1] say 3"));
  CHECK_THAT(mean_said("\x2a\x03"
                       "abc"),
             contains("is no BlobProto"));
  MeanPicture bad{{1, 1}, {0, 0, std::numeric_limits<float>::infinity()}};
  CHECK_THAT(mean_said(to_bytes(bad)), contains("values that are no numbers"));
}

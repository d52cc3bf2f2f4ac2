#include "models/data/jpeg.h"

#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;
using bitale::tests::message_of;

TEST_CASE("pixels come back from a JPEG") {
  const Picture picture = gradient({40, 24});
  for (const JpegKind kind : {JpegKind::colour, JpegKind::progressive, JpegKind::inks, JpegKind::adobe_inks}) {
    INFO(static_cast<int>(kind));
    const std::string bytes = jpeg_of(picture, kind);
    CHECK(jpeg_size(bytes, "x") == picture.size);
    CHECK(difference(decode_jpeg(bytes, "x"), picture) <= 6);
  }
}

TEST_CASE("a grey JPEG has three equal channels") {
  const Picture decoded = decode_jpeg(jpeg_of(gradient({16, 9}), JpegKind::grey), "x");
  Picture expected = gradient({16, 9});
  for (std::size_t i = 0; i < expected.pixels.size(); ++i) expected.pixels[i] = expected.pixels[i - i % 3];
  CHECK(difference(decoded, expected) <= 4);
}

TEST_CASE("encoded pictures are decoded again") {
  const Picture picture = gradient({65, 49}, 60);
  CHECK(difference(decode_jpeg(encode_jpeg(picture, 100), "x"), picture) <= 6);
  CHECK(encode_jpeg(picture, 30).size() < encode_jpeg(picture, 100).size());
  CHECK_THROWS_WITH(encode_jpeg(picture, 0), contains("quality of a JPEG is 1 to 100, 0 was given"));
}

TEST_CASE("a picture that will be scaled down is decoded at a half, a quarter, an eighth, and never below") {
  const std::string bytes = jpeg_of(gradient({163, 80}));
  const auto decoded = [&](PictureSize target) { return decode_jpeg(bytes, "x", target).size; };
  CHECK(decoded({82, 40}) == PictureSize{82, 40});
  CHECK(decoded({83, 40}) == PictureSize{163, 80});
  CHECK(decoded({60, 30}) == PictureSize{82, 40});
  CHECK(decoded({41, 20}) == PictureSize{41, 20});
  CHECK(decoded({10, 10}) == PictureSize{21, 10});
  CHECK(decoded({1, 1}) == PictureSize{21, 10});
  CHECK(decoded({500, 1}) == PictureSize{163, 80});
  CHECK(difference(decode_jpeg(bytes, "x", {82, 40}), resized(gradient({163, 80}), {82, 40})) <= 8);
}

TEST_CASE("what is no JPEG, or not a whole one") {
  const std::string bytes = jpeg_of(gradient({40, 24}));
  const auto said = [](const std::string& file) { return message_of([&] { decode_jpeg(file, "cat.jpg"); }); };
  CHECK_THAT(said(""), contains("'cat.jpg' is empty"));
  CHECK_THAT(said("\x89PNG\r\n"), contains("'cat.jpg' is no JPEG: it starts with the bytes 89 50 4e 47"));
  for (const JpegKind kind : {JpegKind::colour, JpegKind::progressive}) {
    const std::string whole = jpeg_of(gradient({40, 24}), kind);
    for (std::size_t length = 2; length < whole.size(); length += 7) {
      INFO(length << " of " << whole.size());
      CHECK_THAT(said(whole.substr(0, length)), contains("'cat.jpg' is a damaged JPEG"));
    }
  }
  CHECK_THAT(said(bytes.substr(0, bytes.size() - 2)), contains("'cat.jpg' is a damaged JPEG"));
  CHECK(said(bytes + "more") == "no error");
}

TEST_CASE("a size that the bytes cannot hold") {
  std::string bytes = jpeg_of(gradient({40, 24}));
  const std::size_t frame = bytes.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) bytes[frame + i] = '\x7f';
  CHECK_THAT(message_of([&] { decode_jpeg(bytes, "huge.jpg"); }),
             contains("'huge.jpg' is a damaged JPEG: ") && contains("cannot hold the 32639 x 32639 pixels"));
  CHECK_THAT(message_of([&] { jpeg_size(bytes, "huge.jpg"); }), contains("cannot hold"));
}

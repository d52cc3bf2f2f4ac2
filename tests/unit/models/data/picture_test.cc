#include "models/data/picture.h"

#include <cstdlib>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;

TEST_CASE("what a picture is scaled to") {
  CHECK(fitted({500, 375}, 256, Fit::square) == PictureSize{256, 256});
  CHECK(fitted({500, 375}, 256, Fit::shorter) == PictureSize{341, 256});
  CHECK(fitted({375, 500}, 256, Fit::shorter) == PictureSize{256, 341});
  CHECK(fitted({100, 100}, 256, Fit::shorter) == PictureSize{256, 256});
  CHECK(fitted({500, 375}, 0, Fit::square) == PictureSize{500, 375});
  CHECK_THROWS_WITH(fitted({60000, 1}, 8000, Fit::shorter), contains("60000 x 1 pixels would become one of"));
  CHECK_THROWS_AS(fitted({2, 2}, std::int64_t{1} << 40, Fit::square), bitale::Error);
}

TEST_CASE("scaling keeps a constant, and a gradient a gradient") {
  Picture flat{{7, 5}, std::vector<std::uint8_t>(7 * 5 * 3, 93)};
  for (const PictureSize size : {PictureSize{3, 2}, PictureSize{20, 11}, PictureSize{7, 2}}) {
    const Picture scaled = resized(flat, size);
    CHECK(scaled.size == size);
    CHECK(scaled.pixels == std::vector<std::uint8_t>(static_cast<std::size_t>(size.width * size.height * 3), 93));
  }
  CHECK(difference(resized(gradient({120, 80}), {60, 40}), gradient({60, 40})) <= 4);
  CHECK(difference(resized(gradient({60, 40}), {120, 80}), gradient({120, 80})) <= 4);
  CHECK(resized(gradient({6, 4}), {6, 4}).pixels == gradient({6, 4}).pixels);
}

TEST_CASE("a picture that shrinks is averaged, not sampled") {
  Picture stripes{{64, 8}, {}};
  for (int i = 0; i < 64 * 8; ++i) stripes.pixels.insert(stripes.pixels.end(), 3, i % 2 == 0 ? 0 : 254);
  const Picture averaged = resized(stripes, {16, 8});
  for (std::size_t i = 0; i < averaged.pixels.size(); ++i)  // at the edges, what lies there counts more
    if (const std::size_t x = i / 3 % 16; x > 0 && x < 15) CHECK(std::abs(averaged.pixels[i] - 127) <= 2);
}

TEST_CASE("a view of planes is copied to pixels") {
  const std::uint8_t planes[] = {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26};
  const PictureView bgr{{3, 2}, {planes + 12, planes + 6, planes}, 3, 1};
  CHECK(copy(bgr).pixels ==
        std::vector<std::uint8_t>{21, 11, 1, 22, 12, 2, 23, 13, 3, 24, 14, 4, 25, 15, 5, 26, 16, 6});
  const Picture picture = gradient({5, 3});
  CHECK(copy(view(picture)).pixels == picture.pixels);
}

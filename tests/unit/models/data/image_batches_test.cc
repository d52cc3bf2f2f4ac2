#include "models/data/image_batches.h"

#include <algorithm>
#include <set>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/unit/models/data/pictures.h"

using namespace bitale;
using namespace bitale::models;
using namespace bitale::models::tests;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

std::vector<ImageBatch> epoch(ImageBatches& batches, std::int64_t number, std::int64_t first = 0) {
  batches.start(number, first);
  std::vector<ImageBatch> out;
  while (auto batch = batches.next()) out.push_back({batch->images.clone(), batch->labels.clone(), batch->pictures});
  return out;
}

bool same(const ImageBatch& a, const ImageBatch& b) {
  return a.images.same_bits(b.images) && a.labels.same_bits(b.labels) && a.pictures == b.pictures;
}

void check_same(const std::vector<ImageBatch>& a, const std::vector<ImageBatch>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(same(a[i], b[i]));
}

ImageBatchOptions small(int threads = 2) {
  ImageBatchOptions o;
  o.batch = 4;
  o.crop = 6;
  o.seed = 5;
  o.threads = threads;
  return o;
}

float at(const ImageBatch& batch, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  const Extents& s = batch.images.shape();
  return static_cast<float>(batch.images.at(((n * s[1] + c) * s[2] + y) * s[3] + x));
}

}  // namespace

TEST_CASE("the centre of pictures, as they are") {
  const MemoryImages set(3, {10, 9});
  ImageBatchOptions o;
  o.batch = 2;
  o.crop = 4;
  o.augment = false;
  o.threads = 1;
  ImageBatches batches(set, o);
  CHECK(batches.count() == 2);
  const auto all = epoch(batches, 0);
  REQUIRE(all.size() == 2);
  CHECK(all[0].images.shape() == Extents{2, 3, 4, 4});
  CHECK(all[1].images.shape() == Extents{1, 3, 4, 4});
  CHECK(all[1].labels.view<std::int32_t>()[0] == 2);
  const Picture picture = gradient({10, 9}, 1);
  for (std::int64_t y = 0; y < 4; ++y) {
    for (std::int64_t x = 0; x < 4; ++x) {
      for (std::int64_t c = 0; c < 3; ++c)
        CHECK(at(all[0], 1, c, y, x) == picture.pixels[static_cast<std::size_t>(((y + 2) * 10 + x + 3) * 3 + c)]);
    }
  }
}

TEST_CASE("mean, scale and the order of channels") {
  const MemoryImages set(1, {5, 4});
  ImageBatchOptions o;
  o.batch = 1;
  o.crop = 2;
  o.augment = false;
  o.scale = 0.5f;
  o.blue_first = true;
  o.mean = MeanPicture{{1, 1}, {10, 20, 30}};
  ImageBatches of_channels(set, o);
  const Picture picture = gradient({5, 4}, 0);
  const auto pixel = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    return static_cast<float>(picture.pixels[static_cast<std::size_t>((y * 5 + x) * 3 + c)]);
  };
  const ImageBatch a = epoch(of_channels, 0)[0];
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < 4; ++i)  // the crop begins at y = 1, x = 1
      CHECK(at(a, 0, 2 - c, i / 2, i % 2) == (pixel(c, 1 + i / 2, 1 + i % 2) - 10 * static_cast<float>(c + 1)) * 0.5f);
  }

  MeanPicture whole{{5, 4}, {}};
  for (int i = 0; i < 60; ++i) whole.values.push_back(static_cast<float>(i));
  o.mean = whole;
  ImageBatches of_pixels(set, o);
  const ImageBatch b = epoch(of_pixels, 0)[0];
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < 4; ++i)
      CHECK(at(b, 0, 2 - c, i / 2, i % 2) ==
            (pixel(c, 1 + i / 2, 1 + i % 2) - static_cast<float>(c * 20 + (1 + i / 2) * 5 + 1 + i % 2)) * 0.5f);
  }
}

TEST_CASE("crops lie inside the picture, everywhere, and every other one is mirrored") {
  const MemoryImages set(400, {8, 7});
  ImageBatchOptions o = small();
  o.batch = 400;
  ImageBatches batches(set, o);
  const ImageBatch batch = epoch(batches, 0)[0];
  const Picture picture = gradient({8, 7});
  std::set<std::pair<std::int64_t, std::int64_t>> places;
  int mirrored = 0;
  for (std::int64_t n = 0; n < 400; ++n) {
    // Red says which column a pixel came from, green which row.
    const auto column = [&](std::int64_t x) {
      return static_cast<std::int64_t>(at(batch, n, 0, 0, x) / 255 * 7 + 0.5f);
    };
    const std::int64_t row = static_cast<std::int64_t>(at(batch, n, 1, 0, 0) / 255 * 6 + 0.5f);
    const bool flipped = column(0) > column(5);
    mirrored += flipped;
    places.emplace(std::min(column(0), column(5)), row);
    CHECK(std::abs(column(0) - column(5)) == 5);
    for (std::int64_t x = 0; x < 6; ++x) CHECK(column(x) == column(0) + (flipped ? -x : x));
    CHECK(at(batch, n, 1, 5, 3) == picture.pixels[static_cast<std::size_t>((row + 5) * 8 * 3 + 1)]);
    CHECK(at(batch, n, 2, 0, 0) == static_cast<float>(batch.pictures[static_cast<std::size_t>(n)] % 256));
  }
  CHECK(places.size() == 3 * 2);
  CHECK(mirrored > 150);
  CHECK(mirrored < 250);
}

TEST_CASE("batches do not depend on the number of threads, nor on how many are ahead") {
  const MemoryImages set(31);
  ImageBatches one(set, small(1));
  const auto expected = epoch(one, 3);
  REQUIRE(expected.size() == 8);
  for (const int threads : {2, 4, 9}) {
    for (const std::int64_t prefetch : {1, 2, 20}) {
      ImageBatchOptions o = small(threads);
      o.prefetch = prefetch;
      ImageBatches many(set, o);
      check_same(epoch(many, 3), expected);
    }
  }
}

TEST_CASE("an epoch has every picture once, in an order of its own that comes again") {
  const MemoryImages set(31);
  ImageBatches batches(set, small());
  const auto order = [&](std::int64_t number) {
    std::vector<std::int64_t> all;
    for (const ImageBatch& batch : epoch(batches, number)) {
      for (std::size_t i = 0; i < batch.pictures.size(); ++i)
        CHECK(batch.labels.view<std::int32_t>()[i] == batch.pictures[i]);
      all.insert(all.end(), batch.pictures.begin(), batch.pictures.end());
    }
    return all;
  };
  const auto first = order(0), second = order(1);
  CHECK(first != second);
  CHECK(order(0) == first);
  CHECK(std::set(first.begin(), first.end()).size() == 31);
  CHECK(std::set(second.begin(), second.end()).size() == 31);
  check_same(epoch(batches, 1), epoch(batches, 1));
}

TEST_CASE("crops of a picture differ from epoch to epoch") {
  const MemoryImages set(4, {40, 40});
  ImageBatchOptions o = small();
  ImageBatches batches(set, o);
  CHECK_FALSE(epoch(batches, 0)[0].images.same_bits(epoch(batches, 1)[0].images));
  o.augment = false;
  o.seed = {};
  ImageBatches plain(set, o);
  check_same(epoch(plain, 0), epoch(plain, 1));
}

TEST_CASE("an epoch continued in its middle") {
  const MemoryImages set(31);
  ImageBatches whole(set, small()), rest(set, small(3));
  const auto all = epoch(whole, 2);
  for (std::int64_t first = 0; first <= 8; ++first) check_same(epoch(rest, 2, first), {all.begin() + first, all.end()});
}

TEST_CASE("pictures that were chosen, and full batches only") {
  const MemoryImages set(31);
  ImageBatchOptions o = small();
  o.seed = {};
  o.partial = false;
  ImageBatches batches(set, o, {30, 2, 5, 7, 11, 13});
  const auto all = epoch(batches, 0);
  REQUIRE(all.size() == 1);
  CHECK(all[0].pictures == std::vector<std::int64_t>{30, 2, 5, 7});
  CHECK(batches.pictures() == 6);
}

TEST_CASE("memory of batches that nobody has any more is used again, and of others it is not") {
  const MemoryImages set(80);
  ImageBatches batches(set, small());
  std::set<const void*> places;
  batches.start(0);
  while (const auto batch = batches.next()) places.insert(batch->images.data());
  CHECK(places.size() <= 4);

  ImageBatches again(set, small());
  again.start(0);
  std::vector<ImageBatch> kept;
  while (auto batch = again.next()) kept.push_back(*batch);
  check_same(kept, epoch(batches, 0));
}

TEST_CASE("stopping in the middle of an epoch") {
  const MemoryImages set(200);
  for (int i = 0; i < 30; ++i) {
    ImageBatches batches(set, small(4));
    batches.start(0);
    for (int taken = 0; taken < i % 5; ++taken) batches.next();
    if (i % 2) batches.start(1);
    if (i % 3 == 0) CHECK(batches.next());
  }
}

TEST_CASE("a picture that cannot be read ends the epoch where it is, and no sooner") {
  MemoryImages set(40);
  set.value(17) = "\x08";
  ImageBatchOptions o = small(4);
  o.seed = {};
  ImageBatches batches(set, o);
  batches.start(0);
  for (int i = 0; i < 4; ++i) REQUIRE(batches.next());
  CHECK_THROWS_WITH(batches.next(), contains("'picture17' is no Datum"));
  CHECK_THROWS_WITH(batches.next(), contains("'picture17' is no Datum"));
  batches.start(0, 5);
  CHECK(batches.next());
}

TEST_CASE("pictures that are too small, or not as the mean is") {
  const MemoryImages set(4, {12, 5});
  const auto said = [&](const ImageBatchOptions& o) {
    return message_of([&] {
      ImageBatches batches(set, o);
      batches.start(0);
      batches.next();
    });
  };
  CHECK_THAT(said(small()), contains("has 12 x 5 pixels, and a crop of 6 x 6 was asked for"));
  ImageBatchOptions o = small();
  o.crop = 5;
  o.mean = MeanPicture{{5, 5}, std::vector<float>(75)};
  CHECK_THAT(said(o), contains("has 12 x 5 pixels, and the mean picture 5 x 5"));
}

TEST_CASE("options that make no sense") {
  const MemoryImages set(5);
  const auto said = [&](auto change) {
    ImageBatchOptions o = small();
    change(o);
    return message_of([&] { ImageBatches(set, o); });
  };
  CHECK_THAT(said([](auto& o) { o.batch = 0; }), contains("batches of 0 pictures"));
  CHECK_THAT(said([](auto& o) { o.crop = 0; }), contains("crops of 0 x 0 pixels"));
  CHECK_THAT(said([](auto& o) { o.batch = std::int64_t{1} << 60; }), contains("takes more than"));
  CHECK_THAT(said([](auto& o) { o.read.side = 5; }), contains("scaled to 5 pixels hold no crop of 6"));
  CHECK_THAT(said([](auto& o) { o.threads = -1; }), contains("-1 threads"));
  CHECK_THAT(said([](auto& o) { o.prefetch = 0; }), contains("0 batches ahead"));
  CHECK_THAT(said([](auto& o) { o.batch = 6, o.partial = false; }), contains("5 pictures make no batch of 6"));
  ImageBatches good(set, small());
  CHECK_THROWS_WITH(good.start(0, 3), contains("batch 3 of epoch 0 was asked for; epochs have 2 batches"));
  CHECK_FALSE(good.next());
}

#include "models/zoo/images_data.h"

#include <algorithm>

#include "models/data/image_convert.h"
#include "models/data/jpeg.h"
#include "models/zoo/train.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/same_arrays.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::check_same;
using bitale::tests::contains;
using bitale::tests::TempFolder;

namespace {

constexpr std::int64_t side = 12, crop = 10;

// Class 1 is brighter than class 0.
void write_pictures(const TempFolder& folder, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) {
    Picture picture{{side, side}, {}};
    for (std::int64_t p = 0; p < side * side * 3; ++p)
      picture.pixels.push_back(static_cast<std::uint8_t>((p * 7 + i * 13) % 80 + 120 * (i % 2)));
    folder.write(name + (i % 2 ? "/b/" : "/a/") + std::to_string(i) + ".jpg", encode_jpeg(picture));
  }
}

BuiltModel build_bright(const BuildOptions&) {
  const Dim batch("batch");
  const Shared w("w", Array::zeros(float32, {3, 2}));
  const Tensor x = input("x", float32, {batch, 3, crop, crop}), y = input("y", int64, {batch});
  BuiltModel model;
  model.name = "bright";
  model.inputs = {x, y};
  model.logits = dot(mean(x, {2, 3}), w);
  model.loss = mean(cross_entropy(model.logits, y));
  model.training_loss = model.loss;
  model.training_logits = model.logits;
  model.parameters = {w};
  return model;
}

std::vector<Array> sample_bright(std::int64_t batch, std::int64_t, std::uint32_t) {
  return {Array::zeros(float32, {batch, 3, crop, crop}), Array::zeros(int64, {batch})};
}

const ModelRow bright{.name = "bright",
                      .help = "",
                      .build = build_bright,
                      .sample = sample_bright,
                      .reads = ModelRow::Reads::images,
                      .batch = 4,
                      .warmup = 1,
                      .iterations = 1};

// A database as `bitale data convert` makes it: folders would be scaled to 256.
PictureSets sets_of(const TempFolder& folder, int count) {
  const std::string name = "in" + std::to_string(count);
  if (!std::filesystem::exists(folder.path() / name)) {
    write_pictures(folder, name, count);
    convert_images(*open_images(folder.path() / name), folder.path() / ("db" + name), {.read = {side, Fit::square}});
  }
  return open_picture_sets(folder.path() / ("db" + name));
}

Trainer trainer(const TempFolder& folder, int loader_threads) {
  TrainOptions o;
  o.batch = 8;
  o.learning_rate = 1e-4;
  o.loader_threads = loader_threads;
  return {bright, std::make_unique<ImagesData>(sets_of(folder, 60), *picture_input(bright), o), o};
}

}  // namespace

TEST_CASE("which models read pictures") {
  CHECK(picture_input(bright)->crop == crop);
  CHECK(picture_input(bright)->labels == DType::i64);
  CHECK_FALSE(picture_input(find_model("lenet")));
  CHECK_FALSE(picture_input(find_model("lstm")));
}

TEST_CASE("a network learns from pictures of a database") {
  const TempFolder folder;
  Trainer t = trainer(folder, 2);
  CHECK(t.evaluate().examples == 3);
  while (t.epoch() < 10) t.step();
  CHECK(t.last_epoch().examples == 57);
  CHECK(t.last_epoch().accuracy() > 0.9);
  CHECK(t.evaluate().accuracy() == 1.0);
}

TEST_CASE("training stopped within an epoch continues bit for bit, with another number of threads") {
  const TempFolder folder;
  Trainer whole = trainer(folder, 1);
  while (whole.epoch() < 2) whole.step();

  Trainer first = trainer(folder, 3);
  for (int i = 0; i < 11; ++i) first.step();  // an epoch has eight steps
  CHECK(first.examples_done() == 24);
  Trainer second = trainer(folder, 4);
  second.restore(first.checkpoint(), "checkpoint");
  while (second.epoch() < 2) second.step();
  check_same(second.checkpoint(), whole.checkpoint());
}

TEST_CASE("folders to train on, to hold out and to test with") {
  const TempFolder folder;
  write_pictures(folder, "all/train", 10);
  write_pictures(folder, "all/val", 4);
  write_pictures(folder, "all/test", 6);
  TrainOptions o;
  o.batch = 4;
  const ImagesData data(open_picture_sets(folder.path() / "all"), {crop, DType::i32}, o);
  CHECK(data.size() == 10);
  CHECK(data.has_test());
  const auto count = [&](TrainingData::Part part) {
    std::int64_t sum = 0;
    data.each(part, [&](const Examples& batch) { sum += batch.count; });
    return sum;
  };
  CHECK(count(TrainingData::Part::held_out) == 4);
  CHECK(count(TrainingData::Part::test) == 6);
  CHECK_THAT(data.source(), contains("10 pictures to train on, 4 held out, 6 to test with"));
}

TEST_CASE("the examples of a batch: blue first, without the mean") {
  const TempFolder folder;
  folder.write("train/x/1.jpg", encode_jpeg({{16, 16}, std::vector<std::uint8_t>(16 * 16 * 3, 130)}, 100));
  std::filesystem::copy(folder.path() / "train", folder.path() / "val", std::filesystem::copy_options::recursive);
  ImagesData data(open_picture_sets(folder.path()), {crop, DType::i64}, {});
  const Tensor x = input("x", float32, {1, 3, crop, crop}), y = input("y", int64, {1});
  const Function channels = function({x, y}, {mean(x, {0, 2, 3}), y});
  const auto check = [&](const Examples& batch) {
    CHECK(batch.count == 1);
    const std::vector<Array> results = channels.call(batch.arguments);
    const double expected[] = {130 - 104, 130 - 117, 130 - 123};
    for (std::int64_t c = 0; c < 3; ++c) CHECK(results[0].at(c) == Approx(expected[c]).margin(0.51));
    CHECK(results[1].at(0) == 0);
  };
  data.start(0, 0);
  check(data.next());
  int batches = 0;
  data.each(TrainingData::Part::held_out, [&](const Examples& batch) {
    check(batch);
    ++batches;
  });
  CHECK(batches == 1);
}

TEST_CASE("too few pictures, and none") {
  const TempFolder folder;
  CHECK_THROWS_WITH(ImagesData(sets_of(folder, 10), {crop, DType::i32}, {}),
                    contains("has 10 pictures, of which none"));
  CHECK_THROWS_WITH(open_picture_sets(std::nullopt), contains("there are no pictures: none are bundled"));
  CHECK_THROWS_WITH(open_picture_sets(folder.path() / "gone"), contains("nothing of this name"));
}

// Training, interrupted and continued.

#include "models/zoo/train.h"

#include "models/zoo/digits_data.h"
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

Digits part(const Digits& digits, std::int64_t begin, std::int64_t count) {
  Digits out;
  out.images.assign(digits.images.begin() + begin * digit_pixels,
                    digits.images.begin() + (begin + count) * digit_pixels);
  out.labels.assign(digits.labels.begin() + begin, digits.labels.begin() + begin + count);
  out.count = count;
  return out;
}

const Mnist& bundled() {
  static const Mnist mnist = load_mnist();
  return mnist;
}

const Digits& some() {  // not a multiple of the batch: the last step of an epoch is a smaller one
  static const Digits digits = part(bundled().train, 0, 500);
  return digits;
}

Trainer trainer(const TrainOptions& options = {}) {
  return {find_model("lenet"), std::make_unique<DigitsData>(Mnist{some(), bundled().test, "some digits"}, options),
          options};
}

void run_epochs(Trainer& t, std::int64_t epochs) {
  while (t.epoch() < epochs) t.step();
}

}  // namespace

TEST_CASE("training reduces the loss and learns digits") {
  Trainer t = trainer();
  const Score before = t.evaluate();
  CHECK(before.examples == 1000);
  CHECK(before.loss() == Approx(2.302585).epsilon(1e-5));
  run_epochs(t, 4);
  const Score after = t.evaluate();
  CHECK(after.loss() < 1.0);
  CHECK(after.accuracy() > 0.75);
  CHECK(t.last_epoch().examples == 500);
}

TEST_CASE("four epochs are two epochs, a checkpoint file, and two more") {
  const TempFolder folder;
  const std::string file = folder.path() / "half.safetensors";
  Trainer whole = trainer();
  run_epochs(whole, 4);

  Trainer first = trainer();
  run_epochs(first, 2);
  write_safetensors(file, first.checkpoint());
  const NamedArrays read = read_safetensors(file);
  Trainer second = trainer(options_of(find_model("lenet"), read, file));
  second.restore(read, file);
  CHECK(second.epoch() == 2);
  run_epochs(second, 4);
  check_same(second.checkpoint(), whole.checkpoint());
}

TEST_CASE("a run stopped within an epoch continues where it was") {
  Trainer whole = trainer();
  run_epochs(whole, 2);

  Trainer first = trainer();
  for (int i = 0; i < 11; ++i) first.step();  // an epoch has eight steps
  CHECK(first.epoch() == 1);
  CHECK(first.examples_done() == 3 * 64);
  Trainer second = trainer();
  second.restore(first.checkpoint(), "checkpoint");
  CHECK(second.current() == first.current());
  run_epochs(second, 2);
  check_same(second.checkpoint(), whole.checkpoint());
}

TEST_CASE("checkpoints that cannot be continued change nothing") {
  Trainer t = trainer();
  const NamedArrays good = t.checkpoint();
  const auto restored = [&](auto change) {
    NamedArrays bad = good;
    change(bad);
    t.restore(bad, "c");
  };
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata.erase("kind"); }),
                    contains("not a checkpoint of `bitale train`"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["model"] = "other"; }), contains("a checkpoint of 'other'"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["batch"] = "32"; }), contains("batch 32, and 64 is asked for"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["digits"] = "4000"; }), contains("digits 4000, and 500"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["epoch"] = "-1"; }), contains("not a usable number"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["momentum"] = "nan"; }), contains("not a usable number"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["epoch_under_way.examples"] = "500"; }),
                    contains("claims 500 examples"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.arrays.pop_back(); }), contains("has no array"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.arrays[0].second = Array::zeros(float32, {10, 500}); }),
                    contains("'W4' is float32[10, 500], and float32[500, 10] was expected"));
  check_same(t.checkpoint(), good);
}

TEST_CASE("settings of training that make no sense") {
  CHECK_THROWS_WITH(trainer({.batch = 0}), contains("at least 1"));
  CHECK_THROWS_WITH(trainer({.learning_rate = -1}), contains("must be positive"));
  CHECK_THROWS_WITH(trainer({.shift = 28}), contains("0 to 27 pixels, 28 was given"));
  CHECK_THROWS_WITH(trainer({.decay = 0}), contains("at most 1"));
}

// Training, interrupted and continued.

#include "models/zoo/train.h"

#include "models/optim/named_factors.h"
#include "models/zoo/digits_data.h"
#include "models/zoo/digits_sample.h"
#include "models/zoo/lenet.h"
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

TEST_CASE("a run with any policy continues where it was, within an epoch and behind it") {
  for (const RatePolicyRow& policy : all_rate_policies()) {
    INFO(policy.name);
    TrainOptions options;
    use_policy(options, policy.name);
    if (policy.takes("gamma")) options.gamma = policy.name == std::string("sigmoid") ? -0.5 : 0.75;
    if (policy.takes("milestones")) options.milestones = "1,2,10,13";
    if (policy.takes("max_iterations")) options.max_iterations = 15;
    Trainer whole = trainer(options);
    std::vector<double> rates;
    for (int i = 0; i < 14; ++i) {  // an epoch has eight steps
      CHECK(whole.iteration() == i);
      rates.push_back(whole.learning_rate());
      whole.step();
    }
    CHECK((rates.front() != rates.back()) == (policy.name != std::string("fixed")));

    Trainer first = trainer(options);
    for (int i = 0; i < 11; ++i) first.step();
    const NamedArrays half = first.checkpoint();
    Trainer second = trainer(options_of(find_model("lenet"), half, "c"));
    second.restore(half, "c");
    CHECK(second.iteration() == 11);
    CHECK(second.learning_rate() == rates[11]);
    for (int i = 11; i < 14; ++i) second.step();
    check_same(second.checkpoint(), whole.checkpoint());
  }
}

TEST_CASE("a step of no other size is an epoch") {
  Trainer t = trainer();
  for (int i = 0; i < 7; ++i) t.step();
  CHECK(t.learning_rate() == 0.05);
  t.step();
  CHECK(t.learning_rate() == Approx(0.05 * 0.8));
  Trainer other = trainer({.gamma = 0.5, .step_size = 2});
  for (int i = 0; i < 5; ++i) other.step();
  CHECK(other.learning_rate() == Approx(0.05 * 0.25));
}

TEST_CASE("a checkpoint with a factor per epoch and no policy continues") {
  TrainOptions options;
  options.gamma = 0.5;
  const Trainer t = trainer(options);
  NamedArrays old = t.checkpoint();
  for (const TrainOptionRow& row : train_option_rows())
    if (row.may_lack && row.name != std::string("optimizer")) old.metadata.erase(row.name);
  old.metadata["decay"] = "0.5";
  const TrainOptions read = options_of(find_model("lenet"), old, "old");
  for (const TrainOptionRow& row : train_option_rows()) {
    INFO(row.name);
    CHECK(row.get(read) == row.get(options));
  }
}

TEST_CASE("frozen parameters stay as they are, and cost nothing but the forward pass") {
  const auto flops = [](const TrainOptions& options) {
    Trainer t = trainer(options);
    const std::vector<Shared> parameters = t.model().parameters;
    std::vector<Array> before;
    for (const Shared& p : parameters) before.push_back(p.get());
    t.step();
    t.step();
    const NamedFactors rates = optimizer_options_of(options).rates;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      INFO(parameters[i].name());
      CHECK(parameters[i].get().same_bits(before[i]) == (factor_of(rates, parameters[i].name()) == 0));
    }
    const std::vector<Array> batch = sample_digits(64, 0, 1);
    const std::vector<Argument> arguments(batch.begin(), batch.end());
    return t.step_flops({arguments, 64});
  };
  const double all = flops({}), convolutions = flops({.freeze = "[Wb][12]"}), last = flops({.freeze = "[Wb][123]"});
  // Of 64 digits: conv1, conv2, and the two dense layers.
  const double conv1 = 2.0 * 64 * 25 * 20 * 24 * 24, conv2 = 2.0 * 64 * 500 * 50 * 8 * 8, dense1 = 2.0 * 64 * 800 * 500,
               dense2 = 2.0 * 64 * 500 * 10;
  CHECK(all == 2 * conv1 + 3 * (conv2 + dense1 + dense2));
  CHECK(convolutions == conv1 + conv2 + 2 * dense1 + 3 * dense2);
  CHECK(last == conv1 + conv2 + dense1 + 2 * dense2);
}

TEST_CASE("a run can freeze more, and thaw what the optimizer knows nothing of only where it knows nothing at all") {
  Trainer t = trainer({.freeze = "W1"});
  t.step();
  const NamedArrays frozen = t.checkpoint();
  Trainer more = trainer({.freeze = "W1,W2"});
  CHECK_NOTHROW(more.restore(frozen, "c"));
  Trainer all = trainer();
  const NamedArrays before = all.checkpoint();
  CHECK_THROWS_WITH(all.restore(frozen, "c"), contains("in 'c', W1 is frozen, so that sgd knows nothing"));
  check_same(all.checkpoint(), before);

  Trainer plain = trainer({.momentum = 0, .freeze = "W1"});
  Trainer thawed = trainer({.momentum = 0});
  CHECK_NOTHROW(thawed.restore(plain.checkpoint(), "c"));
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
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["momentum"] = "-0.5"; }), contains("'c': the momentum must be"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["policy"] = "cosine"; }), contains("must be one of fixed, step"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["rate"] = "b*"; }), contains("patterns of names with factors"));
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
  CHECK_THROWS_WITH(trainer({.gamma = 0}), contains("policy step, b gamma^floor(i / step_size): the gamma must be"));
  CHECK_THROWS_WITH(trainer({.policy = "cosine"}), contains("the policy must be one of fixed, step, "));
  CHECK_THROWS_WITH(trainer({.policy = "poly"}), contains("the max_iterations must be at least 1, 0 was given"));
  CHECK_THROWS_WITH(trainer({.policy = "multistep", .milestones = "5,4"}), contains("each after the one before"));
  CHECK_THROWS_WITH(trainer({.clip_norm = -1}), contains("the clip norm must be 0 or positive, -1 was given"));
  CHECK_THROWS_WITH(trainer({.rate = "W1"}), contains("patterns of names with factors from 0 on"));
  CHECK_THROWS_WITH(trainer({.decay_scale = "q=0"}), contains("no parameter is named 'q'; there are: W4, W3"));
  CHECK_THROWS_WITH(trainer({.freeze = "*"}), contains("nothing is left to train"));
}

// Training a network layer by layer, then as a whole, interrupted and continued in every phase.
#include <algorithm>

#include "models/zoo/digits_data.h"
#include "models/zoo/train.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/same_arrays.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::check_same;
using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;

namespace {

const ModelRow& sae() { return find_model("sae"); }

Digits first(const Digits& digits, std::int64_t count) {
  Digits out;
  out.images.assign(digits.images.begin(), digits.images.begin() + count * digit_pixels);
  out.labels.assign(digits.labels.begin(), digits.labels.begin() + count);
  out.count = count;
  return out;
}

const Mnist& some() {  // of a batch of 64, the last step of an epoch is a smaller one
  static const Mnist digits = [] {
    const Mnist bundled = load_mnist();
    return Mnist{first(bundled.train, 400), first(bundled.test, 200), "some digits"};
  }();
  return digits;
}

constexpr std::int64_t steps_per_epoch = 7;

TrainOptions with(std::int64_t pretrain_epochs, std::string freeze = {}) {
  TrainOptions options = default_options(sae());
  options.pretrain_epochs = pretrain_epochs;
  options.freeze = std::move(freeze);
  options.threads = 1;
  return options;
}

Trainer trainer(const TrainOptions& options) { return {sae(), std::make_unique<DigitsData>(some(), options), options}; }

// As `bitale train` does.
void steps(Trainer& t, std::int64_t count) {
  for (; count > 0; --count) {
    if (t.pretraining() && t.epoch() == t.pretrain_epochs()) t.next_phase();
    t.step();
  }
}

std::vector<Array> values(const std::vector<Shared>& variables) {
  std::vector<Array> out;
  for (const Shared& v : variables) out.push_back(v.get());
  return out;
}

bool same(const std::vector<Array>& a, const std::vector<Array>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Array& x, const Array& y) { return x.same_bits(y); });
}

}  // namespace

TEST_CASE("each phase reduces its own loss and leaves the layers below as they are") {
  Trainer t = trainer(with(3));
  for (const BuiltModel& step : t.model().before) {
    INFO(step.step);
    CHECK(t.phase() == step.step);
    CHECK(t.pretraining());
    const std::vector<Array> below = values(step.fixed), own = values(step.parameters);
    const double before = t.evaluate().loss();
    steps(t, 3 * steps_per_epoch);
    CHECK(t.epoch() == 3);
    CHECK(t.evaluate().loss() < 0.9 * before);
    CHECK(t.evaluate().right == 0);
    CHECK(same(values(step.fixed), below));
    CHECK_FALSE(same(values(step.parameters), own));
    t.next_phase();
    CHECK(t.epoch() == 0);
    CHECK(t.iteration() == 0);
  }
  CHECK(t.phase() == "se");
  CHECK_FALSE(t.pretraining());
  CHECK(t.evaluate().loss() == Approx(2.302585).epsilon(1e-5));
  steps(t, 15 * steps_per_epoch);
  CHECK(t.evaluate().accuracy() > 0.7);
}

TEST_CASE("the rates are those of the phase") {
  TrainOptions options = with(1);
  options.pretrain_learning_rate = 0.01;
  options.learning_rate = 0.2;
  use_policy(options, "step");
  options.gamma = 0.5;
  options.step_size = 2;
  Trainer t = trainer(options);
  for (int phase = 0; phase < 3; ++phase) {
    CHECK(t.learning_rate() == 0.01);
    steps(t, 2);
    CHECK(t.learning_rate() == Approx(0.005));
    steps(t, steps_per_epoch - 2);
    t.next_phase();
  }
  CHECK(t.learning_rate() == 0.2);
}

TEST_CASE("a run stopped in any phase continues bit for bit") {
  const TrainOptions options = with(2);
  constexpr std::int64_t phase = 2 * steps_per_epoch, all = 4 * phase;
  Trainer whole = trainer(options);
  steps(whole, all);
  Trainer used = trainer(options);  // what it did before must not matter
  steps(used, 3 * phase + 3);
  for (const std::int64_t stop : {std::int64_t{0}, std::int64_t{3}, phase - steps_per_epoch, phase, phase + 1,
                                  2 * phase - 1, 2 * phase + steps_per_epoch + 2, 3 * phase, 3 * phase + 9}) {
    INFO("stopped behind " << stop << " steps");
    Trainer before = trainer(options);
    steps(before, stop);
    const NamedArrays half = before.checkpoint();
    TrainOptions read = options_of(sae(), half, "c");
    read.threads = options.threads;  // sums depend on it
    Trainer fresh = trainer(read);
    for (Trainer* after : {&fresh, &used}) {
      after->restore(half, "c");
      CHECK(after->phase() == before.phase());
      check_same(after->checkpoint(), half);
      steps(*after, all - stop);
      check_same(after->checkpoint(), whole.checkpoint());
    }
  }
}

TEST_CASE("without pre-training there is one phase, and pre-training makes another network") {
  Trainer t = trainer(with(0)), pretrained = trainer(with(1));
  CHECK(t.phase() == "se");
  CHECK_FALSE(t.pretraining());
  const NamedArrays none = t.checkpoint(), other = pretrained.checkpoint();
  CHECK(std::none_of(none.arrays.begin(), none.arrays.end(), [](const auto& a) { return a.first == "c1"; }));
  CHECK(std::any_of(other.arrays.begin(), other.arrays.end(), [](const auto& a) { return a.first == "c1"; }));
  steps(t, steps_per_epoch);
  steps(pretrained, 4 * steps_per_epoch);
  CHECK(pretrained.phase() == "se");
  CHECK_FALSE(pretrained.model().parameters[0].get().same_bits(t.model().parameters[0].get()));
}

TEST_CASE("a run keeps to its variant") {
  TrainOptions options = with(0);
  CHECK(options.variant == "small");
  options.variant = "large";
  Trainer large = trainer(options);
  CHECK(large.model().parameters[0].get().shape() == Extents{784, 800});
  steps(large, 1);
  NamedArrays checkpoint = large.checkpoint();
  CHECK(options_of(sae(), checkpoint, "c").variant == "large");
  CHECK_THROWS_WITH(trainer(with(0)).restore(checkpoint, "c"), contains("trained with variant large, and small is"));

  const NamedArrays of_small = trainer(with(0)).checkpoint();
  NamedArrays older = of_small;  // where "variant" described the network
  older.metadata["variant"] = older.metadata["network"];
  older.metadata.erase("network");
  CHECK(options_of(sae(), older, "c").variant == "small");
  older.metadata["network"] = "784-3";
  CHECK_THROWS_WITH(options_of(sae(), older, "c"), contains("'c': sae has no variant"));
}

TEST_CASE("names of parameters may be those of any phase") {
  Trainer t = trainer(with(1, "W1,V"));
  const std::vector<Array> before = values({t.model().parameters[0], t.model().parameters[6]});
  steps(t, 4 * steps_per_epoch);
  CHECK(t.phase() == "se");
  CHECK(same(values({t.model().parameters[0], t.model().parameters[6]}), before));
  CHECK_NOTHROW(trainer(with(1, "c2")));
  CHECK_THROWS_WITH(trainer(with(1, "q")), contains("no parameter is named 'q'; there are: W1, b1, W2"));
  CHECK_THROWS_WITH(trainer(with(0, "c2")), contains("no parameter is named 'c2'; there are: W1, b1, W2"));
}

TEST_CASE("checkpoints of phases that cannot be continued change nothing") {
  Trainer t = trainer(with(2));
  steps(t, 3 * steps_per_epoch);
  const NamedArrays good = t.checkpoint();
  const auto restored = [&](auto change) {
    NamedArrays bad = good;
    change(bad.metadata);
    t.restore(bad, "c");
  };
  CHECK_THROWS_WITH(restored([](auto& m) { m["phase"] = "ae4"; }), contains("'c' is in the phase 'ae4'"));
  CHECK_THROWS_WITH(restored([](auto& m) { m.erase("phase"); }), contains("phase"));
  CHECK_THROWS_WITH(restored([](auto& m) { m["epoch"] = "3"; }), contains("more than the 2 epochs"));
  CHECK_THROWS_WITH(restored([](auto& m) { m["pretrain_epochs"] = "3"; }), contains("pretrain_epochs 3, and 2 is"));
  check_same(t.checkpoint(), good);
}

TEST_CASE("bitale train sae names the phases, stops in one and goes on") {
  const TempFolder folder;
  const std::string file = folder.path() / "sae.safetensors";
  const std::vector<std::pair<std::string, std::string>> bundled = {{"BITALE_DATA", ""}};
  const Ran stopped = run_bitale({"train", "sae", "--pretrain-epochs", "4", "--epochs", "100", "--threads", "1",
                                  "--checkpoint", file, "--every", "1000"},
                                 bundled, "ae1  epoch  4/4");
  INFO(stopped.err);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.out, contains("interrupted in epoch ") && contains(" of ae2; '"));
  const Ran resumed =
      run_bitale({"train", "sae", "--epochs", "1", "--threads", "1", "--checkpoint", file, "--resume"}, bundled);
  INFO(resumed.err);
  CHECK(resumed.status == 0);
  CHECK_THAT(resumed.out, !contains("ae1") && contains("ae2  epoch  4/4") && contains("ae3  epoch  4/4") &&
                              contains("se  epoch  1/1  loss") &&
                              contains("pre-training       4 epochs of each layer") && contains("held-out error"));
}

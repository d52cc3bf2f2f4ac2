// Training a network on reviews, interrupted and continued.
#include "models/data/safetensors.h"
#include "models/optim/optimizer.h"
#include "models/zoo/reviews_data.h"
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
using Part = TrainingData::Part;

namespace {

// Reviews whose label their words say: of 1 to 8 words, and a few longer ones.
std::vector<Review> made_up(std::size_t count, std::size_t seed) {
  const char* const good[] = {"fine", "great", "lovely"};
  const char* const bad[] = {"dull", "awful", "flat"};
  const char* const rest[] = {"film", "the", "was", "and", "plot", "so"};
  std::vector<Review> reviews;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t n = seed * 7919 + i;
    Review review{n % 2 == 0 ? good[n / 2 % 3] : bad[n / 2 % 3], n % 2 == 0 ? 1 : 0, n % 2 == 0 ? 9.0 : 2.0};
    const std::size_t more = i % 20 == 0 ? 15 : n * n % 8;
    for (std::size_t k = 0; k < more; ++k) review.text += std::string(" ") + rest[(n + k * k) % 6];
    reviews.push_back(std::move(review));
  }
  return reviews;
}

const Reviews& some() {
  static const Reviews reviews{made_up(260, 1), made_up(70, 2), "made-up reviews"};
  return reviews;
}

TrainOptions settings() {
  TrainOptions o = default_options(find_model("lstm"));
  o.hidden = 8;
  o.vocabulary = 20;
  o.max_length = 12;
  o.optimizer = "adam";
  o.learning_rate = 0.03;
  return o;
}

Trainer trainer(const TrainOptions& options = settings()) {
  return {find_model("lstm"), std::make_unique<ReviewsData>(some(), options), options};
}

// Epochs as the command runs them.
void run_epochs(Trainer& t, std::int64_t epochs) {
  while (t.epoch() < epochs) {
    const std::int64_t epoch = t.epoch();
    while (t.epoch() == epoch) t.step();
    t.note(t.evaluate());
  }
}

}  // namespace

TEST_CASE("an LSTM learns which words make a review positive") {
  Trainer t = trainer();
  const Score before = t.evaluate(Part::test);
  CHECK(before.loss() == Approx(0.6931).margin(0.01));
  run_epochs(t, 8);
  const Score after = t.evaluate(Part::test);
  CHECK(after.examples == before.examples);
  CHECK(after.accuracy() > 0.95);
  CHECK(after.loss() < 0.3);
}

TEST_CASE("reviews that are too long are left out, and always the same ones held out") {
  const TrainOptions options = settings();
  TrainOptions other = options;
  other.seed = 7;
  const ReviewsData data(some(), options), again(some(), other);
  CHECK(data.size() == 235);  // 13 of 260 are too long, and 5 % of the others held out
  CHECK(data.facts() == again.facts());
  std::int64_t held_out = 0, test = 0;
  data.each(Part::held_out, [&](const Examples& e) { held_out += e.count; });
  data.each(Part::test, [&](const Examples& e) { test += e.count; });
  CHECK(held_out == 12);
  CHECK(test == 66);
  CHECK_THAT(data.source(),
             contains("made-up reviews; 235 to train on, 12 held out, 66 to test with, of less than 12"));
  other.max_length = 0;
  CHECK(ReviewsData(some(), other).size() == 247);
}

TEST_CASE("a run on reviews that stops anywhere continues bit for bit, dropout and best parameters included") {
  for (const std::int64_t window : {0, 4}) {
    TrainOptions options = settings();
    options.window = window;
    Trainer whole = trainer(options);
    run_epochs(whole, 3);

    const TempFolder folder;
    const std::string file = folder.path() / "half.safetensors";
    Trainer first = trainer(options);
    run_epochs(first, 1);
    for (int i = 0; i < 5; ++i) first.step();
    write_safetensors(file, first.checkpoint());
    const NamedArrays read = read_safetensors(file);
    Trainer second = trainer(options_of(find_model("lstm"), read, file));
    second.restore(read, file);
    CHECK(second.examples_done() == 5 * 16);
    CHECK(second.best()->epoch == 1);
    run_epochs(second, 3);
    check_same(second.checkpoint(), whole.checkpoint());
  }
}

TEST_CASE("the best epoch is kept, and ends the run when no better one comes") {
  TrainOptions options = settings();
  options.patience = 2;
  Trainer t = trainer(options);
  const auto score = [](std::int64_t right, double loss) { return Score{loss, right, 10}; };
  const auto epoch = [&] {
    for (const std::int64_t e = t.epoch(); t.epoch() == e;) t.step();
  };
  epoch();
  t.note(score(6, 5));
  const Array kept = t.model().parameters[0].get();
  epoch();
  t.note(score(6, 6));
  CHECK_FALSE(t.out_of_patience());
  epoch();
  t.note(score(5, 1));
  CHECK(t.out_of_patience());
  CHECK(t.best()->epoch == 1);
  CHECK_FALSE(t.model().parameters[0].get().same_bits(kept));
  t.use_best();
  CHECK(t.model().parameters[0].get().same_bits(kept));
  t.note(score(6, 4));
  CHECK(t.best()->epoch == 3);
  options.patience = 0;
  Trainer endless = trainer(options);
  endless.note(score(6, 5));
  CHECK_FALSE(endless.best());
}

TEST_CASE("every optimizer trains the LSTM, and its state and settings are in the checkpoint") {
  const TempFolder folder;
  const std::string file = folder.path() / "c.safetensors";
  for (const OptimizerRow& row : all_optimizers()) {
    INFO(row.name);
    TrainOptions options = settings();
    options.optimizer = row.name;
    options.learning_rate = row.learning_rate;
    options.momentum = row.momentum ? 0.5 : 0;
    options.weight_decay = 0.01;
    options.clip_norm = 0.05;
    options.rate = "b*=2,Wemb=0.5";
    options.decay_scale = "b*=0";
    options.freeze = "b2";
    use_policy(options, "inv");
    Trainer whole = trainer(options), first = trainer(options);
    for (int i = 0; i < 4; ++i) whole.step();
    for (int i = 0; i < 2; ++i) first.step();
    write_safetensors(file, first.checkpoint());
    const NamedArrays read = read_safetensors(file);
    Trainer second = trainer(options_of(find_model("lstm"), read, file));
    second.restore(read, file);
    for (int i = 0; i < 2; ++i) second.step();
    check_same(second.checkpoint(), whole.checkpoint());
  }
}

TEST_CASE("checkpoints of other runs, data and models") {
  Trainer t = trainer();
  const NamedArrays good = t.checkpoint();
  const auto restored = [&](auto change) {
    NamedArrays bad = good;
    change(bad);
    t.restore(bad, "c");
  };
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["words"] = "1"; }),
                    contains("'c' was trained with words 1, and"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["window"] = "9"; }), contains("window 9, and 0 is asked for"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["optimizer"] = "sgd"; }), contains("optimizer sgd, and adam is"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata["model"] = "lenet"; }), contains("a checkpoint of 'lenet'"));
  CHECK_THROWS_WITH(restored([](auto& c) { c.metadata.erase("hidden"); }), contains("hidden"));
  CHECK_THROWS_WITH(restored([](auto& c) {
                      std::erase_if(c.arrays,
                                    [](const auto& a) { return a.first.find("dropout") != std::string::npos; });
                    }),
                    contains("has no array"));
  check_same(t.checkpoint(), good);
}

TEST_CASE("settings of reviews that make no sense") {
  const auto with = [](auto change) {
    TrainOptions o = settings();
    change(o);
    trainer(o);
  };
  CHECK_THROWS_WITH(with([](auto& o) { o.hidden = -1; }), contains("the hidden must be 0 or positive, -1 was given"));
  CHECK_THROWS_WITH(with([](auto& o) { o.momentum = 0.5; }), contains("adam takes no momentum, 0.5 was given"));
  CHECK_THROWS_WITH(with([](auto& o) { o.optimizer = "best"; }),
                    contains("must be one of " + optimizer_names() + ", best was given"));
  CHECK_THROWS_WITH(with([](auto& o) { o.freeze = "W9"; }), contains("no parameter is named 'W9'; there are: Wemb"));
  CHECK_THROWS_WITH(with([](auto& o) { o.max_length = 1; }), contains("of made-up reviews, 0 are left to train on"));
}

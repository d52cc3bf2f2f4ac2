#include "bench/study/subject.h"

#include <cmath>

#include "bench/study/arguments.h"
#include "frontends/cpp/command.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::bench;
using bitale::tests::contains;

TEST_CASE("the LSTM is timed with the study's epoch, batch after batch") {
  SubjectOptions options;
  options.model = "lstm";
  finish_subject_options(options);
  CHECK(options.batch == 16);
  const models::BuiltModel model = build(options);
  for (const bool remainder : {false, true}) {
    options.include_remainder = remainder;
    const std::vector<SampleBatch> batches = sample(options);
    REQUIRE(batches.size() == (remainder ? 125 : 124));
    std::int64_t steps = 0, tokens = 0;
    for (const SampleBatch& batch : batches) {
      CHECK(batch.arrays[0].shape() == Extents{batch.steps, batch.size});
      CHECK(batch.arrays[2].shape() == Extents{batch.size});
      steps += batch.steps;
      tokens += batch.steps * batch.size;
    }
    CHECK(steps == (remainder ? 8928 : 8829));
    CHECK(tokens == (remainder ? 141759 : 141264));
    CHECK(batches.front().steps == 27);
    CHECK(batches.back().steps == 99);
    const Work work = work_of(model, options, batches);
    CHECK(work.forward_gflop == Approx(remainder ? 0.297298 : 0.298649).epsilon(2e-6));
    CHECK(work.gradient_gflop == Approx(remainder ? 0.891895 : 0.895948).epsilon(2e-6));
  }
}

TEST_CASE("one batch of so many steps, and the batch of a network without sequences") {
  SubjectOptions options{.model = "lstm", .batch = 4, .batch_steps = 71};
  finish_subject_options(options);
  const std::vector<SampleBatch> batches = sample(options);
  REQUIRE(batches.size() == 1);
  CHECK(batches[0].arrays[0].shape() == Extents{71, 4});
  for (std::int64_t i = 0; i < batches[0].arrays[1].size(); ++i) CHECK(batches[0].arrays[1].at(i) == 1);
  CHECK(work_of(build(options), options, batches).forward_gflop == Approx(2 * 4 * (71 * 131072 + 256) * 1e-9));
  CHECK(sample(options)[0].arrays[0].same_bits(batches[0].arrays[0]));

  SubjectOptions lenet{.model = "lenet", .input_gradient = true};
  finish_subject_options(lenet);
  const Work work = work_of(build(lenet), lenet, sample(lenet));
  CHECK(work.forward_gflop == Approx(0.293504));
  CHECK(work.gradient_gflop == Approx(0.880512));
}

TEST_CASE(
    "a step of training takes the inputs that it reads, and AlexNet is timed with dropout unless it is switched off") {
  SubjectOptions options{.model = "sae", .variant = "large", .step = "ae2", .batch = 64, .input_gradient = true};
  finish_subject_options(options);
  const models::BuiltModel second = build(options);
  CHECK(second.step == "ae2");
  CHECK(second.parameters[0].get().shape() == Extents{800, 1000});
  const std::vector<SampleBatch> batches = sample(options);
  REQUIRE(batches[0].arrays.size() == 1);
  const Work work = work_of(second, options, batches);
  CHECK(work.forward_gflop == Approx(0.285082).epsilon(2e-6));
  CHECK(work.gradient_gflop == Approx(0.694682).epsilon(1e-6));  // with that of the second encoder's input
  options.step = "se";
  CHECK(sample(options)[0].arrays.size() == 2);

  SubjectOptions alexnet{.model = "alexnet"};
  finish_subject_options(alexnet);
  CHECK(alexnet.batch == 256);
  CHECK(alexnet.dropout == true);
  alexnet.dropout = false;
  finish_subject_options(alexnet);
  CHECK(alexnet.dropout == false);
  CHECK(to_arguments(alexnet).back() == "--no-dropout");
}

TEST_CASE("in float64 a network has the same data, and computes with its own dtype") {
  for (const char* name : {"lenet", "sae", "lstm"}) {
    INFO(name);
    SubjectOptions options{.model = name, .batch = 3, .batch_steps = std::string(name) == "lstm" ? 5 : 0};
    finish_subject_options(options);
    const std::vector<SampleBatch> single = sample(options);
    options.dtype = float64;
    const std::vector<SampleBatch> batches = sample(options);
    REQUIRE(batches.size() == single.size());
    for (std::size_t i = 0; i < batches[0].arrays.size(); ++i) {
      const Array &array = batches[0].arrays[i], &before = single[0].arrays[i];
      CHECK(array.dtype() == (before.dtype() == float32 ? float64 : before.dtype()));
      CHECK(array.cast(before.dtype()).same_bits(before));
    }
    const models::BuiltModel model = build(options);
    for (const Tensor& gradient : gradient_outputs(model, options)) CHECK(gradient.dtype() == float64);
    CHECK(forward_outputs(model, options)[0].dtype() == float64);
    CHECK(std::isfinite(compile_forward(model, options).call(batches[0].arguments)[0].at(0)));
  }
}

TEST_CASE("the arguments of a part's process say all that changes what is measured") {
  const SubjectOptions autoencoder{
      .model = "sae", .variant = "large", .step = "ae3", .batch = 2, .constant_batch = true};
  std::string words;
  for (const std::string& word : to_arguments(autoencoder)) words += word + " ";
  CHECK(words == "sae --batch 2 --threads 0 --variant large --step ae3 --constant-batch ");

  const SubjectOptions options{.model = "lstm",
                               .batch = 4,
                               .batch_steps = 71,
                               .include_remainder = true,
                               .dtype = float64,
                               .dropout = true,
                               .threads = 1};
  std::string line;
  for (const std::string& word : to_arguments(options)) line += word + " ";
  CHECK(line == "lstm --batch 4 --threads 1 --batch-steps 71 --include-remainder --dtype float64 --dropout ");
}

TEST_CASE("options that a network cannot have") {
  const auto finished = [](SubjectOptions options) { finish_subject_options(options); };
  CHECK_THROWS_WITH(finished({.model = "lenet", .batch_steps = 3}), contains("takes no --batch-steps"));
  CHECK_THROWS_WITH(finished({.model = "lenet", .include_remainder = true}), contains("takes no --include-remainder"));
  CHECK_THROWS_WITH(finished({.model = "lenet", .dropout = true}), contains("takes no --dropout"));
  CHECK_THROWS_WITH(finished({.model = "lenet", .variant = "big"}), contains("no variant 'big'; it has only one"));
  CHECK_THROWS_WITH(finished({.model = "alexnet", .variant = "big"}), contains("it has exact, no_lrn"));
  CHECK_THROWS_WITH(finished({.model = "alexnet", .step = "ae1"}), contains("no step 'ae1'; it has only one"));
  CHECK_THROWS_WITH(finished({.model = "alexnet", .random_last_layer = true}), contains("--last-layer is for"));
  CHECK_THROWS_WITH(finished({.model = "lenet", .scaled_weights = true}), contains("--scaled-weights is for"));
  CHECK_THROWS_WITH(finished({.model = "sae", .step = "ae4"}), contains("it has ae1, ae2, ae3, se"));
  CHECK_THROWS_WITH(finished({.model = "sae", .dropout = false}), contains("takes no --dropout"));
  CHECK_THROWS_WITH(finished({.model = "lstm", .batch_steps = 3, .include_remainder = true}), contains("one batch"));
  CHECK_THROWS_WITH(finished({.model = "lstm", .random_last_layer = true}), contains("--last-layer is for"));
  CHECK_THROWS_WITH(finished({.model = "lstm", .input_gradient = true}), contains("are words, which have none"));
}

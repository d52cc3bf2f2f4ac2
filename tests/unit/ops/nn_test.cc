// Losses, normalisation, dropout, embedding, attention: what the generated tests do not reach.
#include "ops/api/nn.h"

#include <cmath>
#include <limits>

#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "ops/nn/rules.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Array doubles(std::vector<double> v, Extents shape) { return Array::of<double>(v, std::move(shape)); }
Array labels(std::vector<std::int64_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return Array::of<std::int64_t>(v, {n});
}

Tensor gradient(const Tensor& y, const Tensor& x) {
  const Tensor wrt[] = {x};
  std::vector<std::int64_t> all;
  for (int a = 0; a < y.rank(); ++a) all.push_back(a);
  return ad::grad(ir::sum(y, all), wrt)[0];
}

std::vector<Array> run(const tests::Build& build, std::vector<Array> in) { return tests::run(build, in); }

// The same behind the rewrites of this family.
std::vector<Array> run_rewritten(const tests::Build& build, std::vector<Array> in) {
  return tests::run(
      [&](std::span<const Tensor> t) {
        rewrite::Counts counts;
        const std::vector<const rewrite::Rule*> rules(nn_rules().begin(), nn_rules().end());
        return rewrite::apply_rules(build(t), rewrite::RuleSet(rules),
                                    {.relaxed = false, .disabled = {}, .max_sweeps = 16}, counts);
      },
      in);
}

}  // namespace

TEST_CASE("an ignored row has no loss and no gradient, whatever its label") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor loss = cross_entropy(t[0], t[1], {.ignore_index = -100});
        return std::vector{loss, gradient(loss, t[0])};
      },
      {doubles({0, 0, 5, 5}, {2, 2}), labels({1, -100})});
  tests::check_close(out[0], doubles({std::log(2.0), 0}, {2}), 1e-15);
  tests::check_close(out[1], doubles({0.5, -0.5, 0, 0}, {2, 2}), 1e-15);
}

TEST_CASE("smoothed labels are smoothed probabilities") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor smooth = 0.7 * one_hot(t[1], 3, DType::f64) + 0.1;
        return std::vector{cross_entropy(t[0], t[1], {.label_smoothing = 0.3}), cross_entropy(t[0], smooth),
                           cross_entropy(t[0], one_hot(t[1], 3, DType::f64), {.label_smoothing = 0.3})};
      },
      {doubles({0, 1, -2, 3, 0.5, 0.25}, {2, 3}), labels({2, 0})});
  tests::check_close(out[0], out[1], 1e-14);
  tests::check_close(out[2], out[1], 1e-14);
}

TEST_CASE("probabilities that are 0 count nothing against a logarithm of 0") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        return std::vector{categorical_cross_entropy(t[0], t[1]), kl_divergence(t[1], t[0]),
                           binary_cross_entropy(t[0], t[0]), nll_loss(log(t[0]), t[1])};
      },
      {doubles({0, 1}, {1, 2}), doubles({0, 1}, {1, 2})});
  for (const std::size_t k : {0, 1, 3}) tests::check_close(out[k], doubles({0}, {1}), 0);
  tests::check_close(out[2], doubles({0, 0}, {1, 2}), 0);
}

TEST_CASE("binary_cross_entropy_with_logits is exact for large logits") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor loss = binary_cross_entropy_with_logits(t[0], t[1]);
        return std::vector{loss, gradient(loss, t[0])};
      },
      {doubles({1000, 1000, -1000, -1000, 40, -40, 0}, {7}), doubles({1, 0, 1, 0, 1, 0, 1}, {7})});
  const double tiny = std::exp(-40.0);
  tests::check_close(out[0], doubles({0, 1000, 1000, 0, tiny, tiny, std::log(2.0)}, {7}), 1e-15);
  CHECK(out[0].at(4) == Approx(tiny).epsilon(1e-12));
  CHECK(out[0].at(5) == Approx(tiny).epsilon(1e-12));
  CHECK(out[1].at(4) == Approx(-tiny).epsilon(1e-12));
  CHECK(out[1].at(5) == Approx(tiny).epsilon(1e-12));
  CHECK(out[1].at(6) == -0.5);
}

TEST_CASE("the cross-entropy of a softmax does not underflow, written any way") {
  const Array x = doubles({1000, 0, -1000}, {1, 3}), y = labels({2});
  const tests::Build builds[] = {[](std::span<const Tensor> t) {
                                   const Tensor loss = categorical_cross_entropy(softmax(t[0]), t[1]);
                                   return std::vector{loss, gradient(loss, t[0])};
                                 },
                                 [](std::span<const Tensor> t) {
                                   const Tensor loss = ir::neg(log(pick(softmax(t[0]), t[1])));
                                   return std::vector{loss, gradient(loss, t[0])};
                                 },
                                 [](std::span<const Tensor> t) {
                                   const Tensor loss = ir::neg(pick(log(softmax(t[0])), t[1]));
                                   return std::vector{loss, gradient(loss, t[0])};
                                 },
                                 [](std::span<const Tensor> t) {
                                   const Tensor loss =
                                       categorical_cross_entropy(softmax(t[0]), one_hot(t[1], 3, DType::f64));
                                   return std::vector{loss, gradient(loss, t[0])};
                                 }};
  for (const auto& build : builds) {
    const auto out = run_rewritten(build, {x, y});
    tests::check_close(out[0], doubles({2000}, {1}), 1e-14);
    tests::check_close(out[1], doubles({1, 0, -1}, {1, 3}), 1e-14);
  }
}

TEST_CASE("huber is a parabola, then a line") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor y = huber(t[0], 0, 2), slope = gradient(y, t[0]);
        return std::vector{y, slope, gradient(slope, t[0]), smooth_l1(t[0], 0, 2), smooth_l1(t[0], 0, 0)};
      },
      {doubles({-3, -2, 0, 1, 4}, {5})});
  tests::check_close(out[0], doubles({4, 2, 0, 0.5, 6}, {5}), 0);
  tests::check_close(out[1], doubles({-2, -2, 0, 1, 2}, {5}), 0);
  tests::check_close(out[2], doubles({0, 1, 1, 1, 0}, {5}), 0);
  tests::check_close(out[3], doubles({2, 1, 0, 0.25, 3}, {5}), 0);
  tests::check_close(out[4], doubles({3, 2, 0, 1, 4}, {5}), 0);
}

TEST_CASE("hinges are 0 beyond the margin") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        return std::vector{hinge(t[0], t[1]), multiclass_hinge(ir::reshape(t[0], {1, 4}), ir::cast(t[2], DType::u8))};
      },
      {doubles({2, 0.5, -1, 3}, {4}), doubles({1, 1, 1, -1}, {4}), labels({0})});
  tests::check_close(out[0], doubles({0, 0.5, 2, 4}, {4}), 0);
  tests::check_close(out[1], doubles({2}, {1}), 0);
}

TEST_CASE("lengths of 0 have no infinite derivatives") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor y = l2_normalize(t[0]), c = cosine_similarity(t[0], t[1]);
        return std::vector{y, gradient(y, t[0]), c, gradient(c, t[0])};
      },
      {doubles({0, 0, 3, 4}, {2, 2}), doubles({1, 2, 3, 4}, {2, 2})});
  tests::check_close(out[0], doubles({0, 0, 0.6, 0.8}, {2, 2}), 1e-15);
  tests::check_close(out[2], doubles({0, 1}, {2}), 1e-15);
  for (const std::size_t k : {1, 3})
    for (std::int64_t i = 0; i < 4; ++i) CHECK(std::isfinite(out[k].at(i)));
}

TEST_CASE("standardise keeps digits far from 0") {
  std::vector<float> v;
  for (int i = 0; i < 8; ++i) v.push_back(10000.0f + static_cast<float>(i));
  const auto out =
      run([](std::span<const Tensor> t) { return std::vector{standardise(t[0], {0}, 0)}; }, {Array::of<float>(v, {8})});
  for (int i = 0; i < 8; ++i) CHECK(out[0].at(i) == Approx((i - 3.5) / std::sqrt(5.25)).epsilon(1e-6));
}

TEST_CASE("batch_norm gives the batch's statistics and moves the running ones") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const BatchNorm b = batch_norm(t[0], t[1], t[1], t[2], t[2], {.epsilon = 0, .momentum = 0.25});
        const Tensor again = batch_norm_inference(t[0], t[1], t[1], b.mean, b.variance, {.epsilon = 0});
        return std::vector{b.y, b.mean, b.variance, b.running_mean, b.running_variance, again};
      },
      {doubles({1, 10, 3, 30}, {2, 2}), doubles({1, 2}, {2}), doubles({0, 4}, {2})});
  tests::check_close(out[0], doubles({0, 0, 2, 4}, {2, 2}), 1e-15);
  tests::check_close(out[1], doubles({2, 20}, {2}), 0);
  tests::check_close(out[2], doubles({1, 100}, {2}), 0);
  tests::check_close(out[3], doubles({0.5, 8}, {2}), 0);
  tests::check_close(out[4], doubles({0.5, 53}, {2}), 0);
  tests::check_close(out[5], out[0], 1e-15);
}

TEST_CASE("dropout scales what it keeps, and drops infinities") {
  const Array state = labels({3, 0});
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor x = ir::full(ir::Literal::real(3, DType::f64), {10000});
        const Tensor rate = ir::full(ir::Literal::real(0.25, DType::f32), {});
        return std::vector{dropout(x, 0.25, t[0], 0), dropout(x * infinity, 0.25, t[0], 0), dropout(x, rate, t[0], 0)};
      },
      {state});
  double kept = 0;
  for (std::int64_t i = 0; i < 10000; ++i) {
    const double y = out[0].at(i);
    if (y != 0) CHECK(y == 4);
    kept += y != 0 ? 1 : 0;
    CHECK(out[1].at(i) == (y == 0 ? 0 : infinity));
  }
  CHECK(kept == Approx(7500).margin(4 * std::sqrt(10000 * 0.1875)));
  tests::check_close(out[2], out[0], 1e-6);
  const Tensor x = ir::input("x", {DType::f32, {3}}), s = ir::input("s", {DType::i64, {2}});
  CHECK(dropout(x, 0, s, 0) == x);
}

TEST_CASE("padding of an embedding is 0 and has no gradient") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor y = embedding(t[0], t[1], 1);
        return std::vector{y, gradient(y, t[0])};
      },
      {doubles({1, 2, 3, 4, 5, 6}, {3, 2}), labels({2, 1, 2})});
  tests::check_close(out[0], doubles({5, 6, 0, 0, 5, 6}, {3, 2}), 0);
  tests::check_close(out[1], doubles({0, 0, 0, 0, 2, 2}, {3, 2}), 0);
}

TEST_CASE("attention does not look where the mask is false") {
  const auto out = run(
      [](std::span<const Tensor> t) {
        const Tensor mask = ir::less(ir::iota(DType::i64, {2, 3}, 1), ir::iota(DType::i64, {2, 3}, 0));
        return std::vector{attention(t[0], t[1], t[2], mask)};
      },
      {doubles({1, 0, 0, 1}, {2, 2}), doubles({1, 2, 3, 4, 5, 6}, {3, 2}), doubles({3, 6, 9}, {3, 1})});
  tests::check_close(out[0], doubles({6, 3}, {2, 1}), 1e-14);
}

TEST_CASE("losses and norms reject what does not fit") {
  const Tensor x = ir::input("x", {DType::f32, {4, 3}}), y = ir::input("y", {DType::i64, {4}}),
               p = ir::input("p", {DType::f32, {4, 3}});
  CHECK_THROWS_WITH(cross_entropy(x, ir::input("y", {DType::i64, {4, 3}})), contains("one label per row"));
  CHECK_THROWS_WITH(cross_entropy(x, ir::input("y", {DType::f32, {4}})), contains("integers, one per row"));
  CHECK_THROWS_WITH(cross_entropy(x, y, {.axis = 2}), contains("axis 2"));
  CHECK_THROWS_WITH(cross_entropy(x, y, {.label_smoothing = 1.5}), contains("[0, 1]"));
  CHECK_THROWS_WITH(cross_entropy(x, p, {.ignore_index = 0}), contains("ignore_index"));
  CHECK_THROWS_WITH(multiclass_hinge(x, p), contains("integer label"));
  CHECK_THROWS_WITH(huber(x, p, 0), contains("above 0"));
  CHECK_THROWS_WITH(smooth_l1(x, p, -1), contains("negative"));
  CHECK_THROWS_WITH(layer_norm(x, y, {}, {}), contains("axes are missing"));
  CHECK_THROWS_WITH(layer_norm(x, p, {}), contains("extents of the axes"));
  CHECK_THROWS_WITH(layer_norm(x, {}, {}, {1, -1}), contains("twice"));
  CHECK_THROWS_WITH(group_norm(x, 2, {}, {}), contains("do not divide"));
  CHECK_THROWS_WITH(instance_norm(x, {}, {}), contains("behind the channels"));
  CHECK_THROWS_WITH(batch_norm(y, {}, {}, x, x, {.axis = 0}), contains("beside the channels"));
  CHECK_THROWS_WITH(dropout(x, 1.5, ir::input("s", {DType::i64, {2}}), 0), contains("[0, 1]"));
  CHECK_THROWS_WITH(embedding(x, p), contains("integer ids"));
  CHECK_THROWS_WITH(attention(x, y, x), contains("queries, keys and values"));
}

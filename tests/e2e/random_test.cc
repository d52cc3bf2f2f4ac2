// Random draws and what is made of them, as a user meets them: streams advance, draws differ, numbers depend on neither
// threads nor instruction set.
#include <algorithm>
#include <cmath>
#include <set>

#include <bitale/bitale.h>

#include "runtime/device/cpu.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

// One draw of every kind; those of `exact` are integers or exact floats.
std::vector<Tensor> all_draws(RandomStream& r, const Tensor& a, bool exact) {
  const Shape shape{Dim(5), a.dim(0)};
  if (exact)
    return {r.uniform(shape), r.uniform(shape, float64), r.bernoulli(0.3, shape), r.bernoulli(a, shape),
            r.integers(-5, 1000, shape)};
  return {r.uniform(-1, 2, shape),
          r.normal(shape),
          r.normal(a, 2, shape, float64),
          r.lognormal(0, 0.5, shape),
          r.truncated_normal(-1, a, shape),
          r.exponential(a, shape),
          r.laplace(a, 2, shape),
          r.logistic(a, 2, shape, float64),
          r.gumbel(a, 2, shape),
          r.cauchy(0, a, shape),
          r.gamma(a, 3, shape),
          r.chi2(a, shape, float64),
          r.beta(a, 2, shape),
          r.dirichlet(a, {4}),
          r.poisson(a, shape),
          r.poisson(a * 30, shape),
          r.categorical(a, Shape{Dim(7)})};
}

std::vector<Array> call(bool exact, const FunctionOptions& options) {
  RandomStream stream(17);
  const Tensor a = input("a", float32, {6});
  const Function f = function({a}, all_draws(stream, a, exact), options);
  return f({0.2, 0.9, 0.5, 0.01, 1.0, 0.7});
}

}  // namespace

TEST_CASE("draws do not depend on threads and instruction sets") {
  for (const bool exact : {true, false}) {
    const auto expected = call(exact, {.threads = 1});
    for (int threads : {2, 3}) {
      const auto got = call(exact, {.threads = threads});
      for (std::size_t k = 0; k < got.size(); ++k) CHECK(got[k].same_bits(expected[k]));
    }
    for (const Isa isa : executable_isas()) {
      const auto got = call(exact, {.isa = to_string(isa)});
      for (std::size_t k = 0; k < got.size(); ++k) {
        INFO("draw " << k << ", " << to_string(isa));
        if (exact || !is_floating(got[k].dtype())) {
          CHECK(got[k].same_bits(expected[k]));
          continue;
        }
        for (std::int64_t i = 0; i < got[k].size(); ++i)
          CHECK(got[k].at(i) == Approx(expected[k].at(i)).epsilon(1e-4).margin(1e-6));
      }
    }
  }
}

TEST_CASE("every draw of a function and every call has its own numbers") {
  RandomStream stream(3);
  const Tensor draws[] = {stream.uniform({50}, float64), stream.uniform({50}, float64),
                          stream.gamma(1, 1, {50}, float64), stream.uniform({50}, float64)};
  const Function f = function({}, {draws[0], draws[1], draws[2], draws[3]});
  std::set<double> seen;
  for (int call = 0; call < 3; ++call)
    for (const Array& a : f())
      for (std::int64_t i = 0; i < a.size(); ++i) seen.insert(a.at(i));
  CHECK(seen.size() == 3 * 4 * 50);
}

TEST_CASE("draws are differentiable in location and scale") {
  RandomStream stream(3);
  const Tensor m = input("m", float32, {}), s = input("s", float32, {});
  const Tensor z = stream.normal(m, s, {1000});
  const auto g = grad(mean(square(z)), {m, s});
  const auto out = function({m, s}, {z, g[0], g[1]})(2.0, 0.5);
  double dm = 0, ds = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    dm += 2 * out[0].at(i) / 1000;
    ds += 2 * out[0].at(i) * (out[0].at(i) - 2) / 0.5 / 1000;
  }
  CHECK(out[1].at(0) == Approx(dm).epsilon(1e-4));
  CHECK(out[2].at(0) == Approx(ds).epsilon(1e-4));
}

TEST_CASE("dropout: forward and gradient drop the same elements, every call others") {
  RandomStream stream(3);
  const Tensor x = input("x", float32, {64});
  const Tensor y = dropout(x, 0.5, stream);
  const Function f = function({x}, {y, grad(sum(y), x)});
  const std::vector<float> ones(64, 1.0f);
  const auto first = f(ones), second = f(ones);
  CHECK(first[0].same_bits(first[1]));
  CHECK(second[0].same_bits(second[1]));
  CHECK_FALSE(first[0].same_bits(second[0]));
}

TEST_CASE("batch_norm's running statistics are updates of a function") {
  const Tensor x = input("x", float32, {4, 1});
  const Shared mean("mean", Array::zeros(float32, {1})), variance("variance", Array::zeros(float32, {1}));
  const BatchNorm b = batch_norm(x, {}, {}, mean, variance, {.momentum = 0.5});
  const Function f = function({x}, {b.y}, {.updates = {{mean, b.running_mean}, {variance, b.running_variance}}});
  for (int k = 0; k < 30; ++k) f(Array::of<float>(std::vector{1.0f, 3.0f, 5.0f, 7.0f}, {4, 1}));
  CHECK(mean.get().at(0) == Approx(4).epsilon(1e-6));
  CHECK(variance.get().at(0) == Approx(20.0 / 3).epsilon(1e-6));
}

TEST_CASE("orders and choices: shuffled rows, draws without replacement, counts that keep no trials") {
  RandomStream random(3);
  const Tensor x = input("x", float32, {Dim("n"), 2});
  const Function f = function({x}, {random.shuffle(x), random.choice(x.dim(0), {x.dim(0)}, false)});
  Array rows(float32, {50, 2});
  for (std::size_t i = 0; i < 100; ++i) rows.view<float>()[i] = static_cast<float>(i);
  const std::vector<Array> first = f(rows), second = f(rows);
  CHECK_FALSE(first[0].same_bits(second[0]));
  for (const Array& a : {first[0], second[0]}) {
    double sum = 0;
    for (std::int64_t i = 0; i < 50; ++i) {
      CHECK(a.at(2 * i + 1) == a.at(2 * i) + 1);
      sum += a.at(2 * i);
    }
    CHECK(sum == 50 * 49);
  }
  std::vector<double> chosen;
  for (std::int64_t i = 0; i < 50; ++i) chosen.push_back(first[1].at(i));
  std::sort(chosen.begin(), chosen.end());
  for (std::size_t i = 0; i < 50; ++i) CHECK(chosen[i] == static_cast<double>(i));

  const Function counts = function({}, {random.binomial(1000, 0.25, {2000})});
  CHECK(counts.planned_memory({}).arena_bytes < 100000);
  const Array c = counts()[0];
  CHECK(c.at(7) > 150);
  CHECK(c.at(7) < 350);
}

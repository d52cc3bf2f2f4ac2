// Random distributions: values against references, moments, Kolmogorov-Smirnov and chi-square tests against the exact
// distributions, for fixed states. A bound that a correct generator would miss with probability p has p < 1e-4.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <set>

#include "ops/random/random.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

constexpr std::int64_t many = 100000;
constexpr double infinity = std::numeric_limits<double>::infinity();

using Draw = std::function<Tensor(const Tensor& state)>;
using Distribution = std::function<double(double)>;

std::vector<double> values(const Draw& draw, std::int64_t key = 11) {
  const Array in[] = {Array::of<std::int64_t>(std::vector<std::int64_t>{key, 3}, {2})};
  const Array a = tests::run([&](std::span<const Tensor> t) { return std::vector{draw(t[0])}; }, in)[0];
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

// The Kolmogorov-Smirnov statistic, scaled: above 2.23 with probability 1e-4 (Kolmogorov 1933).
double kolmogorov_smirnov(std::vector<double> v, const Distribution& distribution) {
  std::sort(v.begin(), v.end());
  const double n = static_cast<double>(v.size());
  double gap = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double f = distribution(v[i]);
    gap = std::max({gap, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return gap * std::sqrt(n);
}

// Powers of (x - mean) / deviation have the means 0, 1 and the skewness, to within 5 of their standard errors.
void check_moments(const std::vector<double>& v, double mean, double deviation, double skewness) {
  const double expected[] = {0, 1, skewness};
  for (int power = 1; power <= 3; ++power) {
    double total = 0, squares = 0;
    const double n = static_cast<double>(v.size());
    for (double x : v) {
      const double z = std::pow((x - mean) / deviation, power);
      total += z;
      squares += z * z;
    }
    const double got = total / n, error = std::sqrt((squares / n - got * got) / n);
    INFO("power " << power << ": " << got << ", expected " << expected[power - 1] << ", standard error " << error);
    CHECK(std::fabs(got - expected[power - 1]) < 5 * error);
  }
}

// Pearson's statistic of counts of 0, 1... against probabilities, minus its mean and over its deviation. Values that
// are expected fewer than 10 times are taken together.
double chi_square(const std::vector<double>& v, const std::function<double(std::int64_t)>& probability) {
  std::map<std::int64_t, double> counts;
  for (double x : v) counts[static_cast<std::int64_t>(x)] += 1;
  const double n = static_cast<double>(v.size());
  double statistic = 0, cells = 0, rest = n, rest_expected = n;
  for (std::int64_t k = 0; k < 3000; ++k) {
    const double expected = n * probability(k);
    if (expected < 10) continue;
    const double got = counts.contains(k) ? counts[k] : 0;
    statistic += (got - expected) * (got - expected) / expected;
    rest -= got;
    rest_expected -= expected;
    ++cells;
  }
  if (rest_expected > 1e-6 * n) {
    statistic += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
    ++cells;
  } else {
    CHECK(rest == 0);
  }
  return (statistic - (cells - 1)) / std::sqrt(2 * (cells - 1));
}

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double upper_normal(double x) { return 0.5 * std::erfc(x / std::numbers::sqrt2); }

// The regularised incomplete gamma function: its series below a + 1, Legendre's continued fraction beyond.
double gamma_distribution(double a, double x) {
  if (x <= 0) return 0;
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, total = term;
    for (int k = 1; k < 10000 && term > 1e-17 * total; ++k) total += term *= x / (a + k);
    return scale * total;
  }
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int k = 1; k < 10000; ++k) {
    const double numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    h *= c * d;
    if (std::fabs(c * d - 1) < 1e-15) break;
  }
  return 1 - scale * h;
}

// The distribution of beta(a, b) for a >= 1, by Simpson's rule on the variable 1 - (1 - x)^b, in which it is smooth.
double beta_distribution(double a, double b, double x) {
  const double top = 1 - std::pow(1 - x, b);
  const auto f = [&](double s) { return std::pow(1 - std::pow(1 - s, 1 / b), a - 1); };
  constexpr int steps = 400;
  double total = 0;
  for (int k = 0; k <= steps; ++k) total += f(top * k / steps) * (k == 0 || k == steps ? 1 : k % 2 == 1 ? 4 : 2);
  return total * top / (3 * steps) / b * std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b));
}

}  // namespace

TEST_CASE("distributions: bodies agree with references") {
  for (const auto* op :
       {&random_exponential_op, &random_laplace_op, &random_logistic_op, &random_cauchy_op, &random_integers_op,
        &random_gamma_op, &random_log_gamma_op, &random_poisson_op, &random_binomial_op, &random_truncated_normal_op})
    tests::check_value(*op);
}

TEST_CASE("distributions: batching agrees with a loop") {
  for (const auto* op :
       {&random_exponential_op, &random_integers_op, &random_gamma_op, &random_poisson_op, &random_truncated_normal_op})
    tests::check_batching(*op);
}

TEST_CASE("standard draws have their distributions") {
  using Standard = Tensor (*)(const Tensor&, std::int64_t, Shape, DType, SourceLine);
  struct Case {
    const char* name;
    Standard draw;
    Distribution distribution;
    double mean, deviation, skewness;  // deviation 0: there are no moments
  };
  const double pi = std::numbers::pi;
  const Case cases[] = {
      {"exponential", random_exponential, [](double x) { return 1 - std::exp(-x); }, 1, 1, 2},
      {"laplace", random_laplace, [](double x) { return x < 0 ? 0.5 * std::exp(x) : 1 - 0.5 * std::exp(-x); }, 0,
       std::sqrt(2.0), 0},
      {"logistic", random_logistic, [](double x) { return 1 / (1 + std::exp(-x)); }, 0, pi / std::sqrt(3.0), 0},
      {"cauchy", random_cauchy, [=](double x) { return 0.5 + std::atan(x) / pi; }, 0, 0, 0},
      {"gumbel", random_gumbel, [](double x) { return std::exp(-std::exp(-x)); }, std::numbers::egamma,
       pi / std::sqrt(6.0), 1.1395470994046486},
      {"normal", random_normal, normal_distribution, 0, 1, 0},
  };
  for (const Case& c : cases)
    for (const DType dtype : {DType::f32, DType::f64}) {
      INFO(c.name);
      const auto v = values([&](const Tensor& s) { return c.draw(s, 2, {many}, dtype, {}); });
      CHECK(kolmogorov_smirnov(v, c.distribution) < 2.23);
      if (c.deviation > 0) check_moments(v, c.mean, c.deviation, c.skewness);
    }
}

TEST_CASE("a location and a scale move a draw") {
  const auto v =
      values([](const Tensor& s) { return random_located(random_normal(s, 0, {many}, DType::f64), 3, 0.5); });
  check_moments(v, 3, 0.5, 0);
  const auto u =
      values([](const Tensor& s) { return random_between(random_uniform(s, 0, {many}, DType::f64), -2, 1); });
  CHECK(kolmogorov_smirnov(u, [](double x) { return (x + 2) / 3; }) < 2.23);
}

TEST_CASE("random_gamma is gamma-distributed") {
  for (const double a : {0.3, 1.0, 4.5, 300.0})
    for (const DType dtype : {DType::f32, DType::f64}) {
      INFO("a " << a);
      const auto v = values([&](const Tensor& s) { return random_gamma(s, 0, a, {many}, dtype); });
      CHECK(kolmogorov_smirnov(v, [a](double x) { return gamma_distribution(a, x); }) < 2.23);
      check_moments(v, a, std::sqrt(a), 2 / std::sqrt(a));
    }
  const auto chi2 = values([](const Tensor& s) { return random_chi2(s, 0, 3, {many}, DType::f64); });
  CHECK(kolmogorov_smirnov(chi2, [](double x) { return gamma_distribution(1.5, x / 2); }) < 2.23);
}

// log X of a tiny shape a is about log(U) / a: its distribution at x is gamma's at exp(x), about exp(a x) / Gamma(a+1).
TEST_CASE("random_log_gamma does not underflow") {
  constexpr double a = 1e-3;
  const auto v = values([&](const Tensor& s) { return random_log_gamma(s, 0, a, {many}, DType::f32); });
  CHECK(*std::min_element(v.begin(), v.end()) < -1000);
  CHECK(kolmogorov_smirnov(v, [](double x) {
          return x < -20 ? std::exp(a * x - std::lgamma(a + 1)) : gamma_distribution(a, std::exp(x));
        }) < 2.23);
}

TEST_CASE("random_gamma at the edges of its parameter") {
  const auto v = values([](const Tensor& s) { return random_gamma(s, 0, 0, {4}, DType::f64); });
  CHECK(v == std::vector<double>(4, 0));
  for (double x : values([](const Tensor& s) { return random_gamma(s, 0, -1, {4}, DType::f64); })) CHECK(std::isnan(x));
}

TEST_CASE("random_beta is beta-distributed") {
  const auto v = values([](const Tensor& s) { return random_beta(s, 0, 2.5, 0.5, {many}, DType::f64); });
  CHECK(kolmogorov_smirnov(v, [](double x) { return beta_distribution(2.5, 0.5, x); }) < 2.23);
  const double variance = 2.5 * 0.5 / (9 * 4), skewness = 2 * (0.5 - 2.5) * 2 / (5 * std::sqrt(2.5 * 0.5));
  check_moments(v, 2.5 / 3, std::sqrt(variance), skewness);
}

TEST_CASE("random_dirichlet: rows of 1, each coordinate beta-distributed") {
  const Array in[] = {Array::of<std::int64_t>(std::vector<std::int64_t>{5, 3}, {2}),
                      Array::of<double>(std::vector{1.0, 2.0, 0.5}, {3})};
  const Array a = tests::run(
      [](std::span<const Tensor> t) { return std::vector{random_dirichlet(t[0], 0, t[1], {many}, DType::f64)}; },
      in)[0];
  REQUIRE(a.shape() == Extents{many, 3});
  std::vector<double> first, second;
  for (std::int64_t i = 0; i < many; ++i) {
    if (std::fabs(a.at(3 * i) + a.at(3 * i + 1) + a.at(3 * i + 2) - 1) > 1e-12) FAIL("a row does not sum to 1");
    first.push_back(a.at(3 * i));
    second.push_back(a.at(3 * i + 1));
  }
  CHECK(kolmogorov_smirnov(first, [](double x) { return beta_distribution(1, 2.5, x); }) < 2.23);
  CHECK(kolmogorov_smirnov(second, [](double x) { return beta_distribution(2, 1.5, x); }) < 2.23);
}

TEST_CASE("random_truncated_normal is normal between its bounds") {
  struct Bounds {
    double low, high;
  };
  for (const auto [low, high] : {Bounds{-2, 2},
                                 {-0.3, 0.4},
                                 {-0.2, 5},
                                 {0, 1},
                                 {0.5, infinity},
                                 {-infinity, -4},
                                 {9, 10},
                                 {-infinity, infinity},
                                 {-3, 0.1},
                                 {-1, 1.2}})
    for (const DType dtype : {DType::f32, DType::f64}) {
      INFO(low << " to " << high);
      const double a = low, b = high;
      const auto v = values([&](const Tensor& s) { return random_truncated_normal(s, 0, a, b, {many}, dtype); });
      CHECK(*std::min_element(v.begin(), v.end()) >= a);
      CHECK(*std::max_element(v.begin(), v.end()) <= b);
      const double rounding = dtype == DType::f32 ? 0.01 : 0;
      // In the upper tail by the complement, which does not cancel.
      CHECK(kolmogorov_smirnov(v, [=](double x) {
              if (a > 0) return (upper_normal(a) - upper_normal(x)) / (upper_normal(a) - upper_normal(b));
              return (normal_distribution(x) - normal_distribution(a)) /
                     (normal_distribution(b) - normal_distribution(a));
            }) < 2.23 + rounding);
    }
  for (double x : values([](const Tensor& s) { return random_truncated_normal(s, 0, 1, 0, {3}, DType::f64); }))
    CHECK(std::isnan(x));
}

TEST_CASE("random_poisson counts events") {
  for (const double rate : {0.4, 3.0, 9.99, 10.01, 35.0, 1000.0}) {
    INFO("rate " << rate);
    const auto v = values([&](const Tensor& s) { return random_poisson(s, 0, rate, {many}); });
    CHECK(std::fabs(chi_square(v, [rate](std::int64_t k) {
            const double x = static_cast<double>(k);
            return std::exp(x * std::log(rate) - rate - std::lgamma(x + 1));
          })) < 4.5);
    check_moments(v, rate, std::sqrt(rate), 1 / std::sqrt(rate));
  }
  const auto large = values([](const Tensor& s) { return random_poisson(s, 0, 1e9, {many}); });
  CHECK(kolmogorov_smirnov(large, [](double k) { return normal_distribution((k + 0.5 - 1e9) / std::sqrt(1e9)); }) <
        2.23);
  for (const double none : {0.0, -3.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(values([&](const Tensor& s) { return random_poisson(s, 0, none, {5}); }) == std::vector<double>(5, 0));
}

double binomial_probability(double n, double p, double k) {
  if (k > n) return 0;
  return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                  (n - k) * std::log1p(-p));
}

TEST_CASE("random_binomial counts successes") {
  for (const double p : {0.03, 0.5, 0.8}) {
    const auto v = values([p](const Tensor& s) { return random_binomial(s, 0, 12, p, {many}); });
    CHECK(std::fabs(chi_square(
              v, [p](std::int64_t k) { return binomial_probability(12, p, static_cast<double>(k)); })) < 4.5);
  }
  for (const auto& [n, p] : {std::pair{20.0, 0.5}, {23.0, 0.44}, {90.0, 0.13}, {300.0, 0.9}, {5000.0, 0.001}}) {
    INFO(n << " trials, p " << p);
    const auto v = values([n = n, p = p](const Tensor& s) { return random_binomial(s, 0, n, p, {many}); });
    CHECK(std::fabs(chi_square(
              v, [n = n, p = p](std::int64_t k) { return binomial_probability(n, p, static_cast<double>(k)); })) < 4.5);
    check_moments(v, n * p, std::sqrt(n * p * (1 - p)), (1 - 2 * p) / std::sqrt(n * p * (1 - p)));
  }
  const auto large = values([](const Tensor& s) { return random_binomial(s, 0, 1e12, 0.25, {many}); });
  CHECK(kolmogorov_smirnov(
            large, [](double k) { return normal_distribution((k + 0.5 - 2.5e11) / std::sqrt(1.875e11)); }) < 2.23);
  const auto certain = [](double p, double trials) {
    return values([&](const Tensor& s) { return random_binomial(s, 0, trials, p, {3}); });
  };
  CHECK(certain(1, 7) == std::vector<double>(3, 7));
  CHECK(certain(0, 7) == std::vector<double>(3, 0));
  CHECK(certain(0.5, 0) == std::vector<double>(3, 0));
  CHECK(certain(0.5, -3) == std::vector<double>(3, 0));
  CHECK(certain(1.5, 3.9) == std::vector<double>(3, 3));
  CHECK(certain(std::numeric_limits<double>::quiet_NaN(), 9) == std::vector<double>(3, 0));
}

TEST_CASE("random_categorical picks with the probabilities of softmax") {
  const Array in[] = {
      Array::of<std::int64_t>(std::vector<std::int64_t>{5, 3}, {2}),
      Array::of<float>(std::vector{0.0f, 1.0f, -1.0f, -std::numeric_limits<float>::infinity(), 2.0f}, {5})};
  const Array a = tests::run(
      [](std::span<const Tensor> t) { return std::vector{random_categorical(t[0], 0, t[1], {many}, 0)}; }, in)[0];
  std::vector<double> v;
  for (std::int64_t i = 0; i < a.size(); ++i) v.push_back(a.at(i));
  const double weights[] = {1, std::exp(1.0), std::exp(-1.0), 0, std::exp(2.0)};
  const double total = weights[0] + weights[1] + weights[2] + weights[4];
  CHECK(std::fabs(chi_square(v, [&](std::int64_t k) { return k < 5 ? weights[k] / total : 0; })) < 4.5);
}

TEST_CASE("random_integers is uniform over its range") {
  const auto v = values([](const Tensor& s) { return random_integers(s, 0, 3, 13, {many}); });
  CHECK(std::fabs(chi_square(v, [](std::int64_t k) { return k >= 3 && k < 13 ? 0.1 : 0; })) < 4.5);
  const auto wide = values(
      [](const Tensor& s) { return random_integers(s, 0, std::int64_t{-1} << 62, std::int64_t{1} << 62, {many}); });
  CHECK(kolmogorov_smirnov(wide, [](double x) { return x / std::ldexp(1.0, 63) + 0.5; }) < 2.23);
  CHECK(values([](const Tensor& s) { return random_integers(s, 0, 4, 4, {3}); }) == std::vector<double>(3, 4));
}

TEST_CASE("random_bernoulli takes probabilities from a tensor") {
  const Array in[] = {Array::of<std::int64_t>(std::vector<std::int64_t>{5, 3}, {2}),
                      Array::of<float>(std::vector{0.0f, 0.3f, 1.0f}, {3})};
  const Array a = tests::run(
      [](std::span<const Tensor> t) { return std::vector{random_bernoulli(t[0], 0, t[1], {many, 3})}; }, in)[0];
  double counts[3] = {};
  for (std::int64_t i = 0; i < a.size(); ++i) counts[i % 3] += a.at(i);
  CHECK(counts[0] == 0);
  CHECK(counts[1] == Approx(0.3 * many).margin(4 * std::sqrt(many * 0.21)));
  CHECK(counts[2] == many);
}

TEST_CASE("distributions reject what does not fit") {
  const Tensor s = ir::input("s", {DType::i64, {2}});
  CHECK_THROWS_WITH(random_gamma(s, (1 << 24) - 3, 1, {2}), contains("draw ids"));
  CHECK_THROWS_WITH(random_gamma(s, 0, ir::input("a", {DType::f32, {3}}), {2}), contains("random_gamma"));
  CHECK_THROWS_WITH(random_gamma(s, 0, ir::input("a", {DType::f32, {4, 2}}), {2}), contains("shape of the result"));
  CHECK_THROWS_WITH(random_integers(s, 0, 0, 2, {2}, DType::f32), contains("integer"));
  CHECK_THROWS_WITH(random_integers(s, 0, 0.5, 2, {2}), contains("does not fit"));
  CHECK_THROWS_WITH(random_located(random_normal(s, 0, {2}), ir::input("m", {DType::f32, {3, 2}}), 1),
                    contains("more axes"));
  CHECK_THROWS_WITH(random_dirichlet(s, 0, ir::input("a", {DType::f32, {}}), {2}), contains("axis"));
  CHECK_THROWS_WITH(random_categorical(s, 0, ir::input("x", {DType::f32, {3}}), {2}, 1), contains("axis 1"));
}

namespace {

// One draw for each of so many states: [count, ...].
Array of_many_states(std::int64_t count, const Draw& draw) {
  Array states(DType::i64, {count, 2});
  for (std::int64_t i = 0; i < count; ++i) {
    states.view<std::int64_t>()[static_cast<std::size_t>(2 * i)] = i;
    states.view<std::int64_t>()[static_cast<std::size_t>(2 * i + 1)] = 3;
  }
  return tests::run([&](std::span<const Tensor> t) { return std::vector{draw(t[0])}; }, {&states, 1})[0];
}

std::vector<double> row(const Array& a, std::int64_t i) {
  std::vector<double> out;
  for (std::int64_t k = 0; k < a.shape()[1]; ++k) out.push_back(a.at(i * a.shape()[1] + k));
  return out;
}

}  // namespace

TEST_CASE("random_permutation has every number once, and every number everywhere equally often") {
  const Array a = of_many_states(4000, [](const Tensor& s) { return random_permutation(s, 0, 6); });
  std::vector<double> places[6];
  for (std::int64_t i = 0; i < 4000; ++i) {
    std::vector<double> v = row(a, i);
    for (std::size_t k = 0; k < 6; ++k) places[k].push_back(v[k]);
    std::sort(v.begin(), v.end());
    REQUIRE(v == std::vector<double>{0, 1, 2, 3, 4, 5});
  }
  for (const auto& v : places)
    CHECK(std::fabs(chi_square(v, [](std::int64_t k) { return k < 6 ? 1.0 / 6 : 0; })) < 4.5);
}

TEST_CASE("random_choice takes by weights, and without replacement each at most once") {
  const Tensor weights = ir::constant(Array::of<float>(std::vector<float>{1, 0, 3, 4}, {4}));
  const auto probability = [](std::int64_t k) { return k == 0 ? 0.125 : k == 2 ? 0.375 : k == 3 ? 0.5 : 0; };
  const auto v = values([&](const Tensor& s) { return random_choice(s, 0, weights, {many}); });
  CHECK(std::fabs(chi_square(v, probability)) < 4.5);
  CHECK(std::fabs(chi_square(values([](const Tensor& s) { return random_choice(s, 0, 5, {many}); }),
                             [](std::int64_t k) { return k < 5 ? 0.2 : 0; })) < 4.5);
  const Array once = of_many_states(8000, [&](const Tensor& s) { return random_choice(s, 0, weights, {3}, false); });
  std::vector<double> first, second;
  for (std::int64_t i = 0; i < 8000; ++i) {
    const std::vector<double> r = row(once, i);
    CHECK(std::set<double>(r.begin(), r.end()) == std::set<double>{0, 2, 3});
    first.push_back(r[0]);
    second.push_back(r[1]);
  }
  CHECK(std::fabs(chi_square(first, probability)) < 4.5);
  // The second: over the first ones, p(first) p(second) / (1 - p(first)).
  const auto then = [&](std::int64_t k) {
    double p = 0;
    for (const std::int64_t f : {0, 2, 3})
      if (f != k) p += probability(f) * probability(k) / (1 - probability(f));
    return p;
  };
  CHECK(std::fabs(chi_square(second, then)) < 4.5);
}

TEST_CASE("wrong choices are errors") {
  const Tensor s = ir::input("s", {DType::i64, {2}});
  CHECK_THROWS_WITH(random_choice(s, 0, 3, {2, 2}, false), contains("4 different ones of 3 are asked for"));
  CHECK_THROWS_WITH(random_choice(s, 0, ir::input("w", {DType::f32, {3}}), {4}, false),
                    contains("4 different ones of 3"));
  CHECK_THROWS_WITH(random_choice(s, 0, ir::input("w", {DType::f32, {2, 2}}), {2}), contains("rank 1"));
}

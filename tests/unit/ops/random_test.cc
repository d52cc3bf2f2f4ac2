#include "ops/random/random.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

const std::vector<const ir::OpDef*> random_ops{&random_uniform_op, &random_normal_op, &random_bernoulli_op};

constexpr std::int64_t many = 20000;

Array state(std::int64_t key, std::int64_t counter) { return Array::of<std::int64_t>(std::vector{key, counter}, {2}); }

std::vector<double> values(const tests::Build& build, const Array& s, bool prefer_reference = true) {
  const Array in[] = {s};
  const Array a = tests::run(build, in, prefer_reference)[0];
  std::vector<double> out;
  for (std::int64_t i = 0; i < a.size(); ++i) out.push_back(a.at(i));
  return out;
}

std::vector<double> uniform(std::int64_t id, DType dtype, const Array& s) {
  return values([=](std::span<const Tensor> t) { return std::vector{random_uniform(t[0], id, {many}, dtype)}; }, s);
}

std::vector<double> normal(std::int64_t id, DType dtype, const Array& s) {
  return values([=](std::span<const Tensor> t) { return std::vector{random_normal(t[0], id, {many}, dtype)}; }, s);
}

double moment(const std::vector<double>& v, int power, double centre = 0) {
  double total = 0;
  for (double x : v) total += std::pow(x - centre, power);
  return total / static_cast<double>(v.size());
}

// The Kolmogorov-Smirnov statistic, scaled: above 1.95 with probability 0.001 (Kolmogorov 1933).
double kolmogorov_smirnov(std::vector<double> v, double (*distribution)(double)) {
  std::sort(v.begin(), v.end());
  const double n = static_cast<double>(v.size());
  double gap = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double f = distribution(v[i]);
    gap = std::max({gap, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return gap * std::sqrt(n);
}

double correlation(const std::vector<double>& a, const std::vector<double>& b, std::size_t lag = 0) {
  double total = 0;
  for (std::size_t i = 0; i + lag < a.size(); ++i) total += (a[i] - 0.5) * (b[i + lag] - 0.5);
  return total * 12 / static_cast<double>(a.size() - lag);
}

}  // namespace

TEST_CASE("random: bodies agree with references") {
  for (const auto* op : random_ops) tests::check_value(*op);
}

TEST_CASE("random: batching agrees with a loop") {
  for (const auto* op : random_ops) tests::check_batching(*op);
}

TEST_CASE("random_uniform is uniform on [0, 1)") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto v = uniform(3, dtype, state(1, 2));
    CHECK(*std::min_element(v.begin(), v.end()) >= 0);
    CHECK(*std::max_element(v.begin(), v.end()) < 1);
    CHECK(moment(v, 1) == Approx(0.5).margin(0.01));
    CHECK(moment(v, 2, 0.5) == Approx(1.0 / 12).margin(0.002));
    CHECK(kolmogorov_smirnov(v, [](double x) { return x; }) < 1.95);
    CHECK(std::fabs(correlation(v, v, 1)) < 0.03);
  }
}

TEST_CASE("random_normal is normal") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto v = normal(0, dtype, state(5, 0));
    CHECK(moment(v, 1) == Approx(0).margin(0.03));
    CHECK(moment(v, 2) == Approx(1).margin(0.04));
    CHECK(moment(v, 3) == Approx(0).margin(0.1));
    CHECK(moment(v, 4) == Approx(3).margin(0.25));
    CHECK(kolmogorov_smirnov(v, [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }) < 1.95);
  }
}

TEST_CASE("random_bernoulli is true with probability p") {
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    const auto v = values([=](std::span<const Tensor> t) { return std::vector{random_bernoulli(t[0], 1, p, {many})}; },
                          state(9, 9));
    CHECK(moment(v, 1) == Approx(p).margin(p == 0 || p == 1 ? 0 : 0.012));
  }
}

TEST_CASE("draws that differ in id, counter or key have nothing in common") {
  const auto a = uniform(0, DType::f64, state(1, 0));
  CHECK(uniform(0, DType::f64, state(1, 0)) == a);
  for (const auto& b : {uniform(1, DType::f64, state(1, 0)), uniform(0, DType::f64, state(1, 1)),
                        uniform(0, DType::f64, state(2, 0))}) {
    std::set<double> seen(a.begin(), a.end());
    seen.insert(b.begin(), b.end());
    CHECK(seen.size() == 2 * static_cast<std::size_t>(many));
    CHECK(std::fabs(correlation(a, b)) < 0.03);
  }
}

TEST_CASE("elements depend on their position alone") {
  const auto draw = [](Shape shape) {
    return values([=](std::span<const Tensor> t) { return std::vector{random_uniform(t[0], 2, shape, DType::f64)}; },
                  state(7, 7), false);
  };
  const auto whole = draw({6, 4});
  CHECK(draw({24}) == whole);
  CHECK(draw({2, 4}) == std::vector(whole.begin(), whole.begin() + 8));
}

TEST_CASE("random ops reject what does not fit") {
  const Tensor s = ir::input("s", {DType::i64, {2}});
  CHECK_THROWS_WITH(random_uniform(ir::input("s", {DType::i64, {3}}), 0, {1}), contains("int64 [2]"));
  CHECK_THROWS_WITH(random_uniform(ir::input("s", {DType::f32, {2}}), 0, {1}), contains("int64 [2]"));
  CHECK_THROWS_WITH(random_uniform(s, -1, {1}), contains("draw ids"));
  CHECK_THROWS_WITH(random_uniform(s, 1 << 24, {1}), contains("draw ids"));
  CHECK_THROWS_WITH(random_uniform(s, 0, {std::int64_t{1} << 41}), contains("2^40"));
  CHECK_THROWS_WITH(random_normal(s, 0, {1}, DType::i32), contains("float"));
  CHECK_THROWS_WITH(random_bernoulli(s, 0, 1.5, {1}), contains("[0, 1]"));
}

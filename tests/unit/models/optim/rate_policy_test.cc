#include "models/optim/rate_policy.h"

#include <cmath>
#include <functional>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

namespace {

// The rates of a run as one who goes through it step by step keeps them.
std::vector<double> step_by_step(double base, int count, const std::function<void(int next, double& rate)>& change) {
  std::vector<double> rates{base};
  for (int i = 1; i < count; ++i) {
    double rate = rates.back();
    change(i, rate);
    rates.push_back(rate);
  }
  return rates;
}

void check_rates(const RateSchedule& schedule, const std::vector<double>& expected) {
  INFO(schedule.policy);
  check(schedule);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(i);
    CHECK(learning_rate(schedule, static_cast<std::int64_t>(i)) == Approx(expected[i]).epsilon(1e-12).margin(1e-15));
  }
}

}  // namespace

TEST_CASE("policies against the rate kept step by step") {
  check_rates({.policy = "fixed", .base = 0.25}, std::vector<double>(5, 0.25));
  check_rates({.policy = "step", .base = 0.5, .gamma = 0.1, .step_size = 3},
              step_by_step(0.5, 20, [](int next, double& rate) { rate *= next % 3 == 0 ? 0.1 : 1; }));
  check_rates({.policy = "exp", .base = 0.5, .gamma = 0.9},
              step_by_step(0.5, 20, [](int, double& rate) { rate *= 0.9; }));
  check_rates(
      {.policy = "multistep", .base = 0.5, .gamma = 0.5, .milestones = {2, 3, 11}},
      step_by_step(0.5, 20, [](int next, double& rate) { rate *= next == 2 || next == 3 || next == 11 ? 0.5 : 1; }));
  check_rates({.policy = "poly", .base = 0.5, .power = 1, .max_iterations = 8},
              step_by_step(0.5, 12, [](int next, double& rate) { rate = next < 8 ? rate - 0.0625 : 0; }));
  check_rates({.policy = "poly", .base = 0.5, .power = 0, .max_iterations = 2}, {0.5, 0.5, 0, 0});
  check_rates({.policy = "inv", .base = 0.5, .gamma = 0.25, .power = 1}, {0.5, 0.4, 0.5 / 1.5, 0.5 / 1.75, 0.25});
  check_rates({.policy = "inv", .base = 0.5, .gamma = 3, .power = 0.5}, {0.5, 0.25});
}

TEST_CASE("rates far into a run") {
  const RateSchedule inv{.policy = "inv", .base = 0.01, .gamma = 1e-4, .power = 0.75};  // Caffe's LeNet
  CHECK(learning_rate(inv, 10000) == Approx(0.01 / std::sqrt(std::sqrt(8.0))));
  const RateSchedule step{.policy = "step", .base = 0.01, .gamma = 0.1, .step_size = 100000};  // its AlexNet
  CHECK(learning_rate(step, 99999) == 0.01);
  CHECK(learning_rate(step, 449999) == Approx(1e-6));
  const RateSchedule poly{.policy = "poly", .base = 0.5, .power = 2, .max_iterations = 1000};
  CHECK(learning_rate(poly, 500) == Approx(0.125));
  CHECK(learning_rate(poly, 5000) == 0);
}

TEST_CASE("a sigmoid goes through half of the base, and falls where gamma is negative") {
  RateSchedule s{.policy = "sigmoid", .base = 0.5, .gamma = -0.125, .step_size = 40};
  CHECK(learning_rate(s, 40) == 0.25);
  CHECK(learning_rate(s, 0) == Approx(0.5 / (1 + 1 / std::exp(5.0))));
  CHECK(learning_rate(s, 0) + learning_rate(s, 80) == Approx(0.5));
  CHECK(learning_rate(s, 30) > learning_rate(s, 31));
  CHECK(learning_rate(s, 1000000) == 0);
  s.gamma = 0.125;
  CHECK(learning_rate(s, 30) < learning_rate(s, 31));
  CHECK(learning_rate(s, 1000000) == 0.5);
}

TEST_CASE("what every policy takes is checked") {
  CHECK(rate_policy_names() == "fixed, step, exp, inv, multistep, poly, sigmoid");
  CHECK_THROWS_WITH(check(RateSchedule{.policy = "cosine"}), contains("no learning rate policy 'cosine'; there are: "));
  const RateSchedule good{
      .gamma = 0.5, .power = 1, .step_size = 2, .max_iterations = 3, .milestones = {2}};  // for every policy
  for (const RatePolicyRow& row : all_rate_policies()) {
    INFO(row.name);
    RateSchedule s = good;
    s.policy = row.name;
    CHECK_NOTHROW(check(s));
    for (const RateParameter& p : row.parameters) {
      CHECK(row.takes(p.name));
      RateSchedule bad = s;
      std::visit(
          [&](auto member) {
            using T = std::remove_cvref_t<decltype(bad.*member)>;
            bad.*member = T{};
            if constexpr (std::is_same_v<T, double>) bad.*member = std::nan("");
          },
          p.member);
      CHECK_THROWS_WITH(check(bad), contains("policy " + std::string(row.name) + ", ") &&
                                        contains("the " + std::string(p.name) + " must be "));
    }
  }
  CHECK_FALSE(find_rate_policy("inv").takes("step_size"));
  CHECK_THROWS_WITH(check(RateSchedule{.policy = "exp"}),
                    contains("policy exp, b gamma^i: the gamma must be positive, 0 was given"));
  CHECK_THROWS_WITH(check(RateSchedule{.policy = "multistep", .gamma = 1}), contains("iteration, none was given"));
}

TEST_CASE("milestones as text") {
  CHECK(parse_milestones("").empty());
  CHECK(parse_milestones("1000,2500") == std::vector<std::int64_t>{1000, 2500});
  for (const char* bad : {"0", "-1", "5,", ",5", "5,5", "5,4", "5;6", "5 6", "x", "5,6x", "1e3"})
    CHECK_THROWS_WITH(parse_milestones(bad), contains("each after the one before, as in 1000,2500"));
}

#include "models/optim/rate_policy.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using S = RateSchedule;

constexpr const char* positive = "positive";
constexpr const char* at_least_one = "at least 1";

// A factor may be more than 1: the rate then rises, as one does who looks for the largest that works.
constexpr RateParameter factor(double initial) {
  return {"gamma", &S::gamma, initial, positive, [](const S& s) { return s.gamma > 0 && std::isfinite(s.gamma); }};
}
constexpr RateParameter step_size{"step_size", &S::step_size, 0, at_least_one,
                                  [](const S& s) { return s.step_size >= 1; }};
constexpr RateParameter power(double initial) {
  return {"power", &S::power, initial, "0 or positive",
          [](const S& s) { return s.power >= 0 && std::isfinite(s.power); }};
}

constexpr RateParameter step_takes[] = {factor(0.1), step_size};
constexpr RateParameter exp_takes[] = {factor(0)};
constexpr RateParameter inv_takes[] = {
    {"gamma", &S::gamma, 1e-4, "0 or positive", [](const S& s) { return s.gamma >= 0 && std::isfinite(s.gamma); }},
    power(0.75)};
constexpr RateParameter multistep_takes[] = {
    factor(0.1),
    {"milestones", &S::milestones, 0, "at least one iteration", [](const S& s) { return !s.milestones.empty(); }}};
constexpr RateParameter poly_takes[] = {
    power(1),
    {"max_iterations", &S::max_iterations, 0, at_least_one, [](const S& s) { return s.max_iterations >= 1; }}};
constexpr RateParameter sigmoid_takes[] = {
    {"gamma", &S::gamma, 0, "a number other than 0, negative for a rate that falls",
     [](const S& s) { return s.gamma != 0 && std::isfinite(s.gamma); }},
    step_size};

double milestones_passed(const S& s, double i) {
  return static_cast<double>(std::count_if(s.milestones.begin(), s.milestones.end(),
                                           [&](std::int64_t m) { return static_cast<double>(m) <= i; }));
}

constexpr RatePolicyRow rows[] = {
    {"fixed", "b", {}, [](const S& s, double) { return s.base; }},
    {"step", "b gamma^floor(i / step_size)", step_takes,
     [](const S& s, double i) { return s.base * std::pow(s.gamma, std::floor(i / static_cast<double>(s.step_size))); }},
    {"exp", "b gamma^i", exp_takes, [](const S& s, double i) { return s.base * std::pow(s.gamma, i); }},
    {"inv", "b (1 + gamma i)^-power", inv_takes,
     [](const S& s, double i) { return s.base * std::pow(1 + s.gamma * i, -s.power); }},
    {"multistep", "b gamma^(milestones up to i)", multistep_takes,
     [](const S& s, double i) { return s.base * std::pow(s.gamma, milestones_passed(s, i)); }},
    {"poly", "b (1 - i / max_iterations)^power, 0 from max_iterations on", poly_takes,
     [](const S& s, double i) {
       const double left = 1 - i / static_cast<double>(s.max_iterations);
       return left > 0 ? s.base * std::pow(left, s.power) : 0;
     }},
    {"sigmoid", "b / (1 + exp(-gamma (i - step_size)))", sigmoid_takes,
     [](const S& s, double i) { return s.base / (1 + std::exp(-s.gamma * (i - static_cast<double>(s.step_size)))); }},
};

std::string text_of(const RateParameter& parameter, const S& s) {
  return std::visit(
      [&](auto member) {
        using T = std::remove_cvref_t<decltype(s.*member)>;
        if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          return s.milestones.empty() ? std::string("none") : fmt::format("{}", fmt::join(s.*member, ","));
        } else {
          return fmt::format("{}", s.*member);
        }
      },
      parameter.member);
}

}  // namespace

bool RatePolicyRow::takes(const std::string& parameter) const {
  return std::any_of(parameters.begin(), parameters.end(), [&](const RateParameter& p) { return parameter == p.name; });
}

std::span<const RatePolicyRow> all_rate_policies() { return rows; }

std::string rate_policy_names() {
  std::string names;
  for (const RatePolicyRow& row : rows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

const RatePolicyRow& find_rate_policy(const std::string& name) {
  for (const RatePolicyRow& row : rows)
    if (name == row.name) return row;
  throw Error(fmt::format("there is no learning rate policy '{}'; there are: {}.", name, rate_policy_names()));
}

void check(const RateSchedule& schedule) {
  const RatePolicyRow& row = find_rate_policy(schedule.policy);
  for (const RateParameter& p : row.parameters) {
    if (p.good(schedule)) continue;
    throw Error(fmt::format("the learning rate policy {}, {}: the {} must be {}, {} was given.", row.name, row.formula,
                            p.name, p.range, text_of(p, schedule)));
  }
}

double learning_rate(const RateSchedule& schedule, std::int64_t iteration) {
  return find_rate_policy(schedule.policy).rate(schedule, static_cast<double>(iteration));
}

std::vector<std::int64_t> parse_milestones(const std::string& text) {
  std::vector<std::int64_t> out;
  const char *at = text.data(), *const end = at + text.size();
  while (at != end) {
    std::int64_t milestone = 0;
    const auto [next, failure] = std::from_chars(at, end, milestone);
    const bool last = next == end;
    if (failure != std::errc{} || milestone <= (out.empty() ? 0 : out.back()) ||
        (!last && (*next != ',' || next + 1 == end)))
      throw Error(fmt::format("'{}': expected iterations, each after the one before, as in 1000,2500.", text));
    out.push_back(milestone);
    at = last ? end : next + 1;
  }
  return out;
}

}  // namespace bitale::models

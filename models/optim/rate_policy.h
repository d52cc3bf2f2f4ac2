// Learning rates that follow the iterations of a run: Caffe's policies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace bitale::models {

struct RateSchedule {
  std::string policy = "fixed";
  double base = 0.01;  // the learning rate that the policy changes
  double gamma = 0, power = 0;
  std::int64_t step_size = 0, max_iterations = 0;  // in iterations, as milestones are
  std::vector<std::int64_t> milestones{};
};

// What a policy takes besides the base.
struct RateParameter {
  const char* name;  // the member's
  std::variant<double RateSchedule::*, std::int64_t RateSchedule::*, std::vector<std::int64_t> RateSchedule::*> member;
  double initial;     // where none is given; 0 where one must be
  const char* range;  // what must hold, in words behind "must be"
  bool (*good)(const RateSchedule& s);
};

struct RatePolicyRow {
  const char* name;
  const char* formula;  // of the base b and the iteration i, from 0 on
  std::span<const RateParameter> parameters;
  double (*rate)(const RateSchedule& s, double i);

  bool takes(const std::string& parameter) const;
};

std::span<const RatePolicyRow> all_rate_policies();
std::string rate_policy_names();                                 // "fixed, ..."
const RatePolicyRow& find_rate_policy(const std::string& name);  // Error that lists the names if there is no such one

// Error if there is no such policy, or something that it takes is out of range.
void check(const RateSchedule& schedule);

// Of a schedule that check() takes. It depends on nothing but the schedule and the iteration.
double learning_rate(const RateSchedule& schedule, std::int64_t iteration);

// "1000,2500": Error if these are not positive numbers, each more than the one before. Empty text: none.
std::vector<std::int64_t> parse_milestones(const std::string& text);

}  // namespace bitale::models

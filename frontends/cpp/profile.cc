// What profiled calls cost, by step, by op and by source line.
#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "frontends/cpp/function_state.h"
#include "runtime/device/cpu.h"
#include "runtime/program/program.h"

namespace bitale {
namespace {

void add(ProfileRow& row, const executor::StepProfile& p, double part) {
  row.calls += p.calls;
  row.seconds += p.seconds * part;
  row.flops += p.flops * part;
  row.bytes += p.bytes * part;
}

std::vector<std::string> names_of(const executor::StepProfile& p, ProfileBy by) {
  if (by == ProfileBy::op || p.origins.empty()) return {p.label.empty() ? "(no name)" : p.label};
  std::vector<std::string> lines;
  for (const SourceLine& l : p.origins) lines.push_back(to_string(l));
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

// Measured once for each number of threads: the machine does not change.
struct Limits {
  double gflops = 0, gbps = 0;
};
Limits limits_of(const program::Program& p, int threads) {
  static std::map<std::pair<std::string, int>, Limits> known;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::string target = p.blobs.empty() ? target_of(default_isa()) : p.blobs[0].target;
  auto [it, fresh] = known.try_emplace({target, threads});
  if (fresh)
    for (Isa isa : executable_isas())
      if (target_of(isa) == target)
        it->second = {measure_fma_peak(isa, threads, 0.05), measure_bandwidth(threads, 0.05)};
  return it->second;
}

// "41.0 GFLOP/s (62 %)", or blanks where there is nothing to say.
std::string rate(double amount, double seconds, double limit, const char* unit) {
  if (amount <= 0 || seconds <= 0) return std::string(22, ' ');
  const double value = amount / seconds * 1e-9;
  const std::string share = limit > 0 ? fmt::format("({:.0f} %)", value / limit * 100) : "";
  return fmt::format("{:>7.1f} {:<7} {:>6}", value, unit, share);
}

}  // namespace

std::vector<ProfileRow> Function::profile_rows(ProfileBy by) const {
  const std::vector<executor::StepProfile> steps = state_->compiled.runnable->profile();
  std::vector<ProfileRow> rows;
  std::map<std::string, std::size_t> numbers;
  double total = 0;
  for (const executor::StepProfile& p : steps) {
    total += p.seconds;
    if (by == ProfileBy::step) {
      rows.push_back({.name = p.label});
      add(rows.back(), p, 1);
      continue;
    }
    const std::vector<std::string> names = names_of(p, by);
    for (const std::string& name : names) {
      const auto [it, fresh] = numbers.try_emplace(name, rows.size());
      if (fresh) rows.push_back({.name = name});
      add(rows[it->second], p, 1.0 / static_cast<double>(names.size()));
    }
  }
  for (ProfileRow& r : rows) r.share = total > 0 ? r.seconds / total : 0;
  if (by != ProfileBy::step)
    std::stable_sort(rows.begin(), rows.end(),
                     [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return rows;
}

std::string Function::profile(ProfileBy by) const {
  const std::vector<ProfileRow> rows = profile_rows(by);
  if (rows.empty()) return "";
  const Limits limits = limits_of(*state_->compiled.program, state_->threads);
  std::string text = fmt::format("{}: limits of {} thread{}: {:.0f} GFLOP/s, {:.1f} GB/s\n", state_->name,
                                 state_->threads, state_->threads == 1 ? "" : "s", limits.gflops, limits.gbps);
  for (const ProfileRow& r : rows)
    text += fmt::format("{:>10.2f} us {:>6.1f} %  {}  {}  {}\n", r.seconds / static_cast<double>(r.calls) * 1e6,
                        r.share * 100, rate(r.flops, r.seconds, limits.gflops, "GFLOP/s"),
                        rate(r.bytes, r.seconds, limits.gbps, "GB/s"), r.name);
  return text;
}

}  // namespace bitale

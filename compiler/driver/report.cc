#include "compiler/driver/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bitale::driver {

std::string CompileReport::table() const {
  std::string s = fmt::format(
      "{}: compiled in {:.2f} ms (cache: {}; kernels: {} cached, {} generated), {} -> {} nodes, {} steps, {} kernels, "
      "{} contractions, {} library calls, {} bytes of code\n",
      function, seconds * 1e3, cache, kernel_hits, kernel_misses, nodes_before, nodes_after, steps, kernels,
      contractions, library_calls, code_bytes);
  for (const Phase& p : phases)
    s += fmt::format("{:>10.3f} ms  {}{}{}\n", p.seconds * 1e3, std::string(static_cast<std::size_t>(p.depth) * 2, ' '),
                     p.name, p.detail.empty() ? "" : "  (" + p.detail + ")");
  for (const auto& [rule, count] : rules_fired) s += fmt::format("{:>13}  rule {}\n", count, rule);
  for (const std::string& choice : chosen) s += fmt::format("{:>13}  {}\n", "chosen", choice);
  for (const std::string& loop : loops) s += fmt::format("{:>13}  {}\n", "loop", loop);
  for (const std::string& choice : tuned) s += fmt::format("{:>13}  {}\n", "tuned", choice);
  return s;
}

std::string CompileReport::json() const {
  nlohmann::ordered_json j;
  j["function"] = function;
  j["cache"] = cache;
  j["kernel_cache"] = {{"hits", kernel_hits}, {"misses", kernel_misses}};
  j["seconds"] = seconds;
  j["nodes"] = {{"before", nodes_before}, {"after", nodes_after}};
  j["steps"] = steps;
  j["kernels"] = kernels;
  j["contractions"] = contractions;
  j["library_calls"] = library_calls;
  j["code_bytes"] = code_bytes;
  for (const Phase& p : phases)
    j["phases"].push_back({{"name", p.name}, {"seconds", p.seconds}, {"depth", p.depth}, {"detail", p.detail}});
  for (const auto& [rule, count] : rules_fired) j["rules"][rule] = count;
  if (!chosen.empty()) j["chosen"] = chosen;
  if (!loops.empty()) j["loops"] = loops;
  if (!tuned.empty()) j["tuned"] = tuned;
  return j.dump(2);
}

std::string CompileReport::chrome_trace() const {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  double now = 0, inner = 0;
  for (const Phase& p : phases) {
    const double start = p.depth == 0 ? now : inner;
    events.push_back({{"name", p.name},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", 1 + p.depth},
                      {"ts", start * 1e6},
                      {"dur", p.seconds * 1e6},
                      {"args", {{"detail", p.detail}}}});
    if (p.depth == 0) {
      inner = now;
      now += p.seconds;
    } else {
      inner += p.seconds;
    }
  }
  const nlohmann::ordered_json summary = {
      {"function", function}, {"cache", cache}, {"kernel_hits", kernel_hits}, {"kernel_misses", kernel_misses}};
  return nlohmann::ordered_json{{"traceEvents", events}, {"otherData", summary}}.dump();
}

}  // namespace bitale::driver

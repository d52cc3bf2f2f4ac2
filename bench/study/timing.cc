#include "bench/study/timing.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bench/harness/machine.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

constexpr double peak_seconds = 0.2;
constexpr double warmup_share = 0.2;  // of a budget
constexpr int least_warmup = 1, least_iterations = 3;
constexpr int least_warmup_on_device = 3;

PlannedMemory largest_plan(const Function& function, std::span<const SampleBatch> batches) {
  PlannedMemory largest;
  for (const SampleBatch& batch : batches) {
    const PlannedMemory plan = function.planned_memory(batch.arguments);
    if (plan.total() > largest.total()) largest = plan;
  }
  return largest;
}

// Times of a call of each function, on average over the batches.
std::pair<double, double> one_iteration(const Function& forward, const Function& gradient,
                                        std::span<const SampleBatch> batches) {
  double forward_ms = 0, gradient_ms = 0;
  for (const SampleBatch& batch : batches) {
    forward_ms += time_ms(forward, batch.arguments);
    gradient_ms += time_ms(gradient, batch.arguments);
  }
  const auto count = static_cast<double>(batches.size());
  return {forward_ms / count, gradient_ms / count};
}

// Both functions keep their memory between calls, so it is taken twice.
void require_memory(const Timing& t) {
  const std::int64_t needed = t.forward_memory.total() + t.gradient_memory.total();
  const std::int64_t available = available_memory_bytes();
  if (needed <= available) return;
  constexpr double gib = 1 << 30;
  throw TooLittleMemory(fmt::format("the functions take {:.1f} GiB, and {:.1f} GiB are available",
                                    static_cast<double>(needed) / gib, static_cast<double>(available) / gib));
}

// Whether an iteration more is wanted after `done`, `spent` seconds of all in.
bool goes_on(int done, int least, int most, double spent_s, double until_s) {
  return done < most && (done < least || until_s <= 0 || spent_s < until_s);
}

}  // namespace

double time_ms(const Function& function, const std::vector<Argument>& arguments) {
  const Stopwatch call;
  const std::vector<Array> results = function.call(arguments);
  function.wait();
  return call.ms();
}

std::string isa_name(const SubjectOptions& options) {
  return options.isa.empty() ? to_string(default_isa()) : options.isa;
}

double measured_peak(const SubjectOptions& options, int threads) {
  const double of_float32 = measure_fma_peak(isa_from_text(isa_name(options)), threads, peak_seconds);
  return options.dtype == float64 ? of_float32 / 2 : of_float32;  // the same instructions, on half as many elements
}

Timing measure(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches,
               const Pace& pace) {
  const Function forward = compile_forward(model, options), gradient = compile_gradient(model, options);
  const std::string reports = forward.compile_report_json() + gradient.compile_report_json();
  Timing t;
  t.isa = isa_name(options);
  t.threads = forward.threads();
  t.forward_memory = largest_plan(forward, batches);
  t.gradient_memory = largest_plan(gradient, batches);
  const bool on_cpu = options.device == "cpu";
  if (on_cpu) require_memory(t);
  if (on_cpu) t.peak_gflops = measured_peak(options, t.threads);
  const Stopwatch spent;
  const int least_to_warm = on_cpu ? least_warmup : least_warmup_on_device;
  while (goes_on(t.warmup, least_to_warm, pace.warmup, spent.seconds(), warmup_share * pace.budget_s)) {
    one_iteration(forward, gradient, batches);
    ++t.warmup;
  }
  while (goes_on(static_cast<int>(t.forward_ms.size()), least_iterations, pace.iterations, spent.seconds(),
                 pace.budget_s)) {
    const auto [forward_ms, gradient_ms] = one_iteration(forward, gradient, batches);
    t.forward_ms.push_back(forward_ms);
    t.gradient_ms.push_back(gradient_ms);
  }
  t.loss = forward.call(batches.back().arguments)[0].at(0);
  t.recompiled = forward.compile_report_json() + gradient.compile_report_json() != reports;
  t.forward_profile = forward.profile();
  t.gradient_profile = gradient.profile();
  if (on_cpu) t.peak_gflops = std::max(t.peak_gflops, measured_peak(options, t.threads));
  return t;
}

}  // namespace bitale::bench

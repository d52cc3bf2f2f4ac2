#include "bench/study/timing.h"

#include <algorithm>
#include <utility>

#include "bench/harness/process.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

constexpr double peak_seconds = 0.2;

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

}  // namespace

double time_ms(const Function& function, const std::vector<Argument>& arguments) {
  const std::int64_t start = monotonic_ns();
  const std::vector<Array> results = function.call(arguments);
  return static_cast<double>(monotonic_ns() - start) * 1e-6;
}

std::string isa_name(const SubjectOptions& options) {
  return options.isa.empty() ? to_string(default_isa()) : options.isa;
}

double measured_peak(const SubjectOptions& options, int threads) {
  return measure_fma_peak(isa_from_text(isa_name(options)), threads, peak_seconds);
}

Timing measure(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches,
               int warmup, int iterations) {
  const Function forward = compile_forward(model, options), gradient = compile_gradient(model, options);
  const std::string reports = forward.compile_report_json() + gradient.compile_report_json();
  Timing t;
  t.isa = isa_name(options);
  t.threads = forward.threads();
  t.forward_memory = largest_plan(forward, batches);
  t.gradient_memory = largest_plan(gradient, batches);
  t.peak_gflops = measured_peak(options, t.threads);
  for (int i = 0; i < warmup + iterations; ++i) {
    const auto [forward_ms, gradient_ms] = one_iteration(forward, gradient, batches);
    if (i < warmup) continue;
    t.forward_ms.push_back(forward_ms);
    t.gradient_ms.push_back(gradient_ms);
  }
  t.loss = forward.call(batches.back().arguments)[0].at(0);
  t.recompiled = forward.compile_report_json() + gradient.compile_report_json() != reports;
  t.forward_profile = forward.profile();
  t.gradient_profile = gradient.profile();
  t.peak_gflops = std::max(t.peak_gflops, measured_peak(options, t.threads));
  return t;
}

}  // namespace bitale::bench

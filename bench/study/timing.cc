#include "bench/study/timing.h"

#include <algorithm>

#include "bench/harness/process.h"
#include "runtime/device/cpu.h"

namespace bitale::bench {
namespace {

constexpr double peak_seconds = 0.2;

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

Timing measure(const models::BuiltModel& model, const SubjectOptions& options, int warmup, int iterations) {
  const Function forward = compile_forward(model, options), gradient = compile_gradient(model, options);
  const std::vector<Argument> batch = sample(options);
  Timing t;
  t.isa = isa_name(options);
  t.threads = forward.threads();
  t.forward_memory = forward.planned_memory(batch);
  t.gradient_memory = gradient.planned_memory(batch);
  t.peak_gflops = measured_peak(options, t.threads);
  for (int i = 0; i < warmup; ++i) {
    forward.call(batch);
    gradient.call(batch);
  }
  for (int i = 0; i < iterations; ++i) {
    t.forward_ms.push_back(time_ms(forward, batch));
    t.gradient_ms.push_back(time_ms(gradient, batch));
  }
  t.loss = forward.call(batch)[0].at(0);
  t.forward_profile = forward.profile();
  t.gradient_profile = gradient.profile();
  t.peak_gflops = std::max(t.peak_gflops, measured_peak(options, t.threads));
  return t;
}

}  // namespace bitale::bench

#include "tests/support/compiled_backend.h"

#include <stdexcept>
#include <utility>

#include "compiler/driver/compile.h"
#include "compiler/prim/prim.h"
#include "runtime/base/flags.h"
#include "tests/support/sanitized.h"

namespace bitale::tests {
namespace {

// A call in the debug placement: every buffer ends at a guard page, fresh and freed memory is NaN.
std::vector<Array> guarded_call(const executor::Runnable& runnable, std::vector<Array> inputs, int threads) {
  struct Restore {
    bool before = std::exchange(flags().guard, true);
    ~Restore() { flags().guard = before; }
  } restore;
  for (Array& a : inputs) a = a.clone();
  return runnable.call(inputs, {}, {threads}).outputs;
}

Backend compiled(const driver::CompileOptions& options, int threads) {
  const auto run = [=](std::span<const ir::Tensor> outputs, std::span<const eval::Binding> bindings) {
    lower::FunctionGraph g;
    g.name = "case";
    g.outputs.assign(outputs.begin(), outputs.end());
    std::vector<Array> inputs;
    for (const eval::Binding& b : bindings) {
      g.inputs.push_back(b.tensor);
      inputs.push_back(b.value);
    }
    const auto compiled = driver::compile(g, options);
    const std::vector<Array> plain = compiled.runnable->call(inputs, {}, {threads}).outputs;
    if (sanitized) return plain;                  // they look for the same
    const bool on_cpu = options.device == "cpu";  // a device may add in any order
    const std::vector<Array> guarded = guarded_call(*compiled.runnable, inputs, threads);
    for (std::size_t i = 0; i < plain.size(); ++i)
      if (on_cpu ? !plain[i].same_bits(guarded[i]) : !difference(guarded[i], plain[i]).empty())
        throw std::runtime_error("output " + std::to_string(i) + " differs in the debug placement: " +
                                 to_string(guarded[i]) + ", else " + to_string(plain[i]));
    return plain;
  };
  const std::string target = options.device == "cpu" ? options.isa : options.device;
  return {target + " O" + std::to_string(options.level) + " threads " + std::to_string(threads), run};
}

}  // namespace

Backend compiled(const std::string& isa, int level, int threads) {
  driver::CompileOptions options;
  options.isa = isa;
  options.level = level;
  options.use_cache = false;
  return compiled(options, threads);
}

Backend compiled_for(const std::string& device, int level) {
  driver::CompileOptions options;
  options.device = device;
  options.level = level;
  options.use_cache = false;
  return compiled(options, 1);
}

}  // namespace bitale::tests

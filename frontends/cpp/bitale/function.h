// Compiled functions.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

struct FunctionOptions {
  // New values of Shared variables, all computed from the old ones, then stored together.
  std::vector<std::pair<Shared, Tensor>> updates{};
  // Replacements made before compiling: first by second, of the same type.
  std::vector<std::pair<Tensor, Tensor>> givens{};
  std::string name = "function";
  std::string device = "cpu";
  int threads = 0;             // 0: BITALE_THREADS, else the CPUs of this process
  int level = 2;               // optimisation level 0..3; 3: candidates are timed at the first call of each shape
  std::string isa{};           // "v2", "v3", "v4"; empty: the best this CPU executes
  bool relaxed = false;        // also rewrites that hold for finite values only
  bool unused_inputs = false;  // allow inputs that nothing reads
  bool cache = true;
};

// One argument of a call: an Array, a span, a number, or nested lists of numbers.
class Argument {
 public:
  Argument() = default;                                    // absent
  Argument(const Array& a) : array_(a) {}                  // NOLINT
  Argument(double v);                                      // NOLINT: numbers and lists take the input's dtype
  Argument(float v) : Argument(static_cast<double>(v)) {}  // NOLINT
  Argument(int v);                                         // NOLINT
  Argument(std::int64_t v);                                // NOLINT
  Argument(std::initializer_list<double> row);             // NOLINT
  Argument(std::initializer_list<std::initializer_list<double>> rows);                           // NOLINT
  Argument(std::initializer_list<std::initializer_list<std::initializer_list<double>>> planes);  // NOLINT
  // Elements in memory of the caller, copied at the call; rank 1.
  template <class T>
  Argument(std::span<const T> values)
      : array_(Array::of(values, {static_cast<std::int64_t>(values.size())})) {}  // NOLINT
  template <class T>
  Argument(const std::vector<T>& values) : Argument(std::span<const T>(values)) {}  // NOLINT

 private:
  friend class Function;
  std::optional<Array> array_;
  bool weak_ = false;
};

// What a call takes: temporaries, results and new values of Shared variables (those that are written over the old ones
// take nothing; the others take memory that the Shared keeps for the next call), the program's constants, and the
// packed forms of operands that do not change between calls, which are kept for the next one.
struct PlannedMemory {
  std::int64_t arena_bytes = 0, output_bytes = 0, constant_bytes = 0, pack_bytes = 0;
  std::int64_t total() const { return arena_bytes + output_bytes + constant_bytes + pack_bytes; }
};

// A handle to a compiled function; copies share it. Calls may come from several threads at once.
class Function {
 public:
  Function() = default;

  // Results are new Arrays. Arguments of wrong number, dtype, rank or extents are an Error that names the input.
  std::vector<Array> call(std::span<const Argument> arguments) const;
  std::vector<Array> operator()(const Argument& a = {}, const Argument& b = {}, const Argument& c = {},
                                const Argument& d = {}, const Argument& e = {}, const Argument& f = {},
                                const Argument& g = {}, const Argument& h = {}) const;

  const std::string& name() const;
  int threads() const;
  double compile_seconds() const;
  bool from_cache() const;
  std::string compile_report() const;  // a table
  std::string compile_report_json() const;
  std::string compile_trace() const;  // Chrome's trace format
  std::string program_text() const;
  std::string profile() const;                              // per step, if BITALE_PROFILE is set
  double flops(std::span<const Argument> arguments) const;  // of contractions: 2 per multiply-add
  PlannedMemory planned_memory(std::span<const Argument> arguments) const;

  struct State;

 private:
  friend Function function(const std::vector<Tensor>&, const std::vector<Tensor>&, const FunctionOptions&, Where);
  std::shared_ptr<const State> state_;
};

// Compiles. Errors: an input that is not an input() tensor, given twice, or that nothing reads; one that the outputs
// read and that is missing; a Shared updated twice or with another type; a given of another type; an unknown device.
Function function(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                  const FunctionOptions& options = {}, Where at = Where::current());

// The compiler's stages as text, for looking at: input, optimised, kernels, program (and GraphViz of the first two).
struct Stages {
  std::string input, optimised, kernels, program, input_dot, optimised_dot;
};
Stages stages(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
              const FunctionOptions& options = {}, Where at = Where::current());

}  // namespace bitale

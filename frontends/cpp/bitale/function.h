// Compiled functions.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <bitale/conv_algorithm.h>
#include <bitale/tensor.h>

#include "runtime/memory/view.h"

namespace bitale {

namespace detail {

template <class T, std::size_t N>
Extents extent_of(std::span<T, N> values) {
  return {static_cast<std::int64_t>(values.size())};
}

template <class T>
ArrayView view_of(std::span<const T> values) {
  return StridedView<const T>(values.data(), extent_of(values));
}

// The vector's memory, which the Array keeps.
template <class T>
Array array_of(std::vector<T>&& values) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  const std::size_t bytes = owner->size() * sizeof(T);
  return {dtype_of<T>(), extent_of(std::span(*owner)), Storage::adopt(owner->data(), bytes, owner)};
}

}  // namespace detail

struct FunctionOptions {
  // New values of Shared variables, all computed from the old ones, then stored together.
  std::vector<std::pair<Shared, Tensor>> updates{};
  // Replacements made before compiling: first by second, of the same type.
  std::vector<std::pair<Tensor, Tensor>> givens{};
  std::string name = "function";
  // "cuda", "cuda:1"...: a GPU; "emulated": its kernels played by the host, slow, to test what a GPU would run;
  // "sm_90": compiled for this architecture, to be looked at (docs/gpu.md).
  std::string device = "cpu";
  int threads = 0;             // 0: BITALE_THREADS, else the CPUs of this process
  int level = 2;               // optimisation level 0..3; 3: candidates are timed at the first call of each shape
  std::string isa{};           // "v2", "v3", "v4"; empty: the best this CPU executes
  bool relaxed = false;        // also rewrites that hold for finite values only
  bool unused_inputs = false;  // allow inputs that nothing reads
  bool cache = true;
  // What computes the convolutions that name no algorithm; those it cannot compute are automatic, and the compile
  // report says why.
  ConvAlgorithm conv = ConvAlgorithm::automatic;
  // On a GPU: products of float32 matrices by cuBLASLt, and convolutions by cuDNN, may round their operands to TF32 (10
  // bits of mantissa, 3 decimals), which is much faster. Sums stay float32.
  bool tf32 = false;
  // For debugging, each also by a flag for all functions of a process (docs/debugging.md):
  bool profile = false;    // BITALE_PROFILE: time every step; Function::profile() shows it
  bool nan_guard = false;  // BITALE_NAN_GUARD: a call fails at the first step that writes NaN or Inf, naming its lines
  bool check = false;      // BITALE_CHECK: every step against the interpreter; the first that differs fails the call
};

// What profiles are sorted by: the steps of the program, the ops that steps are made of (a step of several is one row),
// or the user's source lines (a step's time goes to its lines in equal parts).
enum class ProfileBy : std::uint8_t { step, op, line };
struct ProfileRow {
  std::string name;
  std::int64_t calls = 0;
  double seconds = 0;  // of all calls
  double share = 0;    // of the time of all rows
  double flops = 0;    // of contractions: 2 per multiply-add; per second: flops / seconds
  double bytes = 0;    // that the buffers of its steps hold: the least that is read and written
};

// One argument of a call: an Array, memory of the caller (a span, a vector, a StridedView, with <bitale/eigen.h> an
// Eigen object), a number, or nested lists of numbers.
//
// Memory of the caller is read where it lies, and must stay as it is until the call has returned; an Argument that is
// kept for several calls reads it in each of them. A view that is not dense in row-major order, or whose elements are
// not aligned, is copied once per call.
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
  Argument(const ArrayView& view) : view_(view) {}                                               // NOLINT
  template <Viewable V>
  Argument(const V& object) : view_(view_of(object)) {}  // NOLINT
  // Rank 1.
  template <class T, std::size_t N>
    requires ElementType<std::remove_const_t<T>>
  Argument(std::span<T, N> values) : view_(detail::view_of(std::span<const T>(values))) {}  // NOLINT
  template <ElementType T>
    requires(!std::same_as<T, bool>)
  Argument(const std::vector<T>& values) : Argument(std::span<const T>(values)) {}  // NOLINT
  template <ElementType T>
    requires(!std::same_as<T, bool>)
  Argument(std::vector<T>&& values) : array_(detail::array_of(std::move(values))) {}  // NOLINT: kept, not copied

 private:
  friend class Function;
  friend Argument donate(Array& array);
  std::optional<Array> array_;
  std::optional<ArrayView> view_;
  std::shared_ptr<Array> donated_;  // shared by copies, and emptied by the call that takes it
  bool weak_ = false;
};

// Gives an Array up to one call: `array` holds nothing from now on, and the call may write results into its memory.
// It does so where the program allows it (Function::program_text() says "may be over input"), and nobody else shares
// the memory; planned_memory() shows it. An Array that holds nothing, and an Argument that a call has taken before, are
// Errors. What is donated is gone also if the call fails.
//
//   state = step(donate(state), input)[0];
Argument donate(Array& array);
inline Argument donate(Array&& array) { return donate(array); }

// Where a call writes one output: an Array, whose memory it is (other Arrays that share it see the result), or memory
// of the caller, dense in row-major order. Its dtype and shape must be the output's.
class Destination {
 public:
  Destination(Array& array) : array_(array) {}         // NOLINT
  Destination(const ArrayView& view) : view_(view) {}  // NOLINT
  template <Viewable V>
  Destination(const V& object) : view_(view_of(object)) {}  // NOLINT
  template <Viewable V>
  Destination(V& object) : view_(view_of(object)) {}  // NOLINT: writable where a const one would not be
  template <ElementType T, std::size_t N>
  Destination(std::span<T, N> values) : view_(StridedView<T>(values.data(), detail::extent_of(values))) {}  // NOLINT
  template <ElementType T>
    requires(!std::same_as<T, bool>)
  Destination(std::vector<T>& values) : Destination(std::span<T>(values)) {}  // NOLINT

 private:
  friend class Function;
  std::optional<Array> array_;
  std::optional<ArrayView> view_;
};

// What a step of a program does in a call; steps of loops are executed many times.
struct StepCost {
  std::string label;
  double times = 1;
  int launches = 1;      // of kernels each time, on a device
  double bytes = 0;      // that its buffers hold: the least that it reads and writes each time
  double flops = 0;      // of contractions each time: 2 per multiply-add
  bool on_host = false;  // a library call without a kernel: of a device's program, between copies
  // Of a loop that is one kernel on a device, whose steps are listed before it and launch nothing: how often all of its
  // blocks wait for each other, or those of a cluster.
  double barriers = 0, cluster_barriers = 0;
  double share = 1;  // of a step of such a loop: the part of the device's multiprocessors that works on it
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
  // Results are written into memory of the caller, one destination per output, and nothing is allocated for them.
  // Destinations may share memory with arguments: where the program may write an output over that very input it does,
  // else the result is computed elsewhere and copied at the end, as are outputs that are nothing but an input or a view
  // of another tensor. Destinations that share memory with each other, other dtypes or extents, strided and read-only
  // ones are Errors that name the output. A call that fails later than that may have written to them.
  void call_into(std::span<const Argument> arguments, std::span<const Destination> destinations) const;
  void call_into(std::initializer_list<Argument> arguments, std::initializer_list<Destination> destinations) const;

  // On a GPU a call may return before it is over; who looks at a result waits for it. This waits until all calls are.
  void wait() const;

  const std::string& name() const;
  int threads() const;
  double compile_seconds() const;
  bool from_cache() const;
  std::string compile_report() const;  // a table
  std::string compile_report_json() const;
  std::string compile_trace() const;  // Chrome's trace format
  std::string program_text() const;
  // What was timed so far, longest first (steps: in their order); nothing unless it is switched on. The text says how
  // close rows come to the FMA peak and the memory bandwidth, which it measures at that moment.
  std::vector<ProfileRow> profile_rows(ProfileBy by = ProfileBy::step) const;
  std::string profile(ProfileBy by = ProfileBy::step) const;
  double flops(std::span<const Argument> arguments) const;  // of contractions: 2 per multiply-add
  // In order, those of loops and of the first side of branches included. Nothing is run.
  std::vector<StepCost> step_costs(std::span<const Argument> arguments) const;
  // Donated arguments count, and stay with the caller.
  PlannedMemory planned_memory(std::span<const Argument> arguments,
                               std::span<const Destination> destinations = {}) const;

  struct State;

 private:
  std::vector<Array> run(std::span<const Argument> arguments, std::vector<Array> into) const;
  friend Function function(const std::vector<Tensor>&, const std::vector<Tensor>&, const FunctionOptions&, Where);
  std::shared_ptr<const State> state_;
};

// Compiles. Errors: an input that is not an input() tensor, given twice, or that nothing reads; one that the outputs
// read and that is missing; a Shared updated twice or with another type; a given of another type; an unknown device.
Function function(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                  const FunctionOptions& options = {}, Where at = Where::current());

// The compiler's stages as text, for looking at: input, optimised, kernels, program, and what a GPU's module would be
// in CUDA C++ (and GraphViz of the first two).
struct Stages {
  std::string input, optimised, kernels, program, cuda, input_dot, optimised_dot;
};
Stages stages(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
              const FunctionOptions& options = {}, Where at = Where::current());

}  // namespace bitale

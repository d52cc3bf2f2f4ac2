// Loops in graphs.
//
//   // h' = tanh(x_t w + h u), for every row x_t of x [T, batch, inputs]
//   const ScanResult r = scan({.sequences = {x}, .carries = {h0}, .name = "rnn"}, [&](const ScanStep& t) {
//     return StepResult{.carries = {tanh(dot(t.row(0), w) + dot(t.carry(0), u))}};
//   });
//   r.last[0];     // [batch, hidden]: the state after the last step
//   r.carries[0];  // [T, batch, hidden]: the states after every step
//
// The body is called once, with tensors that stand for what a step sees. What it reads besides (w and u here) is the
// same in all steps. Scans nest, and are differentiated like anything else. Zero steps give the initial carries and
// results without rows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// Step t sees the rows t + tap of a tensor [T, ...], counted so that the first step sees all of its taps: with taps
// {-1, 0} it sees rows 0 and 1.
struct Sequence {
  Tensor x;
  std::vector<int> taps{0};

  Sequence(Tensor rows) : x(std::move(rows)) {}  // NOLINT: one row per step
  Sequence(Tensor rows, std::vector<int> t) : x(std::move(rows)), taps(std::move(t)) {}
};

// What a step leaves to the ones after it; step t sees the values of steps t + tap (taps are negative). With tap -1
// alone the initial value is what the first step sees. Else it has a leading axis of the earliest tap's length, for the
// steps before the first: initial[0] is seen through that tap in step 0.
struct Carry {
  Tensor init;
  std::vector<int> taps{-1};

  Carry(Tensor initial) : init(std::move(initial)) {}  // NOLINT
  Carry(Tensor initial, std::vector<int> t) : init(std::move(initial)), taps(std::move(t)) {}
};

// What the body sees.
class ScanStep {
 public:
  // The row of sequence i at one of its taps (no tap: the first of its list), and so the value of carry i.
  const Tensor& row(int i) const;
  const Tensor& row(int i, int tap) const;
  const Tensor& carry(int i) const;
  const Tensor& carry(int i, int tap) const;
  const Tensor& number() const { return number_; }  // of the step: 0, 1, 2..., an int64 scalar

 private:
  friend struct ScanBuilder;
  struct Slot {
    std::vector<int> taps;
    std::vector<Tensor> values;
  };
  static const Tensor& find(const std::vector<Slot>& slots, const char* kind, int i, std::optional<int> tap);
  std::vector<Slot> rows_, carries_;
  Tensor number_;
};

// What the body gives: a new value for each carry, and results, of which every step makes a row. Where `until`, a bool
// scalar, is given and true, this step is the last one that counts: carries stay as it leaves them, and the rows of
// what would have come after it are zero. Steps that do not count are not run; those of derivatives are not, either.
//
// A Shared that has an update is carried from step to step, too: whatever the body makes of it reads the value that the
// step before left, the first step the value that it has. It changes when a function does the updates of the result.
//
// Draws from a RandomStream are new in every step, and the same in the gradient's.
struct StepResult {
  std::vector<Tensor> carries{}, outputs{};
  Tensor until{};
  std::vector<std::pair<Shared, Tensor>> updates{};
};

// What a scan keeps for its gradient. Whatever is not kept is computed again.
class Checkpoint {
 public:
  static Checkpoint all();                // what costs more than a few additions, for every step: the default
  static Checkpoint none();               // the carries, for every step
  static Checkpoint every(const Dim& n);  // the carries, for every n steps; and all of n steps at a time
  // every(n) for the n that needs least, about the square root of the steps; for symbolic extents each call has its
  // own.
  static Checkpoint sqrt();
  // every(n) for the largest n that needs about so much memory. Where even the n of sqrt() needs more, it is an Error
  // if all extents are constant, else that n.
  static Checkpoint budget(std::int64_t bytes);

 private:
  friend struct ScanBuilder;
  enum class Kind : std::uint8_t { all, none, every, sqrt, budget } kind_ = Kind::all;
  Dim n_ = 1;
  std::int64_t bytes_ = 0;
};

struct ScanOptions {
  std::vector<Sequence> sequences{};
  std::vector<Carry> carries{};
  std::optional<Dim> steps{};  // else as many as the shortest sequence has rows for
  bool go_backwards = false;   // sequences are read from their last rows on; results are in the order of the steps
  // Gradients go back through so many steps alone, the last ones: rows of sequences that earlier steps saw get zeros,
  // and so do initial carries unless all steps are among them (Theano's truncate_gradient).
  std::optional<Dim> truncate_gradient{};
  Checkpoint checkpoint{};
  std::string name{};  // for messages and profiles
};

struct ScanResult {
  std::vector<Tensor> last;                        // per carry: its value after the last step
  std::vector<Tensor> carries;                     // per carry: its values after each step, [steps, ...]
  std::vector<Tensor> outputs;                     // per output of the body: [steps, ...]
  Tensor steps;                                    // how many counted: an int64 scalar
  std::vector<std::pair<Shared, Tensor>> updates;  // the body's, with the last values: for FunctionOptions::updates
};

// Errors name the scan and this line: no way to tell the number of steps, a sequence without rows, carries that come
// back in another type, another number of carries than there are, taps that are no taps.
ScanResult scan(const ScanOptions& options, const std::function<StepResult(const ScanStep&)>& body,
                Where at = Where::current());

// f of each row of each x, stacked.
std::vector<Tensor> map(const std::function<std::vector<Tensor>(const std::vector<Tensor>& rows)>& f,
                        const std::vector<Tensor>& xs, Where at = Where::current());
// f(... f(f(init, x[0]), x[1]) ..., x[n-1]): the last value; foldr begins with the last row.
Tensor foldl(const std::function<Tensor(const Tensor& value, const Tensor& row)>& f, const Tensor& x,
             const Tensor& init, Where at = Where::current());
Tensor foldr(const std::function<Tensor(const Tensor& value, const Tensor& row)>& f, const Tensor& x,
             const Tensor& init, Where at = Where::current());
// foldl, by Theano's name.
Tensor reduce(const std::function<Tensor(const Tensor& value, const Tensor& row)>& f, const Tensor& x,
              const Tensor& init, Where at = Where::current());

}  // namespace bitale

#include <algorithm>
#include <functional>

#include <bitale/scan.h>
#include <fmt/format.h>

#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "frontends/cpp/enclosing_steps.h"
#include "frontends/cpp/handles.h"
#include "ops/api/shape.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;
using loops::Loop;

namespace detail {
namespace {

thread_local std::vector<ir::Tensor> steps;

}  // namespace

std::span<const ir::Tensor> enclosing_steps() { return steps; }
EnclosingStep::EnclosingStep(const ir::Tensor& number) { steps.push_back(number); }
EnclosingStep::~EnclosingStep() { steps.pop_back(); }

}  // namespace detail

const Tensor& ScanStep::find(const std::vector<Slot>& slots, const char* kind, int i, std::optional<int> tap) {
  if (i < 0 || i >= std::ssize(slots))
    throw Error(fmt::format("a scan's body asks for {} {}; there are {}", kind, i, slots.size()));
  const Slot& slot = slots[static_cast<std::size_t>(i)];
  if (!tap) return slot.values[0];
  const auto at = std::find(slot.taps.begin(), slot.taps.end(), *tap);
  if (at == slot.taps.end())
    throw Error(fmt::format("a scan's body asks for {} {} at tap {}, which is none of its taps", kind, i, *tap));
  return slot.values[static_cast<std::size_t>(at - slot.taps.begin())];
}

const Tensor& ScanStep::row(int i) const { return find(rows_, "row", i, {}); }
const Tensor& ScanStep::row(int i, int tap) const { return find(rows_, "row", i, tap); }
const Tensor& ScanStep::carry(int i) const { return find(carries_, "carry", i, {}); }
const Tensor& ScanStep::carry(int i, int tap) const { return find(carries_, "carry", i, tap); }

// Turns what the user said into a loop with one row per sequence and step, and one step of memory.
struct ScanBuilder {
  const ScanOptions& options;
  SourceLine line;
  Loop loop{};
  ScanStep step{};
  std::vector<std::size_t> first{};  // of each carry's values in the loop: the latest, then those before it
  std::vector<std::size_t> depth{};

  ScanBuilder(const ScanOptions& o, SourceLine l) : options(o), line(l) {
    loop.name = options.name;
    if (options.sequences.empty() && !options.steps)
      fail("there is no telling how many steps to take: it has neither sequences nor steps");
    for (std::size_t i = 0; i < options.sequences.size(); ++i) check_sequence(i);
    loop.trips = number_of_steps();
    if (options.truncate_gradient) loop.truncated = Access::in(*options.truncate_gradient);
    for (std::size_t i = 0; i < options.sequences.size(); ++i) add_sequence(i);
    for (std::size_t i = 0; i < options.carries.size(); ++i) add_carry(i);
    const ir::Tensor numbers = ir::iota(DType::i64, {loop.trips}, 0, line);
    const ir::Tensor number = Loop::placeholder("step", Loop::row_type(numbers.type()), line);
    loop.sequences.push_back({numbers, number, false});
    step.number_ = Access::out(number);
  }

  ScanResult run(const std::function<StepResult(const ScanStep&)>& body) {
    const StepResult result = call(body);
    if (result.carries.size() != options.carries.size())
      fail(fmt::format("the body gives {} new carries, expected {}", result.carries.size(), options.carries.size()));
    if (result.carries.empty() && result.outputs.empty()) fail("the body gives neither carries nor outputs");
    for (std::size_t i = 0; i < first.size(); ++i) {
      const ir::Tensor next = Access::in(result.carries[i], "scan: a new carry");
      const ir::Tensor& before = loop.carries[first[i]].before;
      if (next.dtype() != before.dtype() || next.rank() != before.rank())
        fail(fmt::format("carry {} is {} before a step, and the body gives {}", i, ir::describe(before),
                         ir::describe(next)));
      loop.carries[first[i]].after = next;
      for (std::size_t k = 1; k < depth[i]; ++k)
        loop.carries[first[i] + k].after = loop.carries[first[i] + k - 1].before;
      loop.stacked.push_back({next, false});
    }
    for (const Tensor& t : result.outputs) loop.stacked.push_back({Access::in(t, "scan: an output"), false});
    const std::size_t first_update = loop.carries.size();
    ir::Tensor until = result.until ? Access::in(result.until) : ir::Tensor();
    add_updates(result, until);
    if (until) end_when(until);
    const Loop::Results r = build();
    ScanResult out;
    for (const std::size_t i : first) out.last.push_back(Access::out(r.last[i]));
    for (std::size_t i = 0; i < result.updates.size(); ++i)
      out.updates.emplace_back(result.updates[i].first, Access::out(r.last[first_update + i]));
    for (std::size_t i = 0; i < r.stacked.size(); ++i)
      (i < first.size() ? out.carries : out.outputs).push_back(Access::out(r.stacked[i]));
    out.steps = Access::out(until ? r.last.back() : ir::extent(loop.trips, line));
    return out;
  }

  using Kind = Checkpoint::Kind;

  Loop::Results build() {
    const Kind kind = options.checkpoint.kind_;
    if (kind == Kind::none) loop.keeps = false;
    if (kind == Kind::all || kind == Kind::none) return loop.build(line);
    if (loop.truncated) fail("its gradient is truncated, so that there is nothing to keep by segments");
    return segmented(loop, kind == Kind::every ? Access::in(options.checkpoint.n_) : segment_length(), line);
  }

 private:
  StepResult call(const std::function<StepResult(const ScanStep&)>& body) const {
    const detail::EnclosingStep enclosing(Access::in(step.number_));
    return body(step);
  }

  // A Shared with an update is a carry that begins with its value; the body's reads of it are reads of the carry.
  void add_updates(const StepResult& result, ir::Tensor& until) {
    ir::TensorMap<ir::Tensor> carried;
    for (const auto& [target, value] : result.updates) {
      const ir::Tensor symbol = Access::symbol(target), next = Access::in(value, "scan: an update");
      if (next.dtype() != symbol.dtype() || next.rank() != symbol.rank())
        fail(fmt::format("{} is {}, and the body updates it with {}", target.name(), ir::describe(symbol),
                         ir::describe(next)));
      const ir::Tensor before = Loop::placeholder(target.name(), symbol.type(), line);
      if (!carried.emplace(symbol, before).second) fail(target.name() + " is updated twice in a step");
      loop.carries.push_back({symbol, before, next});
    }
    if (carried.empty()) return;
    std::vector<ir::Tensor> given = loop.body_outputs();
    if (until) given.push_back(until);
    given = ir::substitute(given, carried);
    auto next = given.begin();
    for (Loop::Carry& c : loop.carries) c.after = *next++;
    for (Loop::Stacked& s : loop.stacked) s.row = *next++;
    if (until) until = *next;
  }

  // Carries whether a step before has ended it, and how many have counted.
  void end_when(const ir::Tensor& until) {
    if (until.dtype() != DType::bool_ || until.rank() != 0)
      fail("its end must be said by a bool scalar, not by " + ir::describe(until));
    const ir::Tensor ended = Loop::placeholder("ended", {DType::bool_, {}}, line);
    const auto unless_ended = [&](const ir::Tensor& value, const ir::Tensor& otherwise) {
      return ir::where(ir::broadcast_to(ended, value.shape()), otherwise, value, line);
    };
    for (Loop::Stacked& s : loop.stacked) s.row = unless_ended(s.row, ir::zeros_like(s.row));
    for (Loop::Carry& c : loop.carries) c.after = unless_ended(c.after, c.before);
    loop.stop = std::ssize(loop.carries);
    loop.carries.push_back(
        {ir::full(ir::Literal::integer(0, DType::bool_), {}, line), ended, ir::logical_or(ended, until, line)});
    const ir::Tensor zero = ir::full(ir::Literal::integer(0, DType::i64), {}, line);
    const ir::Tensor count = Loop::placeholder("count", zero.type(), line);
    loop.carries.push_back({zero, count, ir::where(ended, count, count + 1, line)});
  }

  // n steps need n times the values that are kept and their cotangents, and the carries of each segment.
  ir::Dim segment_length() const {
    const loops::KeptBytes kept = kept_bytes(loop);
    if (!loop.trips.is_constant() || !kept.values.is_constant() || !kept.carries.is_constant())
      return symbolic_length(kept);
    const std::int64_t steps = std::max<std::int64_t>(loop.trips.value(), 1);
    const auto needed = [&](std::int64_t n) {
      return static_cast<double>(n) * 2 * static_cast<double>(kept.values.value() + kept.carries.value()) +
             static_cast<double>((steps + n - 1) / n) * static_cast<double>(kept.carries.value());
    };
    std::int64_t least = 1, most = 0;
    for (std::int64_t n = 1; n <= steps; ++n) {
      if (needed(n) < needed(least)) least = n;
      if (needed(n) <= static_cast<double>(options.checkpoint.bytes_)) most = n;
    }
    if (options.checkpoint.kind_ == Kind::sqrt) return least;
    if (most == 0)
      fail(fmt::format("its gradient needs at least {:.0f} bytes, for segments of {} steps; the budget is {}",
                       needed(least), least, options.checkpoint.bytes_));
    return most;
  }

  // The same for extents that calls bring: with a bytes per step of a segment and c per segment, of t steps,
  //   a n + c (t + n - 1) / n
  // is least at n^2 = c t / a, and within the budget up to the larger root of n^2 - p n + r = 0, p = (budget - c) / a,
  // r = c (t - 1) / a.
  ir::Dim symbolic_length(const loops::KeptBytes& kept) const {
    using ir::Dim;
    const Dim &t = loop.trips, &c = kept.carries, a = max(Dim(2) * (kept.values + c), Dim(1));
    const Dim least = max(isqrt(floordiv(c * t, a)), Dim(1));
    if (options.checkpoint.kind_ == Kind::sqrt) return least;
    const Dim p = max(min(floordiv(Dim(options.checkpoint.bytes_) - c, a), Dim(2) * t), Dim(0)),
              r = floordiv(c * (t - Dim(1)) + a - Dim(1), a);
    return max(min(floordiv(p + isqrt(p * p - Dim(4) * r), Dim(2)), t), least);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error("scan" + (options.name.empty() ? "" : " '" + options.name + "'") +
                (line ? " at " + to_string(line) : "") + ": " + what);
  }

  static int earliest(const Sequence& s) { return std::min(0, *std::min_element(s.taps.begin(), s.taps.end())); }
  static int latest(const Sequence& s) { return std::max(0, *std::max_element(s.taps.begin(), s.taps.end())); }

  void check_sequence(std::size_t i) const {
    const Sequence& s = options.sequences[i];
    const ir::Tensor x = Access::in(s.x, "scan: a sequence");
    if (x.rank() == 0) fail(fmt::format("sequence {} has no rows: {}", i, ir::describe(x)));
    if (s.taps.empty()) fail(fmt::format("sequence {} has no taps", i));
  }

  // How many steps sequence i has rows for.
  ir::Dim usable(std::size_t i) const {
    const Sequence& s = options.sequences[i];
    const ir::Dim rows = Access::in(s.x).dim(0) - ir::Dim(latest(s) - earliest(s));
    const auto least = rows.lower_bound();
    return least && *least >= 0 ? rows : max(rows, ir::Dim(0));
  }

  ir::Dim number_of_steps() const {
    if (options.steps) return Access::in(*options.steps);
    ir::Dim steps = usable(0);
    for (std::size_t i = 1; i < options.sequences.size(); ++i) steps = min(steps, usable(i));
    return steps;
  }

  void add_sequence(std::size_t i) {
    const Sequence& s = options.sequences[i];
    const ir::Tensor x = Access::in(s.x);
    ScanStep::Slot slot{s.taps, {}};
    for (const int tap : s.taps) {
      // Backwards, steps count from the last row that has all of its taps.
      const ir::Dim begin =
          options.go_backwards ? x.dim(0) - loop.trips + ir::Dim(tap - latest(s)) : ir::Dim(tap - earliest(s));
      const ir::Tensor rows = loops::rows_of(x, begin, loop.trips, line);
      const std::string name = x.name().empty() ? fmt::format("row{}", i) : x.name();
      const ir::Tensor row = Loop::placeholder(name, Loop::row_type(rows.type()), line);
      loop.sequences.push_back({rows, row, options.go_backwards});
      slot.values.push_back(Access::out(row));
    }
    step.rows_.push_back(std::move(slot));
  }

  void add_carry(std::size_t i) {
    const Carry& c = options.carries[i];
    const ir::Tensor init = Access::in(c.init, "scan: an initial carry");
    if (c.taps.empty() || *std::max_element(c.taps.begin(), c.taps.end()) >= 0)
      fail(fmt::format("the taps of carry {} must be negative: a step sees what earlier ones gave", i));
    const int length = -*std::min_element(c.taps.begin(), c.taps.end());
    const bool plain = length == 1;
    if (!plain && (init.rank() == 0 || (init.dim(0).is_constant() && !init.dim(0).is(length))))
      fail(fmt::format("carry {} has taps down to {}, so that its initial value must have {} rows; it is {}", i,
                       -length, length, ir::describe(init)));
    first.push_back(loop.carries.size());
    depth.push_back(static_cast<std::size_t>(length));
    std::vector<Tensor> values;  // of tap -1, -2...
    for (int k = 1; k <= length; ++k) {
      const ir::Tensor start = plain ? init : row_of(init, length - k);
      const std::string name = init.name().empty() ? fmt::format("carry{}", i) : init.name();
      const ir::Tensor before = Loop::placeholder(name, start.type(), line);
      loop.carries.push_back({start, before, {}});
      values.push_back(Access::out(before));
    }
    ScanStep::Slot slot{c.taps, {}};
    for (const int tap : c.taps) slot.values.push_back(values[static_cast<std::size_t>(-tap - 1)]);
    step.carries_.push_back(std::move(slot));
  }

  ir::Tensor row_of(const ir::Tensor& rows, int k) const {
    const ir::Tensor row = loops::rows_of(rows, ir::Dim(k), ir::Dim(1), line);
    return ir::reshape(row, ir::Shape(rows.shape().begin() + 1, rows.shape().end()), line);
  }
};

Checkpoint Checkpoint::all() { return {}; }
Checkpoint Checkpoint::none() {
  Checkpoint c;
  c.kind_ = Kind::none;
  return c;
}
Checkpoint Checkpoint::every(const Dim& n) {
  Checkpoint c;
  c.kind_ = Kind::every;
  c.n_ = n;
  return c;
}
Checkpoint Checkpoint::sqrt() {
  Checkpoint c;
  c.kind_ = Kind::sqrt;
  return c;
}
Checkpoint Checkpoint::budget(std::int64_t bytes) {
  Checkpoint c;
  c.kind_ = Kind::budget;
  c.bytes_ = bytes;
  return c;
}

ScanResult scan(const ScanOptions& options, const std::function<StepResult(const ScanStep&)>& body, Where at) {
  ensure_ready();
  return ScanBuilder(options, at).run(body);
}

std::vector<Tensor> map(const std::function<std::vector<Tensor>(const std::vector<Tensor>& rows)>& f,
                        const std::vector<Tensor>& xs, Where at) {
  return scan(
             {.sequences = {xs.begin(), xs.end()}, .name = "map"},
             [&](const ScanStep& t) {
               std::vector<Tensor> rows;
               for (std::size_t i = 0; i < xs.size(); ++i) rows.push_back(t.row(static_cast<int>(i)));
               return StepResult{.outputs = f(rows)};
             },
             at)
      .outputs;
}

namespace {

Tensor fold(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& init,
            bool backwards, Where at) {
  return scan(
             {.sequences = {x}, .carries = {init}, .go_backwards = backwards, .name = "fold"},
             [&](const ScanStep& t) { return StepResult{.carries = {f(t.carry(0), t.row(0))}}; }, at)
      .last[0];
}

}  // namespace

Tensor foldl(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& init,
             Where at) {
  return fold(f, x, init, false, at);
}
Tensor foldr(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& init,
             Where at) {
  return fold(f, x, init, true, at);
}
Tensor reduce(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& init,
              Where at) {
  return fold(f, x, init, false, at);
}

}  // namespace bitale

// Loops and branches: bodies run on the same threads, in memory that the placement gave them; an iteration moves
// addresses and copies nothing, but for what two bindings want in two places.
#include <algorithm>

#include "runtime/executor/walk.h"
#include "runtime/program/extents.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::uint8_t* offset(void* p, std::int64_t bytes) { return static_cast<std::uint8_t*>(p) + bytes; }

// Where iteration i of so many sees or writes its row or block, which has `bytes`, in the outer buffer of `all`.
std::int64_t place_of(const LoopBinding& b, std::int64_t trips, std::int64_t i, std::int64_t bytes, std::int64_t all) {
  if (b.blocks) return std::min(i * bytes, all - bytes);
  return (b.backwards ? trips - 1 - i : i) * bytes;
}

}  // namespace

Scope Walker::scope_of(const Scope& outer, int body) const {
  return {outer.layout.bodies[at(body)], outer.facts.bodies[at(body)], outer.tables.bodies[at(body)],
          outer.placement.bodies[at(body)]};
}

bool Walker::loop(const Scope& scope, const StepLayout& step, const StepFacts&, bool alone) {
  const auto& s = std::get<LoopStep>(step.step->node);
  Scope body = scope_of(scope, step.bodies[0]);
  // What looks at every step needs all threads behind it.
  const bool watched = frame_.guard || frame_.nan_guard || frame_.checker;
  if (!alone && !watched && body.facts.by_rows) body.rows = s.rows;
  Steps steps;
  if (!loop_steps(scope, s, alone, steps)) return false;
  if (!loop_begin(scope, body, step, alone)) return false;
  if (steps.first < steps.last && !loop_packs(body, alone)) return false;
  if (!loop_iterations(scope, body, step, steps, alone)) return false;
  if (body.rows >= 0 && !barrier()) return false;
  loop_end(scope, body, step, steps, alone);
  return true;
}

bool Walker::loop_iterations(const Scope& scope, const Scope& body, const StepLayout& step, Steps& steps, bool alone) {
  const auto& s = std::get<LoopStep>(step.step->node);
  for (std::int64_t i = steps.first; i < steps.last; ++i) {
    if (!body_extents(scope, body, step, i)) return body.rows >= 0;  // as below
    loop_inputs(scope, body, step, steps, i);
    loop_homes(scope, body, step, steps, i);
    if (body.rows >= 0) {
      if (!run_rows(body)) return true;  // the threads that go on learn it where all meet
    } else if (!run(body, alone, true)) {
      return false;
    }
    if (!loop_copies(scope, body, step, steps.trips, i, alone)) return false;
    if (s.until < 0) continue;
    const bool done = scalar<std::uint8_t>(body, s.until) != 0;
    if (!alone && !barrier()) return false;  // everyone has read it before the next iteration writes it
    if (done) steps.last = i + 1;
  }
  return true;
}

// The same on all threads: a carry that says that the loop has ended may be updated where it lies, so all read it
// first.
bool Walker::loop_steps(const Scope& scope, const LoopStep& s, bool alone, Steps& steps) {
  steps.trips = steps.last = scope.tables.extents[at(s.trips)];
  if (s.first >= 0) {
    const auto bound = [&](int b) { return std::clamp(scalar<std::int64_t>(scope, b), std::int64_t{0}, steps.trips); };
    steps.first = bound(s.first);
    steps.last = std::max(steps.first, bound(s.last));
  }
  if (s.ended < 0) return true;
  if (scalar<std::uint8_t>(scope, s.ended) != 0) steps.last = steps.first;
  return alone || barrier();
}

// The extents of a body that change: the iteration number, what depends on it, and what depends on that of a loop
// around.
bool Walker::body_extents(const Scope& outer, const Scope& body, const StepLayout& step, std::int64_t iteration) {
  for (const int slot : body.layout.iteration_slots) {
    const ExtentDef& e = body.layout.program->extents[at(slot)];
    std::int64_t value = iteration;
    if (e.op == ExtentOp::outer) value = outer.tables.extents[at(e.a)];
    if (e.op >= ExtentOp::add && !try_arithmetic(*body.layout.program, at(slot), body.tables.extents, value)) {
      fail(step, static_cast<int>(ErrorCode::failed_check), slot, 0, "an extent has no 64-bit value");
      return false;  // all threads alike
    }
    body.tables.set_extent(body.layout, slot, value);
  }
  return true;
}

bool Walker::loop_begin(const Scope& outer, const Scope& body, const StepLayout& step, bool alone) {
  bool copied = false;
  for (const LoopBinding& b : std::get<LoopStep>(step.step->node).bindings)
    if (b.kind == BindingKind::invariant)
      body.tables.set_pointer(body.layout, body.layout.groups.root[at(b.inner_in)],
                              outer.tables.pointer(outer.layout, b.outer_in));
  for (const LoopOutput& o : step.outputs) {
    if (o.home != LoopOutput::Home::in_place) continue;
    void* home = outer.tables.pointer(outer.layout, o.binding->outer_out);
    body.tables.set_pointer(body.layout, o.root, home);
    copy(home, outer.tables.pointer(outer.layout, o.binding->outer_in), outer.placement.bytes[at(o.binding->outer_out)],
         alone);
    copied = true;
  }
  return !copied || alone || barrier();
}

// Operands that all iterations multiply with are packed once.
bool Walker::loop_packs(const Scope& body, bool alone) {
  for (const LoopPack& pack : body.facts.packs) {
    const auto& c = std::get<ContractionStep>(body.layout.steps[pack.step].step->node);
    const bool is_a = pack.side == Side::a;
    const PackJob job(pack.shape, c, pack.side, body.tables.extents, body.tables.pointer(body.layout, is_a ? c.a : c.b),
                      frame_.functions.packing, frame_.memory_of(pack));
    job.run(alone ? 0 : state_.thread, alone ? 1 : frame_.threads);
  }
  return body.facts.packs.empty() || alone || barrier();
}

void Walker::loop_inputs(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps,
                         std::int64_t i) {
  const Groups& groups = body.layout.groups;
  for (const LoopBinding* binding : step.bindings) {
    const LoopBinding& b = *binding;
    if (b.kind == BindingKind::sequence) {
      void* rows = outer.tables.pointer(outer.layout, b.outer_in);
      body.tables.set_pointer(body.layout, groups.root[at(b.inner_in)],
                              offset(rows, place_of(b, steps.trips, i, body.placement.bytes[at(b.inner_in)],
                                                    outer.placement.bytes[at(b.outer_in)])));
    } else if (b.kind == BindingKind::carry && groups.root[at(b.inner_in)] != groups.root[at(b.inner_out)]) {
      void* value = i == steps.first ? outer.tables.pointer(outer.layout, b.outer_in)
                                     : body.tables.pointer(body.layout, b.inner_out);
      body.tables.set_pointer(body.layout, groups.root[at(b.inner_in)], value);
    }
  }
}

// A carried output goes around some places, such that the last iteration, where it is known, writes the outer buffer.
void Walker::loop_homes(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps,
                        std::int64_t i) {
  const bool known = std::get<LoopStep>(step.step->node).until < 0;
  for (const LoopOutput& o : step.outputs) {
    void* own = body.tables.own[at(o.root)];
    if (o.home == LoopOutput::Home::row) {
      void* rows = outer.tables.pointer(outer.layout, o.binding->outer_out);
      body.tables.set_pointer(body.layout, o.root,
                              offset(rows, place_of(*o.binding, steps.trips, i, body.placement.bytes[at(o.root)],
                                                    outer.placement.bytes[at(o.binding->outer_out)])));
    } else if (o.home == LoopOutput::Home::alternate) {
      const std::int64_t piece = (body.placement.bytes[at(o.root)] + 63) / 64 * 64;
      const bool has_outer = o.binding->outer_out >= 0;
      const std::int64_t place = (known ? steps.last - 1 - i : i) % o.places;
      void* home = has_outer && place == 0 ? outer.tables.pointer(outer.layout, o.binding->outer_out)
                                           : offset(own, (place - (has_outer ? 1 : 0)) * piece);
      body.tables.set_pointer(body.layout, o.root, home);
    }
  }
}

bool Walker::loop_copies(const Scope& outer, const Scope& body, const StepLayout& step, std::int64_t trips,
                         std::int64_t i, bool alone) {
  bool copied = false;
  for (const LoopOutput& o : step.outputs)
    for (const LoopBinding* b : o.copies) {
      const std::int64_t bytes = body.placement.bytes[at(o.root)];
      void* const row = offset(outer.tables.pointer(outer.layout, b->outer_out),
                               place_of(*b, trips, i, bytes, outer.placement.bytes[at(b->outer_out)]));
      if (body.rows >= 0) {
        copy_rows(body, row, body.tables.pointers[at(o.root)], bytes);
        continue;
      }
      copy(row, body.tables.pointers[at(o.root)], bytes, alone);
      copied = true;
    }
  return !copied || alone || barrier();
}

// Final carries, rows that no iteration wrote, and the number of iterations. What is passed on may lie in the outer
// buffer of what it came from, and is copied before that is filled; equal sizes are shared by the threads alike.
void Walker::loop_end(const Scope& outer, const Scope& body, const StepLayout& step, const Steps& steps, bool alone) {
  const std::int64_t taken = steps.last - steps.first;
  for (const LoopBinding* binding : step.bindings) {
    const LoopBinding& b = *binding;
    if (b.outer_out < 0) continue;
    void* target = outer.tables.pointer(outer.layout, b.outer_out);
    const std::int64_t bytes = outer.placement.bytes[at(b.outer_out)];
    if (b.kind == BindingKind::carry) {
      const bool in_place = body.layout.groups.root[at(b.inner_in)] == body.layout.groups.root[at(b.inner_out)];
      const void* value = taken == 0 && !in_place ? outer.tables.pointer(outer.layout, b.outer_in)
                                                  : body.tables.pointer(body.layout, b.inner_out);
      copy(target, value, bytes, alone);
    } else if (b.kind == BindingKind::stacked && !b.blocks) {
      const std::int64_t row = body.placement.bytes[at(b.inner_out)];
      const std::int64_t first = b.backwards ? steps.trips - steps.last : steps.first, last = first + taken;
      clear(target, first * row, alone);
      clear(offset(target, last * row), bytes - last * row, alone);
    }
  }
  const auto& s = std::get<LoopStep>(step.step->node);
  if (s.trips_taken >= 0 && (alone || state_.thread == 0))
    put(outer.tables.pointer(outer.layout, s.trips_taken), &taken, sizeof taken);
}

bool Walker::branch(const Scope& scope, const StepLayout& step, bool alone) {
  const auto& s = std::get<BranchStep>(step.step->node);
  const bool taken = scalar<std::uint8_t>(scope, s.condition) != 0;
  const Scope body = scope_of(scope, step.bodies[taken ? 0 : 1]);
  for (const BranchStep::Binding& b : taken ? s.then_bindings : s.otherwise_bindings)
    body.tables.set_pointer(body.layout, body.layout.groups.root[at(b.inner)],
                            scope.tables.pointer(scope.layout, b.outer));
  return body_extents(scope, body, step, 0) && run(body, alone, false);
}

}  // namespace bitale::executor

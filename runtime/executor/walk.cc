#include "runtime/executor/walk.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/float16.h"
#include "runtime/executor/contraction.h"
#include "runtime/executor/matrix_call.h"
#include "runtime/program/extents.h"
#include "runtime/program/rows.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::int64_t shared_bytes = 1 << 16;  // copies from this size on are shared by the threads

// The part of `bytes` that a thread takes: whole cache lines.
std::pair<std::int64_t, std::int64_t> share_of(std::int64_t bytes, int thread, int threads) {
  if (bytes < shared_bytes) return thread == 0 ? std::pair(std::int64_t{0}, bytes) : std::pair(bytes, bytes);
  const std::int64_t lines = (bytes + 63) / 64;
  const auto bound = [&](std::int64_t t) { return std::min(bytes, lines * t / threads * 64); };
  return {bound(thread), bound(thread + 1)};
}

}  // namespace

// What the buffers of a step hold, each once; workspaces stay in the caches.
double Walker::bytes_of(const Scope& scope, const StepLayout& s) {
  std::vector<int> roots;
  for_each_buffer(*s.step, [&](int buffer, bool) {
    const int root = scope.layout.groups.root[at(buffer)];
    if (scope.layout.groups.role[at(buffer)] != Role::workspace &&
        std::find(roots.begin(), roots.end(), root) == roots.end())
      roots.push_back(root);
  });
  double bytes = 0;
  for (int root : roots) bytes += static_cast<double>(scope.placement.bytes[at(root)]);
  return bytes;
}

bool Walker::run_all() {
  const Prepared& p = *frame_.prepared;
  return run({frame_.layout, p.facts, state_.tables, p.placement}, frame_.threads == 1, false);
}

bool Walker::run(const Scope& scope, bool alone, bool meet_after) {
  const std::vector<StepLayout>& steps = scope.layout.steps;
  const bool fresh = frame_.guard || frame_.nan_guard;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepLayout& s = steps[i];
    const StepFacts& f = scope.facts.steps[i];
    if (fresh && !s.first_touched.empty()) {
      if (alone || state_.thread == 0) poison(scope, s);
      if (!alone && !barrier()) return false;
    }
    std::shared_ptr<StepUnderCheck> under_check;
    if (frame_.checker) {
      if ((alone || state_.thread == 0) && !failed()) under_check = before_step(scope, s);
      if (!alone && !f.serial && !barrier()) return false;
    }
    const bool timed = !frame_.costs.empty() && state_.thread == 0;
    const auto start = timed ? Clock::now() : Clock::time_point{};
    if (alone || !f.serial || state_.thread == 0) {
      if (!failed() && !step(scope, s, f, alone || f.serial) && !alone && !f.serial) return false;
      if (alone && failed()) return false;
    }
    if (frame_.nan_guard || frame_.checker) {
      if (!alone && !f.serial && !barrier()) return false;
      if (under_check && !failed()) check_step(scope, s, *under_check);
      if (frame_.nan_guard && (alone || state_.thread == 0) && !failed()) scan(scope, s);
      if (alone && failed()) return false;
    }
    const bool last = i + 1 == steps.size();
    const bool meet = !alone && (last ? meet_after : !(f.serial && scope.facts.steps[i + 1].serial));
    if (meet && !barrier()) return false;
    if (timed) count(scope, s, start);
  }
  return true;
}

bool Walker::run_rows(const Scope& scope) {
  for (std::size_t i = 0; i < scope.layout.steps.size() && !failed(); ++i) {
    const StepLayout& s = scope.layout.steps[i];
    const bool timed = !frame_.costs.empty() && state_.thread == 0;
    const auto start = timed ? Clock::now() : Clock::time_point{};
    step(scope, s, scope.facts.steps[i], false);
    if (timed) count(scope, s, start);
  }
  return !failed();
}

void Walker::count(const Scope& scope, const StepLayout& s, Clock::time_point start) {
  Cost& c = frame_.costs[at(s.id)];
  ++c.calls;
  c.seconds += std::chrono::duration<double>(Clock::now() - start).count();
  if (s.step->flops >= 0) c.flops += static_cast<double>(scope.tables.extents[at(s.step->flops)]);
  c.bytes += bytes_of(scope, s);
}

bool Walker::step(const Scope& scope, const StepLayout& s, const StepFacts& facts, bool alone) {
  const int thread = alone ? 0 : state_.thread, threads = alone ? 1 : frame_.threads;
  const Step& node = *s.step;
  if (const auto* k = std::get_if<KernelStep>(&node.node)) {
    kernel(scope, s, *k, thread, threads);
  } else if (std::holds_alternative<ContractionStep>(node.node)) {
    contraction(scope, s, facts, thread, threads);
  } else if (const auto* l = std::get_if<LibraryStep>(&node.node)) {
    library(scope, s, *l, thread, threads);
  } else if (const auto* copy_step = std::get_if<CopyStep>(&node.node)) {
    void* const to = scope.tables.pointer(scope.layout, copy_step->to);
    const void* const from = scope.tables.pointer(scope.layout, copy_step->from);
    const std::int64_t bytes = scope.placement.bytes[at(copy_step->to)];
    scope.rows >= 0 ? copy_rows(scope, to, from, bytes) : copy(to, from, bytes, alone);
  } else if (std::holds_alternative<LoopStep>(node.node)) {
    return loop(scope, s, facts, alone);
  } else if (std::holds_alternative<BranchStep>(node.node)) {
    return branch(scope, s, alone);
  } else if (std::holds_alternative<BlockedStep>(node.node)) {
    blocked(scope, s, facts, thread, threads);
  } else if (const auto* check = std::get_if<CheckStep>(&node.node)) {
    if (scalar<std::uint8_t>(scope, check->condition) == 0)
      fail(s, static_cast<int>(ErrorCode::failed_check), 0, 0, check->message);
  }
  return true;
}

bool Walker::barrier() {
  frame_.barrier.wait(frame_.threads);
  return frame_.stop_at.load(std::memory_order_relaxed) > state_.sequence++;
}

// A thread may fail after a barrier while others still look at `stop_at` there: they compare with the number of
// barriers passed before, so that all of them leave at the same one.
void Walker::fail(const StepLayout& s, int code, std::int64_t value, std::int64_t limit, std::string detail) {
  if (failed()) return;
  const Context& c = state_.context;
  state_.failure = {state_.sequence, code, &s, value, limit, std::move(detail), c.error_pivot, c.error_real};
  state_.context.error_step = s.id;
  std::int64_t present = frame_.stop_at.load(std::memory_order_relaxed);
  while (state_.sequence < present && !frame_.stop_at.compare_exchange_weak(present, state_.sequence)) {
  }
}

void Walker::kernel(const Scope& scope, const StepLayout& s, const KernelStep& k, int thread, int threads) {
  const auto function = reinterpret_cast<KernelFn>(const_cast<void*>(frame_.functions.entries[at(k.entry)]));
  const int code = function(&state_.context, scope.tables.args.data() + s.args,
                            scope.tables.extent_args.data() + s.extent_args, thread, threads);
  if (code != 0 || state_.context.error != 0)
    fail(s, code != 0 ? code : state_.context.error, state_.context.error_value, state_.context.error_limit);
}

void Walker::contraction(const Scope& scope, const StepLayout& s, const StepFacts& facts, int thread, int threads) {
  const ContractionCall call = contraction_call(state_, scope, std::get<ContractionStep>(s.step->node), facts);
  const int code = facts.matrix ? run_matrix_call(call, *facts.matrix, facts.matrix_function, thread, threads)
                                : run_contraction(call, thread, threads);
  if (code != 0) fail(s, code, state_.context.error_value, state_.context.error_limit);
}

void Walker::library(const Scope& scope, const StepLayout& s, const LibraryStep& l, int thread, int threads) {
  const library::Arguments arguments{
      .buffers = std::span(scope.tables.args).subspan(at(s.args), l.buffers.size()),
      .extents = std::span(scope.tables.extent_args).subspan(at(s.extent_args), l.extents.size()),
      .integers = l.integers,
      .reals = l.reals,
      .thread = thread,
      .threads = threads,
  };
  const int code = s.library(&state_.context, arguments);
  if (code != 0) fail(s, code, state_.context.error_value, state_.context.error_limit, l.function);
}

void Walker::blocked(const Scope& scope, const StepLayout& s, const StepFacts& facts, int thread, int threads) {
  const auto& b = std::get<BlockedStep>(s.step->node);
  const std::int64_t extent = scope.tables.extents[at(b.dim)];
  const std::int64_t tiles = extent > 0 ? (extent - 1) / b.tile + 1 : 0;
  for (std::int64_t t = tiles * thread / threads; t < tiles * (thread + 1) / threads && !failed(); ++t) {
    scope.tables.set_extent(scope.layout, b.begin, t * b.tile);
    scope.tables.set_extent(scope.layout, b.size, std::min(b.tile, extent - t * b.tile));
    if (!derive(scope, s, scope.layout.tile_slots[at(s.number) - 1])) return;
    for (std::size_t i = 0; i < s.inner.size() && !failed(); ++i) step(scope, s.inner[i], facts.inner[i], true);
  }
}

bool Walker::derive(const Scope& scope, const StepLayout& s, const std::vector<int>& slots) {
  for (const int slot : slots) {
    std::int64_t value = 0;
    if (!try_arithmetic(*scope.layout.program, at(slot), scope.tables.extents, value)) {
      fail(s, static_cast<int>(ErrorCode::failed_check), slot, 0, "an extent has no 64-bit value");
      return false;
    }
    scope.tables.set_extent(scope.layout, slot, value);
  }
  return true;
}

void Walker::copy(void* to, const void* from, std::int64_t bytes, bool alone) const {
  const auto [begin, end] = alone ? std::pair(std::int64_t{0}, bytes) : share_of(bytes, state_.thread, frame_.threads);
  if (to == from || begin == end) return;
  move(static_cast<std::uint8_t*>(to) + begin, static_cast<const std::uint8_t*>(from) + begin, end - begin);
}

void Walker::copy_rows(const Scope& scope, void* to, const void* from, std::int64_t bytes) const {
  if (to == from) return;
  const std::int64_t rows = scope.tables.extents[at(scope.rows)], each = bytes / rows;
  const Range mine = rows_of_thread(rows, state_.thread, frame_.threads);
  move(static_cast<std::uint8_t*>(to) + mine.begin * each, static_cast<const std::uint8_t*>(from) + mine.begin * each,
       (mine.end - mine.begin) * each);
}

void Walker::clear(void* to, std::int64_t bytes, bool alone) const {
  const auto [begin, end] = alone ? std::pair(std::int64_t{0}, bytes) : share_of(bytes, state_.thread, frame_.threads);
  if (begin != end) fill(static_cast<std::uint8_t*>(to) + begin, 0, end - begin);
}

const void* Walker::look(const void* memory, std::int64_t) const { return memory; }
void Walker::put(void* to, const void* from, std::int64_t bytes) const { std::memcpy(to, from, at(bytes)); }
void Walker::move(void* to, const void* from, std::int64_t bytes) const { std::memcpy(to, from, at(bytes)); }
void Walker::fill(void* to, std::uint8_t byte, std::int64_t bytes) const { std::memset(to, byte, at(bytes)); }

// What a buffer holds before it is written must not matter: it is made NaN, or 0 for the guard that looks for NaN.
void Walker::poison(const Scope& scope, const StepLayout& s) const {
  for (const int root : s.first_touched)
    fill(scope.tables.pointers[at(root)], frame_.nan_guard ? 0 : 0xFF, scope.placement.bytes[at(root)]);
}

void Walker::scan(const Scope& scope, const StepLayout& s) {
  for_each_buffer(*s.step, [&](int b, bool written) {
    const Buffer& buffer = scope.layout.program->buffers[at(b)];
    const auto* blocked_step = std::get_if<BlockedStep>(&s.step->node);
    if (!written || !is_floating(buffer.storage) || buffer.role == Role::workspace || failed()) return;
    if (blocked_step &&
        std::find(blocked_step->local.begin(), blocked_step->local.end(), b) != blocked_step->local.end())
      return;
    const void* data = look(scope.tables.pointer(scope.layout, b), scope.placement.bytes[at(b)]);
    const std::int64_t n = scope.placement.bytes[at(b)] / static_cast<std::int64_t>(size_of(buffer.storage));
    const auto find = [&](const auto* values) {
      for (std::int64_t i = 0; i < n; ++i)
        if (!std::isfinite(values[i])) return fail(s, not_finite, i, n, buffer.name);
    };
    if (buffer.storage == DType::f32) find(static_cast<const float*>(data));
    if (buffer.storage == DType::f64) find(static_cast<const double*>(data));
    if (!is_only_stored(buffer.storage)) return;
    std::vector<float> wide(at(n));
    widen(buffer.storage, data, wide.data(), wide.size());
    find(wide.data());
  });
}

}  // namespace bitale::executor

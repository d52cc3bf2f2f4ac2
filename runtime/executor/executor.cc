#include "runtime/executor/executor.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "runtime/base/flags.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/pool.h"
#include "runtime/executor/call_memory.h"
#include "runtime/executor/device.h"
#include "runtime/executor/products.h"
#include "runtime/executor/report.h"
#include "runtime/executor/tune.h"
#include "runtime/executor/walk.h"
#include "runtime/program/code.h"
#include "runtime/program/extents.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::size_t remembered_placements = 4;

// Programs from outside are verified when they are read; our own in builds that check invariants.
std::shared_ptr<const Program> consistent(std::shared_ptr<const Program> program) {
#if BITALE_VERIFY
  verify(*program);
#endif
  return program;
}

std::size_t blob_for(const Program& program, const std::string& target) {
  std::string present;
  for (std::size_t i = 0; i < program.blobs.size(); ++i) {
    if (program.blobs[i].target == target) return i;
    present += (i ? ", " : "") + program.blobs[i].target;
  }
  throw Error(fmt::format("program '{}' has no code for {}; it has code for: {}", program.name, target,
                          present.empty() ? "nothing" : present));
}

void flatten(const StepLayout& step, std::vector<const Step*>& steps) {
  if (steps.size() <= at(step.id)) steps.resize(at(step.id) + 1);
  steps[at(step.id)] = step.step;
  for (const StepLayout& inner : step.inner) flatten(inner, steps);
}

void flatten(const Layout& layout, std::vector<const Step*>& steps) {
  for (const StepLayout& step : layout.steps) flatten(step, steps);
  for (const Layout& body : layout.bodies) flatten(body, steps);
}

void check_port(const char* what, const Port& port, const Array& array, std::size_t number) {
  if (array.empty()) throw Error(fmt::format("{} {} '{}' is missing", what, number, port.name));
  if (array.dtype() != port.dtype)
    throw Error(
        fmt::format("{} '{}' has dtype {}, expected {}", what, port.name, name_of(array.dtype()), name_of(port.dtype)));
  if (array.shape().size() != port.dims.size())
    throw Error(fmt::format("{} '{}' has shape {}, expected {} dims", what, port.name, shape_text(array.shape()),
                            port.dims.size()));
}

void check_ports(const char* what, const std::vector<Port>& ports, std::span<const Array> arrays) {
  if (arrays.size() != ports.size())
    throw Error(fmt::format("{} {}s given, {} expected", arrays.size(), what, ports.size()));
  for (std::size_t i = 0; i < ports.size(); ++i) check_port(what, ports[i], arrays[i], i);
}

void check_shapes(const char* what, const std::vector<Port>& ports, std::span<const Array> arrays,
                  const std::vector<std::int64_t>& extents) {
  for (std::size_t i = 0; i < ports.size(); ++i)
    for (std::size_t d = 0; d < ports[i].dims.size(); ++d) {
      if (arrays[i].shape()[d] == extents[at(ports[i].dims[d])]) continue;
      Extents expected;
      for (const int slot : ports[i].dims) expected.push_back(extents[at(slot)]);
      throw Error(fmt::format("{} '{}' has shape {}, expected {}", what, ports[i].name, shape_text(arrays[i].shape()),
                              shape_text(expected)));
    }
}

std::int64_t integer_of(const Array& array) {
  return dispatch(array.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bool>)
      return static_cast<std::int64_t>(*static_cast<const std::uint8_t*>(array.data()) != 0);
    else
      return static_cast<std::int64_t>(*static_cast<const T*>(array.data()));
  });
}

std::vector<ShapeView> shapes_of(std::span<const Array> arrays) {
  std::vector<ShapeView> shapes;
  shapes.reserve(arrays.size());
  for (const Array& a : arrays) shapes.emplace_back(a.shape());
  return shapes;
}

bool keeps_contents(const Layout& layout) {
  const auto keeps = [](const Buffer& b) { return b.keep; };
  return std::any_of(layout.program->buffers.begin(), layout.program->buffers.end(), keeps) ||
         std::any_of(layout.bodies.begin(), layout.bodies.end(), keeps_contents);
}

Packing packing_of(const std::string& target) {
  for (const Isa isa : {Isa::v4, Isa::v3})
    if (target_of(isa) == target) return packing_for(isa);
  return packing_for(Isa::v2);  // every CPU executes it
}

}  // namespace

struct Runnable::State {
  State(std::shared_ptr<const Program> p, Functions f, std::shared_ptr<const LoadedCode> c)
      : program(consistent(std::move(p))), functions(std::move(f)), code(std::move(c)), layout(Layout::of(*program)) {
    flatten(layout, steps);
    keeps = keeps_contents(layout);
    profile.resize(steps.size());
  }

  struct Remembered {
    std::shared_ptr<const Prepared> prepared;
    std::vector<std::unique_ptr<Frame>> idle;
  };

  const std::shared_ptr<const Program> program;
  const Functions functions;
  const std::shared_ptr<const LoadedCode> code;
  const Layout layout;
  std::vector<const Step*> steps;  // by id
  std::shared_ptr<const StepChecker> checker;
  std::unique_ptr<const DeviceCode> device;  // null: the CPU
  bool keeps = false;                        // some temporary keeps its contents between calls

  std::mutex mutex;                              // of what follows
  std::list<Remembered> remembered;              // latest first
  std::vector<std::shared_ptr<Storage>> arenas;  // that no call uses now; the latest last
  std::vector<Cost> profile;                     // by id
  std::string target;                            // of the code; empty for functions of this process
  std::shared_ptr<TuningRecords> records = std::make_shared<TuningRecords>();
  std::vector<TuningChoice> choices;

  std::vector<std::int64_t> extents_of(std::span<const Array> inputs, std::span<const Array> shareds) const;
  std::shared_ptr<const Prepared> prepare(std::vector<std::int64_t> extents, int threads);
  std::unique_ptr<Frame> take_frame(std::vector<std::int64_t> extents, int threads);
  void give_back(std::unique_ptr<Frame> frame);
  bool shares_arenas() const { return !device && !keeps && !flags().guard; }
  std::shared_ptr<Storage> take_arena(std::int64_t bytes);
  Packs::Held take_packs(Frame& frame, std::span<const Array> shareds, const std::vector<std::int64_t>& versions) const;
  bool is_kept(const KeptPack& kept, const std::vector<std::int64_t>& versions) const;
  CallMemory memory_of(const Prepared& prepared, std::span<const Array> inputs, std::span<const Array> shareds,
                       const CallOptions& options) const;
};

std::vector<std::int64_t> Runnable::State::extents_of(std::span<const Array> inputs,
                                                      std::span<const Array> shareds) const {
  check_ports("input", program->inputs, inputs);
  check_ports("shared variable", program->shareds, shareds);
  std::vector<std::int64_t> values(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (program->inputs[i].integer_value) values[i] = integer_of(inputs[i]);
  std::vector<std::int64_t> extents = evaluate_extents(*program, shapes_of(inputs), shapes_of(shareds), values);
  check_shapes("input", program->inputs, inputs, extents);
  check_shapes("shared variable", program->shareds, shareds, extents);
  return extents;
}

// With the mutex held.
std::shared_ptr<const Prepared> Runnable::State::prepare(std::vector<std::int64_t> extents, int threads) {
  const auto found = std::find_if(remembered.begin(), remembered.end(), [&](const Remembered& r) {
    return r.prepared->placement.threads == threads && r.prepared->placement.extents == extents;
  });
  if (found != remembered.end()) {
    remembered.splice(remembered.begin(), remembered, found);
    return found->prepared;
  }
  auto prepared = std::make_shared<Prepared>(layout, place(*program, std::move(extents), threads));
  if (device)
    plan_products(layout, *device->driver, *prepared);
  else
    tune(layout, functions, target, prepared, *records, choices);
  remembered.push_front({prepared, {}});
  if (remembered.size() > remembered_placements) remembered.pop_back();
  return prepared;
}

// Calls of any extents follow each other in the same memory, which then is in the caches. What is too small for this
// one is so for most, and goes. With the mutex held; null: there is none.
std::shared_ptr<Storage> Runnable::State::take_arena(std::int64_t bytes) {
  std::shared_ptr<Storage> arena;
  while (!arena && !arenas.empty()) {
    if (static_cast<std::int64_t>(arenas.back()->size()) >= bytes) arena = std::move(arenas.back());
    arenas.pop_back();
  }
  return arena;
}

std::unique_ptr<Frame> Runnable::State::take_frame(std::vector<std::int64_t> extents, int threads) {
  std::shared_ptr<const Prepared> prepared;
  std::unique_ptr<Frame> frame;
  std::shared_ptr<Storage> arena;
  const bool shares = shares_arenas();
  {
    const std::lock_guard lock(mutex);
    prepared = prepare(std::move(extents), threads);
    auto& idle = remembered.front().idle;
    while (!idle.empty() && !frame) {
      if (idle.back()->guard == flags().guard) frame = std::move(idle.back());
      idle.pop_back();
    }
    if (shares) arena = take_arena(prepared->placement.arena_bytes);
  }
  const std::int64_t bytes = prepared->placement.arena_bytes;
  try {
    if (shares && !arena) arena = Storage::allocate(at(bytes));
    if (!frame) return std::make_unique<Frame>(layout, std::move(prepared), functions, device.get(), std::move(arena));
    if (shares) frame->move_to(std::move(arena));
    return frame;
  } catch (const Error& e) {
    no_memory(*program, "its temporaries", e.what());
  } catch (const std::bad_alloc&) {
    no_memory(*program, fmt::format("its temporaries, {} bytes", bytes), "the system refuses it");
  }
}

void Runnable::State::give_back(std::unique_ptr<Frame> frame) {
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < frame->costs.size(); ++i) {
    profile[i].calls += frame->costs[i].calls;
    profile[i].seconds += frame->costs[i].seconds;
    profile[i].flops += frame->costs[i].flops;
    profile[i].bytes += frame->costs[i].bytes;
  }
  frame->costs.clear();
  if (frame->arena) arenas.push_back(std::move(frame->arena));
  const auto home = std::find_if(remembered.begin(), remembered.end(),
                                 [&](const Remembered& r) { return r.prepared == frame->prepared; });
  if (home != remembered.end()) home->idle.push_back(std::move(frame));
}

bool Runnable::State::is_kept(const KeptPack& kept, const std::vector<std::int64_t>& versions) const {
  const Buffer& b = program->buffers[at(kept.buffer)];
  return b.role == Role::constant || at(b.index) < versions.size();
}

Packs::Held Runnable::State::take_packs(Frame& frame, std::span<const Array> shareds,
                                        const std::vector<std::int64_t>& versions) const {
  const Prepared& p = *frame.prepared;
  if (p.kept.empty()) return {};
  std::vector<Packs::Value> values(p.kept.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!is_kept(p.kept[i], versions)) continue;
    const Buffer& b = program->buffers[at(p.kept[i].buffer)];
    if (b.role == Role::constant)
      values[i] = {layout.constants[at(b.index)].storage(), 0};
    else
      values[i] = {shareds[at(b.index)].storage(), versions[at(b.index)]};
  }
  const auto pack = [&](const std::vector<Packs::Target>& targets) {
    std::vector<PackJob> jobs;
    for (const Packs::Target& t : targets) {
      const KeptPack& k = p.kept[t.number];
      const auto& step = std::get<ContractionStep>(layout.steps[k.step].step->node);
      jobs.emplace_back(k.shape, step, k.side, p.placement.extents, values[t.number].memory->data(), functions.packing,
                        t.memory->data());
    }
    run_region(frame.threads, [&](int thread) {
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        const Stopwatch watch;
        jobs[i].run(thread, frame.threads);
        if (thread != 0 || frame.costs.empty()) continue;
        frame.costs[at(layout.steps[p.kept[targets[i].number].step].id)].seconds += watch.seconds();
      }
    });
  };
  try {
    return p.packs->take(values, pack);
  } catch (const Error& e) {
    no_memory(*program, "the packs of its operands", e.what());
  } catch (const std::bad_alloc&) {
    no_memory(*program, "the packs of its operands", "the system refuses it");
  }
}

// With a guard that looks at results any step can fail, and what it compares with must stay; with checks on a device a
// failure shows when all steps are over.
CallMemory Runnable::State::memory_of(const Prepared& prepared, std::span<const Array> inputs,
                                      std::span<const Array> shareds, const CallOptions& options) const {
  const bool looks = options.nan_guard || checker || (device && device->checks);
  return {layout, prepared.placement, inputs, shareds, options, looks};
}

Runnable::Runnable(std::shared_ptr<const Program> program, const std::string& target) {
  const std::shared_ptr<const LoadedCode> code = LoadedCode::load(program->blobs[blob_for(*program, target)]);
  Functions functions{{}, packing_of(target)};
  for (std::size_t i = 0; i < program->entries.size(); ++i)
    functions.entries.push_back(code->entry(static_cast<int>(i)));
  state_ = std::make_unique<State>(std::move(program), std::move(functions), code);
  state_->target = target;
}

Runnable::Runnable(std::shared_ptr<const Program> program, std::shared_ptr<Driver> driver) {
  auto code =
      std::make_unique<const DeviceCode>(driver, *program, program->blobs[blob_for(*program, driver->target())]);
  state_ = std::make_unique<State>(std::move(program), Functions(), nullptr);
  state_->device = std::move(code);
}

Runnable::Runnable(std::shared_ptr<const Program> program, std::vector<const void*> entries, Packing packing) {
  if (entries.size() != program->entries.size())
    throw Error(fmt::format("program '{}' has {} entries, and {} functions are given", program->name,
                            program->entries.size(), entries.size()));
  state_ = std::make_unique<State>(std::move(program), Functions{std::move(entries), packing}, nullptr);
}

Runnable::~Runnable() = default;
Runnable::Runnable(Runnable&&) noexcept = default;
Runnable& Runnable::operator=(Runnable&&) noexcept = default;

const Program& Runnable::program() const { return *state_->program; }

void Runnable::check_steps(std::shared_ptr<const StepChecker> checker) { state_->checker = std::move(checker); }

namespace {

CallOptions with_flags(CallOptions options, bool on_device) {
  if (on_device) options.threads = std::min(options.threads, 1);
  options.profile = options.profile || flags().profile;
  options.nan_guard = options.nan_guard || flags().nan_guard;
  return options;
}

// What is only read stays on the device that has it, too.
void* memory_of(const Frame& frame, std::size_t root, const Array& array) {
  const Role role = frame.layout.groups.role[root];
  const bool read = role == Role::input || role == Role::shared;
  return read ? const_cast<void*>(array.storage()->read()) : array.storage()->data();
}

void run_on_threads(Frame& frame, const std::vector<Array>& arrays) {
  run_region(frame.threads, [&](int thread) {
    ThreadState& s = frame.states[at(thread)];
    for (std::size_t i = 0; i < arrays.size(); ++i)
      if (!arrays[i].empty()) s.tables.set_pointer(frame.layout, static_cast<int>(i), memory_of(frame, i, arrays[i]));
    Walker(s).run_all();
  });
}

}  // namespace

CallResult Runnable::call(std::span<const Array> inputs, std::span<const Array> shareds,
                          const CallOptions& given) const {
  const CallOptions options = with_flags(given, state_->device != nullptr);
  if (options.threads < 1) throw Error(fmt::format("a call on {} threads", options.threads));
  std::unique_ptr<Frame> frame = state_->take_frame(state_->extents_of(inputs, shareds), options.threads);
  frame->begin(options.nan_guard);
  frame->checker = state_->checker.get();
  if (options.profile) frame->costs.assign(state_->steps.size(), {});
  CallMemory memory = state_->memory_of(*frame->prepared, inputs, shareds, options);
  // The guards want fresh memory: bounded by a page of its own, or known to be finite.
  CallMemory::NewStorage on_device;
  if (state_->device) on_device = [&](int root, std::size_t bytes) { return new_on_device(*frame, root, bytes); };
  memory.make(frame->nan_guard, !frame->guard && !frame->nan_guard, on_device);
  frame->packs = state_->take_packs(*frame, shareds, options.versions);
  state_->device ? run_on_device(*frame, memory.arrays()) : run_on_threads(*frame, memory.arrays());
  std::string failed;
  if (const Failure* f = frame->failure()) failed = failure_text(*f);
  CallResult result;
  if (failed.empty()) result = memory.results();
  frame->prepared->packs->give_back(std::exchange(frame->packs, {}));
  state_->give_back(std::move(frame));
  if (!failed.empty()) throw Error(failed);
  return result;
}

Runnable::Planned Runnable::planned(std::span<const Array> inputs, std::span<const Array> shareds,
                                    const CallOptions& given) const {
  CallOptions options = with_flags(given, state_->device != nullptr);
  options.owned.assign(shareds.size(), true);
  const std::lock_guard lock(state_->mutex);
  const auto prepared = state_->prepare(state_->extents_of(inputs, shareds), options.threads);
  Planned planned;
  planned.arena_bytes = prepared->placement.arena_bytes;
  planned.output_bytes = state_->memory_of(*prepared, inputs, shareds, options).new_bytes();
  planned.constant_bytes = constant_bytes(state_->layout);
  for (const KeptPack& k : prepared->kept)
    if (state_->is_kept(k, options.versions)) planned.pack_bytes += k.shape.bytes;
  planned.pack_bytes += prepared->loop_pack_bytes;
  return planned;
}

void Runnable::wait() const {
  if (state_->device) state_->device->driver->wait();
}

void Runnable::tune_with(std::shared_ptr<TuningRecords> records) {
  const std::lock_guard lock(state_->mutex);
  state_->records = std::move(records);
}

std::vector<TuningChoice> Runnable::choices() const {
  const std::lock_guard lock(state_->mutex);
  return state_->choices;
}

std::vector<StepProfile> Runnable::profile() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<StepProfile> rows;
  for (std::size_t i = 0; i < state_->profile.size(); ++i) {
    const Cost& c = state_->profile[i];
    if (c.calls > 0)
      rows.push_back({state_->steps[i]->label, c.calls, c.seconds, c.flops, c.bytes, state_->steps[i]->origins});
  }
  return rows;
}

void Runnable::reset_profile() const {
  const std::lock_guard lock(state_->mutex);
  std::fill(state_->profile.begin(), state_->profile.end(), Cost{});
}

}  // namespace bitale::executor

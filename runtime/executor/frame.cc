#include "runtime/executor/frame.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/flags.h"
#include "runtime/device/cpu.h"
#include "runtime/executor/device.h"
#include "runtime/executor/matrix_call.h"
#include "runtime/library/form.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::int64_t serial_elements = 8192;  // below, a kernel is not worth a barrier
constexpr double serial_multiplications = 65536;
constexpr std::int64_t serial_copy_bytes = 1 << 16;
constexpr double serial_library_work = 32768;
// Loops are dealt by rows if every thread gets some, from this many multiplications (or what costs as much) on. Tiles
// of products may compute this many times the rows that a thread has.
constexpr std::int64_t least_rows = 4;
constexpr double least_row_work = 1e6, work_of_element = 8, most_padding = 1.25;

// The largest argument stands for the work: a reduction writes little and reads much.
bool is_small(const Program& program, const Placement& p, const KernelStep& kernel) {
  return std::all_of(kernel.buffers.begin(), kernel.buffers.end(), [&](int b) {
    return p.bytes[at(b)] < serial_elements * static_cast<std::int64_t>(size_of(program.buffers[at(b)].storage));
  });
}

void check_call(const Program& program, const Placement& p, const LibraryStep& call,
                const std::vector<std::int64_t>& extents) {
  std::vector<library::CallForm::Buffer> buffers;
  for (std::size_t i = 0; i < call.buffers.size(); ++i) {
    const Buffer& b = program.buffers[at(call.buffers[i])];
    std::int64_t elements = 1;
    for (const int slot : b.dims) elements *= p.extents[at(slot)];
    buffers.push_back({b.storage, elements, call.writes[i]});
  }
  library::check_form(call.function, {buffers, extents, call.integers, call.reals});
}

double multiplications(const ContractionBlocking& b) {
  return static_cast<double>(b.batch) * static_cast<double>(b.m) * static_cast<double>(b.n) *
         static_cast<double>(std::max<std::int64_t>(b.k, 1));
}

// Whether the threads are to go through the loop on their own, each with its rows. Operands that all of them read then
// pass through the caches of each.
bool goes_by_rows(const LoopStep& loop, std::int64_t trips, const Program& body, const Placement& p) {
  if (loop.rows < 0 || p.threads == 1 || p.extents[at(loop.rows)] < least_rows * p.threads) return false;
  double work = 0;
  for (const Step& step : body.steps) {
    if (const auto* c = std::get_if<ContractionStep>(&step.node)) {
      if (candidate_of(*c) != ContractionCandidate::generated || c->whole.entry >= 0) return false;
      if (p.bytes[at(c->b)] > cpu_info().l2_bytes / 2) return false;
      const ContractionBlocking own = plan_contraction(*c, p.extents, 1, p.threads);
      const std::int64_t tiles = (own.m + c->tile.mr - 1) / c->tile.mr;
      if (static_cast<double>(tiles * c->tile.mr) > most_padding * static_cast<double>(own.m)) return false;
      work += multiplications(own) * p.threads;
    } else if (const auto* k = std::get_if<KernelStep>(&step.node)) {
      for (std::size_t i = 0; i < k->buffers.size(); ++i)
        if (k->writes[i])
          work += work_of_element * static_cast<double>(p.bytes[at(k->buffers[i])]) /
                  static_cast<double>(size_of(body.buffers[at(k->buffers[i])].storage));
    }
  }
  return work * static_cast<double>(trips) >= least_row_work;
}

StepFacts facts_of(const Layout& layout, const StepLayout& step, const Placement& p, int threads, const Facts& all) {
  StepFacts facts;
  const Step& s = *step.step;
  if (const auto* k = std::get_if<KernelStep>(&s.node)) {
    facts.serial = is_small(*layout.program, p, *k);
  } else if (const auto* c = std::get_if<ContractionStep>(&s.node); c && c->whole.entry < 0) {
    facts.blocking =
        all.by_rows ? plan_contraction(*c, p.extents, 1, threads) : plan_contraction(*c, p.extents, threads);
    if (candidate_of(*c) == ContractionCandidate::openblas) facts.matrix = matrix_form(*c, p.extents);
    if (facts.matrix) facts.matrix_function = matrix_function(c->dtype);
    facts.serial = multiplications(facts.blocking) < serial_multiplications;
  } else if (const auto* copy = std::get_if<CopyStep>(&s.node)) {
    facts.serial = p.bytes[at(copy->to)] < serial_copy_bytes;
  } else if (const auto* blocked = std::get_if<BlockedStep>(&s.node)) {
    for (const StepLayout& inner : step.inner) facts.inner.push_back(facts_of(layout, inner, p, 1, all));
    facts.serial = p.extents[at(blocked->dim)] <= blocked->tile;
  } else if (const auto* call = std::get_if<LibraryStep>(&s.node)) {
    std::vector<std::int64_t> extents;
    for (const int slot : call->extents) extents.push_back(p.extents[at(slot)]);
    check_call(*layout.program, p, *call, extents);
    facts.serial = library::shared_work(call->function, extents) < serial_library_work;
  } else if (!step.bodies.empty()) {
    facts.serial = std::all_of(step.bodies.begin(), step.bodies.end(), [&](int b) { return all.bodies[at(b)].serial; });
  } else {
    facts.serial = true;  // checks
  }
  facts.serial = facts.serial || threads == 1;
  return facts;
}

Facts facts_of(const Layout& layout, const Placement& p, bool by_rows = false) {
  Facts facts;
  facts.by_rows = by_rows;
  facts.bodies.resize(layout.bodies.size());
  for (const StepLayout& step : layout.steps) {
    const auto* loop = std::get_if<LoopStep>(&step.step->node);
    for (const int b : step.bodies)
      facts.bodies[at(b)] =
          facts_of(layout.bodies[at(b)], p.bodies[at(b)],
                   loop && goes_by_rows(*loop, p.extents[at(loop->trips)], *loop->body, p.bodies[at(b)]));
  }
  for (const StepLayout& step : layout.steps) facts.steps.push_back(facts_of(layout, step, p, p.threads, facts));
  facts.serial =
      !by_rows && std::all_of(facts.steps.begin(), facts.steps.end(), [](const StepFacts& s) { return s.serial; });
  return facts;
}

void size_tables(const Layout& layout, const Placement& p, Tables& t) {
  t.pointers.assign(layout.program->buffers.size(), nullptr);
  t.own = t.pointers;
  t.args.assign(at(layout.args), nullptr);
  t.extents = p.extents;
  t.extent_args.assign(at(layout.extent_args), 0);
  for (std::size_t i = 0; i < p.extents.size(); ++i) t.set_extent(layout, static_cast<int>(i), p.extents[i]);
  t.bodies.resize(layout.bodies.size());
  for (std::size_t i = 0; i < layout.bodies.size(); ++i) size_tables(layout.bodies[i], p.bodies[i], t.bodies[i]);
}

std::int64_t rounded(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

void meet(Context* context, int, int threads) {
  static_cast<ThreadState*>(context->runtime)->frame->barrier.wait(threads);
}

}  // namespace

Prepared::Prepared(const Layout& layout, Placement p) : placement(std::move(p)), facts(facts_of(layout, placement)) {
  serial = facts.serial;
  plan_packs(layout);
  plan_loop_packs(layout, placement, facts);
}

void Prepared::plan_packs(const Layout& layout) {
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const auto* c = std::get_if<ContractionStep>(&layout.steps[i].step->node);
    StepFacts& f = facts.steps[i];
    if (!c || f.matrix || c->whole.entry >= 0) continue;
    const auto keep = [&](Side side, int buffer) {
      const int root = layout.groups.root[at(buffer)];
      const std::int64_t elements =
          placement.bytes[at(root)] / static_cast<std::int64_t>(size_of(storage_of(*c, side)));
      const auto shape =
          whole_pack(*c, side, placement.extents, f.blocking, f.serial ? 1 : f.blocking.k_split, elements);
      if (!shape) return;
      f.kept[static_cast<int>(side)] = static_cast<int>(kept.size());
      kept.push_back({i, side, root, *shape});
    };
    if (c->keep_a) keep(Side::a, c->a);
    if (c->keep_b) keep(Side::b, c->b);
  }
  packs = std::make_shared<Packs>(kept);
}

void Prepared::plan_loop_packs(const Layout& layout, const Placement& p, Facts& f) {
  for (const StepLayout& step : layout.steps)
    if (std::holds_alternative<LoopStep>(step.step->node)) {
      const auto body = at(step.bodies[0]);
      plan_loop_packs(step, layout.bodies[body], p.bodies[body], f.bodies[body]);
    }
  for (std::size_t i = 0; i < layout.bodies.size(); ++i) plan_loop_packs(layout.bodies[i], p.bodies[i], f.bodies[i]);
}

void Prepared::plan_loop_packs(const StepLayout& loop, const Layout& body, const Placement& p, Facts& f) {
  std::vector<int> invariant;
  for (const LoopBinding& b : std::get<LoopStep>(loop.step->node).bindings)
    if (b.kind == BindingKind::invariant) invariant.push_back(body.groups.root[at(b.inner_in)]);
  for (std::size_t i = 0; i < body.steps.size(); ++i) {
    const auto* c = std::get_if<ContractionStep>(&body.steps[i].step->node);
    StepFacts& s = f.steps[i];
    if (!c || s.matrix || c->whole.entry >= 0) continue;
    const auto keep = [&](Side side, int buffer) {
      const int root = body.groups.root[at(buffer)];
      if (std::find(invariant.begin(), invariant.end(), root) == invariant.end()) return;
      const std::int64_t elements = p.bytes[at(root)] / static_cast<std::int64_t>(size_of(storage_of(*c, side)));
      const auto shape = whole_pack(*c, side, p.extents, s.blocking, s.serial ? 1 : s.blocking.k_split, elements, true);
      if (!shape) return;
      s.loop_packs[static_cast<int>(side)] = static_cast<int>(f.packs.size());
      f.packs.push_back({i, side, *shape, loop_pack_bytes});
      loop_pack_bytes += shape->bytes;
    };
    if (!f.by_rows) keep(Side::a, c->a);  // else a thread's rows need not begin where a panel does
    keep(Side::b, c->b);
  }
}

void Prepared::run_by_matrix_call(std::size_t step, MatrixForm form, library::LibraryFn function) {
  facts.steps[step].matrix = form;
  facts.steps[step].matrix_function = function;
  std::erase_if(kept, [&](const KeptPack& k) { return k.step == step; });
  for (StepFacts& f : facts.steps) f.kept[0] = f.kept[1] = -1;
  for (std::size_t i = 0; i < kept.size(); ++i)
    facts.steps[kept[i].step].kept[static_cast<int>(kept[i].side)] = static_cast<int>(i);
  packs = std::make_shared<Packs>(kept);
}

Frame::Frame(const Layout& l, std::shared_ptr<const Prepared> prepared_, const Functions& functions_,
             const DeviceCode* device_, std::shared_ptr<Storage> arena_given)
    : layout(l),
      prepared(std::move(prepared_)),
      functions(functions_),
      device(device_),
      threads(prepared->serial ? 1 : prepared->placement.threads),
      states(at(threads)),
      guard(flags().guard) {
  if (arena_given) {
    arena = std::move(arena_given);
    arena_ = arena->data();
  } else if (!guard) {
    arena_ = take(prepared->placement.arena_bytes);
  }
  if (prepared->loop_pack_bytes > 0) loop_packs = Storage::allocate(at(prepared->loop_pack_bytes));
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].frame = this;
    states[i].thread = static_cast<int>(i);
    states[i].context.barrier = meet;
    states[i].context.runtime = &states[i];
    size_tables(layout, prepared->placement, states[i].tables);
  }
  place_all();
}

void Frame::move_to(std::shared_ptr<Storage> there) {
  arena = std::move(there);
  if (arena->data() == arena_) return;
  arena_ = arena->data();
  place_all();
}

void Frame::place_all() {
  std::vector<Tables*> tables;
  for (ThreadState& s : states) tables.push_back(&s.tables);
  place(layout, prepared->placement, std::move(tables));
}

// Memory for as long as the frame lives.
void* Frame::take(std::int64_t bytes) {
  if (device) return device_memory.emplace_back(device->driver, at(bytes)).data();
  return memory.emplace_back(Storage::allocate(at(bytes)))->data();
}

void* Frame::constant(const Array& value) {
  if (!device) return const_cast<void*>(value.data());
  void* copy = take(static_cast<std::int64_t>(value.bytes()));
  device->staging->to_device(copy, value.data(), value.bytes());
  return copy;
}

// Buffers of the arena and constants get their addresses once; the rest is set by each call, iteration or branch. A
// piece that is private to a thread lies piece * thread after the first. Buffers that keep their contents start as
// zeros.
void Frame::place(const Layout& l, const Placement& p, std::vector<Tables*> tables) {
  const Program& program = *l.program;
  std::vector<bool> local(program.buffers.size());
  for (const Step& step : program.steps)
    if (const auto* b = std::get_if<BlockedStep>(&step.node))
      for (const int buffer : b->local) local[at(buffer)] = true;

  for (std::size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer& b = program.buffers[i];
    if (l.groups.root[i] != static_cast<int>(i)) continue;
    if (b.role == Role::constant) {
      void* const value = constant(l.constants[at(b.index)]);
      for (Tables* t : tables) t->set_pointer(l, static_cast<int>(i), value);
    }
    if (p.offsets[i] < 0) continue;
    const bool own_piece = b.role == Role::workspace || local[i];
    const std::int64_t piece = own_piece ? rounded(p.bytes[i]) : 0;
    std::uint8_t* base = nullptr;
    if (guard) {
      const std::int64_t bytes = own_piece ? piece * p.threads : rounded(p.bytes[i]) * (p.pieces[i] - 1) + p.bytes[i];
      base = static_cast<std::uint8_t*>(take(bytes));
    } else {
      base = static_cast<std::uint8_t*>(arena_) + p.offsets[i];
    }
    if (b.keep && device) device->driver->fill(base, 0, at(p.bytes[i]));
    if (b.keep && !device) std::memset(base, 0, at(p.bytes[i]));
    for (std::size_t t = 0; t < tables.size(); ++t) {
      void* address = base + piece * static_cast<std::int64_t>(t);
      tables[t]->own[i] = address;
      tables[t]->set_pointer(l, static_cast<int>(i), address);
    }
  }
  for (std::size_t i = 0; i < l.bodies.size(); ++i) {
    std::vector<Tables*> bodies;
    for (Tables* t : tables) bodies.push_back(&t->bodies[i]);
    place(l.bodies[i], p.bodies[i], std::move(bodies));
  }
}

void Frame::begin(bool guard_values) {
  stop_at.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_relaxed);
  nan_guard = guard_values;
  for (ThreadState& s : states) {
    s.sequence = 0;
    s.failure = {};
    s.context.error = 0;
    s.context.error_step = -1;
    s.context.error_value = s.context.error_limit = s.context.error_pivot = 0;
    s.context.error_real = 0;
  }
}

KeptOperand Frame::kept(const Facts& all, const StepFacts& facts, Side side) const {
  if (const int pack = facts.loop_packs[static_cast<int>(side)]; pack >= 0)
    return {&all.packs[at(pack)].shape, memory_of(all.packs[at(pack)])};
  const int number = facts.kept[static_cast<int>(side)];
  if (number < 0 || packs.empty() || !packs[at(number)]) return {};
  return {&prepared->kept[at(number)].shape, packs[at(number)]->data()};
}

const Failure* Frame::failure() const {
  const Failure* first = nullptr;
  for (const ThreadState& s : states)
    if (s.failure.code != 0 && (!first || s.failure.sequence < first->sequence)) first = &s.failure;
  return first;
}

}  // namespace bitale::executor

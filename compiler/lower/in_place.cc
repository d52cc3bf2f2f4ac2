#include "compiler/lower/in_place.h"

#include <algorithm>

#include "runtime/program/groups.h"
#include "runtime/program/in_place.h"

namespace bitale::lower {
namespace {

using namespace program;
using kernel::Kernel;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool same(const kernel::Index& a, const kernel::Index& b) {
  return a.constant == b.constant && std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), b.terms.end(),
                                                [](const kernel::Term& x, const kernel::Term& y) {
                                                  return x.value == y.value && x.stride == y.stride;
                                                });
}

// Every store to a buffer: its access and the loops around it.
struct FoundStore {
  const kernel::Access* access;
  bool accumulates;
  std::vector<const kernel::Loop*> loops;
};

void find_stores(const Kernel& k, const kernel::Region& region, int buffer, std::vector<const kernel::Loop*>& loops,
                 std::vector<FoundStore>& out) {
  for (const kernel::Stmt& stmt : region) {
    if (const auto* store = std::get_if<kernel::Store>(&stmt.node)) {
      const kernel::Access& access = k.accesses[at(store->access)];
      if (access.buffer == buffer) out.push_back({&access, store->accumulate, loops});
    } else if (const auto* loop = std::get_if<kernel::Loop>(&stmt.node)) {
      loops.push_back(loop);
      find_stores(k, loop->body, buffer, loops, out);
      loops.pop_back();
    }
  }
}

// Whether `buffer` is loaded where, in the order of the statements, a store to `stored` has come before. `seen` says so
// of what precedes the region.
bool loads_after_store(const Kernel& k, const kernel::Region& region, int buffer, int stored, bool& seen) {
  for (const kernel::Stmt& stmt : region) {
    if (const auto* store = std::get_if<kernel::Store>(&stmt.node)) {
      seen = seen || k.accesses[at(store->access)].buffer == stored;
    } else if (const auto* let = std::get_if<kernel::Let>(&stmt.node)) {
      const kernel::Value& v = k.value(let->value);
      if (seen && v.op == kernel::ScalarOp::load && k.accesses[at(v.index)].buffer == buffer) return true;
    } else if (loads_after_store(k, std::get<kernel::Loop>(stmt.node).body, buffer, stored, seen)) {
      return true;
    }
  }
  return false;
}

// In what follows `old` and `now` are roots: of what is read and of what is written over it.

// Contractions: an epilogue visits every element once, and reads its operands at the element that it writes. So the old
// value has to be an operand with the very addresses of the new one.
bool reads_what_it_stores(const ContractionStep& c, const Groups& groups, int old, int now) {
  const auto is_old = [&](int b) { return groups.root[at(b)] == old; };
  const auto out = std::find_if(c.operands.begin(), c.operands.end(),
                                [&](const ContractionOperand& o) { return groups.root[at(o.buffer)] == now; });
  if (c.accumulating || is_old(c.a) || is_old(c.b) || out == c.operands.end()) return false;
  const auto to = at(out - c.operands.begin());
  for (std::size_t from = 0; from < c.operands.size(); ++from) {
    const ContractionOperand& o = c.operands[from];
    if (!is_old(o.buffer)) continue;
    if (o.offset != out->offset || o.unit != out->unit) return false;
    for (const auto* group : {&c.batch, &c.m, &c.n})
      for (const ContractionDim& d : *group)
        if (d.operands[from] != d.operands[to]) return false;
  }
  return true;
}

bool reads_what_it_stores(const KernelStep& s, const std::vector<Kernel>& kernels, const Groups& groups, int old,
                          int now) {
  for (std::size_t from = 0; from < s.buffers.size(); ++from)
    for (std::size_t to = 0; to < s.buffers.size(); ++to)
      if (groups.root[at(s.buffers[from])] == old && groups.root[at(s.buffers[to])] == now &&
          !lower::reads_what_it_stores(kernels[at(s.entry)], static_cast<int>(from), static_cast<int>(to)))
        return false;
  return true;
}

bool reads_what_it_stores(const Step& step, const std::vector<Kernel>& kernels, const Groups& groups, int old,
                          int now) {
  if (const auto* k = std::get_if<KernelStep>(&step.node)) return reads_what_it_stores(*k, kernels, groups, old, now);
  if (const auto* c = std::get_if<ContractionStep>(&step.node)) return reads_what_it_stores(*c, groups, old, now);
  return std::holds_alternative<CopyStep>(step.node);  // of something else or of itself
}

}  // namespace

bool reads_what_it_stores(const Kernel& k, int from, int to) {
  std::vector<FoundStore> stores;
  std::vector<const kernel::Loop*> loops;
  find_stores(k, k.body, to, loops, stores);
  if (stores.size() != 1 || stores[0].accumulates) return false;
  const kernel::Index& stored = stores[0].access->index;
  // Each iteration of the loops around the store writes an element of its own...
  for (const kernel::Loop* loop : stores[0].loops) {
    const bool moves = std::any_of(stored.terms.begin(), stored.terms.end(),
                                   [&](const kernel::Term& t) { return t.value == loop->var; });
    if (!moves && !(loop->extent == kernel::Extent::constant(1))) return false;
  }
  // ...and whatever is read is read there, before. The loop variables in the index say that it is the same iteration.
  bool seen = false;
  if (loads_after_store(k, k.body, from, to, seen)) return false;
  return std::all_of(k.values.begin(), k.values.end(), [&](const kernel::Value& v) {
    if (v.op != kernel::ScalarOp::load) return true;
    const kernel::Access& access = k.accesses[at(v.index)];
    if (access.buffer == to) return false;
    return access.buffer != from || same(access.index, stored);
  });
}

void mark_in_place(Program& p, const std::vector<Kernel>& kernels) {
  const Groups groups(p);
  for (std::size_t i = 0; i < p.buffers.size(); ++i) {
    const int update = static_cast<int>(i);
    if (p.buffers[i].role != Role::update || !why_not_in_place(p, update).empty()) continue;
    const int shared = buffer_of_shared(p, p.buffers[i].index);
    p.buffers[i].in_place =
        reads_what_it_stores(p.steps[at(first_step_of(p, update))], kernels, groups, shared, update);
  }
}

namespace {

// Whether two buffers are known to be equally large: their extents are the same, but for their order and for ones.
bool same_size(const Program& p, int a, int b) {
  const auto extents = [&](int buffer) {
    std::vector<int> slots = p.buffers[at(buffer)].dims;
    std::erase_if(slots, [&](int s) { return p.extents[at(s)] == ExtentDef{ExtentOp::constant, 1, 0}; });
    std::sort(slots.begin(), slots.end());
    return slots;
  };
  return size_of(p.buffers[at(a)].storage) == size_of(p.buffers[at(b)].storage) && extents(a) == extents(b);
}

}  // namespace

void mark_over_inputs(Program& p, const std::vector<Kernel>& kernels) {
  const Groups groups(p);
  const OverInputs over(p);
  std::vector<int> inputs(p.inputs.size(), -1);  // their buffers
  for (std::size_t i = 0; i < p.buffers.size(); ++i)
    if (p.buffers[i].role == Role::input) inputs[at(p.buffers[i].index)] = static_cast<int>(i);
  for (std::size_t i = 0; i < p.buffers.size(); ++i) {
    if (p.buffers[i].role != Role::output) continue;
    const int output = static_cast<int>(i);
    for (std::size_t n = 0; n < inputs.size(); ++n) {
      const OverInputs::Order order = over.order(output, static_cast<int>(n));
      if (inputs[n] < 0 || order == OverInputs::Order::never || !same_size(p, output, inputs[n])) continue;
      const bool ok = order == OverInputs::Order::after ||
                      reads_what_it_stores(p.steps[at(over.first_step(output))], kernels, groups, inputs[n], output);
      if (ok) p.buffers[i].over.push_back(static_cast<int>(n));
    }
  }
}

}  // namespace bitale::lower

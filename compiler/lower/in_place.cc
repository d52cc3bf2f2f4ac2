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

// Whether the buffer is loaded behind the first store to another one, in the order of the statements.
bool loads_behind_store(const Kernel& k, const kernel::Region& region, int loaded, int stored, bool& behind) {
  for (const kernel::Stmt& stmt : region) {
    if (const auto* store = std::get_if<kernel::Store>(&stmt.node)) {
      behind = behind || k.accesses[at(store->access)].buffer == stored;
    } else if (const auto* let = std::get_if<kernel::Let>(&stmt.node)) {
      const kernel::Value& v = k.values[at(let->value)];
      if (behind && v.op == kernel::ScalarOp::load && k.accesses[at(v.index)].buffer == loaded) return true;
    } else if (loads_behind_store(k, std::get<kernel::Loop>(stmt.node).body, loaded, stored, behind)) {
      return true;
    }
  }
  return false;
}

// Contractions: an epilogue visits every element once, and reads its operands at the element that it writes. So the old
// value has to be an operand with the very addresses of the new one.
bool reads_what_it_stores(const ContractionStep& c, const Groups& groups, int shared, int update) {
  const auto is_shared = [&](int b) { return groups.root[at(b)] == shared; };
  const auto out = std::find_if(c.operands.begin(), c.operands.end(),
                                [&](const ContractionOperand& o) { return groups.root[at(o.buffer)] == update; });
  if (c.accumulating || is_shared(c.a) || is_shared(c.b) || out == c.operands.end()) return false;
  const auto to = at(out - c.operands.begin());
  for (std::size_t from = 0; from < c.operands.size(); ++from) {
    const ContractionOperand& o = c.operands[from];
    if (!is_shared(o.buffer)) continue;
    if (o.offset != out->offset || o.unit != out->unit) return false;
    for (const auto* group : {&c.batch, &c.m, &c.n})
      for (const ContractionDim& d : *group)
        if (d.operands[from] != d.operands[to]) return false;
  }
  return true;
}

bool reads_what_it_stores(const KernelStep& s, const std::vector<Kernel>& kernels, const Groups& groups, int shared,
                          int update) {
  for (std::size_t from = 0; from < s.buffers.size(); ++from)
    for (std::size_t to = 0; to < s.buffers.size(); ++to)
      if (groups.root[at(s.buffers[from])] == shared && groups.root[at(s.buffers[to])] == update &&
          !lower::reads_what_it_stores(kernels[at(s.entry)], static_cast<int>(from), static_cast<int>(to)))
        return false;
  return true;
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
  // ...and whatever is read is read there, before it is written. The loop variables in the index say that it is the
  // same iteration.
  if (bool behind = false; loads_behind_store(k, k.body, from, to, behind)) return false;
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
    const Step& step = p.steps[at(first_step_of(p, update))];
    const auto* k = std::get_if<KernelStep>(&step.node);
    const auto* c = std::get_if<ContractionStep>(&step.node);
    p.buffers[i].in_place = k   ? reads_what_it_stores(*k, kernels, groups, shared, update)
                            : c ? reads_what_it_stores(*c, groups, shared, update)
                                : true;  // a copy, of something else or of itself
  }
}

}  // namespace bitale::lower

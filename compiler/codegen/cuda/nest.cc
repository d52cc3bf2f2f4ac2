#include "compiler/codegen/cuda/nest.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Kernel;
using kernel::Loop;
using kernel::LoopKind;
using kernel::Region;
using kernel::Stmt;
using kernel::Store;

// What a region reads and writes, the loops in it included.
struct Touched {
  std::map<int, int> loads;  // by buffer: how many
  std::vector<const Store*> stores;

  void visit(const Kernel& k, const Region& region) {
    for (const Stmt& stmt : region) {
      if (const auto* let = std::get_if<kernel::Let>(&stmt.node)) {
        const kernel::Value& v = k.value(let->value);
        if (v.op == kernel::ScalarOp::load) ++loads[k.access(v.index).buffer];
      } else if (const auto* store = std::get_if<Store>(&stmt.node)) {
        stores.push_back(store);
      } else {
        visit(k, std::get<Loop>(stmt.node).body);
      }
    }
  }
};

// Whether the address differs for any two iterations of these loops that have the same one of the loop around them.
bool is_injective(const Access& access, const Loop& around, const std::vector<const Loop*>& loops) {
  std::map<kernel::ValueId, std::int64_t> strides;
  for (const kernel::Term& term : access.index.terms) {
    if (term.value == around.var) continue;
    if (!term.stride.is_constant()) return false;
    strides[term.value] += term.stride.value;
  }
  if (strides.size() != loops.size()) return false;
  constexpr std::int64_t unknown = std::int64_t{1} << 60;
  std::vector<std::pair<std::int64_t, std::int64_t>> steps;  // stride, and how far the loop goes
  for (const Loop* l : loops) {
    const auto stride = strides.find(l->var);
    if (stride == strides.end()) return false;
    const std::int64_t by = std::abs(stride->second);
    steps.emplace_back(by, l->extent.is_constant() ? by * std::max<std::int64_t>(l->extent.value - 1, 0) : unknown);
  }
  std::sort(steps.begin(), steps.end());
  std::int64_t reach = 0;
  for (const auto& [stride, far] : steps) {
    if (stride <= reach) return false;
    reach += far;
  }
  return true;
}

// But for the first.
bool all_constant(const std::vector<const Loop*>& loops) {
  return std::all_of(loops.begin() + 1, loops.end(), [](const Loop* l) { return l->extent.is_constant(); });
}

// A vector loop is so by itself, and sequential ones where nobody reads what is written. (What an output shares with an
// input is read where it is written: kernel.h.)
bool are_independent(const Kernel& k, const Loop& around, const std::vector<const Loop*>& loops) {
  if (loops.size() == 1 && loops[0]->kind == LoopKind::vector) return true;
  if (!all_constant(loops)) return false;
  Touched touched;
  touched.visit(k, around.body);
  std::map<int, int> stores;
  for (const Store* s : touched.stores) {
    const Access& access = k.access(s->access);
    const kernel::Buffer& buffer = k.buffers[static_cast<std::size_t>(access.buffer)];
    if (s->accumulate || buffer.scratch > 0 || touched.loads.contains(access.buffer)) return false;
    if (++stores[access.buffer] > 1 || !is_injective(access, around, loops)) return false;
  }
  return true;
}

}  // namespace

const Loop* only_loop(const Region& region) {
  if (region.empty()) return nullptr;
  const Loop* last = std::get_if<Loop>(&region.back().node);
  const bool lets_before = std::all_of(region.begin(), region.end() - 1,
                                       [](const Stmt& s) { return std::holds_alternative<kernel::Let>(s.node); });
  return last && lets_before && last->reductions.empty() ? last : nullptr;
}

std::vector<const Loop*> independent_nest(const Kernel& k, const Loop& parallel) {
  std::vector<const Loop*> loops;
  for (const Loop* l = only_loop(parallel.body); l; l = only_loop(l->body)) loops.push_back(l);
  while (!loops.empty() && !are_independent(k, parallel, loops)) loops.pop_back();
  return loops;
}

std::vector<FlatLoop> flattened(const Loop& outer, const std::vector<const Loop*>& nest) {
  std::vector<FlatLoop> flat;
  FlatLoop next{outer.var, outer.extent};  // with what is below it
  for (std::size_t l = nest.size(); l-- > 0;) {
    const kernel::Extent& extent = nest[l]->extent;
    flat.insert(flat.begin(), {nest[l]->var, extent, next.below, next.factors});
    if (extent.is_constant())
      next.below *= extent.value;
    else
      next.factors.push_back(extent);
  }
  flat.insert(flat.begin(), next);
  return flat;
}

}  // namespace bitale::codegen::cuda

#include "compiler/codegen/cuda/mapping.h"

#include <algorithm>

#include "compiler/codegen/cuda/reductions.h"
#include "compiler/codegen/cuda/runs.h"
#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using kernel::Loop;
using kernel::LoopKind;
using kernel::Region;
using kernel::Stmt;

// A vector loop of at most this many lanes is not worth a block's threads.
constexpr std::int64_t few_lanes = 32;
constexpr int most_threads = 256;

void collect_vectors(const Region& region, std::vector<const Loop*>& out) {
  for (const Stmt& stmt : region) {
    const Loop* loop = std::get_if<Loop>(&stmt.node);
    if (!loop) continue;
    if (loop->kind == LoopKind::vector) out.push_back(loop);
    collect_vectors(loop->body, out);
  }
}

const Loop* only_vector(const Region& region) {
  const Loop* loop = only_loop(region);
  return loop && loop->kind == LoopKind::vector ? loop : nullptr;
}

// Whether none of the region's vector loops is worth a block's threads.
bool is_for_one_thread(const Region& region) {
  std::vector<const Loop*> vectors;
  collect_vectors(region, vectors);
  return std::all_of(vectors.begin(), vectors.end(),
                     [](const Loop* l) { return l->extent.is_constant() && l->extent.value <= few_lanes; });
}

int threads_for(std::int64_t lanes) {
  return static_cast<int>(std::clamp<std::int64_t>((lanes + 31) / 32 * 32, 32, most_threads));
}

int threads_for(const std::vector<const Loop*>& vectors) {
  std::int64_t most = 0;
  for (const Loop* loop : vectors)
    most = std::max(most, loop->extent.is_constant() ? loop->extent.value : std::int64_t{most_threads});
  return threads_for(most);
}

void add_statements(std::vector<const Stmt*>& list, const Region& region) {
  for (const Stmt& stmt : region) list.push_back(&stmt);
}

// As many loops as are independent become one, if what each iteration does is for one thread, or for a team that shares
// its reductions.
bool flatten(Mapping& m, const kernel::Kernel& kernel) {
  const std::vector<const Loop*> nest = independent_nest(kernel, *m.outer);
  const Loop& innermost = nest.empty() ? *m.outer : *nest.back();
  m.phase.team = team_for_reductions(kernel, innermost.body, innermost);
  if (m.phase.team == Team::thread && (nest.empty() || !is_for_one_thread(innermost.body))) return false;
  if (m.phase.team == Team::block)
    if (const std::int64_t steps = longest_reduction(innermost.body); steps >= 0) m.phase.threads = threads_for(steps);
  if (!nest.empty()) m.flat = flattened(*m.outer, nest);
  const Region* region = &m.outer->body;
  for (const Loop* loop : nest) {
    for (std::size_t i = 0; i + 1 < region->size(); ++i) m.between.push_back(&(*region)[i]);
    m.phase.work.push_back(loop->extent);
    region = &loop->body;
  }
  add_statements(m.rest, *region);
  return true;
}

// Of one block, if any of the region's loops does nothing but reduce.
bool share_reductions(Mapping& m, const kernel::Kernel& kernel, const Region& region) {
  const bool any = std::any_of(region.begin(), region.end(), [](const Stmt& s) {
    const Loop* loop = std::get_if<Loop>(&s.node);
    return loop && !reduction_nest(*loop).empty();
  });
  if (!any) return false;
  m.phase.team = Team::block;
  m.phase.by_all = is_for_all_blocks(kernel, region);
  return true;
}

void map_body(Mapping& m, const kernel::Kernel& kernel, const Region& body) {
  if (m.outer && flatten(m, kernel)) return;
  add_statements(m.rest, body);
  std::vector<const Loop*> vectors;
  collect_vectors(body, vectors);
  if (!m.outer && share_reductions(m, kernel, body)) return;
  if (vectors.empty() && !m.outer) m.phase.threads = 1;
  if (vectors.empty() || (m.outer && is_for_one_thread(body))) return;
  m.phase.team = Team::block;
  m.phase.threads = threads_for(vectors);
}

// A parallel loop, or a vector loop without reductions that is alone, is spread over threads or blocks.
void map_loop(Mapping& m, const kernel::Kernel& kernel, const Loop& loop) {
  m.outer = &loop;
  m.phase.work.push_back(loop.extent);
  if (loop.kind == LoopKind::parallel)
    map_body(m, kernel, loop.body);
  else if (!flatten(m, kernel))
    add_statements(m.rest, loop.body);
}

}  // namespace

std::vector<Mapping> map_phases(const kernel::Kernel& kernel) {
  const Region& body = kernel.body;
  const bool parallel = std::any_of(body.begin(), body.end(), [](const Stmt& s) {
    const Loop* loop = std::get_if<Loop>(&s.node);
    return loop && loop->kind == LoopKind::parallel;
  });
  std::vector<Mapping> all;
  if (!parallel) {
    Mapping& m = all.emplace_back();
    if (const Loop* loop = only_vector(body)) {
      for (std::size_t i = 0; i + 1 < body.size(); ++i) m.before.push_back(&body[i]);
      map_loop(m, kernel, *loop);
    } else {
      map_body(m, kernel, body);
    }
  }
  std::vector<const Stmt*> lets;
  for (const Stmt& stmt : body) {
    if (!parallel) break;
    const Loop* loop = std::get_if<Loop>(&stmt.node);
    if (!loop) {
      lets.push_back(&stmt);
      continue;
    }
    Mapping& m = all.emplace_back();
    m.before = lets;
    if (loop->kind == LoopKind::parallel || (loop->kind == LoopKind::vector && loop->reductions.empty())) {
      map_loop(m, kernel, *loop);
    } else {
      std::vector<const Loop*> vectors;
      collect_vectors(loop->body, vectors);
      m.rest.push_back(&stmt);
      m.phase.team = vectors.empty() ? Team::thread : Team::block;
      m.phase.threads = vectors.empty() ? 1 : threads_for(vectors);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].phase.function = kernel.name + "_phase" + std::to_string(i);
    all[i].phase.run = run_of(kernel, all[i]);
  }
  return all;
}

std::vector<Mapping> map_in_loop(const kernel::Kernel& kernel, bool by_rows) {
  std::vector<Mapping> all;
  if (!by_rows) {
    all = map_phases(kernel);
  } else {
    Mapping& m = all.emplace_back();
    for (const Stmt& stmt : kernel.body) {
      const Loop* loop = std::get_if<Loop>(&stmt.node);
      if (!loop) {
        m.before.push_back(&stmt);
        continue;
      }
      BITALE_ASSERT(!m.outer && loop->kind == LoopKind::parallel, kernel.name + " is no nest of rows");
      m.outer = loop;
      m.phase.work.push_back(loop->extent);
      for (const Stmt& inner : loop->body) m.rest.push_back(&inner);
    }
    BITALE_ASSERT(m.outer, kernel.name + " has no rows");
    m.phase.team = Team::block;
    std::vector<const Loop*> vectors;
    collect_vectors(m.outer->body, vectors);
    m.phase.threads = threads_for(vectors);
    m.phase.function = kernel.name + "_rows";
  }
  for (Mapping& m : all) {
    m.in_loop = true;
    m.phase.by_all = false;  // its blocks go on together
  }
  return all;
}

Mapping map_inline(const kernel::Kernel& kernel) {
  Mapping m;
  m.inlined = true;
  m.phase.function = kernel.name;
  m.phase.threads = 1;
  for (const Stmt& stmt : kernel.body) m.rest.push_back(&stmt);
  return m;
}

}  // namespace bitale::codegen::cuda

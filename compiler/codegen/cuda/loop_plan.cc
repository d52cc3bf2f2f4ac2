#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "compiler/codegen/cuda/loop.h"
#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/tile.h"
#include "runtime/program/groups.h"

namespace bitale::codegen::cuda {
namespace {

using namespace program;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::int64_t most_shared = 48 << 10;   // of a block, without asking for more
constexpr std::int64_t of_reductions = 1 << 10;  // and what else the prelude has, at most
constexpr std::size_t most_parameters = 500;     // of 8 bytes each, in 4 KB
constexpr int threads_without_products = 256;
constexpr std::int64_t longest_row = 1024;  // of what one block computes alone
constexpr int most_of_weights = 112;        // registers of a thread, of 255: the rest is for all else

std::string kind_of(const Step& step) {
  if (const auto* l = std::get_if<LibraryStep>(&step.node)) return "a call of " + l->function;
  if (std::holds_alternative<LoopStep>(step.node)) return "a loop";
  if (std::holds_alternative<BranchStep>(step.node)) return "a branch";
  if (std::holds_alternative<CheckStep>(step.node)) return "a data check";
  if (std::holds_alternative<BlockedStep>(step.node)) return "a blocked step";
  return "";
}

// Extents that a kernel cannot compute as it goes.
bool has_unusual_extents(const Program& body) {
  const Varying varying = varying_extents(body, nullptr);
  for (std::size_t i = 0; i < body.extents.size(); ++i)
    if (varying.iteration[i] && body.extents[i].op == ExtentOp::isqrt) return true;
  return false;
}

// The number of threads for which the tiles are expected to take the least time, and these.
int choose_threads(std::vector<LoopPart>& parts) {
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const int threads : {64, 128, 256}) {
    double time = 0;
    for (LoopPart& part : parts) {
      if (!part.contraction) continue;
      const auto tile = choose_tile(*part.contraction, threads);
      time += tile ? tile->time : std::numeric_limits<double>::infinity();
    }
    if (time >= least) continue;
    least = time;
    best = threads;
  }
  for (LoopPart& part : parts)
    if (part.contraction) part.contraction->tile = choose_tile(*part.contraction, best)->tile;
  return best;
}

std::int64_t shared_by(const std::vector<LoopPart>& parts) {
  std::int64_t given = 0, own = of_reductions;
  std::set<std::string> counted;
  for (const LoopPart& part : parts) {
    if (part.resident) {
      given = std::max(given, shared_bytes(*part.contraction, *part.resident));
    } else if (part.contraction) {
      const SharedBytes bytes = shared_bytes(*part.contraction);
      given = std::max(given, bytes.given);
      own += counted.insert(part.contraction->name).second ? bytes.own : 0;
    } else if (part.kernel && counted.insert(part.kernel->name).second) {
      for (const kernel::Buffer& b : part.kernel->buffers)
        own += b.scratch * static_cast<std::int64_t>(size_of(b.storage));
    }
  }
  return given + own;
}

// What a step reads and writes, as roots; the memory in which parts of sums meet is one more buffer.
struct Touch {
  std::set<int> reads, writes;
};

bool meets(const std::set<int>& a, const std::set<int>& b) {
  return std::any_of(a.begin(), a.end(), [&](int root) { return b.contains(root); });
}

std::vector<Touch> touches_of(const Program& body, const std::vector<LoopPart>& parts) {
  const Groups groups(body);
  std::vector<Touch> all;
  for (std::size_t s = 0; s < body.steps.size(); ++s) {
    Touch& t = all.emplace_back();
    for_each_buffer(body.steps[s], [&](int buffer, bool written) {
      const int root = groups.root[at(buffer)];
      if (groups.role[at(root)] != Role::workspace) (written ? t.writes : t.reads).insert(root);
    });
    const auto& c = parts[s].contraction;
    if (c && !parts[s].resident && may_split(*c, *c->tile)) t.writes.insert(-1);
  }
  return all;
}

// What is written has so few elements in a row, as far as is known, that a block has not long to do.
bool has_short_rows(const Program& body, const std::vector<LoopPart>& parts) {
  const Groups groups(body);
  for (std::size_t s = 0; s < parts.size(); ++s) {
    if (parts[s].contraction) continue;
    bool is_short = true;
    for_each_buffer(body.steps[s], [&](int buffer, bool written) {
      std::int64_t length = 1;
      const std::vector<int>& dims = body.buffers[at(buffer)].dims;
      for (std::size_t d = 1; d < dims.size(); ++d)
        if (const ExtentDef& e = body.extents[at(dims[d])]; e.op == ExtentOp::constant)
          length = std::min(length * std::max<std::int64_t>(e.a, 1), longest_row + 1);
      is_short = is_short && (!written || length <= longest_row);
    });
    if (!is_short) return false;
  }
  return true;
}

// Whether slots are the same number in every call.
bool are_equal(const Program& p, int a, int b) {
  const ExtentDef &x = p.extents[at(a)], &y = p.extents[at(b)];
  return a == b || (x.op == ExtentOp::constant && x == y);
}

// Whether a buffer is the same in all iterations.
bool is_invariant(const LoopStep& loop, const Groups& groups, int buffer) {
  const int root = groups.root[at(buffer)];
  if (groups.role[at(root)] == Role::constant) return true;
  return std::any_of(loop.bindings.begin(), loop.bindings.end(),
                     [&](const LoopBinding& b) { return b.kind == BindingKind::invariant && b.inner_in == root; });
}

// What goes from one iteration to the next, or leaves the loop, has its rows: clusters copy them, each its own.
bool has_rows(const LoopStep& loop, const LoopBinding& b) {
  if (b.kind != BindingKind::carry && b.kind != BindingKind::stacked) return true;
  const std::vector<int>& dims = loop.body->buffers[at(b.inner_out)].dims;
  return !dims.empty() && are_equal(*loop.body, dims[0], loop.rows);
}

// Whether rows may stay with clusters: contractions then get their resident form.
bool stay_with_clusters(const LoopStep& loop, std::vector<LoopPart>& parts) {
  if (loop.until >= 0 || loop.ended >= 0 || loop.trips_taken >= 0) return false;  // of all rows
  const Program& body = *loop.body;
  const Groups groups(body);
  if (!std::all_of(loop.bindings.begin(), loop.bindings.end(), [&](const auto& b) { return has_rows(loop, b); }))
    return false;
  std::vector<std::optional<Resident>> resident(parts.size());
  int registers = 0;
  for (std::size_t s = 0; s < parts.size(); ++s) {
    const auto* step = std::get_if<ContractionStep>(&body.steps[s].node);
    if (!step) continue;
    resident[s] = plan_resident(*parts[s].contraction);
    if (!resident[s] || step->accumulating || !is_invariant(loop, groups, step->b) ||
        !are_equal(body, step->m[0].extent, loop.rows))
      return false;
    registers += registers_of(*parts[s].contraction, *resident[s]);
  }
  if (registers > most_of_weights) return false;
  for (std::size_t s = 0; s < parts.size(); ++s) parts[s].resident = resident[s];
  return true;
}

int threads_of_rows(const std::vector<LoopPart>& parts) {
  int threads = 64;
  for (const LoopPart& part : parts)
    if (part.kernel)
      for (const Phase& phase : phases_in_loop(*part.kernel, true)) threads = std::max(threads, phase.threads);
  return threads;
}

}  // namespace

std::string why_no_kernel(const LoopStep& loop) {
  if (std::any_of(loop.bindings.begin(), loop.bindings.end(), [](const LoopBinding& b) { return b.blocks; }))
    return "it goes in blocks of rows";
  for (const Step& step : loop.body->steps)
    if (const std::string kind = kind_of(step); !kind.empty()) return kind + " in its body";
  const std::size_t parameters = 2 * loop.bindings.size() + loop.body->buffers.size() + loop.body->extents.size();
  if (parameters > most_parameters) return "it may need more parameters than a kernel has";
  if (has_unusual_extents(*loop.body)) return "an extent of its body is a root that changes";
  return "";
}

LoopPlan plan_loop(const LoopStep& loop, std::vector<LoopPart>& parts, bool has_clusters) {
  const Program& body = *loop.body;
  LoopPlan plan;
  plan.by_rows = loop.rows >= 0 && has_short_rows(body, parts);
  const bool products =
      std::any_of(parts.begin(), parts.end(), [](const LoopPart& p) { return p.contraction.has_value(); });
  plan.clusters = has_clusters && products && plan.by_rows && stay_with_clusters(loop, parts);
  plan.threads = plan.clusters  ? cluster_threads
                 : products     ? choose_threads(parts)
                 : plan.by_rows ? threads_of_rows(parts)
                                : threads_without_products;
  if (const std::int64_t bytes = shared_by(parts); bytes > most_shared) {
    plan.why_not = fmt::format("its steps need {} KB of shared memory together", bytes >> 10);
    return plan;
  }
  const std::vector<Touch> touches = touches_of(body, parts);
  std::vector<int> levels(parts.size(), 0);
  for (std::size_t s = 0; s < parts.size(); ++s)
    for (std::size_t before = 0; before < s; ++before) {
      const Touch &a = touches[before], &b = touches[s];
      const bool row_by_row = plan.by_rows && !parts[before].contraction && !parts[s].contraction;
      if (meets(a.writes, b.reads) || meets(a.writes, b.writes) || meets(a.reads, b.writes))
        levels[s] = std::max(levels[s], levels[before] + (row_by_row ? 0 : 1));
    }
  for (std::size_t s = 0; s < parts.size(); ++s) plan.order.push_back(static_cast<int>(s));
  std::stable_sort(plan.order.begin(), plan.order.end(), [&](int a, int b) { return levels[at(a)] < levels[at(b)]; });
  for (const int s : plan.order) {
    if (at(levels[at(s)]) == plan.groups.size()) plan.groups.push_back(0);
    ++plan.groups.back();
  }
  return plan;
}

}  // namespace bitale::codegen::cuda

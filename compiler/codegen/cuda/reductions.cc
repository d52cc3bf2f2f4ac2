#include "compiler/codegen/cuda/reductions.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Kernel;
using kernel::Let;
using kernel::Loop;
using kernel::Region;
using kernel::Stmt;
using kernel::Store;

// A reduction of at most this many steps is one thread's.
constexpr std::int64_t few_steps = 32;
// From so many on, where an extent that is not known counts as 64, blocks share one.
constexpr std::int64_t many_steps = 1 << 13;

bool is_let(const Stmt& s) { return std::holds_alternative<Let>(s.node); }

// The loop that combines what the outer one combines, and is all that it does but for Lets; null: there is none.
const Loop* combined_in(const Loop& outer) {
  if (outer.body.empty()) return nullptr;
  const Loop* inner = std::get_if<Loop>(&outer.body.back().node);
  if (!inner || !std::all_of(outer.body.begin(), outer.body.end() - 1, is_let)) return nullptr;
  const auto same = [](const kernel::Reduction& a, const kernel::Reduction& b) {
    return !takes_pairs(a.combiner) && a.combiner == b.combiner && a.yields == b.results;
  };
  const bool all = std::equal(outer.reductions.begin(), outer.reductions.end(), inner->reductions.begin(),
                              inner->reductions.end(), same);
  return all ? inner : nullptr;
}

std::int64_t steps_of(const std::vector<const Loop*>& nest) {
  std::int64_t steps = 1;
  for (const Loop* l : nest)
    if (!l->extent.is_constant() || __builtin_mul_overflow(steps, l->extent.value, &steps)) return -1;
  return steps;
}

// Of a region of reductions: what it reads and writes, and how its reductions go through memory.
class Reads {
 public:
  Reads(const Kernel& kernel, const Loop* independent) : k_(kernel), independent_(independent) {}

  // Whether it consists of reductions, Lets and Stores of elements that nothing else reads.
  bool only_reductions(const Region& region) {
    for (const Stmt& s : region) {
      if (const auto* store = std::get_if<Store>(&s.node)) {
        const int buffer = k_.access(store->access).buffer;
        if (store->accumulate || k_.buffers[static_cast<std::size_t>(buffer)].scratch > 0) return false;
        stored_.insert(buffer);
      } else if (const auto* loop = std::get_if<Loop>(&s.node)) {
        const std::vector<const Loop*> nest = reduction_nest(*loop);
        if (nest.empty()) return false;
        for (const Loop* l : nest) lets(l->body, nest.back());
      }
    }
    lets(region, nullptr);
    return std::none_of(stored_.begin(), stored_.end(), [&](int b) { return loaded_.contains(b); });
  }

  // Whether neighbours in the independent loop are neighbours in memory, more often than those in reductions.
  bool go_by_columns() const { return along_independent_ > 0 && along_independent_ >= along_reduction_; }

 private:
  void lets(const Region& region, const Loop* innermost) {
    for (const Stmt& s : region) {
      const auto* let = std::get_if<Let>(&s.node);
      if (!let || k_.value(let->value).op != kernel::ScalarOp::load) continue;
      const Access& access = k_.access(k_.value(let->value).index);
      loaded_.insert(access.buffer);
      if (!innermost || !independent_) continue;
      const std::int64_t by_reduction = stride_of(access, *innermost),
                         by_independent = stride_of(access, *independent_);
      along_reduction_ += by_reduction == 1 ? 1 : 0;
      along_independent_ += by_reduction != 1 && by_independent == 1 ? 1 : 0;
    }
  }

  // Its absolute value; -1: that is not known.
  static std::int64_t stride_of(const Access& access, const Loop& loop) {
    std::int64_t stride = 0;
    for (const kernel::Term& term : access.index.terms) {
      if (term.value != loop.var) continue;
      if (!term.stride.is_constant()) return -1;
      stride += term.stride.value;
    }
    return std::abs(stride);
  }

  const Kernel& k_;
  const Loop* independent_;
  std::set<int> stored_, loaded_;
  int along_reduction_ = 0, along_independent_ = 0;
};

}  // namespace

std::vector<const Loop*> reduction_nest(const Loop& loop) {
  std::vector<const Loop*> nest;
  if (loop.reductions.empty()) return nest;
  for (const Loop* l = &loop; l; l = combined_in(*l)) nest.push_back(l);
  const Region& body = nest.back()->body;
  if (!std::all_of(body.begin(), body.end(), is_let)) nest.clear();
  return nest;
}

std::int64_t longest_reduction(const Region& region) {
  std::int64_t longest = 0;
  for (const Stmt& s : region) {
    const auto* loop = std::get_if<Loop>(&s.node);
    if (!loop) continue;
    const std::int64_t steps = steps_of(reduction_nest(*loop));
    if (steps < 0) return -1;
    longest = std::max(longest, steps);
  }
  return longest;
}

bool is_for_all_blocks(const Kernel& kernel, const Region& region) {
  const auto is_loop = [](const Stmt& s) { return std::holds_alternative<Loop>(s.node); };
  if (std::count_if(region.begin(), region.end(), is_loop) != 1) return false;
  const Loop& loop = std::get<Loop>(std::find_if(region.begin(), region.end(), is_loop)->node);
  double steps = 1;
  for (const Loop* l : reduction_nest(loop))
    steps *= l->extent.is_constant() ? static_cast<double>(l->extent.value) : 64;
  const bool pairs = std::any_of(loop.reductions.begin(), loop.reductions.end(),
                                 [](const kernel::Reduction& r) { return takes_pairs(r.combiner); });
  return steps >= many_steps && !pairs && loop.reductions.size() <= most_of_all_blocks &&
         Reads(kernel, nullptr).only_reductions(region);
}

Team team_for_reductions(const Kernel& kernel, const Region& region, const Loop& innermost) {
  Reads reads(kernel, &innermost);
  if (!reads.only_reductions(region)) return Team::thread;
  const std::int64_t longest = longest_reduction(region);
  if (longest >= 0 && longest <= few_steps) return Team::thread;
  const bool few = innermost.extent.is_constant() && innermost.extent.value < columns_of_block;
  return !few && reads.go_by_columns() ? Team::column : Team::block;
}

}  // namespace bitale::codegen::cuda

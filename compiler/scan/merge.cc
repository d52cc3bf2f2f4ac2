#include <algorithm>
#include <optional>
#include <unordered_set>

#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/passes.h"

namespace bitale::loops {

using namespace ir;

namespace {

using TensorSet = std::unordered_set<Tensor, TensorHash>;

// ---- merging ----

// b's parts in terms of a's placeholders, if both carry the same: equal initial values and, for these, equal new ones.
class Match {
 public:
  Match(const Loop& a, Loop b) : a_(a), b_(std::move(b)) {}

  // a with b's results behind its own; nothing if they differ.
  std::optional<Loop> merged() {
    if (!(a_.trips == b_.trips) || a_.truncated != b_.truncated || a_.keeps != b_.keeps || a_.stop != b_.stop ||
        a_.bounds != b_.bounds || a_.carries.empty() || a_.carries.size() != b_.carries.size())
      return {};
    for (std::size_t i = 0; i < a_.carries.size(); ++i) {
      if (!(a_.carries[i].init == b_.carries[i].init)) return {};
      map_.emplace(b_.carries[i].before, a_.carries[i].before);
    }
    Loop both = a_;
    for (const auto& s : b_.sequences) {
      const auto same = std::find_if(a_.sequences.begin(), a_.sequences.end(), [&](const Loop::Sequence& x) {
        return x.rows == s.rows && x.backwards == s.backwards;
      });
      if (same == a_.sequences.end())
        both.sequences.push_back(s), more_.push_back(s.rows);
      else
        map_.emplace(s.row, same->row);
    }
    for (const auto& v : b_.invariants) {
      const auto same = std::find_if(a_.invariants.begin(), a_.invariants.end(),
                                     [&](const Loop::Invariant& x) { return x.outer == v.outer; });
      if (same == a_.invariants.end())
        both.invariants.push_back(v), more_.push_back(v.outer);
      else
        map_.emplace(v.inner, same->inner);
    }
    const std::vector<Tensor> outputs = substitute(b_.body_outputs(), map_);
    for (std::size_t i = 0; i < a_.carries.size(); ++i)
      if (!(outputs[i] == a_.carries[i].after)) return {};
    for (std::size_t i = 0; i < b_.stacked.size(); ++i)
      both.stacked.push_back({outputs[a_.carries.size() + i], b_.stacked[i].backwards});
    return both;
  }

  // What the merged loop reads and a does not.
  const std::vector<Tensor>& more() const { return more_; }

 private:
  const Loop& a_;
  Loop b_;
  TensorMap<Tensor> map_;
  std::vector<Tensor> more_;
};

bool depends_on(std::span<const Tensor> tensors, const Node& node) {
  const std::vector<NodePtr> order = topological(tensors);
  return std::any_of(order.begin(), order.end(), [&](const NodePtr& n) { return n.get() == &node; });
}

std::vector<NodePtr> scans_of(const Graph& graph) {
  std::vector<NodePtr> out;
  for (const NodePtr& n : topological(graph.outputs))
    if (is_scan(*n)) out.push_back(n);
  return out;
}

// Both nodes' outputs, by those of one.
TensorMap<Tensor> replacements(const Loop& both, const NodePtr& a, const NodePtr& b) {
  const Loop::Results r = both.build();
  TensorMap<Tensor> out;
  const std::size_t carries = r.last.size(), first = a->outputs().size() - carries;
  for (std::size_t i = 0; i < a->outputs().size(); ++i)
    out.emplace(Tensor(a, static_cast<int>(i)), i < carries ? r.last[i] : r.stacked[i - carries]);
  for (std::size_t i = 0; i < b->outputs().size(); ++i)
    out.emplace(Tensor(b, static_cast<int>(i)), i < carries ? r.last[i] : r.stacked[first + i - carries]);
  return out;
}

bool merge_two(Graph& graph) {
  const std::vector<NodePtr> scans = scans_of(graph);
  for (std::size_t i = 0; i < scans.size(); ++i)
    for (std::size_t j = i + 1; j < scans.size(); ++j) {
      const auto &a = scans[i]->params_as<ScanParams>(), &b = scans[j]->params_as<ScanParams>();
      if (!(a.trips == b.trips) || a.carries != b.carries) continue;
      const Loop first = Loop::of(*scans[i]);
      Match match(first, Loop::of(*scans[j]));
      const std::optional<Loop> both = match.merged();
      if (!both || depends_on(match.more(), *scans[i])) continue;
      graph.outputs = substitute(graph.outputs, replacements(*both, scans[i], scans[j]));
      return true;
    }
  return false;
}

// ---- leaving out ----

// What a scan's outputs are after it has been tidied: which of the new ones, or what else they are.
class Tidy {
 public:
  Tidy(const Node& node, std::vector<bool> read) : loop_(Loop::of(node)), read_(std::move(read)) {}

  std::vector<Tensor> run(const NodePtr& node) {
    const std::size_t carries = loop_.carries.size();
    forget_stop();
    mark_alive();
    std::vector<Tensor> out;
    for (std::size_t i = 0; i < node->outputs().size(); ++i) out.emplace_back(node, static_cast<int>(i));
    Loop smaller = loop_;
    smaller.stop = -1;
    smaller.carries.clear();
    smaller.stacked.clear();
    std::vector<std::size_t> kept_carries;
    for (std::size_t i = 0; i < carries; ++i) {
      const Loop::Carry& c = loop_.carries[i];
      const bool stops = loop_.stop == static_cast<std::int64_t>(i);
      if (c.after == c.before && !stops) {
        smaller.invariants.push_back({c.init, c.before});
        out[i] = c.init;
      } else if (alive_[i]) {
        if (stops) smaller.stop = std::ssize(smaller.carries);
        smaller.carries.push_back(c);
        kept_carries.push_back(i);
      }
    }
    TensorMap<std::size_t> places[2];  // of rows that are stacked, by direction
    std::vector<std::pair<std::size_t, std::size_t>> results;
    for (std::size_t i = 0; i < loop_.stacked.size(); ++i) {
      if (!read_[carries + i]) continue;
      const Loop::Stacked& s = loop_.stacked[i];
      const auto [place, is_new] = places[s.backwards].emplace(s.row, smaller.stacked.size());
      if (is_new) smaller.stacked.push_back(s);
      results.emplace_back(carries + i, place->second);
    }
    if (smaller.carries.size() == carries && smaller.stacked.size() == loop_.stacked.size()) return {};
    if (smaller.carries.empty() && smaller.stacked.empty()) return out;  // all that is read is invariant
    const Loop::Results r = smaller.build();
    for (std::size_t i = 0; i < kept_carries.size(); ++i) out[kept_carries[i]] = r.last[i];
    for (const auto& [from, to] : results) out[from] = r.stacked[to];
    return out;
  }

 private:
  // A carry that is false for good stops nothing.
  void forget_stop() {
    if (loop_.stop < 0) return;
    const Loop::Carry& c = loop_.carries[static_cast<std::size_t>(loop_.stop)];
    const auto init = splat_value(c.init);
    if (c.after == c.before && init && init->as_integer() == 0) loop_.stop = -1;
  }

  // Carries that are read behind the loop, that end it, or that something reads that is.
  void mark_alive() {
    const std::size_t carries = loop_.carries.size();
    alive_.assign(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(carries));
    if (loop_.stop >= 0) alive_[static_cast<std::size_t>(loop_.stop)] = true;
    std::vector<Tensor> roots;
    for (std::size_t i = 0; i < loop_.stacked.size(); ++i)
      if (read_[carries + i]) roots.push_back(loop_.stacked[i].row);
    std::vector<bool> seen(carries, false);
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < carries; ++i)
        if (alive_[i] && !seen[i]) {
          roots.push_back(loop_.carries[i].after);
          seen[i] = true;
        }
      std::unordered_set<const Node*> reached;
      for (const NodePtr& n : topological(roots)) reached.insert(n.get());
      for (std::size_t i = 0; i < carries; ++i)
        if (!alive_[i] && reached.contains(&loop_.carries[i].before.node())) alive_[i] = more = true;
    }
  }

  Loop loop_;
  std::vector<bool> read_, alive_;
};

std::vector<Tensor> leave_out(const std::vector<Tensor>& outputs) {
  TensorSet read(outputs.begin(), outputs.end());
  for (const NodePtr& n : topological(outputs)) read.insert(n->inputs().begin(), n->inputs().end());
  return rebuild(outputs, [&](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
    if (!is_scan(*node)) return {};
    std::vector<bool> is_read;
    for (std::size_t i = 0; i < node->outputs().size(); ++i)
      is_read.push_back(read.contains(Tensor(node, static_cast<int>(i))));
    const NodePtr made = with_inputs(node, inputs, node->params());
    return Tidy(*made, std::move(is_read)).run(made);
  });
}

}  // namespace

Graph merge_scans(const Graph& graph, rewrite::PassContext&) {
  Graph out = graph;
  if (scans_of(graph).empty()) return out;
  while (merge_two(out)) continue;
  out.outputs = leave_out(out.outputs);
  return out;
}

}  // namespace bitale::loops

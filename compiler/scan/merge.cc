#include <algorithm>
#include <map>

#include "compiler/scan/leave_out.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/passes.h"

namespace bitale::loops {

using namespace ir;

namespace {

// Loops in the same terms: rows of one sequence and one invariant have the same placeholder in all of them, and so have
// the first carries that begin with one value, the second ones, and so on. What loops then compute in the same way is
// the same tensor.
class Terms {
 public:
  Loop of(const Node& node) {
    Loop loop = Loop::of(node);
    TensorMap<Tensor> terms;
    const auto rename = [&](Tensor& placeholder, const Tensor& term) {
      terms.emplace(placeholder, term);
      placeholder = term;
    };
    for (auto& s : loop.sequences) rename(s.row, rows_[s.backwards].try_emplace(s.rows, s.row).first->second);
    for (auto& v : loop.invariants) rename(v.inner, invariants_.try_emplace(v.outer, v.inner).first->second);
    TensorMap<std::size_t> count;
    for (auto& c : loop.carries) {
      std::vector<Tensor>& known = carries_[c.init];
      const std::size_t i = count[c.init]++;
      if (i == known.size()) known.push_back(c.before);
      rename(c.before, known[i]);
    }
    loop.set_body_outputs(substitute(loop.body_outputs(), terms));
    return loop;
  }

 private:
  TensorMap<Tensor> rows_[2], invariants_;  // by the tensor outside, rows also by direction
  TensorMap<std::vector<Tensor>> carries_;  // by the initial value
};

bool same_steps(const Loop& a, const Loop& b) {
  return a.trips == b.trips && a.truncated == b.truncated && a.keeps == b.keeps && a.bounds == b.bounds;
}

bool same_carry(const Loop::Carry& a, const Loop::Carry& b) { return a.before == b.before && a.after == b.after; }

// Which loops become one: `takes` says which are looked at, `may` which two of these, in the same terms.
struct Policy {
  const char* name;  // in reports, and to disable it
  bool (*takes)(const Loop& loop);
  bool (*may)(const Loop& a, const Loop& b);
};

// A scan, and the one that its gradient made of it to keep more.
constexpr Policy that_carry_the_same{.name = "scans-that-carry-the-same",
                                     .takes = [](const Loop& loop) { return !loop.carries.empty(); },
                                     .may =
                                         [](const Loop& a, const Loop& b) {
                                           return same_steps(a, b) && a.stop == b.stop &&
                                                  std::equal(a.carries.begin(), a.carries.end(), b.carries.begin(),
                                                             b.carries.end(), same_carry);
                                         }};

// Of what a step reads that is the same in all steps, as far as it is known.
std::int64_t bytes_of_invariants(const Loop& loop) {
  std::int64_t bytes = 0;
  for (const Loop::Invariant& v : loop.invariants) {
    const Dim count = product(v.outer.shape());
    if (count.is_constant()) bytes += count.value() * static_cast<std::int64_t>(size_of(v.outer.dtype()));
  }
  return bytes;
}

// A loop less has fewer and larger kernels in it, which matters where a step is short. But what both loops read and
// stack is in memory at once, and so the following are left alone. Where both have large weights, which a core's cache
// would have to hold at once as well. Those that were asked to keep little. Those that hold loops, which are long steps
// with much memory. And those that end by what they find: the one would have to run on for the other.
constexpr std::int64_t most_bytes_of_invariants = 1 << 20;
constexpr Policy that_run_the_same_steps{
    .name = "scans-of-the-same-steps",
    .takes =
        [](const Loop& loop) {
          const std::vector<NodePtr> order = topological(loop.body_outputs());
          return loop.keeps && loop.stop < 0 &&
                 std::none_of(order.begin(), order.end(), [](const NodePtr& n) { return n->op().has_bodies; });
        },
    .may =
        [](const Loop& a, const Loop& b) {
          return same_steps(a, b) && bytes_of_invariants(a) + bytes_of_invariants(b) <= most_bytes_of_invariants;
        }};

// Several scans as one loop.
class Union {
 public:
  // Of none so far, that are like this one.
  explicit Union(const Loop& first) {
    loop_.name = first.name;
    loop_.trips = first.trips;
    loop_.truncated = first.truncated;
    loop_.keeps = first.keeps;
    loop_.stop = first.stop;
    loop_.bounds = first.bounds;
  }

  const Loop& loop() const { return loop_; }
  std::size_t size() const { return parts_.size(); }

  // What both carry is there once.
  void add(const NodePtr& node, Loop loop) {
    if (std::any_of(loop.carries.begin(), loop.carries.end(), [&](const Loop::Carry& c) {
          const auto known = find(c);
          return known != loop_.carries.end() && !same_carry(*known, c);
        }))
      rename_carries(loop);
    Part part{node, {}, loop_.stacked.size()};
    for (const Loop::Carry& c : loop.carries) {
      const auto known = find(c);
      part.carries.push_back(static_cast<std::size_t>(known - loop_.carries.begin()));
      if (known == loop_.carries.end()) loop_.carries.push_back(c);
    }
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(loop_.sequences, loop.sequences);
    append(loop_.invariants, loop.invariants);
    append(loop_.stacked, loop.stacked);
    parts_.push_back(std::move(part));
    if (loop_.name.empty()) loop_.name = loop.name;
    if (loop_.name != loop.name && !loop.name.empty()) loop_.name += "+" + loop.name;
  }

  // Calls f with each scan and what its outputs are.
  template <class F>
  void build(const F& f) const {
    const Loop::Results r = loop_.build();
    const Tensor first = r.all()[0];
    for (const Part& p : parts_) {
      for (const SourceLine& line : p.node->origins()) first.node().add_origin(line);
      std::vector<Tensor> out;
      for (const std::size_t i : p.carries) out.push_back(r.last[i]);
      const std::size_t stacked = p.node->outputs().size() - p.carries.size();
      for (std::size_t i = 0; i < stacked; ++i) out.push_back(r.stacked[p.first_stacked + i]);
      f(p.node, std::move(out));
    }
  }

 private:
  struct Part {
    NodePtr node;
    std::vector<std::size_t> carries;  // of the loop, for each of the node's
    std::size_t first_stacked;
  };

  std::vector<Loop::Carry>::const_iterator find(const Loop::Carry& c) const {
    return std::find_if(loop_.carries.begin(), loop_.carries.end(),
                        [&](const Loop::Carry& x) { return x.before == c.before; });
  }

  static void rename_carries(Loop& loop) {
    TensorMap<Tensor> fresh;
    for (Loop::Carry& c : loop.carries) {
      const Tensor placeholder = Loop::placeholder("carry", c.before.type());
      fresh.emplace(c.before, placeholder);
      c.before = placeholder;
    }
    loop.set_body_outputs(substitute(loop.body_outputs(), fresh));
  }

  Loop loop_{};
  std::vector<Part> parts_;
};

// Rebuilds a graph by levels: behind a node of level n lie n scans, one behind the other. Scans of one level depend on
// none of the same level, also where others of it have become one.
class Merge {
 public:
  Merge(const std::vector<Tensor>& outputs, const Policy& policy) : outputs_(outputs), policy_(policy) {}

  std::vector<Tensor> run() {
    sort();
    for (const auto& [level, nodes] : levels_) {
      for (const NodePtr& n : nodes.others) made_.emplace(n.get(), outputs_of(with_mapped_inputs(n)));
      merge(nodes.scans);
    }
    return mapped(outputs_);
  }

  std::int64_t merged() const { return merged_; }  // how many scans have become parts of others

 private:
  struct Level {
    std::vector<NodePtr> others, scans;
  };

  void sort() {
    std::unordered_map<const Node*, int> levels;
    for (const NodePtr& n : topological(outputs_)) {
      int level = 0;
      for (const Tensor& t : n->inputs()) level = std::max(level, levels.at(&t.node()) + (is_scan(t.node()) ? 1 : 0));
      levels.emplace(n.get(), level);
      (is_scan(*n) ? levels_[level].scans : levels_[level].others).push_back(n);
    }
  }

  void merge(const std::vector<NodePtr>& scans) {
    Terms terms;
    std::vector<Union> unions;
    for (const NodePtr& node : scans) {
      const NodePtr n = with_mapped_inputs(node);
      made_.emplace(node.get(), outputs_of(n));
      Loop loop = terms.of(*n);
      if (!policy_.takes(loop)) continue;
      auto place =
          std::find_if(unions.begin(), unions.end(), [&](const Union& u) { return policy_.may(u.loop(), loop); });
      if (place == unions.end()) place = unions.emplace(place, loop);
      place->add(node, std::move(loop));
    }
    for (const Union& u : unions) {
      if (u.size() == 1) continue;
      merged_ += static_cast<std::int64_t>(u.size()) - 1;
      u.build([&](const NodePtr& node, std::vector<Tensor> out) { made_[node.get()] = std::move(out); });
    }
  }

  static std::vector<Tensor> outputs_of(const NodePtr& node) {
    std::vector<Tensor> out;
    for (std::size_t i = 0; i < node->outputs().size(); ++i) out.emplace_back(node, static_cast<int>(i));
    return out;
  }

  NodePtr with_mapped_inputs(const NodePtr& n) const { return with_inputs(n, mapped(n->inputs()), n->params()); }

  std::vector<Tensor> mapped(std::span<const Tensor> tensors) const {
    std::vector<Tensor> out;
    for (const Tensor& t : tensors) {
      const Tensor& n = made_.at(&t.node())[static_cast<std::size_t>(t.output())];
      out.emplace_back(n.node_ptr(), n.output(), t.line() ? t.line() : n.line(),
                       t.name().empty() ? n.name() : t.name());
    }
    return out;
  }

  const std::vector<Tensor>& outputs_;
  const Policy& policy_;
  std::map<int, Level> levels_;
  std::unordered_map<const Node*, std::vector<Tensor>> made_;
  std::int64_t merged_ = 0;
};

Graph merged(const Graph& graph, const Policy& policy, rewrite::PassContext& context) {
  const std::vector<NodePtr> order = topological(graph.outputs);
  if (std::none_of(order.begin(), order.end(), [](const NodePtr& n) { return is_scan(*n); })) return graph;
  const std::vector<std::string>& disabled = context.options.disabled;
  if (std::find(disabled.begin(), disabled.end(), policy.name) != disabled.end()) return graph;
  Merge merge(graph.outputs, policy);
  std::vector<Tensor> out = merge.run();
  if (merge.merged() > 0) context.rules_fired[policy.name] += merge.merged();
  return {graph.inputs, std::move(out)};
}

}  // namespace

Graph merge_scans(const Graph& graph, rewrite::PassContext& context) {
  return {graph.inputs, leave_out(merged(graph, that_carry_the_same, context).outputs)};
}

Graph join_scans(const Graph& graph, rewrite::PassContext& context) {
  return merged(graph, that_run_the_same_steps, context);
}

}  // namespace bitale::loops

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "compiler/eval/eval.h"
#include "compiler/grad/grad.h"
#include "compiler/ir/record.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/passes.h"

namespace bitale::loops {

using namespace ir;

namespace {

using NodeSet = std::unordered_set<const Node*>;
using TensorSet = std::unordered_set<Tensor, TensorHash>;

// Worth a step of its own for all rows: what is no element formula. (Arithmetic stays where its operands are.)
bool is_heavy(const Node& node) { return node.op().contraction || !node.op().library.empty() || node.op().has_bodies; }

// More than a view or an index map of one operand, which its readers see through.
bool computes(const Node& node) {
  return is_heavy(node) ||
         (node.op().element && !node.inputs().empty() && (node.inputs().size() > 1 || !is_index_map(node)));
}

// A node and all that it is made of in the body, down to tensors that are given from outside.
bool any_below(const std::vector<Tensor>& roots, const TensorSet& given, const NodeSet& within,
               bool (*holds)(const Node&)) {
  std::vector<const Node*> pending;
  NodeSet seen;
  const auto visit = [&](const Tensor& t) {
    if (!given.contains(t) && within.contains(&t.node()) && seen.insert(&t.node()).second) pending.push_back(&t.node());
  };
  for (const Tensor& t : roots) visit(t);
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    if (holds(*node)) return true;
    for (const Tensor& t : node->inputs()) visit(t);
  }
  return false;
}

// Tensors of a body for all steps at once. Rows are in the order of the steps, or all in the other one.
class AllSteps {
 public:
  explicit AllSteps(const Dim& trips) : trips_(trips) {}

  void rows(const Tensor& row, const Tensor& rows) { add(row, rows, true); }
  void same(const Tensor& inner, const Tensor& outer) { add(inner, outer, false); }

  std::vector<Tensor> of(std::span<const Tensor> outputs) const {
    return ad::vmap(outputs, placeholders_, values_, batched_, trips_);
  }

 private:
  void add(const Tensor& placeholder, const Tensor& value, bool batched) {
    placeholders_.push_back(placeholder);
    values_.push_back(value);
    batched_.push_back(batched);
  }

  Dim trips_;
  std::vector<Tensor> placeholders_, values_;
  std::vector<bool> batched_;
};

// What of a body's placeholders a node depends on.
class Dependence {
 public:
  explicit Dependence(const Loop& loop) {
    for (const auto& s : loop.sequences) rows.insert(&s.row.node()), given.insert(s.row);
    for (const auto& c : loop.carries) carried.insert(&c.before.node()), given.insert(c.before);
    for (const auto& v : loop.invariants) invariant.insert(&v.inner.node()), given.insert(v.inner);
    order = topological(loop.body_outputs());
    for (const NodePtr& node : order)
      for (const Tensor& t : node->inputs())
        for (NodeSet* set : {&rows, &carried, &invariant})
          if (set->contains(&t.node())) set->insert(node.get());
  }

  std::vector<NodePtr> order;
  NodeSet rows, carried, invariant;  // placeholders included
  TensorSet given;                   // the placeholders
};

// ---- before the loop ----

class Before {
 public:
  explicit Before(Loop loop) : loop_(std::move(loop)), on_(loop_) {}

  // False if there is nothing to move.
  bool run() {
    find_frontier();
    move_invariants();
    move_rows();
    if (moved_.empty()) return false;
    loop_.set_body_outputs(substitute(loop_.body_outputs(), moved_));
    return true;
  }

  const Loop& loop() const { return loop_; }

 private:
  // What does not depend on carries and is read by what does, or given out.
  void find_frontier() {
    TensorSet seen;
    const auto see = [&](const Tensor& t) {
      const Node* n = &t.node();
      const bool depends = on_.rows.contains(n) || on_.invariant.contains(n);
      if (depends && !on_.carried.contains(n) && !on_.given.contains(t) && seen.insert(t).second)
        frontier_.push_back(t);
    };
    for (const NodePtr& node : on_.order)
      if (on_.carried.contains(node.get()))
        for (const Tensor& t : node->inputs()) see(t);
    for (const Tensor& t : loop_.body_outputs()) see(t);
  }

  void move_invariants() {
    TensorMap<Tensor> outside;
    for (const auto& v : loop_.invariants) outside.emplace(v.inner, v.outer);
    for (const Tensor& t : frontier_) {
      if (on_.rows.contains(&t.node()) || !any_below({t}, on_.given, on_.invariant, computes)) continue;
      const Tensor inner = Loop::placeholder("moved", t.type());
      loop_.invariants.push_back({substitute({&t, 1}, outside)[0], inner});
      moved_.emplace(t, inner);
    }
  }

  void move_rows() {
    std::vector<Tensor> wanted;
    for (const Tensor& t : frontier_)
      if (on_.rows.contains(&t.node()) && any_below({t}, on_.given, on_.rows, is_heavy)) wanted.push_back(t);
    if (wanted.empty() || loop_.sequences.empty()) return;
    const bool backwards = direction(wanted);
    AllSteps all(loop_.trips);
    for (const auto& s : loop_.sequences) all.rows(s.row, s.backwards == backwards ? s.rows : flip(s.rows, {0}));
    for (const auto& v : loop_.invariants) all.same(v.inner, v.outer);
    const std::vector<Tensor> rows = all.of(wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Tensor row = Loop::placeholder("moved", wanted[i].type());
      loop_.sequences.push_back({rows[i], row, backwards});
      moved_.emplace(wanted[i], row);
    }
  }

  // That of the first sequence that is read.
  bool direction(const std::vector<Tensor>& wanted) const {
    NodeSet read;
    for (const NodePtr& n : topological(wanted)) read.insert(n.get());
    for (const auto& s : loop_.sequences)
      if (read.contains(&s.row.node())) return s.backwards;
    return false;
  }

  Loop loop_;
  Dependence on_;
  std::vector<Tensor> frontier_;
  TensorMap<Tensor> moved_;
};

// ---- behind the loop ----

// Whether an index map or a sum makes zeros of zeros: it fills with no others.
bool moves_or_adds_up(const Node& node) {
  Formula formula;
  record(node, 0, formula);
  for (int i = 0; i < formula.size(); ++i) {
    const ExprNode& n = formula.node(i);
    const bool is_sum = n.op == ScalarOp::result && formula.reduction(n.reduction).combiner == Combiner::sum;
    const bool fills = n.op == ScalarOp::constant && n.type != DType::i64 && (n.real != 0 || n.integer != 0);
    if (fills || (n.op == ScalarOp::result && !is_sum)) return false;
  }
  return cost_of(formula).operations == 0;
}

// Whether a node is zero where those of its operands are for which zero[i] holds. Of the others constants are known.
bool keeps_zeros(const Node& node, const std::vector<bool>& zero) {
  std::vector<Tensor> scalars;
  for (std::size_t i = 0; i < zero.size(); ++i) {
    const Tensor& t = node.inputs()[i];
    const auto value = splat_value(t);
    if (!zero[i] && (!value || !std::isfinite(value->as_double()))) return false;
    scalars.push_back(zero[i] ? zeros(t.dtype(), {}) : full(*value, {}));
  }
  if (node.op().view || node.op().contraction) return std::find(zero.begin(), zero.end(), true) != zero.end();
  if (!node.op().element || node.outputs().size() != 1 || !is_floating(node.outputs()[0].dtype)) return false;
  if (node.op().scalar) return eval::evaluate(apply(node.op(), node.params(), scalars), {})[0].at(0) == 0;
  return zero.size() == 1 && zero[0] && moves_or_adds_up(node);
}

// Rows of all steps, and zeros for steps that are left out, where `runs` (bool [trips]) is false.
Tensor where_run(const Tensor& runs, const Tensor& rows) {
  Shape column(rows.shape().size(), Dim(1));
  column[0] = rows.dim(0);
  return where(broadcast_to(reshape(runs, column), rows.shape()), rows, zeros_like(rows));
}

class Behind {
 public:
  explicit Behind(Loop loop) : loop_(std::move(loop)), on_(loop_) {}

  // The node's outputs, computed with less in the loop; nothing if there is nothing to move.
  std::vector<Tensor> run() {
    find_feeding();
    std::vector<bool> moves;
    for (const auto& s : loop_.stacked) moves.push_back(is_moved(s.row));
    if (std::none_of(moves.begin(), moves.end(), [](bool b) { return b; })) return {};
    for (std::size_t i = 0; i < moves.size(); ++i)
      if (moves[i]) {
        find_cut(loop_.stacked[i]);
        cut_runs(loop_.stacked[i].backwards);
      }

    Loop smaller = loop_;
    smaller.stacked.clear();
    std::vector<std::size_t> place;  // of the results that stay
    for (std::size_t i = 0; i < moves.size(); ++i) {
      place.push_back(smaller.stacked.size());
      if (!moves[i]) smaller.stacked.push_back(loop_.stacked[i]);
    }
    const std::size_t first = smaller.stacked.size();
    for (const Loop::Stacked& s : cuts_) smaller.stacked.push_back(s);
    Loop::Results r;
    if (!smaller.carries.empty() || !smaller.stacked.empty()) r = smaller.build();

    std::vector<Tensor> out = r.last;
    for (std::size_t i = 0; i < moves.size(); ++i)
      out.push_back(moves[i] ? all_steps(loop_.stacked[i],
                                         {r.stacked.begin() + static_cast<std::ptrdiff_t>(first), r.stacked.end()})
                             : r.stacked[place[i]]);
    return out;
  }

 private:
  // Nodes that a carry's new value is made of.
  void find_feeding() {
    std::vector<Tensor> afters;
    for (const auto& c : loop_.carries) afters.push_back(c.after);
    for (const NodePtr& n : topological(afters)) feeding_.insert(n.get());
    for (const NodePtr& n : on_.order)
      if (!feeding_.contains(n.get())) free_.insert(n.get());
    for (const NodePtr& n : on_.order) {
      bool heavy = is_heavy(*n);
      for (const Tensor& t : n->inputs()) heavy = heavy || heavy_.contains(&t.node());
      if (heavy && free_.contains(n.get())) heavy_.insert(n.get());
    }
  }

  // A product that feeds no carry is in it.
  bool is_moved(const Tensor& row) const { return heavy_.contains(&row.node()); }

  // The operands of what is moved: they are given, or stacked in the direction of the result.
  void find_cut(const Loop::Stacked& s) {
    std::vector<Tensor> pending{s.row};
    TensorSet seen{s.row};
    while (!pending.empty()) {
      const Tensor t = pending.back();
      pending.pop_back();
      if (heavy_.contains(&t.node())) {
        for (const Tensor& x : t.node().inputs())
          if (seen.insert(x).second) pending.push_back(x);
        continue;
      }
      const Node* n = &t.node();
      const bool varies = on_.rows.contains(n) || on_.carried.contains(n);
      if (!varies || (on_.given.contains(t) && !on_.carried.contains(n))) continue;
      cut(t, s.backwards);
    }
  }

  // Its place among the cuts.
  std::size_t cut(const Tensor& row, bool backwards) {
    const auto known = std::find_if(cuts_.begin(), cuts_.end(),
                                    [&](const Loop::Stacked& c) { return c.row == row && c.backwards == backwards; });
    const auto place = static_cast<std::size_t>(known - cuts_.begin());
    if (known == cuts_.end()) cuts_.push_back({row, backwards});
    return place;
  }

  // Which steps were run: where a carry ends the loop, only the loop knows.
  void cut_runs(bool backwards) {
    if (loop_.stop < 0) return;
    const Tensor runs = logical_not(loop_.carries[static_cast<std::size_t>(loop_.stop)].before);
    runs_[backwards] = cut(runs, backwards);
  }

  // Of a scan whose steps are not all run.
  static bool leaves_out_rows(const Tensor& rows) {
    if (!is_scan(rows.node())) return false;
    const auto& p = rows.node().params_as<ScanParams>();
    return p.bounded || p.stop >= 0;
  }

  bool leaves_out() const { return loop_.stop >= 0 || loop_.bounds.has_value(); }

  // bool [trips]
  Tensor runs(bool backwards, const std::vector<Tensor>& stacked) const {
    if (runs_[backwards]) return stacked[*runs_[backwards]];
    const Tensor number = iota(DType::i64, {loop_.trips}, 0);
    const Tensor step = backwards ? extent(loop_.trips - 1) - number : number;
    return logical_and(less_equal(loop_.bounds->first, step), less(step, loop_.bounds->last));
  }

  // Whether a row is zero where the rows that it is made of are, whatever else it is made of.
  bool is_multilinear(const Tensor& row) const {
    const std::vector<NodePtr> order = topological({&row, 1});
    return std::all_of(order.begin(), order.end(), [&](const NodePtr& n) {
      if (!heavy_.contains(n.get())) return true;
      std::vector<bool> varies;
      for (const Tensor& t : n->inputs())
        varies.push_back(on_.rows.contains(&t.node()) || on_.carried.contains(&t.node()));
      return keeps_zeros(*n, varies);
    });
  }

  // Rows of steps that are left out are zero, also where other rows are not finite there. Products of rows alone are
  // products of zeros, so that what adds them up (the gradient of a weight) stays one contraction.
  Tensor all_steps(const Loop::Stacked& s, const std::vector<Tensor>& stacked) const {
    if (!leaves_out()) return all_steps(s, stacked, {});
    const Tensor run = runs(s.backwards, stacked);
    if (is_multilinear(s.row)) return all_steps(s, stacked, run);
    return where_run(run, all_steps(s, stacked, {}));
  }

  // runs: where given, rows of sequences are made zero for the other steps. Those of a scan that leaves out steps are
  // so already: its gradient, which reads them, leaves out the same.
  Tensor all_steps(const Loop::Stacked& s, const std::vector<Tensor>& stacked, const Tensor& runs) const {
    AllSteps all(loop_.trips);
    TensorMap<Tensor> placeholders;  // of what is cut
    for (std::size_t i = 0; i < cuts_.size(); ++i) {
      if (cuts_[i].backwards != s.backwards) continue;
      const Tensor row = Loop::placeholder("row", cuts_[i].row.type());
      placeholders.emplace(cuts_[i].row, row);
      all.rows(row, stacked[i]);
    }
    for (const auto& q : loop_.sequences) {
      const Tensor rows = q.backwards == s.backwards ? q.rows : flip(q.rows, {0});
      all.rows(q.row, runs && !leaves_out_rows(q.rows) ? where_run(runs, rows) : rows);
    }
    for (const auto& v : loop_.invariants) all.same(v.inner, v.outer);
    const std::vector<Tensor> row = substitute({&s.row, 1}, placeholders);
    return all.of(row)[0];
  }

  Loop loop_;
  Dependence on_;
  NodeSet feeding_, free_, heavy_;  // heavy_: free, and a product among what it is made of
  std::vector<Loop::Stacked> cuts_;
  std::optional<std::size_t> runs_[2];  // of the cuts, by direction: whether a step was run
};

std::vector<Tensor> moved(const Node& node) {
  Before before(Loop::of(node));
  const bool less = before.run();
  std::vector<Tensor> out = Behind(before.loop()).run();
  if (!out.empty()) return out;
  return less ? before.loop().build().all() : out;
}

}  // namespace

Graph push_out(const Graph& graph, rewrite::PassContext&) {
  return {graph.inputs,
          rebuild(graph.outputs, [](const NodePtr& node, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
            if (!is_scan(*node) || !node->params_as<ScanParams>().keeps) return {};
            const NodePtr made = with_inputs(node, inputs, node->params());
            std::vector<Tensor> out = moved(*made);
            for (std::size_t i = 0; i < made->outputs().size() && out.size() <= i; ++i)
              out.emplace_back(made, static_cast<int>(i));
            return out;
          })};
}

}  // namespace bitale::loops

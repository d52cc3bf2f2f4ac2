// Reverse mode through a scan: a scan over the same steps from the last to the first.
//
// Its carries are the cotangents of the carries. A step is the body's own vjp; what that needs of the forward step
// comes as sequences: the rows that the step saw, the carries that it got, and values that cost more to compute again
// than to keep. These are stacked by the forward scan, which is built again with more results (passes merge the two).
// The cotangent of an invariant is stacked, too, and summed behind the loop, where it is often one contraction over all
// steps (push_out.cc); a loop that keeps little adds it up in a carry.
//
// Steps that the forward scan left out are left out here, too: where a carry ends it, the forward scan also stacks
// whether a step was run, and the number of those bounds the steps of the reverse scan.
#include <unordered_map>
#include <unordered_set>

#include "compiler/grad/grad.h"
#include "compiler/ir/record.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/ops.h"
#include "runtime/base/error.h"

namespace bitale::loops {

using namespace ir;

namespace {

bool is_zero(const Tensor& t) {
  const auto value = splat_value(t);
  return value && value->as_double() == 0;
}

// Worth less than the memory of its result: index maps and arithmetic, without sums or anything that takes a series.
bool is_cheap(const Node& node) {
  if (node.op().view || node.inputs().empty()) return true;
  if (!node.op().element) return false;
  const FormulaCost cost = cost_of(node);
  return !cost.reduces && cost.dearest <= 3;
}

class Reverse {
 public:
  explicit Reverse(const Vjp& v) : v_(v), forward_(Loop::of(v.node)) {
    backward_.keeps = forward_.keeps;
    backward_.trips = forward_.truncated ? min(*forward_.truncated, forward_.trips) : forward_.trips;
  }

  // Of what is kept for a step, besides the carries.
  std::vector<Tensor> kept_values() {
    differentiate();
    keep();
    std::vector<Tensor> out;
    for (const Tensor& t : order_)
      if (!carried_.contains(t)) out.push_back(t);
    return out;
  }

  std::vector<Tensor> run() {
    differentiate();
    keep();
    backward_.name = forward_.name.empty() ? "" : "gradient of " + forward_.name;
    return cotangents(build());
  }

 private:
  struct Wanted {
    std::size_t operand;
    Tensor cotangent;       // in the body
    std::size_t place = 0;  // of backward_'s results
  };
  bool is_row(const Wanted& w) const { return w.operand < forward_.sequences.size(); }
  bool adds_up() const { return !forward_.keeps; }  // the cotangents of invariants

  // The body's vjp: backward_'s carries, and the cotangents of rows and invariants.
  void differentiate() {
    std::vector<Tensor> outputs, dys, wrt;
    std::vector<std::size_t> operands;
    const auto want = [&](const Tensor& placeholder, std::size_t operand) {
      if (!is_floating(placeholder.dtype())) return;
      wrt.push_back(placeholder);
      operands.push_back(operand);
    };
    std::size_t number = 0;
    for (const auto& s : forward_.sequences) want(s.row, number++);
    for (const auto& c : forward_.carries) want(c.before, number++);
    for (const auto& i : forward_.invariants) want(i.inner, number++);

    const std::size_t carries = forward_.carries.size();
    for (std::size_t i = 0; i < carries; ++i) {
      const Loop::Carry& c = forward_.carries[i];
      if (!is_floating(c.before.dtype())) continue;
      const Tensor dy = v_.dys[i] ? v_.dys[i] : zeros(c.init.dtype(), c.init.shape());
      const Tensor before = cotangent_placeholder("dcarry" + std::to_string(i), c.before.type());
      backward_.carries.push_back({dy, before, {}});
      carry_of_.emplace(forward_.sequences.size() + i, backward_.carries.size() - 1);
      outputs.push_back(c.after);
      dys.push_back(before);
    }
    for (std::size_t i = 0; i < forward_.stacked.size(); ++i) {
      const Tensor& dy = v_.dys[carries + i];
      if (!dy) continue;
      const Loop::Stacked& s = forward_.stacked[i];
      const Tensor row = cotangent_placeholder("drow" + std::to_string(i), s.row.type());
      backward_.sequences.push_back({last_steps(dy, s.backwards), row, !s.backwards});
      outputs.push_back(s.row);
      dys.push_back(row);
    }
    const std::vector<Tensor> found = ad::vjp(
        outputs, dys, wrt, {.disconnected = ad::Disconnected::zero, .consider_constant = {}, .known_grads = {}});
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (const auto carry = carry_of_.find(operands[i]); carry != carry_of_.end())
        backward_.carries[carry->second].after = found[i];
      else if (!is_zero(found[i]))
        wanted_.push_back({operands[i], found[i]});
    }
  }

  // The rows of the steps that derivatives go back through, and such rows among zeros for the others.
  Tensor last_steps(const Tensor& rows, bool backwards) const {
    return forward_.truncated ? rows_of(rows, first_row(backwards), backward_.trips) : rows;
  }
  Tensor among_zeros(const Tensor& rows, bool backwards) const {
    return forward_.truncated ? among_rows(rows, first_row(backwards), forward_.trips) : rows;
  }
  Dim first_row(bool backwards) const { return backwards ? Dim(0) : forward_.trips - backward_.trips; }

  Tensor cotangent_placeholder(const std::string& name, const TensorType& type) {
    const Tensor t = Loop::placeholder(name, type);
    cotangents_.insert(&t.node());
    return t;
  }

  // Finds what the step needs of the forward step, and replaces it by rows that are kept.
  void keep() {
    std::vector<Tensor> outputs;
    for (const auto& c : backward_.carries) outputs.push_back(c.after);
    for (const auto& w : wanted_) outputs.push_back(w.cotangent);
    for (const auto& s : forward_.sequences) rows_.insert(s.row);
    for (const auto& c : forward_.carries) carried_.insert(c.before);
    const std::vector<NodePtr> order = topological(outputs);
    for (const NodePtr& node : order) {
      bool backward = cotangents_.contains(node.get()), depends = is_state(Tensor(node, 0));
      for (const Tensor& t : node->inputs()) {
        backward = backward || cotangents_.contains(&t.node());
        depends = depends || depends_.contains(&t.node());
      }
      if (backward) cotangents_.insert(node.get());
      if (depends) depends_.insert(node.get());
    }
    for (const NodePtr& node : order)
      if (cotangents_.contains(node.get()))
        for (const Tensor& t : node->inputs()) need(t);
    for (const Tensor& t : outputs) need(t);

    std::vector<Tensor> replaced = substitute(outputs, kept_);
    auto next = replaced.begin();
    for (auto& c : backward_.carries) c.after = *next++;
    for (auto& w : wanted_) w.cotangent = *next++;
  }

  bool is_state(const Tensor& t) const { return rows_.contains(t) || carried_.contains(t); }

  // Iterative, since what is computed again may be deep.
  void need(const Tensor& first) {
    std::vector<Tensor> pending{first};
    while (!pending.empty()) {
      const Tensor t = pending.back();
      pending.pop_back();
      // What depends on invariants alone is there; a row of a sequence is read again.
      if (cotangents_.contains(&t.node()) || !depends_.contains(&t.node()) || rows_.contains(t) ||
          !needed_.insert(t).second)
        continue;
      if (!carried_.contains(t) && (!forward_.keeps || is_cheap(t.node()))) {
        pending.insert(pending.end(), t.node().inputs().begin(), t.node().inputs().end());
        continue;
      }
      kept_.emplace(t, Loop::placeholder("kept" + std::to_string(order_.size()), t.type()));
      order_.push_back(t);
    }
  }

  Loop::Results build() {
    Loop kept = forward_;
    for (const Tensor& t : order_) kept.stacked.push_back({t, false});
    if (kept.stop >= 0)
      kept.stacked.push_back({logical_not(kept.carries[static_cast<std::size_t>(kept.stop)].before), false});
    const bool more = kept.stacked.size() > forward_.stacked.size();
    const std::vector<Tensor> stacked = more ? kept.build().stacked : std::vector<Tensor>();
    if (kept.stop >= 0)
      bound(sum(stacked.back(), {0}));
    else if (kept.bounds)
      bound(kept.bounds->first, kept.bounds->last);
    for (std::size_t i = 0; i < order_.size(); ++i)
      backward_.sequences.push_back(
          {last_steps(stacked[forward_.stacked.size() + i], false), kept_.at(order_[i]), true});
    for (const auto& s : forward_.sequences)
      backward_.sequences.push_back({last_steps(s.rows, s.backwards), s.row, !s.backwards});
    backward_.invariants = forward_.invariants;
    for (Wanted& w : wanted_) {
      if (is_row(w)) {
        w.place = backward_.stacked.size();
        backward_.stacked.push_back({w.cotangent, !forward_.sequences[w.operand].backwards});
        continue;
      }
      // Of many steps: a sum is not stored in 16 bits before it is whole.
      const Tensor term = cast(w.cotangent, computed_as(w.cotangent.dtype()));
      if (adds_up()) {
        const Tensor before = Loop::placeholder("sum", term.type());
        w.place = backward_.carries.size();
        backward_.carries.push_back({zeros_like(term), before, before + term});
      } else {
        w.place = backward_.stacked.size();
        backward_.stacked.push_back({term, true});
      }
    }
    return backward_.build();
  }

  // The steps of the reverse scan, for those that the forward scan ran: from `first` to before `last`, or the first
  // `count` from its bound on. Step t of the one is step trips - 1 - t of the other.
  void bound(const Tensor& first, const Tensor& last) {
    const Tensor trips = extent(forward_.trips);
    backward_.bounds = {trips - last, trips - first};
  }
  void bound(const Tensor& count) {
    const Tensor zero = zeros(DType::i64, {});
    const Tensor first = forward_.bounds ? maximum(forward_.bounds->first, zero) : zero;
    bound(first, first + count);
  }

  std::vector<Tensor> cotangents(const Loop::Results& results) const {
    std::vector<Tensor> out(v_.node.inputs().size());
    for (const auto& [operand, carry] : carry_of_) out[operand] = of_initial(results.last[carry]);
    for (const Wanted& w : wanted_) {
      if (is_row(w)) {
        out[w.operand] = among_zeros(results.stacked[w.place], forward_.sequences[w.operand].backwards);
        continue;
      }
      const Tensor total = adds_up() ? results.last[w.place] : sum(results.stacked[w.place], {0});
      out[w.operand] = cast(total, v_.in(static_cast<int>(w.operand)).dtype());
    }
    return out;
  }

  // Where a step is left out, the initial carries have no cotangent.
  Tensor of_initial(const Tensor& dy) const {
    if (!forward_.truncated) return dy;
    return where(less_equal(extent(forward_.trips), extent(*forward_.truncated)), dy, zeros_like(dy));
  }

  const Vjp& v_;
  Loop forward_, backward_;
  std::unordered_map<std::size_t, std::size_t> carry_of_;  // backward_'s, by operand of the node
  std::vector<Wanted> wanted_;
  std::unordered_set<const Node*> cotangents_, depends_;  // nodes of the backward step; of the forward step's state
  std::unordered_set<Tensor, TensorHash> rows_, carried_, needed_;
  TensorMap<Tensor> kept_;
  std::vector<Tensor> order_;  // what is kept
};

}  // namespace

std::vector<Tensor> scan_vjp(const Vjp& v) { return Reverse(v).run(); }

KeptBytes kept_bytes(const Loop& loop) {
  const std::vector<Tensor> outputs = loop.build().all();
  std::vector<Tensor> dys;
  for (const Tensor& t : outputs) dys.push_back(is_floating(t.dtype()) ? zeros_like(t) : Tensor());
  const auto bytes = [](const TensorType& t) {
    return product(t.shape) * Dim(static_cast<std::int64_t>(size_of(t.dtype)));
  };
  KeptBytes kept;
  for (const Tensor& t : Reverse({outputs[0].node(), dys}).kept_values()) kept.values = kept.values + bytes(t.type());
  for (const Loop::Carry& c : loop.carries) kept.carries = kept.carries + bytes(c.init.type());
  return kept;
}

}  // namespace bitale::loops

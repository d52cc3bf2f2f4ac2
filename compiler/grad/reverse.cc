#include <algorithm>
#include <string>
#include <unordered_set>

#include "compiler/grad/grad.h"
#include "compiler/grad/prepare.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

using TensorSet = std::unordered_set<Tensor, TensorHash>;

// One reverse sweep. A node takes part if it lies between the roots and wrt.
class Reverse {
 public:
  Reverse(std::span<const Tensor> roots, std::span<const Tensor> wrt, std::span<const Tensor> constants,
          Disconnected disconnected, SourceLine line)
      : wrt_(wrt), disconnected_(disconnected), line_(line), constants_(constants.begin(), constants.end()) {
    order_ = topological(roots);
    mark_reached(roots);
    mark_leading_to_wrt();
  }

  void start(const Tensor& at, const Tensor& cotangent) { accumulate(at, cotangent); }
  void fix(const Tensor& at, const Tensor& cotangent) {
    fixed_.insert(at);
    cotangents_[at] = cotangent;
  }

  std::vector<Tensor> run() {
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (passes_.contains(it->get())) sweep(**it);
    std::vector<Tensor> result;
    for (const Tensor& x : wrt_) result.push_back(result_for(x));
    return result;
  }

 private:
  // Every tensor that a path from the roots reaches.
  void mark_reached(std::span<const Tensor> roots) {
    std::unordered_set<const Node*> nodes;
    auto reach = [&](const Tensor& t) {
      reached_.insert(t);
      if (!constants_.contains(t)) nodes.insert(&t.node());
    };
    for (const Tensor& t : roots) reach(t);
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      if (nodes.contains(it->get()))
        for (const Tensor& t : (*it)->inputs()) reach(t);
  }

  // passes_: the nodes that cotangents flow through.
  void mark_leading_to_wrt() {
    std::unordered_set<const Node*> made;  // nodes with an output in wrt
    for (const Tensor& x : wrt_) made.insert(&x.node());
    for (const NodePtr& node : order_)
      for (const Tensor& t : node->inputs())
        if (is_floating(t.dtype()) && wanted(t, made)) {
          passes_.insert(node.get());
          break;
        }
  }
  bool wanted(const Tensor& t, const std::unordered_set<const Node*>& made) const {
    return made.contains(&t.node()) || (passes_.contains(&t.node()) && !constants_.contains(t));
  }

  void accumulate(const Tensor& at, const Tensor& cotangent) {
    if (fixed_.contains(at)) return;
    Tensor& sum = cotangents_[at];
    sum = sum ? add(sum, cotangent) : cotangent;
  }

  void sweep(const Node& node) {
    std::vector<Tensor> dys;
    bool any = false;
    for (std::size_t i = 0; i < node.outputs().size(); ++i) {
      const Tensor out(NodePtr(&node), static_cast<int>(i));
      const auto it = cotangents_.find(out);
      const bool flows = it != cotangents_.end() && !constants_.contains(out);
      dys.push_back(flows ? it->second : Tensor());
      any = any || flows;
    }
    if (!any) return;
    const OriginScope origins(node);
    if (!node.op().vjp)
      throw Error("grad" + at_line(line_) + ": " + describe(node) + " has no derivative: its op declares no vjp rule");
    const std::vector<Tensor> dxs = node.op().vjp(Vjp{node, dys});
    if (dxs.size() != node.inputs().size())
      throw InternalError("vjp rule of " + describe(node) + ": returned " + std::to_string(dxs.size()) +
                          " cotangents for " + std::to_string(node.inputs().size()) + " inputs");
    for (std::size_t i = 0; i < dxs.size(); ++i) {
      if (!dxs[i]) continue;
      const Tensor& x = node.inputs()[i];
      const std::string what = "cotangent " + std::to_string(i);
      if (!is_floating(x.dtype()))
        throw InternalError(what + " of " + describe(node) + ": given to an input of " + to_string(x.type()));
      accumulate(x, conform(dxs[i], x.type(), what, node));
    }
  }

  Tensor result_for(const Tensor& x) {
    const auto it = cotangents_.find(x);
    if (it != cotangents_.end()) return it->second;
    if (!reached_.contains(x) && disconnected_ == Disconnected::error)
      throw Error("grad" + at_line(line_) + ": the cost does not depend on " + ir::describe(x) +
                  "; ask for zeros where that is meant (Disconnected::zero)");
    return zeros_like(x);
  }

  std::span<const Tensor> wrt_;
  Disconnected disconnected_;
  SourceLine line_;
  TensorSet constants_, reached_, fixed_;
  std::vector<NodePtr> order_;
  std::unordered_set<const Node*> passes_;
  TensorMap<Tensor> cotangents_;
};

void check_wrt(std::span<const Tensor> wrt, SourceLine line) {
  for (const Tensor& x : wrt) {
    if (!x) throw Error("grad" + at_line(line) + ": a tensor to differentiate by is empty");
    if (!is_floating(x.dtype()))
      throw Error("grad" + at_line(line) + ": can only differentiate by floats, not by " + ir::describe(x));
  }
}

Tensor checked_cotangent(const Tensor& of, const Tensor& dy, SourceLine line) {
  if (!compatible(dy.type(), of.type()))
    throw Error("vjp" + at_line(line) + ": the cotangent " + ir::describe(dy) + " does not have the type of " +
                ir::describe(of));
  return conform(dy, of.type(), "cotangent", of.node());
}

}  // namespace

std::vector<Tensor> vjp(std::span<const Tensor> outputs, std::span<const Tensor> dys, std::span<const Tensor> wrt,
                        const GradOptions& options, SourceLine line) {
  check_wrt(wrt, line);
  if (outputs.size() != dys.size())
    throw Error("vjp" + at_line(line) + ": " + std::to_string(dys.size()) + " cotangents for " +
                std::to_string(outputs.size()) + " outputs");
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (!outputs[i]) throw Error("vjp" + at_line(line) + ": an output is empty");
  for (const auto& [tensor, cotangent] : options.known_grads)
    if (!tensor || !cotangent) throw Error("vjp" + at_line(line) + ": known_grads has an empty tensor or cotangent");

  const LineScope origins(line);
  std::vector<Tensor> targets(wrt.begin(), wrt.end());
  targets.insert(targets.end(), options.consider_constant.begin(), options.consider_constant.end());
  for (const auto& [tensor, cotangent] : options.known_grads) targets.push_back(tensor);
  const Prepared p = prepare(outputs, targets);
  const std::span<const Tensor> stable(p.targets);
  const auto constants = stable.subspan(wrt.size(), options.consider_constant.size()),
             known = stable.subspan(wrt.size() + constants.size());

  std::vector<Tensor> roots = p.outputs;
  roots.insert(roots.end(), known.begin(), known.end());
  Reverse reverse(roots, stable.first(wrt.size()), constants, options.disconnected, line);
  for (std::size_t i = 0; i < known.size(); ++i)
    reverse.fix(known[i], checked_cotangent(known[i], options.known_grads[i].second, line));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (dys[i]) reverse.start(p.outputs[i], checked_cotangent(p.outputs[i], dys[i], line));
  return finish(p, reverse.run());
}

std::vector<Tensor> grad(const Tensor& cost, std::span<const Tensor> wrt, const GradOptions& options, SourceLine line) {
  if (!cost) {
    if (options.known_grads.empty())
      throw Error("grad" + at_line(line) + ": neither a cost nor known_grads to start from");
    return vjp({}, {}, wrt, options, line);
  }
  if (!is_floating(cost.dtype()))
    throw Error("grad" + at_line(line) + ": the cost must be a float, not " + ir::describe(cost));
  if (cost.rank() != 0)
    throw Error("grad" + at_line(line) + ": the cost must be a scalar (sum or mean it), not " + ir::describe(cost));
  const Tensor one = full(Literal::real(1, cost.dtype()), {}, line);
  return vjp({&cost, 1}, {&one, 1}, wrt, options, line);
}

}  // namespace bitale::ad

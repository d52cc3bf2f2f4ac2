#include <string>

#include "compiler/grad/grad.h"
#include "compiler/grad/prepare.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

// Tangents by tensor; one that is missing is zero.
class Forward {
 public:
  explicit Forward(SourceLine line) : line_(line) {}

  void start(const Tensor& x, const Tensor& dx) {
    given_[x] = true;
    if (dx) tangents_[x] = dx;
  }

  void sweep(const Node& node) {
    std::vector<Tensor> dxs;
    bool any = false;
    for (const Tensor& x : node.inputs()) {
      const auto it = tangents_.find(x);
      dxs.push_back(it == tangents_.end() ? Tensor() : it->second);
      any = any || dxs.back();
    }
    if (!any) return;
    bool wanted = false;
    for (std::size_t i = 0; i < node.outputs().size(); ++i)
      wanted = wanted ||
               (is_floating(node.outputs()[i].dtype) && !given_.contains(Tensor(NodePtr(&node), static_cast<int>(i))));
    if (!wanted) return;

    const OriginScope origins(node);
    if (!node.op().jvp)
      throw Error("jvp" + at_line(line_) + ": " + describe(node) +
                  " has no forward derivative: its op declares no jvp rule");
    const std::vector<Tensor> dys = node.op().jvp(Jvp{node, dxs});
    if (dys.size() != node.outputs().size())
      throw InternalError("jvp rule of " + describe(node) + ": returned " + std::to_string(dys.size()) +
                          " tangents for " + std::to_string(node.outputs().size()) + " outputs");
    for (std::size_t i = 0; i < dys.size(); ++i) {
      const Tensor out(NodePtr(&node), static_cast<int>(i));
      if (!dys[i] || given_.contains(out)) continue;
      const std::string what = "tangent " + std::to_string(i);
      if (!is_floating(out.dtype()))
        throw InternalError(what + " of " + describe(node) + ": given to an output of " + to_string(out.type()));
      tangents_[out] = conform(dys[i], out.type(), what, node);
    }
  }

  Tensor result_for(const Tensor& y) const {
    const auto it = tangents_.find(y);
    return it == tangents_.end() ? zeros_like(y) : it->second;
  }

 private:
  SourceLine line_;
  TensorMap<bool> given_;
  TensorMap<Tensor> tangents_;
};

}  // namespace

std::vector<Tensor> jvp(std::span<const Tensor> outputs, std::span<const Tensor> inputs, std::span<const Tensor> dxs,
                        SourceLine line) {
  if (inputs.size() != dxs.size())
    throw Error("jvp" + at_line(line) + ": " + std::to_string(dxs.size()) + " tangents for " +
                std::to_string(inputs.size()) + " inputs");
  const LineScope origins(line);
  const Prepared p = prepare(outputs, inputs);
  Forward forward(line);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!is_floating(inputs[i].dtype()))
      throw Error("jvp" + at_line(line) + ": can only differentiate by floats, not by " + ir::describe(inputs[i]));
    if (dxs[i] && !compatible(dxs[i].type(), inputs[i].type()))
      throw Error("jvp" + at_line(line) + ": the tangent " + ir::describe(dxs[i]) + " does not have the type of " +
                  ir::describe(inputs[i]));
    forward.start(p.targets[i], dxs[i] ? conform(dxs[i], inputs[i].type(), "tangent", inputs[i].node()) : Tensor());
  }
  for (const NodePtr& node : topological(p.outputs)) forward.sweep(*node);
  std::vector<Tensor> result;
  for (const Tensor& y : p.outputs) result.push_back(forward.result_for(y));
  return finish(p, std::move(result));
}

}  // namespace bitale::ad

#include <string>

#include "compiler/grad/grad.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

Shape with_axis(const Dim& size, const Shape& shape) {
  Shape s{size};
  s.insert(s.end(), shape.begin(), shape.end());
  return s;
}

// Maps tensors of the graph to their values under the new axis.
class Batching {
 public:
  Batching(const Dim& size, SourceLine line) : size_(size), line_(line) {}

  void start(const Tensor& x, const Tensor& value, bool batched) { mapped_[x] = {value, batched}; }

  void sweep(const NodePtr& node) {
    std::vector<Tensor> inputs;
    std::vector<bool> batched;
    bool any = false, changed = false;
    for (const Tensor& x : node->inputs()) {
      const Mapped m = of(x);
      inputs.push_back(m.value);
      batched.push_back(m.batched);
      any = any || m.batched;
      changed = changed || !(m.value == x);
    }
    if (!changed) return;
    std::vector<Tensor> outputs;
    if (any) {
      outputs = batch(*node, inputs, batched);
    } else {
      const NodePtr same = with_inputs(node, std::move(inputs), node->params());
      for (std::size_t i = 0; i < same->outputs().size(); ++i) outputs.emplace_back(same, static_cast<int>(i));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i)
      mapped_.try_emplace(Tensor(node, static_cast<int>(i)), Mapped{outputs[i], any});
  }

  Tensor result_for(const Tensor& y) const {
    const Mapped m = of(y);
    return m.batched ? m.value : broadcast_to(m.value, with_axis(size_, m.value.shape()));
  }

 private:
  struct Mapped {
    Tensor value;
    bool batched = false;
  };

  Mapped of(const Tensor& t) const {
    const auto it = mapped_.find(t);
    return it == mapped_.end() ? Mapped{t, false} : it->second;
  }

  std::vector<Tensor> batch(const Node& node, const std::vector<Tensor>& inputs, const std::vector<bool>& batched) {
    const OriginScope origins(node);
    if (!node.op().batch)
      throw Error("vmap" + at_line(line_) + ": " + describe(node) +
                  " cannot be batched: its op declares no batching rule");
    std::vector<Tensor> outputs = node.op().batch(Batch{node, inputs, batched, size_});
    if (outputs.size() != node.outputs().size())
      throw InternalError("batching rule of " + describe(node) + ": returned " + std::to_string(outputs.size()) +
                          " of " + std::to_string(node.outputs().size()) + " outputs");
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const TensorType& plain = node.outputs()[i];
      outputs[i] = conform(outputs[i], {plain.dtype, with_axis(size_, plain.shape)},
                           "batched output " + std::to_string(i), node);
    }
    return outputs;
  }

  Dim size_;
  SourceLine line_;
  TensorMap<Mapped> mapped_;
};

}  // namespace

std::vector<Tensor> vmap(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         std::span<const Tensor> values, const std::vector<bool>& batched, const Dim& size,
                         SourceLine line) {
  if (inputs.size() != values.size() || inputs.size() != batched.size())
    throw Error("vmap" + at_line(line) + ": " + std::to_string(inputs.size()) + " inputs, " +
                std::to_string(values.size()) + " values and " + std::to_string(batched.size()) + " marks");
  const LineScope origins(line);
  Batching batching(size, line);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    TensorType type = inputs[i].type();
    if (batched[i]) type.shape = with_axis(size, type.shape);
    if (!compatible(values[i].type(), type))
      throw Error("vmap" + at_line(line) + ": " + ir::describe(values[i]) + " cannot stand for " +
                  ir::describe(inputs[i]) + ": expected " + to_string(type));
    batching.start(inputs[i], conform(values[i], type, "value", inputs[i].node()), batched[i]);
  }
  for (const NodePtr& node : topological(outputs)) batching.sweep(node);
  std::vector<Tensor> result;
  for (const Tensor& y : outputs) result.push_back(batching.result_for(y));
  return result;
}

}  // namespace bitale::ad

#include "compiler/passes/constant_fold.h"

#include <algorithm>

#include "compiler/eval/eval.h"
#include "compiler/passes/building.h"
#include "runtime/base/error.h"

namespace bitale::passes {

using namespace ir;

namespace {

constexpr std::int64_t max_bytes = 64 * 1024;

std::vector<Array> run(const Node& node, std::span<const Array> inputs) {
  return eval::evaluate_node(node, inputs, [](const DimSymbol& s) -> std::int64_t {
    throw InternalError("constant_fold: the extent " + s.name + " has no value");
  });
}

Array scalar_array(const Literal& v) {
  if (is_only_stored(v.dtype)) return Array::scalar(static_cast<float>(v.as_double())).cast(v.dtype);
  Array a(v.dtype, {});
  dispatch(v.dtype, [&](auto t) {
    using T = typename decltype(t)::type;
    if constexpr (std::is_floating_point_v<T>)
      a.view<T>()[0] = static_cast<T>(v.as_double());
    else
      a.view<T>()[0] = static_cast<T>(v.as_integer());
  });
  return a;
}

// An elementwise op of splats: its value at one element, under its shape.
std::vector<Tensor> fold_splats(const Node& node, const std::vector<Tensor>& inputs) {
  if (!(node.op().scalar || node.op().name == "cast") || inputs.empty() || node.outputs().size() != 1) return {};
  std::vector<Tensor> scalars;
  std::vector<Array> values;
  for (const Tensor& t : inputs) {
    const auto v = splat_value(t);
    if (!v) return {};
    scalars.push_back(full(*v, {}));
    values.push_back(scalar_array(*v));
  }
  const Tensor one = apply1(node.op(), node.params(), scalars);
  const auto v = splat_value(constant(run(one.node(), values)[0]));
  return {full(*v, node.type().shape)};
}

std::int64_t bytes_of(const TensorType& type) {
  std::int64_t n = static_cast<std::int64_t>(size_of(type.dtype));
  for (const Dim& d : type.shape) {
    if (!d.is_constant() || d.value() > max_bytes) return max_bytes + 1;
    n = std::min(n * d.value(), max_bytes + 1);
  }
  return n;
}

std::optional<Array> value_of(const Tensor& t) {
  if (t.node().op().name == "constant") return t.node().params_as<ConstantParams>().value.array;
  if (!is_op(t, "full")) return std::nullopt;
  return run(t.node(), {})[0];
}

std::vector<Tensor> fold_arrays(const Node& node, const std::vector<Tensor>& inputs) {
  if (inputs.empty() || node.op().leaf != Leaf::none) return {};
  std::int64_t in = 0, out = 0;
  for (const Tensor& t : inputs) {
    if (t.node().op().leaf != Leaf::constant && !is_op(t, "full")) return {};
    in += bytes_of(t.type());
  }
  for (const TensorType& t : node.outputs()) out += bytes_of(t);
  if (in > max_bytes || out > std::max<std::int64_t>(in, 16)) return {};
  bool constant_parameters = true;
  if (node.params())
    for_each_dim(*node.params(), [&](const Dim& d) { constant_parameters = constant_parameters && d.is_constant(); });
  if (!constant_parameters) return {};
  std::vector<Array> values;
  for (const Tensor& t : inputs) values.push_back(*value_of(t));
  std::vector<Tensor> outputs;
  const NodePtr made = apply(node.op(), node.params(), inputs)[0].node_ptr();
  try {
    for (const Array& a : run(*made, values)) outputs.push_back(constant(a));
  } catch (const Error&) {
    return {};  // a data error: the call reports it, if it gets there
  }
  return outputs;
}

}  // namespace

Graph constant_fold(const Graph& graph, rewrite::PassContext&) {
  const Rebuild fold = [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    const OriginScope origins(*node);
    std::vector<Tensor> folded = fold_splats(*node, inputs);
    if (folded.empty()) folded = fold_arrays(*node, inputs);
    return folded;
  };
  return {graph.inputs, rebuild(graph.outputs, fold)};
}

}  // namespace bitale::passes

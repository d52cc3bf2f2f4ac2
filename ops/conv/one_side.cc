#include "ops/conv/one_side.h"

#include "compiler/ir/graph.h"
#include "runtime/library/im2col.h"

namespace bitale::ops {

using namespace ir;
using library::Im2colSide;

namespace {

const OpDef& conv_of_side(std::int64_t side) {
  switch (static_cast<Im2colSide>(side)) {
    case Im2colSide::image:
      return conv_backward_data_op;
    case Im2colSide::filters:
      return conv_backward_filters_op;
    case Im2colSide::result:
      break;
  }
  return conv_op;
}

}  // namespace

Tensor convolution_of(const Node& node) {
  const auto& p = node.params_as<OneSideParams>();
  return apply1(conv_of_side(p.side), make_params(p.conv), node.inputs());
}

TensorType one_side_type(const TypeArgs& args) {
  const auto& p = args.params_as<OneSideParams>();
  args.require(p.side >= 0 && p.side <= 2, "there is no side " + std::to_string(p.side));
  args.require(p.conv.axes() == 2, "there must be two spatial axes");
  args.require_count(2);
  const Tensor inputs[] = {args.input(0), args.input(1)};
  const TypeArgs conv(conv_of_side(p.side), make_params(p.conv), inputs, {});
  const auto types = conv_of_side(p.side).type(conv);
  for (const DimEquality& e : conv.equalities()) args.unify(e.a, e.b, "extents that are used together differ");
  return types[0];
}

ConvCall one_side_call(const TypeArgs& args) {
  const auto& p = args.params_as<OneSideParams>();
  return conv_call(apply1(conv_of_side(p.side), make_params(p.conv), {args.input(0), args.input(1)}).node());
}

std::vector<Dim> one_side_extents(const Node& node) {
  const ConvCall c = conv_call(convolution_of(node).node());
  const Shape &x = c.image_shape, &w = c.filters_shape, &y = c.result_shape;
  return {x[0], c.params.groups, w[1], c.filters_per_group(), x[2], x[3], w[2], w[3], y[2], y[3]};
}

std::vector<std::int64_t> one_side_integers(const Node& node) {
  const auto& p = node.params_as<OneSideParams>();
  return {static_cast<std::int64_t>(node.type().dtype),
          p.side,
          p.conv.flip,
          p.conv.stride[0],
          p.conv.stride[1],
          p.conv.dilation[0],
          p.conv.dilation[1]};
}

Dim one_side_flops(const Node& node) {
  const ConvCall c = conv_call(convolution_of(node).node());
  Dim flops = c.image_shape[0] * c.filters_shape[0] * c.filters_shape[1] * 2;
  for (std::size_t axis = 2; axis < 4; ++axis) flops = flops * c.filters_shape[axis] * c.result_shape[axis];
  return flops;
}

std::vector<Tensor> apply_one_side(const OpDef& op, const ConvCall& c) {
  ConvParams p = c.params;
  p.algorithm = to_string(ConvAlgorithm::automatic);
  const auto apply = [&](Im2colSide side, const Tensor& a, const Tensor& b) {
    return ir::apply(op, make_params(OneSideParams{p, static_cast<std::int64_t>(side)}), {a, b});
  };
  switch (c.computed) {
    case ConvRole::image:
      return apply(Im2colSide::image, c.filters, c.result);
    case ConvRole::filters:
      return apply(Im2colSide::filters, c.image, c.result);
    case ConvRole::result:
      break;
  }
  return apply(Im2colSide::result, c.image, c.filters);
}

std::vector<Sample> one_side_samples(Tensor (*compute)(const ConvCall&), double tolerance) {
  std::vector<Sample> out;
  for (const OpDef* op : {&conv_op, &conv_backward_data_op, &conv_backward_filters_op})
    for (Sample s : op->samples()) {
      if (s.inputs[0].shape.size() != 4) continue;
      s.name = op->name + ", " + s.name;
      s.tolerance = tolerance;
      s.build = [op, compute, build = s.build](std::span<const Tensor> in) {
        const std::vector<Tensor> built = build(in);
        TensorMap<Tensor> replaced;
        for (const NodePtr& n : topological(built))
          if (&n->op() == op) replaced.emplace(Tensor(n, 0), compute(conv_call(*n)));
        return substitute(built, replaced);
      };
      out.push_back(std::move(s));
    }
  return out;
}

std::string why_not_two_axes(const ConvCall& c) { return c.params.axes() == 2 ? "" : "it is for two spatial axes"; }

}  // namespace bitale::ops

#include "ops/conv/one_side.h"

#include "compiler/ir/graph.h"
#include "runtime/library/im2col.h"

namespace bitale::ops {

using namespace ir;
using library::Im2colSide;

namespace {

const OpDef& op_of_side(std::int64_t side) {
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

Tensor conv_of_side(std::int64_t side, const ConvParams& params, const Tensor& a, const Tensor& b) {
  return apply1(op_of_side(side), make_params(params), {a, b});
}

TensorType type_of_side(const TypeArgs& args, std::int64_t side, const ConvParams& params, const Tensor& a,
                        const Tensor& b) {
  args.require(side >= 0 && side <= 2, "there is no side " + std::to_string(side));
  args.require(params.axes() == 2, "there must be two spatial axes");
  const Tensor inputs[] = {a, b};
  const TypeArgs conv(op_of_side(side), make_params(params), inputs, {});
  const auto types = op_of_side(side).type(conv);
  for (const DimEquality& e : conv.equalities()) args.unify(e.a, e.b, "extents that are used together differ");
  return types[0];
}

std::int64_t side_of(const ConvCall& c) {
  const Im2colSide side = c.computed == ConvRole::image     ? Im2colSide::image
                          : c.computed == ConvRole::filters ? Im2colSide::filters
                                                            : Im2colSide::result;
  return static_cast<std::int64_t>(side);
}

std::array<Tensor, 2> operands_of(const ConvCall& c) {
  switch (c.computed) {
    case ConvRole::image:
      return {c.filters, c.result};
    case ConvRole::filters:
      return {c.image, c.result};
    case ConvRole::result:
      break;
  }
  return {c.image, c.filters};
}

std::vector<Dim> one_side_extents(const ConvCall& c) {
  const Shape &x = c.image_shape, &w = c.filters_shape, &y = c.result_shape;
  return {x[0], c.params.groups, w[1], c.filters_per_group(), x[2], x[3], w[2], w[3], y[2], y[3]};
}

std::vector<std::int64_t> one_side_integers(const ConvCall& c) {
  const ConvParams& p = c.params;
  return {
      static_cast<std::int64_t>(c.dtype), side_of(c), p.flip, p.stride[0], p.stride[1], p.dilation[0], p.dilation[1]};
}

Dim one_side_flops(const ConvCall& c) {
  Dim flops = c.image_shape[0] * c.filters_shape[0] * c.filters_shape[1] * 2;
  for (std::size_t axis = 2; axis < 4; ++axis) flops = flops * c.filters_shape[axis] * c.result_shape[axis];
  return flops;
}

std::vector<Sample> one_side_samples(const ComputeSide& compute, double tolerance) {
  std::vector<Sample> out;
  for (const OpDef* op : {&conv_op, &conv_backward_data_op, &conv_backward_filters_op})
    for (Sample s : op->samples()) {
      if (s.inputs[0].shape.size() != 4) continue;
      s.name = op->name + ", " + s.name;
      s.tolerance = tolerance;
      s.build = [op, compute, build = s.build](std::span<const Tensor> in) {
        const std::vector<Tensor> built = build(in);
        TensorMap<Tensor> replaced;
        for (const NodePtr& n : topological(built)) {
          const bool sliced = n->op().name == "slice" && &n->input(0).node().op() == op;
          if (sliced)
            replaced.emplace(Tensor(n, 0), compute(conv_call(n->input(0).node()), &n->params_as<SliceParams>()));
          else if (&n->op() == op)
            replaced.emplace(Tensor(n, 0), compute(conv_call(*n), nullptr));
        }
        return substitute(built, replaced);
      };
      out.push_back(std::move(s));
    }
  return out;
}

std::string why_not_two_axes(const ConvCall& c) { return c.params.axes() == 2 ? "" : "it is for two spatial axes"; }

}  // namespace bitale::ops

#include <algorithm>
#include <optional>

#include "ops/api/checks.h"
#include "ops/conv/algorithm.h"
#include "ops/conv/conv.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using ir::ContractionDef;
using ir::TypeArgs;

Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

Shape with_spatial(Shape lead, const Shape& extents) {
  lead.insert(lead.end(), extents.begin(), extents.end());
  return lead;
}

void check_conv_operands(const TypeArgs& args, const ConvParams& params, bool extents) {
  args.require_count(2);
  const std::size_t axes = params.axes();
  args.require(axes >= 1 && params.dilation.size() == axes, "there must be as many dilations as strides, at least one");
  for (int i = 0; i < 2; ++i) {
    require_float(args, i);
    require_rank(args, i, static_cast<int>(axes) + 2);
  }
  args.require(args.type(0).dtype == args.type(1).dtype, "operands must have one dtype");
  for (std::size_t k = 0; k < axes; ++k) {
    args.require(params.stride[k] >= 1, "strides must be at least 1");
    args.require(params.dilation[k] >= 1, "dilations must be at least 1");
  }
  args.require(!params.groups.is_constant() || params.groups.value() >= 1, "there must be at least one group");
  args.require(params.extents.size() == (extents ? axes : 0), "wrong number of extents");
  args.require(algorithm_of(params.algorithm).has_value(),
               "there is no algorithm '" + params.algorithm + "'; there are: " + algorithm_names());
}

Shape window_positions(const TypeArgs& args, const ConvParams& p, const Shape& image, const Shape& taps) {
  Shape out;
  for (std::size_t k = 0; k < p.axes(); ++k) {
    require_at_least(args, taps[k], 1, "the window is empty");
    const Dim reach = window_reach(taps[k], p.dilation[k]);
    require_at_least(args, image[k], reach, "the window is larger than the (padded) input");
    out.push_back(floordiv(image[k] - reach, p.stride[k]) + 1);
  }
  return out;
}

void unify_positions(const TypeArgs& args, const Shape& result, const Shape& positions) {
  for (std::size_t k = 0; k < positions.size(); ++k)
    args.unify(result[2 + k], positions[k], "the cotangent's extents must be those of the convolution's result");
}

ConvSpace conv_space(const ConvParams& p, const Shape& filters, const Shape& result) {
  using Axis = ContractionDef::Axis;
  const int axes = static_cast<int>(p.axes());
  const int g = 0, f = 1, c = 2, tap = 3, n = tap + axes, position = n + 1;  // of the first spatial axis
  const Dim Fg = exact_quotient(result[1], p.groups).value_or(floordiv(result[1], p.groups));
  const Dim& Cg = filters[1];
  const auto axis = [](int dim) { return Axis{0, {{dim, 1}}}; };
  const auto grouped = [&](const Dim& size, int dim) { return Axis{0, {{g, size}, {dim, 1}}}; };
  ConvSpace s;
  s.image = {axis(n), grouped(Cg, c)};
  s.filters = {grouped(Fg, f), axis(c)};
  s.result = {axis(n), grouped(Fg, f)};
  for (std::size_t k = 0; k < p.axes(); ++k) {
    const int at = position + static_cast<int>(k), t = tap + static_cast<int>(k);
    s.image.push_back({0, {{at, p.stride[k]}, {t, p.dilation[k]}}});
    s.filters.push_back(p.flip ? Axis{filters[2 + k] - 1, {{t, -1}}} : axis(t));
    s.result.push_back(axis(at));
  }
  s.extents = with_spatial({p.groups, Fg, Cg}, spatial(filters));
  s.extents.push_back(result[0]);
  s.extents = with_spatial(s.extents, spatial(result));
  return s;
}

// ---- batching ----

namespace {

// How a tensor takes in a leading axis B: axis `axis`, seen as [parts, rest], becomes [parts, B, rest].
struct Fold {
  std::size_t axis;
  Dim parts;
};

// [B, d0, ...] -> [d0, ..., parts * B * rest, ...].
Tensor fold_in(const Tensor& t, const Fold& fold) {
  const Dim size = t.dim(0);
  Shape split, merged;
  std::vector<std::int64_t> order;
  for (std::size_t a = 0; a + 1 < t.shape().size(); ++a) {
    const Dim& d = t.shape()[a + 1];
    if (a == fold.axis) {
      const Dim rest = exact_quotient(d, fold.parts).value_or(floordiv(d, fold.parts));
      order.insert(order.end(),
                   {static_cast<std::int64_t>(split.size()) + 1, 0, static_cast<std::int64_t>(split.size()) + 2});
      split.insert(split.end(), {fold.parts, rest});
      merged.push_back(d * size);
    } else {
      order.push_back(static_cast<std::int64_t>(split.size()) + 1);
      split.push_back(d);
      merged.push_back(d);
    }
  }
  split.insert(split.begin(), size);
  return ir::reshape(ir::transpose(ir::reshape(t, split), order), merged);
}

// The inverse: [d0, ..., parts * B * rest, ...] -> [B, d0, ...]; `shape` is that of one member.
Tensor fold_out(const Tensor& t, const Fold& fold, const Dim& size, const Shape& shape) {
  Shape split;
  std::vector<std::int64_t> order{static_cast<std::int64_t>(fold.axis) + 1};
  for (std::size_t a = 0; a < shape.size(); ++a) {
    order.push_back(static_cast<std::int64_t>(split.size()));
    if (a == fold.axis) {
      const Dim rest = exact_quotient(shape[a], fold.parts).value_or(floordiv(shape[a], fold.parts));
      split.insert(split.end(), {fold.parts, size, rest});
      order.push_back(static_cast<std::int64_t>(split.size()) - 1);
    } else {
      split.push_back(shape[a]);
    }
  }
  Shape merged = shape;
  merged.insert(merged.begin(), size);
  return ir::reshape(ir::transpose(ir::reshape(t, split), order), merged);
}

// Where each role takes the axis in, if the tensor on side `without` (none: no tensor) does not have it.
Fold fold_of(ConvRole role, std::optional<ConvRole> without, const Dim& groups) {
  const bool filters = role == ConvRole::filters;
  if (!without) return {filters ? 0u : 1u, 1};  // groups
  switch (*without) {
    case ConvRole::filters:
      return {0, 1};  // images
    case ConvRole::image:
      return {filters ? 0u : 1u, groups};  // output channels
    case ConvRole::result:
      return {1, filters ? Dim(1) : groups};  // input channels
  }
  throw InternalError("fold_of: role out of range");
}

}  // namespace

std::vector<Tensor> batch_conv(const ir::Batch& v, ConvRole a, ConvRole b, ConvRole out) {
  if (v.size.is(0)) {
    Shape shape = v.node.type().shape;
    shape.insert(shape.begin(), 0);
    return {ir::zeros(v.node.type().dtype, shape)};
  }
  ConvParams p = v.node.params_as<ConvParams>();
  const Dim groups = p.groups;
  std::optional<ConvRole> without;
  if (!v.batched[0])
    without = a;
  else if (!v.batched[1])
    without = b;
  else
    p.groups = groups * v.size;
  const Tensor x = v.batched[0] ? fold_in(v.inputs[0], fold_of(a, without, groups)) : v.inputs[0];
  const Tensor y = v.batched[1] ? fold_in(v.inputs[1], fold_of(b, without, groups)) : v.inputs[1];
  const Tensor r = ir::apply1(v.node.op(), ir::make_params(p), {x, y});
  return {fold_out(r, fold_of(out, without, groups), v.size, v.node.type().shape)};
}

// ---- builders ----

ConvParams conv_params(const WindowOp& op, const ConvOptions& o) {
  return {op.per_axis("stride", o.stride, 1),
          op.per_axis("dilation", o.dilation, 1),
          o.groups,
          o.flip,
          {},
          to_string(o.algorithm)};
}

Shape conv_padding(const WindowOp& op, const ConvParams& p, const Padding& padding, const Shape& image,
                   const Shape& taps) {
  Shape reach;
  for (std::size_t k = 0; k < op.axes; ++k) reach.push_back(window_reach(taps[k], p.dilation[k]));
  return padding_of(op, padding, image, reach, p.stride);
}

Tensor pad_image(const Tensor& x, const Shape& padding, SourceLine line) {
  if (std::all_of(padding.begin(), padding.end(), [](const Dim& d) { return d.is(0); })) return x;
  Shape starts(x.shape().size(), 0), shape = x.shape();
  for (std::size_t k = 0; 2 * k < padding.size(); ++k) {
    starts[2 + k] = padding[2 * k];
    shape[2 + k] = shape[2 + k] + padding[2 * k] + padding[2 * k + 1];
  }
  return ir::pad(x, starts, shape, std::vector<std::int64_t>(shape.size(), 1), line);
}

}  // namespace bitale::ops

#include <optional>

#include "ops/api/checks.h"
#include "ops/conv/conv2d.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using ir::ContractionDef;
using ir::TypeArgs;

void check_conv2d_operands(const TypeArgs& args, const Conv2dParams& params, int extents) {
  args.require_count(2);
  for (int i = 0; i < 2; ++i) {
    require_float(args, i);
    require_rank(args, i, 4);
  }
  args.require(args.type(0).dtype == args.type(1).dtype, "operands must have one dtype");
  args.require(params.stride.size() == 2 && params.dilation.size() == 2, "stride and dilation must have two entries");
  for (std::size_t k = 0; k < 2; ++k) {
    args.require(params.stride[k] >= 1, "strides must be at least 1");
    args.require(params.dilation[k] >= 1, "dilations must be at least 1");
  }
  args.require(!params.groups.is_constant() || params.groups.value() >= 1, "there must be at least one group");
  args.require(static_cast<int>(params.extents.size()) == extents, "wrong number of extents");
}

Dim window_positions(const TypeArgs& args, const Dim& n, const Dim& k, std::int64_t stride, std::int64_t dilation) {
  require_at_least(args, k, 1, "the window is empty");
  const Dim reach = (k - 1) * dilation + 1;
  require_at_least(args, n, reach, "the window is larger than the (padded) input");
  return floordiv(n - reach, stride) + 1;
}

Conv2dSpace conv2d_space(const Conv2dParams& p, const Shape& filters, const Shape& result) {
  enum { g, f, c, i, j, n, y, x };
  const Dim Fg = exact_quotient(result[1], p.groups).value_or(floordiv(result[1], p.groups));
  const Dim &Cg = filters[1], &kh = filters[2], &kw = filters[3];
  const auto axis = [](int dim, Dim factor = 1) { return ContractionDef::Axis{0, {{dim, std::move(factor)}}}; };
  const auto grouped = [](const Dim& size, int dim) { return ContractionDef::Axis{0, {{g, size}, {dim, 1}}}; };
  const auto window = [&](std::size_t k, int position, int element) {
    return ContractionDef::Axis{0, {{position, p.stride[k]}, {element, p.dilation[k]}}};
  };
  const auto element = [&](int dim, const Dim& size) {
    return p.flip ? ContractionDef::Axis{size - 1, {{dim, -1}}} : axis(dim);
  };
  Conv2dSpace s;
  s.extents = {p.groups, Fg, Cg, kh, kw, result[0], result[2], result[3]};
  s.image = {axis(n), grouped(Cg, c), window(0, y, i), window(1, x, j)};
  s.filters = {grouped(Fg, f), axis(c), element(i, kh), element(j, kw)};
  s.result = {axis(n), grouped(Fg, f), axis(y), axis(x)};
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
Fold fold_of(Conv2dRole role, std::optional<Conv2dRole> without, const Dim& groups) {
  const bool filters = role == Conv2dRole::filters;
  if (!without) return {filters ? 0u : 1u, 1};  // groups
  switch (*without) {
    case Conv2dRole::filters:
      return {0, 1};  // images
    case Conv2dRole::image:
      return {filters ? 0u : 1u, groups};  // output channels
    case Conv2dRole::result:
      return {1, filters ? Dim(1) : groups};  // input channels
  }
  throw InternalError("fold_of: role out of range");
}

}  // namespace

std::vector<Tensor> batch_conv2d(const ir::Batch& v, Conv2dRole a, Conv2dRole b, Conv2dRole out) {
  if (v.size.is(0)) {
    Shape shape = v.node.type().shape;
    shape.insert(shape.begin(), 0);
    return {ir::zeros(v.node.type().dtype, shape)};
  }
  Conv2dParams p = v.node.params_as<Conv2dParams>();
  const Dim groups = p.groups;
  std::optional<Conv2dRole> without;
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

Conv2dParams conv2d_params(const char* op, const Conv2dOptions& options, SourceLine line) {
  for (std::int64_t p : options.padding)
    if (p < 0)
      throw Error(std::string(op) + ": padding must not be negative (slice the input instead)" +
                  (line ? ", at " + to_string(line) : ""));
  return {{options.stride.begin(), options.stride.end()},
          {options.dilation.begin(), options.dilation.end()},
          options.groups,
          options.flip,
          {}};
}

Tensor pad_image(const Tensor& x, const Conv2dOptions& options, SourceLine line) {
  const auto [top, bottom, left, right] = options.padding;
  if (x.rank() != 4 || (top == 0 && bottom == 0 && left == 0 && right == 0))
    return x;  // the type rule reports a wrong rank
  return ir::pad(x, {0, 0, top, left}, {x.dim(0), x.dim(1), x.dim(2) + (top + bottom), x.dim(3) + (left + right)},
                 {1, 1, 1, 1}, line);
}

// ---- samples ----

Extents Conv2dCase::result() const {
  const auto positions = [&](std::int64_t size, std::int64_t k, std::size_t axis) {
    const std::int64_t padded = size + options.padding[2 * axis] + options.padding[2 * axis + 1];
    return (padded - (k - 1) * options.dilation[axis] - 1) / options.stride[axis] + 1;
  };
  return {n, f, positions(h, kh, 0), positions(w, kw, 1)};
}

std::vector<Conv2dCase> conv2d_cases() {
  return {
      {"plain", 2, 3, 11, 12, 5, 4, 6, {}},  // all extents differ, the result's too
      {"pointwise", 2, 3, 3, 5, 4, 1, 1, {}},
      {"stride", 1, 2, 7, 8, 3, 3, 2, {.stride = {2, 3}}},
      {"stride beyond the window", 1, 1, 7, 7, 2, 2, 1, {.stride = {3, 2}}},
      {"stride that tiles", 1, 2, 6, 4, 3, 3, 2, {.stride = {3, 2}}},
      {"dilation", 1, 2, 8, 7, 2, 3, 2, {.dilation = {2, 3}}},
      {"groups", 1, 4, 4, 5, 6, 2, 3, {.groups = 2}},
      {"depthwise", 2, 3, 4, 4, 3, 3, 3, {.padding = {1, 1, 1, 1}, .groups = 3}},
      {"everything",
       2,
       4,
       9,
       8,
       6,
       3,
       2,
       {.stride = {2, 1}, .dilation = {2, 3}, .padding = {1, 0, 2, 1}, .groups = 2, .flip = true}},
  };
}

}  // namespace bitale::ops

// Convolutions as calls, and gradients as convolutions.
#include <algorithm>

#include "ops/conv/algorithm.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

namespace {

bool all_one(const std::vector<std::int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v == 1; });
}

Dim share_of(const Dim& total, const Dim& parts) {
  return exact_quotient(total, parts).value_or(floordiv(total, parts));
}

// The axes of a tensor whose leading ones are those of a tensor with an axis more or less, and whose last ones stay.
std::vector<std::int64_t> with_last(std::vector<std::int64_t> lead, std::size_t axes) {
  const auto first = static_cast<std::int64_t>(lead.size());
  for (std::size_t k = 0; k < axes; ++k) lead.push_back(first + static_cast<std::int64_t>(k));
  return lead;
}

std::vector<std::int64_t> spatial_axes(std::size_t axes) {
  std::vector<std::int64_t> out;
  for (std::size_t k = 0; k < axes; ++k) out.push_back(2 + static_cast<std::int64_t>(k));
  return out;
}

// [G*A, B, ...] -> [G*B, A, ...].
Tensor swap_in_groups(const Tensor& t, const Dim& groups) {
  const Dim a = share_of(t.dim(0), groups), b = t.dim(1);
  const Shape last = spatial(t.shape());
  const Tensor parts = reshape(t, with_spatial({groups, a, b}, last));
  return reshape(transpose(parts, with_last({0, 2, 1}, last.size())), with_spatial({groups * b, a}, last));
}

ConvCall forward_call(const Tensor& image, const Tensor& filters, ConvParams params) {
  params.extents = {};
  params.algorithm = to_string(ConvAlgorithm::automatic);
  return conv_call(conv_unpadded(image, filters, std::move(params)).node());
}

AsForward image_as_forward(const ConvCall& c) {
  const std::size_t axes = c.params.axes();
  ConvParams p = c.params;
  Shape starts{0, 0}, shape{c.result_shape[0], c.result_shape[1]};
  const Shape extents = c.image_extents();
  std::vector<std::int64_t> steps{1, 1};
  for (std::size_t k = 0; k < axes; ++k) {
    const Dim margin = window_reach(c.filters_shape[2 + k], p.dilation[k]) - 1;
    starts.push_back(c.part ? margin - c.part->starts[k] : margin);
    shape.push_back(extents[k] + margin);
    steps.push_back(std::exchange(p.stride[k], 1));
  }
  p.flip = !p.flip;
  return {forward_call(pad(c.result, starts, shape, steps), swap_in_groups(c.filters, p.groups), p),
          [](const Tensor& t) { return t; }};
}

AsForward filters_as_forward(const ConvCall& c) {
  const std::size_t axes = c.params.axes();
  const Dim images = c.image_shape[0], channels = c.image_channels(), groups = c.params.groups;
  const Shape extents = spatial(c.image_shape);
  const Tensor grouped = reshape(c.image, with_spatial({images, groups, channels}, extents));
  const Tensor image =
      reshape(transpose(grouped, with_last({2, 1, 0}, axes)), with_spatial({channels, groups * images}, extents));
  ConvParams p = c.params;
  std::swap(p.stride, p.dilation);
  p.flip = false;
  const Shape taps = spatial(c.filters_shape);
  const bool flipped = c.params.flip;
  return {forward_call(image, transpose(c.result, with_last({1, 0}, axes)), p), [=](const Tensor& t) {
            const Shape lead{t.dim(0), t.dim(1)};
            const std::vector<std::int64_t> ones(taps.size() + 2, 1);
            const Tensor inside =
                spatial(t.shape()) == taps ? t : slice(t, Shape(taps.size() + 2, 0), with_spatial(lead, taps), ones);
            const Tensor out = transpose(inside, with_last({1, 0}, taps.size()));
            return flipped ? ir::flip(out, spatial_axes(taps.size())) : out;
          }};
}

}  // namespace

bool ConvCall::strided() const { return !all_one(params.stride) || !all_one(params.dilation); }

Dim ConvCall::filters_per_group() const { return share_of(filters_shape[0], params.groups); }

Shape ConvCall::image_extents() const { return part ? part->extents : spatial(image_shape); }

ConvCall conv_call(const Node& node) {
  ConvCall c;
  c.params = node.params_as<ConvParams>();
  c.dtype = node.type().dtype;
  const auto is = [&](const OpDef& op) { return &node.op() == &op; };
  BITALE_ASSERT(is(conv_op) || is(conv_backward_data_op) || is(conv_backward_filters_op),
                "conv_call: " + node.op().name + " is no convolution");
  c.computed = is(conv_op) ? ConvRole::result : is(conv_backward_data_op) ? ConvRole::image : ConvRole::filters;
  if (c.computed != ConvRole::image) c.image = node.input(0);
  if (c.computed != ConvRole::filters) c.filters = node.input(c.computed == ConvRole::image ? 0 : 1);
  if (c.computed != ConvRole::result) c.result = node.input(1);
  const auto shape = [&](const Tensor& t) { return t ? t.shape() : node.type().shape; };
  c.image_shape = shape(c.image);
  c.filters_shape = shape(c.filters);
  c.result_shape = shape(c.result);
  return c;
}

Tensor implicit_gemm(const Tensor& image, const Tensor& filters, ConvParams params) {
  params.algorithm = to_string(ConvAlgorithm::implicit_gemm);
  return conv_unpadded(image, filters, std::move(params));
}

std::optional<ConvCall::Part> part_of(const ConvCall& c, const SliceParams& slice) {
  if (c.computed != ConvRole::image || c.strided() || !all_one(slice.steps)) return {};
  for (std::size_t k = 0; k < 2; ++k)
    if (!slice.starts[k].is(0) || !(slice.extents[k] == c.image_shape[k])) return {};
  const ConvCall::Part part{spatial(slice.starts), spatial(slice.extents)};
  for (std::size_t k = 0; k < c.params.axes(); ++k) {
    const Dim &start = part.starts[k], &extent = part.extents[k], &taps = c.filters_shape[2 + k],
              &positions = c.result_shape[2 + k];
    if (!start.is_constant() || !extent.is_constant() || !taps.is_constant() || !positions.is_constant()) return {};
    const std::int64_t before = taps.value() - 1 - start.value(),
                       behind = start.value() + extent.value() - positions.value();
    if (before < 0 || behind < 0) return {};
  }
  return part;
}

// Windows that lie in the padding alone are left to it.
bool take_margin(ConvCall& c, const SliceParams* slice) {
  const Shape &wide = c.image_shape, *starts = nullptr, *inside = nullptr;
  const std::vector<std::int64_t>* steps = nullptr;
  Tensor image;
  if (c.computed == ConvRole::image) {
    if (!slice) return false;
    starts = &slice->starts, inside = &slice->extents, steps = &slice->steps;
  } else {
    if (c.image.node().op().name != "pad") return false;
    const auto& p = c.image.node().params_as<PadParams>();
    image = c.image.node().input(0);
    starts = &p.starts, inside = &image.shape(), steps = &p.steps;
  }
  if (!all_one(*steps)) return false;
  ConvCall::Margin margin;
  for (std::size_t k = 0; k < wide.size(); ++k) {
    const Dim before = (*starts)[k], after = wide[k] - before - (*inside)[k];
    if (!before.is_constant() || !after.is_constant()) return false;
    if (k < 2 && (before.value() != 0 || after.value() != 0)) return false;
    if (k < 2) continue;
    const Dim reach = window_reach(c.filters_shape[k], c.params.dilation[k - 2]);
    if (!reach.is_constant() || std::min(before.value(), after.value()) < 0 ||
        std::max(before.value(), after.value()) >= reach.value())
      return false;
    margin.before.push_back(before.value());
    margin.after.push_back(after.value());
  }
  c.margin = std::move(margin);
  if (image) c.image = image;
  return true;
}

bool is_convolution_of_part(const ConvCall& c) {
  constexpr double most = 1.25;  // times the products
  if (!c.part) return false;
  double of_part = 1, of_cotangent = 1;
  for (std::size_t k = 0; k < c.params.axes(); ++k) {
    of_part *= static_cast<double>(c.part->extents[k].value());
    of_cotangent *= static_cast<double>(c.result_shape[2 + k].value());
  }
  return of_part <= most * of_cotangent;
}

AsForward as_forward(const ConvCall& c) {
  switch (c.computed) {
    case ConvRole::image:
      return image_as_forward(c);
    case ConvRole::filters:
      return filters_as_forward(c);
    case ConvRole::result:
      break;
  }
  return {c, [](const Tensor& t) { return t; }};
}

}  // namespace bitale::ops

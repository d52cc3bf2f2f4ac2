// The algorithm im2col: patch matrices in memory, and OpenBLAS (runtime/library/im2col.h). Two spatial axes.
#include "runtime/library/im2col.h"

#include "compiler/ir/graph.h"
#include "ops/conv/algorithm.h"
#include "ops/conv/conv_reference.h"

namespace bitale::ops {

using namespace ir;
using library::Im2colSide;

namespace {

// The convolution's parameters, and which side is computed.
struct Im2colParams {
  ConvParams conv;
  std::int64_t side = 0;  // an Im2colSide
  bool operator==(const Im2colParams&) const = default;
  template <class V>
  void fields(V& v) {
    conv.fields(v);
    v("side", side);
  }
};

// Patch matrices are of as many images as are this large, of one if one is larger or its size is not known.
constexpr std::int64_t chunk_bytes = std::int64_t{1} << 21;

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

Tensor original(const Node& node) {
  const auto& p = node.params_as<Im2colParams>();
  return apply1(conv_of_side(p.side), make_params(p.conv), node.inputs());
}

// Images in the scratch at a time.
Dim chunk_of(const ConvCall& c) {
  const Dim bytes = c.params.groups * c.image_channels() * c.filters_shape[2] * c.filters_shape[3] * c.result_shape[2] *
                    c.result_shape[3] * static_cast<std::int64_t>(size_of(c.dtype));
  const std::int64_t most =
      bytes.is_constant() && bytes.value() > 0 ? std::max<std::int64_t>(1, chunk_bytes / bytes.value()) : 1;
  return min(c.image_shape[0], most);
}

TensorType patches_type(const ConvCall& c) {
  return {c.dtype,
          {chunk_of(c), c.params.groups * c.image_channels(), c.filters_shape[2], c.filters_shape[3], c.result_shape[2],
           c.result_shape[3]}};
}

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<Im2colParams>();
  args.require(p.side >= 0 && p.side <= 2, "there is no side " + std::to_string(p.side));
  args.require(p.conv.axes() == 2, "there must be two spatial axes");
  args.require_count(2);
  const Tensor inputs[] = {args.input(0), args.input(1)};
  const TypeArgs conv(conv_of_side(p.side), make_params(p.conv), inputs, {});
  auto types = conv_of_side(p.side).type(conv);
  for (const DimEquality& e : conv.equalities()) args.unify(e.a, e.b, "extents that are used together differ");
  types.push_back(
      patches_type(conv_call(apply1(conv_of_side(p.side), make_params(p.conv), {inputs[0], inputs[1]}).node())));
  return types;
}

std::vector<Dim> extents(const Node& node) {
  const ConvCall c = conv_call(original(node).node());
  const Shape &x = c.image_shape, &w = c.filters_shape, &y = c.result_shape;
  return {x[0], c.params.groups, w[1], c.filters_per_group(), x[2], x[3], w[2], w[3], y[2], y[3], chunk_of(c)};
}

std::vector<std::int64_t> integers(const Node& node) {
  const auto& p = node.params_as<Im2colParams>();
  return {static_cast<std::int64_t>(node.type().dtype),
          p.side,
          p.conv.flip,
          p.conv.stride[0],
          p.conv.stride[1],
          p.conv.dilation[0],
          p.conv.dilation[1]};
}

// The patches: of each image, in turn, in the place that it has among those in memory at a time.
template <class T>
void reference_patches(const ConvCall& c, const Reference& r) {
  const Im2colSide side = static_cast<Im2colSide>(r.node.params_as<Im2colParams>().side);
  const auto to = elements<T>(r.outputs[1]);
  const Extents& s = to.shape;  // [chunk, channels, taps0, taps1, positions0, positions1]
  const Array &first = r.inputs[0], &second = r.inputs[1];
  const std::int64_t images = (side == Im2colSide::image ? second : first).shape()[0];
  const auto value = [&](std::int64_t n, std::int64_t channel, const Extents& tap, const Extents& at) {
    if (side != Im2colSide::image)
      return static_cast<double>(elements<T>(first)(n, channel, image_element(c.params, at, tap)));
    const auto w = elements<T>(first), y = elements<T>(second);
    const std::int64_t groups = s[1] / std::max<std::int64_t>(w.shape[1], 1), filters = w.shape[0] / groups;
    const std::int64_t group = channel / w.shape[1];
    double total = 0;
    for (std::int64_t f = group * filters; f < (group + 1) * filters; ++f)
      total +=
          static_cast<double>(w(f, channel % w.shape[1], filter_element(c.params, {s[2], s[3]}, tap))) * y(n, f, at);
    return total;
  };
  for (std::int64_t n = 0; n < images; ++n)
    for (std::int64_t channel = 0; channel < s[1]; ++channel)
      for_each_index({s[2], s[3], s[4], s[5]}, [&](const Extents& i) {
        const Extents tap = filter_element(c.params, {s[2], s[3]}, {i[0], i[1]});
        to(n % s[0], channel, i) = static_cast<T>(value(n, channel, tap, {i[2], i[3]}));
      });
}

void reference(const Reference& r) {
  const Tensor convolution = original(r.node);
  convolution.node().op().reference({convolution.node(), r.inputs, r.outputs.subspan(0, 1), r.symbols});
  dispatch_float(r.outputs[1].dtype(), [&](auto type) {
    reference_patches<typename decltype(type)::type>(conv_call(convolution.node()), r);
  });
}

// What the patches hold is nobody's business: zeros do for their derivatives and batches.
std::vector<Tensor> jvp(const Jvp& v) {
  std::vector<Tensor> out = jvp_of(original)(v);
  out.push_back(zeros(v.node.type(1).dtype, v.node.type(1).shape));
  return out;
}

std::vector<Tensor> batch(const Batch& b) {
  std::vector<Tensor> out = batch_of(original)(b);
  Shape shape = b.node.type(1).shape;
  shape.insert(shape.begin(), b.size);
  out.push_back(zeros(b.node.type(1).dtype, shape));
  return out;
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const OpDef* op : {&conv_op, &conv_backward_data_op, &conv_backward_filters_op})
    for (Sample s : op->samples()) {
      if (s.inputs[0].shape.size() != 4) continue;
      s.name = op->name + ", " + s.name;
      s.tolerance = 4;  // OpenBLAS adds in an order of its own, which is another one on each CPU
      s.build = [op, build = s.build](std::span<const Tensor> in) {
        const std::vector<Tensor> built = build(in);
        TensorMap<Tensor> by_patches;
        for (const NodePtr& n : topological(built))
          if (&n->op() == op) by_patches.emplace(Tensor(n, 0), im2col(conv_call(*n)));
        return substitute(built, by_patches);
      };
      out.push_back(std::move(s));
    }
  return out;
}

}  // namespace

// One of the three convolutions by patch matrices. Type and errors are the convolution's. A second output is the memory
// of the patch matrices, of as many images at a time as chunk_of says.
const OpDef conv_im2col_op{
    .name = "conv_im2col",
    .doc = "conv2d or one of its gradients by patch matrices and OpenBLAS (algorithm im2col)",
    .type = type_rule,
    .library = "conv_im2col",
    .library_extents = extents,
    .library_integers = integers,
    .vjp = vjp_of(original),
    .jvp = jvp,
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Im2colParams{}); },
};

std::string why_not_im2col(const ConvCall& c) { return c.params.axes() == 2 ? "" : "it is for two spatial axes"; }

Tensor im2col(const ConvCall& c) {
  ConvParams p = c.params;
  p.algorithm = to_string(ConvAlgorithm::automatic);
  const auto apply = [&](Im2colSide side, const Tensor& a, const Tensor& b) {
    return ir::apply(conv_im2col_op, make_params(Im2colParams{p, static_cast<std::int64_t>(side)}), {a, b})[0];
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

}  // namespace bitale::ops

// The algorithm im2col: patch matrices in memory, and OpenBLAS (runtime/library/im2col.h). Two spatial axes.
#include "runtime/library/im2col.h"

#include "ops/conv/conv_reference.h"
#include "ops/conv/one_side.h"

namespace bitale::ops {

using namespace ir;
using library::Im2colSide;

namespace {

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

Tensor convolution_of(const Node& node) {
  const auto& p = node.params_as<Im2colParams>();
  return conv_of_side(p.side, p.conv, node.input(0), node.input(1));
}
ConvCall call_of(const Node& node) { return conv_call(convolution_of(node).node()); }

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<Im2colParams>();
  args.require_count(2);
  const TensorType type = type_of_side(args, p.side, p.conv, args.input(0), args.input(1));
  return {type, patches_type(conv_call(conv_of_side(p.side, p.conv, args.input(0), args.input(1)).node()))};
}

std::vector<Dim> extents(const Node& node) {
  const ConvCall c = call_of(node);
  std::vector<Dim> all = one_side_extents(c);
  all.push_back(chunk_of(c));
  return all;
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
  const Tensor convolution = convolution_of(r.node);
  convolution.node().op().reference({convolution.node(), r.inputs, r.outputs.subspan(0, 1), r.symbols});
  dispatch_float(r.outputs[1].dtype(), [&](auto type) {
    reference_patches<typename decltype(type)::type>(conv_call(convolution.node()), r);
  });
}

// What the patches hold is nobody's business: zeros do for their derivatives and batches.
std::vector<Tensor> jvp(const Jvp& v) {
  std::vector<Tensor> out = jvp_of(convolution_of)(v);
  out.push_back(zeros(v.node.type(1).dtype, v.node.type(1).shape));
  return out;
}

std::vector<Tensor> batch(const Batch& b) {
  std::vector<Tensor> out = batch_of(convolution_of)(b);
  Shape shape = b.node.type(1).shape;
  shape.insert(shape.begin(), b.size);
  out.push_back(zeros(b.node.type(1).dtype, shape));
  return out;
}

// OpenBLAS adds in an order of its own, which is another one on each CPU.
std::vector<Sample> samples() {
  return one_side_samples(
      [](const ConvCall& c, const SliceParams* slice) {
        const Tensor whole = im2col(c);
        return slice ? ir::slice(whole, slice->starts, slice->extents, slice->steps) : whole;
      },
      4);
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
    .library_integers = [](const Node& node) { return one_side_integers(call_of(node)); },
    .library_flops = [](const Node& node) { return one_side_flops(call_of(node)); },
    .vjp = vjp_of(convolution_of),
    .jvp = jvp,
    .batch = batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Im2colParams{}); },
};

Tensor im2col(const ConvCall& c) {
  const std::array<Tensor, 2> operands = operands_of(c);
  Im2colParams p{c.params, side_of(c)};
  p.conv.algorithm = to_string(ConvAlgorithm::automatic);
  return ir::apply(conv_im2col_op, make_params(std::move(p)), {operands[0], operands[1]})[0];
}

}  // namespace bitale::ops

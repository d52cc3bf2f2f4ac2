// The algorithm cudnn: NVIDIA's library, on its GPUs (runtime/library/convolution.h). Two spatial axes.
#include "compiler/prim/held_in.h"
#include "ops/api/checks.h"
#include "ops/conv/one_side.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct CudnnParams {
  ConvParams conv;                                      // of the image with its margin
  std::int64_t side = 0;                                // a library::Im2colSide
  std::vector<std::int64_t> before{0, 0}, after{0, 0};  // the margin: ConvCall::Margin
  bool channels_last = false;                           // all three sides are [N, rows..., C]
  bool tf32 = false;
  bool operator==(const CudnnParams&) const = default;
  template <class V>
  void fields(V& v) {
    conv.fields(v);
    v("side", side);
    v("before", before);
    v("after", after);
    v("channels_last", channels_last);
    v("tf32", tf32);
  }
};

// Of the operands and then the result; sides are those of library::Im2colSide.
std::array<ConvRole, 3> roles_of(std::int64_t side) {
  using enum ConvRole;
  constexpr std::array<ConvRole, 3> roles[] = {
      {image, filters, result}, {filters, result, image}, {image, result, filters}};
  return roles[static_cast<std::size_t>(side)];
}

std::vector<std::int64_t> behind(int lead, std::vector<std::int64_t> axes) {
  for (std::int64_t& a : axes) a += lead;
  for (int i = lead; i-- > 0;) axes.insert(axes.begin(), i);
  return axes;
}

// With its last four axes in this order, which moves axis `channels` past the rows. A view where that is no other order
// in memory.
Tensor reordered(const Tensor& t, int lead, const std::array<int, 4>& order, int channels) {
  const auto is_one = [&](int axis) { return t.dim(lead + axis).is(1); };
  const int rows = channels == 1 ? 2 : 1;
  if (!is_one(channels) && !(is_one(rows) && is_one(rows + 1)))
    return transpose(t, behind(lead, {order.begin(), order.end()}));
  Shape shape(t.shape().begin(), t.shape().begin() + lead);
  for (const int axis : order) shape.push_back(t.dim(lead + axis));
  return reshape(t, shape);
}

// Between [lead..., N, C, rows...] and [lead..., N, rows..., C].
Tensor to_last(const Tensor& t, int lead) { return reordered(t, lead, {0, 2, 3, 1}, 1); }
Tensor to_first(const Tensor& t, int lead) { return reordered(t, lead, {0, 3, 1, 2}, 3); }

// From what the node has on a side to what the convolution has there, its margin included, and back: each is the
// adjoint of the other. `lead` axes come first.
Tensor into(const CudnnParams& p, ConvRole role, const Tensor& t, int lead = 0) {
  const Tensor first = p.channels_last ? to_first(t, lead) : t;
  if (role != ConvRole::image) return first;
  Shape starts(first.shape().size(), 0), shape = first.shape();
  for (std::size_t k = 0; k < 2; ++k) {
    const std::size_t axis = static_cast<std::size_t>(lead) + 2 + k;
    starts[axis] = p.before[k];
    shape[axis] = shape[axis] + p.before[k] + p.after[k];
  }
  return shape == first.shape() ? first : pad(first, starts, shape, std::vector<std::int64_t>(shape.size(), 1));
}

Tensor out_of(const CudnnParams& p, ConvRole role, const Tensor& t, int lead = 0) {
  Tensor inside = t;
  if (role == ConvRole::image) {
    Shape starts(t.shape().size(), 0), extents = t.shape();
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t axis = static_cast<std::size_t>(lead) + 2 + k;
      starts[axis] = p.before[k];
      extents[axis] = extents[axis] - p.before[k] - p.after[k];
    }
    if (extents != t.shape()) inside = slice(t, starts, extents, std::vector<std::int64_t>(starts.size(), 1));
  }
  return p.channels_last ? to_last(inside, lead) : inside;
}

Tensor convolution_of(const Node& node) {
  const auto& p = node.params_as<CudnnParams>();
  const auto roles = roles_of(p.side);
  return conv_of_side(p.side, p.conv, into(p, roles[0], node.input(0)), into(p, roles[1], node.input(1)));
}
ConvCall call_of(const Node& node) { return conv_call(convolution_of(node).node()); }

std::vector<TensorType> type_rule(const TypeArgs& args) {
  const auto& p = args.params_as<CudnnParams>();
  args.require_count(2);
  for (int i = 0; i < 2; ++i) require_rank(args, i, 4);
  args.require(p.side >= 0 && p.side <= 2, "there is no side " + std::to_string(p.side));
  args.require(p.before.size() == 2 && p.after.size() == 2, "a margin has a number for each spatial axis");
  for (std::size_t k = 0; k < 2; ++k) args.require(p.before[k] >= 0 && p.after[k] >= 0, "margins must not be negative");
  const auto roles = roles_of(p.side);
  TensorType type =
      type_of_side(args, p.side, p.conv, into(p, roles[0], args.input(0)), into(p, roles[1], args.input(1)));
  Shape& s = type.shape;
  for (std::size_t k = 0; k < 2 && roles[2] == ConvRole::image; ++k) {
    require_at_least(args, s[2 + k], p.before[k] + p.after[k], "the margin is larger than the image");
    s[2 + k] = s[2 + k] - p.before[k] - p.after[k];
  }
  if (p.channels_last) s = {s[0], s[2], s[3], s[1]};
  return {type};
}

std::vector<std::int64_t> integers(const Node& node) {
  const auto& p = node.params_as<CudnnParams>();
  std::vector<std::int64_t> all = one_side_integers(call_of(node));
  all.insert(all.end(), {p.channels_last, p.tf32, p.before[0], p.before[1], p.after[0], p.after[1]});
  return all;
}

std::vector<Tensor> vjp(const Vjp& v) {
  const auto& p = v.node.params_as<CudnnParams>();
  const auto roles = roles_of(p.side);
  const Tensor convolution = convolution_of(v.node);
  const Tensor dys[] = {into(p, roles[2], v.dy())};
  std::vector<Tensor> out = convolution.node().op().vjp({convolution.node(), dys});
  for (std::size_t i = 0; i < 2; ++i) out[i] = out_of(p, roles[i], out[i]);
  return out;
}

std::vector<Tensor> jvp(const Jvp& v) {
  const auto& p = v.node.params_as<CudnnParams>();
  const auto roles = roles_of(p.side);
  const Tensor convolution = convolution_of(v.node);
  std::vector<Tensor> dxs(2);
  for (std::size_t i = 0; i < 2; ++i)
    if (v.dxs[i]) dxs[i] = into(p, roles[i], v.dxs[i]);
  const std::vector<Tensor> out = convolution.node().op().jvp({convolution.node(), dxs});
  return {out[0] ? out_of(p, roles[2], out[0]) : Tensor()};
}

std::vector<Tensor> batch(const Batch& b) {
  const auto& p = b.node.params_as<CudnnParams>();
  const auto roles = roles_of(p.side);
  const Tensor convolution = convolution_of(b.node);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < 2; ++i) inputs.push_back(into(p, roles[i], b.inputs[i], b.batched[i]));
  return {out_of(p, roles[2], convolution.node().op().batch({convolution.node(), inputs, b.batched, b.size})[0], 1)};
}

// ---- reference: the convolution's, on operands in its order and with their margins ----

struct Moved {
  const CudnnParams& p;
  ConvRole role;

  Extents to_conv(const Extents& s) const {  // of a node's array: what the convolution has
    Extents e = p.channels_last ? Extents{s[0], s[3], s[1], s[2]} : s;
    for (std::size_t k = 0; k < 2 && role == ConvRole::image; ++k) e[2 + k] += p.before[k] + p.after[k];
    return e;
  }

  // Calls f(element of the node's array, element of the convolution's).
  template <class F>
  void for_each(const Extents& of_node, F f) const {
    const Extents conv = to_conv(of_node);
    const std::int64_t y0 = role == ConvRole::image ? p.before[0] : 0, x0 = role == ConvRole::image ? p.before[1] : 0;
    for_each_index(of_node, [&, element = std::size_t{0}](const Extents& i) mutable {
      const auto [n, c, y, x] =
          p.channels_last ? std::array{i[0], i[3], i[1], i[2]} : std::array{i[0], i[1], i[2], i[3]};
      f(element++, static_cast<std::size_t>(((n * conv[1] + c) * conv[2] + y + y0) * conv[3] + x + x0));
    });
  }
};

void reference(const Reference& r) {
  const auto& p = r.node.params_as<CudnnParams>();
  const auto roles = roles_of(p.side);
  const Tensor convolution = convolution_of(r.node);
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    std::vector<Array> inputs;
    for (std::size_t i = 0; i < 2; ++i) {
      const Moved moved{p, roles[i]};
      Array conv = Array::zeros(r.outputs[0].dtype(), moved.to_conv(r.inputs[i].shape()));
      const auto from = r.inputs[i].view<T>();
      const auto to = conv.view<T>();
      moved.for_each(r.inputs[i].shape(), [&](std::size_t a, std::size_t b) { to[b] = from[a]; });
      inputs.push_back(conv);
    }
    const Moved moved{p, roles[2]};
    std::vector<Array> outputs{Array::zeros(r.outputs[0].dtype(), moved.to_conv(r.outputs[0].shape()))};
    convolution.node().op().reference({convolution.node(), inputs, outputs, r.symbols});
    const auto from = outputs[0].view<T>();
    const auto to = r.outputs[0].view<T>();
    moved.for_each(r.outputs[0].shape(), [&](std::size_t a, std::size_t b) { to[a] = from[b]; });
  });
}

// With the margins that there are, and channels last as for TF32 where the image has an even number of rows.
Tensor sample_of(const ConvCall& given, const SliceParams* slice) {
  ConvCall c = given;
  const bool takes_slice = take_margin(c, slice);
  c.tf32 = c.image_shape[2].is_constant() && c.image_shape[2].value() % 2 == 0;
  const Tensor out = cudnn(c);
  return !slice || takes_slice ? out : ir::slice(out, slice->starts, slice->extents, slice->steps);
}

}  // namespace

// One of the three convolutions. Errors are the convolution's.
const OpDef conv_cudnn_op{
    .name = "conv_cudnn",
    .doc = "conv2d or one of its gradients by cuDNN on an NVIDIA GPU (algorithm cudnn), elsewhere by plain loops",
    .type = type_rule,
    .library = "conv_cudnn",
    .library_extents = [](const Node& node) { return one_side_extents(call_of(node)); },
    .library_integers = integers,
    .library_flops = [](const Node& node) { return one_side_flops(call_of(node)); },
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch,
    .reference = reference,
    .samples = [] { return one_side_samples(sample_of, 4); },
    .default_params = [] { return make_params(CudnnParams{}); },
};

// Engines for tensor cores read channels last, those for true float32 channels first.
Tensor cudnn(const ConvCall& c) {
  const bool channels_last = c.for_tensor_cores();
  CudnnParams p{.conv = c.params, .side = side_of(c), .channels_last = channels_last, .tf32 = c.tf32};
  p.conv.algorithm = to_string(ConvAlgorithm::automatic);
  if (!c.margin.before.empty()) p.before = c.margin.before, p.after = c.margin.after;
  std::vector<Tensor> operands;
  for (const Tensor& given : operands_of(c)) {
    const Tensor t = c.narrow ? narrowed(given, *c.narrow) : given;
    operands.push_back(channels_last ? to_last(t, 0) : t);
  }
  Tensor out = apply1(conv_cudnn_op, make_params(std::move(p)), std::move(operands));
  if (channels_last) out = to_first(out, 0);
  return c.narrow ? cast(out, c.dtype) : out;
}

}  // namespace bitale::ops

#include "ops/api/checks.h"
#include "ops/conv/average_pool2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  const auto& p = args.params_as<Pool2dParams>();
  check_pool2d(args, p, 2);
  require_float(args, 0);
  const Shape& dy = args.type(0).shape;
  for (std::size_t k = 0; k < 2; ++k)
    args.unify(dy[dy.size() - 2 + k], pool_positions(args, p, k, p.extents[k]),
               "the cotangent must be that of the pooled image");
  return {{args.type(0).dtype, with_plane(dy, p.extents[0], p.extents[1])}};
}

Expr element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Tensor& dy = e.node().input(0);
  const Expr zero = e.constant(0, dy.dtype());
  const auto term = [&](const std::vector<IndexBound>& bounds, const std::vector<Index>& at, const Index&,
                        const Index&) {
    return e.input_if(bounds, 0, at, zero) / window_count(e, p, e.node().type().shape, at, dy.dtype());
  };
  return sum_over_windows(e, p, dy.shape(), term);
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<Pool2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto dy = planes<T>(r.inputs[0]);
    const auto out = planes<T>(r.outputs[0]);
    for (T& v : r.outputs[0].view<T>()) v = 0;
    for (std::int64_t plane = 0; plane < dy.count; ++plane)
      for (std::int64_t row = 0; row < dy.h; ++row)
        for (std::int64_t col = 0; col < dy.w; ++col)
          for (std::int64_t i = 0; i < p.window[0]; ++i)
            for (std::int64_t j = 0; j < p.window[1]; ++j) {
              const std::int64_t h = row * p.stride[0] + i - p.padding[0], w = col * p.stride[1] + j - p.padding[2];
              if (h >= 0 && h < out.h && w >= 0 && w < out.w)
                out(plane, h, w) += dy(plane, row, col) / static_cast<T>(reference_count(p, out.h, out.w, row, col));
            }
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases())
    out.push_back({c.name, {{c.result()}}, [c](std::span<const Tensor> in) {
                     const Pool2dParams p = pool2d_params("average_pool2d_backward", in[0], c.options, {});
                     return std::vector{apply1(average_pool2d_backward_op,
                                               make_params(with_image(p, {c.shape[2], c.shape[3]})), {in[0]})};
                   }});
  return out;
}

}  // namespace

// average_pool2d_backward(dy [..., OH, OW]; H, W) -> [..., H, W]: each element gets dy / count of the windows that
// cover it. The transpose of average_pool2d.
const OpDef average_pool2d_backward_op{
    .name = "average_pool2d_backward",
    .doc = "the gradient of average_pool2d",
    .type = type_rule,
    .element = element,
    .vjp =
        [](const Vjp& v) {
          Pool2dParams p = v.node.params_as<Pool2dParams>();
          p.extents = {};
          return std::vector{apply1(average_pool2d_op, make_params(p), {v.dy()})};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor average_pool2d_backward(const Tensor& dy, const Pool2dParams& p) {
  if (!p.tiles()) return apply1(average_pool2d_backward_op, make_params(p), {dy});
  Shape narrow(dy.shape().begin(), dy.shape().end() - 2), wide = narrow;
  for (std::size_t k = 0; k < 2; ++k) {
    const Dim& positions = dy.shape()[dy.shape().size() - 2 + k];
    narrow.insert(narrow.end(), {positions, 1});
    wide.insert(wide.end(), {positions, p.window[k]});
  }
  const double count = static_cast<double>(p.window[0] * p.window[1]);
  return image_of_tiles(broadcast_to(reshape(dy / count, narrow), wide), p);
}

}  // namespace bitale::ops

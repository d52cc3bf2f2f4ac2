#include "ops/api/checks.h"
#include "ops/conv/average_pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  const auto& p = args.params_as<PoolParams>();
  check_pool(args, p, true);
  require_float(args, 0);
  return {image_type(args, p, 0)};
}

Expr element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Tensor& dy = e.node().input(0);
  const Expr zero = e.constant(0, dy.dtype());
  const auto term = [&](const std::vector<IndexBound>& bounds, const std::vector<Index>& at, std::span<const Index>) {
    return e.input_if(bounds, 0, at, zero) / window_count(e, p, e.node().type().shape, at, dy.dtype());
  };
  return sum_over_windows(e, p, dy.shape(), term);
}

void reference(const Reference& r) {
  const PlainPool p(r);
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto dy = elements<T>(r.inputs[0]);
    const auto out = elements<T>(r.outputs[0]);
    const std::size_t axes = p.window.size();
    const Extents image = spatial_extents(out.shape, axes);
    for (T& v : r.outputs[0].view<T>()) v = 0;
    for (std::int64_t lead = 0; lead < lead_count(dy.shape, axes); ++lead)
      for_each_index(spatial_extents(dy.shape, axes), [&](const Extents& position) {
        p.visit_window(image, position, [&](const Extents&, const Extents& at) {
          out(lead, at) += dy(lead, position) / static_cast<T>(p.count(image, position));
        });
      });
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(true))
    out.push_back({c.name, {{c.result()}}, [c](std::span<const Tensor> in) {
                     const Shape image(c.shape.begin(), c.shape.end());
                     const PoolParams p = pool_params({"average_pool", image.size() - 2, {}},
                                                      ir::input("x", {in[0].dtype(), image}), c.options);
                     return std::vector{apply1(average_pool_backward_op, make_params(with_image(p, image)), {in[0]})};
                   }});
  return out;
}

}  // namespace

// average_pool_backward(dy [..., positions...]; image extents) -> [..., image...]: each element gets dy / count of the
// windows that cover it. The transpose of average_pool.
const OpDef average_pool_backward_op{
    .name = "average_pool_backward",
    .doc = "the gradient of average_pool1d, average_pool2d and average_pool3d",
    .type = type_rule,
    .element = element,
    .vjp =
        [](const Vjp& v) {
          PoolParams p = v.node.params_as<PoolParams>();
          p.extents = {};
          return std::vector{apply1(average_pool_op, make_params(p), {v.dy()})};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor average_pool_backward(const Tensor& dy, const PoolParams& p) {
  if (!p.tiles()) return apply1(average_pool_backward_op, make_params(p), {dy});
  return image_of_tiles(tiles_of(dy / product(p.window_shape()).value(), p), p);
}

}  // namespace bitale::ops

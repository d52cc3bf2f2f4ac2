#include "ops/api/checks.h"
#include "ops/conv/pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> gather_type(const TypeArgs& args) {
  args.require_count(2);
  const auto& p = args.params_as<PoolParams>();
  check_pool(args, p, false);
  require_float(args, 1);
  args.require(args.type(0).dtype == DType::i32, "positions are int32");
  const Shape &index = args.type(0).shape, &x = args.type(1).shape;
  args.require(index.size() == x.size(), "operands must have one rank");
  const Shape pooled = with_last(x, pool_positions(args, p, x));
  for (std::size_t k = 0; k < x.size(); ++k)
    args.unify(index[k], pooled[k], "positions must be those of the pooled operand");
  return {{args.type(1).dtype, index}};
}

// The position is split into the indices within the window; clamping keeps a position that is no window's inside the
// image.
Expr gather_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Shape& image = e.node().input(1).shape();
  const std::size_t lead = image.size() - p.axes();
  std::vector<Index> at = e.index();
  Expr position = cast(e.input(0), DType::i64);
  for (std::size_t k = p.axes(); k-- > 0;) {
    const Expr window = e.integer(p.window[k]);
    const Expr element = k == 0 ? position : call(ScalarOp::mod, {position, window});
    if (k > 0) position = call(ScalarOp::floordiv, {position, window});
    const Expr i = e.value(window_element(p, k, at[lead + k], element));
    at[lead + k] = call(ScalarOp::max, {e.integer(0), call(ScalarOp::min, {i, e.extent(image[lead + k] - 1)})});
  }
  return e.input(1, at);
}

void gather_reference(const Reference& r) {
  const PlainPool p(r);
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto index = elements<std::int32_t>(r.inputs[0]);
    const auto x = elements<T>(r.inputs[1]);
    const auto out = elements<T>(r.outputs[0]);
    const std::size_t axes = p.window.size();
    for (std::int64_t lead = 0; lead < lead_count(out.shape, axes); ++lead)
      for_each_index(spatial_extents(out.shape, axes), [&](const Extents& position) {
        p.visit_window(spatial_extents(x.shape, axes), position, [&](const Extents& i, const Extents& at) {
          if (flat_position(i, p.window) == index(lead, position)) out(lead, position) = x(lead, at);
        });
      });
  });
}

// The positions come from pooling another operand, so that they are valid.
std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back({c.name, {{.shape = c.shape, .differentiable = false}, {c.shape}}, [c](std::span<const Tensor> in) {
                     const PoolParams p = pool_params({"max_pool", c.shape.size() - 2, {}}, in[0], c.options);
                     return std::vector{max_pool_gather(max_pool_index(in[0], p), in[1], p)};
                   }});
  return out;
}

}  // namespace

// max_pool_gather(index int32 [..., positions...], x [..., image...]) -> [..., positions...]: the element of each
// window at a position as max_pool_index gives it. Linear in x; its transpose is max_pool_backward.
const OpDef max_pool_gather_op{
    .name = "max_pool_gather",
    .doc = "the elements of images at the positions of max_pool_index",
    .type = gather_type,
    .element = gather_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{Tensor{}, max_pool_backward(v.in(0), v.dy(),
                                                         with_image(v.node.params_as<PoolParams>(), v.in(1).shape()))};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(1) ? max_pool_gather(v.in(0), v.dx(1), v.node.params_as<PoolParams>()) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = gather_reference,
    .samples = samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor max_pool_gather(const Tensor& index, const Tensor& x, PoolParams params) {
  params.extents = {};
  return apply1(max_pool_gather_op, make_params(std::move(params)), {index, x});
}

}  // namespace bitale::ops

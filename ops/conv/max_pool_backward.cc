#include "ops/api/checks.h"
#include "ops/conv/pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> backward_type(const TypeArgs& args) {
  args.require_count(2);
  const auto& p = args.params_as<PoolParams>();
  check_pool(args, p, true);
  require_float(args, 1);
  args.require(args.type(0).dtype == DType::i32, "positions are int32");
  const Shape &index = args.type(0).shape, &dy = args.type(1).shape;
  args.require(index.size() == dy.size(), "operands must have one rank");
  for (std::size_t k = 0; k < dy.size(); ++k)
    args.unify(index[k], dy[k], "positions and cotangent must have one shape");
  return {image_type(args, p, 1)};
}

Expr backward_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Tensor& dy = e.node().input(1);
  const Expr zero = e.constant(0, dy.dtype()), none = e.formula().integer(-1, DType::i32);
  const Shape window = p.window_shape();
  return sum_over_windows(
      e, p, dy.shape(),
      [&](const std::vector<IndexBound>& bounds, const std::vector<Index>& at, std::span<const Index> element) {
        const Expr chosen = cast(e.input_if(bounds, 0, at, none), DType::i64);
        return select(call(ScalarOp::eq, {chosen, e.value(flatten(element, window))}), e.input_if(bounds, 1, at, zero),
                      zero);
      });
}

void backward_reference(const Reference& r) {
  const PlainPool p(r);
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto index = elements<std::int32_t>(r.inputs[0]);
    const auto dy = elements<T>(r.inputs[1]);
    const auto out = elements<T>(r.outputs[0]);
    const std::size_t axes = p.window.size();
    for (T& v : r.outputs[0].view<T>()) v = 0;
    for (std::int64_t lead = 0; lead < lead_count(dy.shape, axes); ++lead)
      for_each_index(spatial_extents(dy.shape, axes), [&](const Extents& position) {
        p.visit_window(spatial_extents(out.shape, axes), position, [&](const Extents& i, const Extents& at) {
          if (flat_position(i, p.window) == index(lead, position)) out(lead, at) += dy(lead, position);
        });
      });
  });
}

// The positions come from pooling another operand, so that they are valid.
std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back(
        {c.name, {{.shape = c.shape, .differentiable = false}, {c.result()}}, [c](std::span<const Tensor> in) {
           const PoolParams p = pool_params({"max_pool", c.shape.size() - 2, {}}, in[0], c.options);
           return std::vector{apply1(max_pool_backward_op, make_params(with_image(p, in[0].shape())),
                                     {max_pool_index(in[0], p), in[1]})};
         }});
  return out;
}

}  // namespace

// max_pool_backward(index int32 [..., positions...], dy [..., positions...]; image extents) -> [..., image...]: each dy
// is added to the element at its window's position. Linear in dy; its transpose is max_pool_gather.
const OpDef max_pool_backward_op{
    .name = "max_pool_backward",
    .doc = "the gradient of max_pool1d, max_pool2d and max_pool3d, by the positions of max_pool_index",
    .type = backward_type,
    .element = backward_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{Tensor{}, max_pool_gather(v.in(0), v.dy(), v.node.params_as<PoolParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(1) ? apply1(v.node.op(), v.node.params(), {v.in(0), v.dx(1)}) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = backward_reference,
    .samples = samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor max_pool_backward(const Tensor& index, const Tensor& dy, const PoolParams& p) {
  if (!p.tiles()) return apply1(max_pool_backward_op, make_params(p), {index, dy});
  // The positions within a window, in the shape of tiles_of: [window0, 1, window1, 1, ...].
  Shape shape(2 * p.axes() - 1, 1);
  for (std::size_t k = 0; k < p.axes(); ++k) shape[2 * k] = p.window[k];
  Tensor position = iota(DType::i32, shape, 0);
  for (std::size_t k = 1; k < p.axes(); ++k)
    position = position * p.window[k] + iota(DType::i32, shape, static_cast<int>(2 * k));
  const Tensor spread = tiles_of(dy, p);
  const Tensor hit = equal(tiles_of(index, p), broadcast_to(position, spread.shape()));
  return image_of_tiles(where(hit, spread, zeros(dy.dtype(), spread.shape())), p);
}

}  // namespace bitale::ops

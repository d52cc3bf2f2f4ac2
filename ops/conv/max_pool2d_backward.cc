#include "ops/api/checks.h"
#include "ops/conv/pool2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> backward_type(const TypeArgs& args) {
  args.require_count(2);
  const auto& p = args.params_as<Pool2dParams>();
  check_pool2d(args, p, 2);
  require_float(args, 1);
  args.require(args.type(0).dtype == DType::i32, "positions are int32");
  const Shape &index = args.type(0).shape, &dy = args.type(1).shape;
  args.require(index.size() == dy.size(), "operands must have one rank");
  const std::size_t rank = dy.size();
  for (std::size_t k = 0; k < rank; ++k) {
    args.unify(index[k], dy[k], "positions and cotangent must have one shape");
    if (k + 2 >= rank)
      args.unify(dy[k], pool_positions(args, p, k + 2 - rank, p.extents[k + 2 - rank]),
                 "the cotangent must be that of the pooled image");
  }
  return {{args.type(1).dtype, with_plane(dy, p.extents[0], p.extents[1])}};
}

Expr backward_element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Tensor& dy = e.node().input(1);
  const Expr zero = e.constant(0, dy.dtype()), none = e.formula().integer(-1, DType::i32);
  return sum_over_windows(
      e, p, dy.shape(),
      [&](const std::vector<IndexBound>& bounds, const std::vector<Index>& at, const Index& i, const Index& j) {
        const Expr chosen = cast(e.input_if(bounds, 0, at, none), DType::i64);
        return select(call(ScalarOp::eq, {chosen, e.value(i * p.window[1] + j)}), e.input_if(bounds, 1, at, zero),
                      zero);
      });
}

void backward_reference(const Reference& r) {
  const auto& p = r.node.params_as<Pool2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto index = planes<std::int32_t>(r.inputs[0]);
    const auto dy = planes<T>(r.inputs[1]);
    const auto out = planes<T>(r.outputs[0]);
    for (T& v : r.outputs[0].view<T>()) v = 0;
    for (std::int64_t plane = 0; plane < dy.count; ++plane)
      for (std::int64_t row = 0; row < dy.h; ++row)
        for (std::int64_t col = 0; col < dy.w; ++col) {
          const std::int64_t position = index(plane, row, col);
          out(plane, row * p.stride[0] - p.padding[0] + position / p.window[1],
              col * p.stride[1] - p.padding[2] + position % p.window[1]) += dy(plane, row, col);
        }
  });
}

// The positions come from pooling another operand, so that they are valid.
std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases()) {
    if (c.options.count_padding) continue;
    out.push_back(
        {c.name, {{.shape = c.shape, .differentiable = false}, {c.result()}}, [c](std::span<const Tensor> in) {
           Pool2dParams p = pool2d_params("max_pool2d", in[0], c.options, {});
           const Tensor index = max_pool2d_index(in[0], p);
           return std::vector{
               apply1(max_pool2d_backward_op, make_params(with_image(p, in[0].shape())), {index, in[1]})};
         }});
  }
  return out;
}

}  // namespace

// max_pool2d_backward(index int32 [..., OH, OW], dy [..., OH, OW]; H, W) -> [..., H, W]: each dy is added to the
// element at its window's position. Linear in dy; its transpose is max_pool2d_gather.
const OpDef max_pool2d_backward_op{
    .name = "max_pool2d_backward",
    .doc = "the gradient of max_pool2d, by the positions of max_pool2d_index",
    .type = backward_type,
    .element = backward_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{Tensor{}, max_pool2d_gather(v.in(0), v.dy(), v.node.params_as<Pool2dParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(1) ? apply1(v.node.op(), v.node.params(), {v.in(0), v.dx(1)}) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = backward_reference,
    .samples = samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor max_pool2d_backward(const Tensor& index, const Tensor& dy, const Pool2dParams& p) {
  if (!p.tiles()) return apply1(max_pool2d_backward_op, make_params(p), {index, dy});
  const std::int64_t kh = p.window[0], kw = p.window[1];
  Shape narrow(index.shape().begin(), index.shape().end() - 2), wide = narrow;
  for (std::size_t k = 0; k < 2; ++k) {
    const Dim& positions = index.shape()[index.shape().size() - 2 + k];
    narrow.insert(narrow.end(), {positions, 1});
    wide.insert(wide.end(), {positions, p.window[k]});
  }
  const Tensor position = iota(DType::i32, {kh, 1, kw}, 0) * kw + iota(DType::i32, {kh, 1, kw}, 2);
  const auto spread = [&](const Tensor& t) { return broadcast_to(reshape(t, narrow), wide); };
  const Tensor hit = equal(spread(index), broadcast_to(position, wide));
  return image_of_tiles(where(hit, spread(dy), zeros(dy.dtype(), wide)), p);
}

}  // namespace bitale::ops

#include "ops/api/checks.h"
#include "ops/conv/pool2d.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> gather_type(const TypeArgs& args) {
  args.require_count(2);
  const auto& p = args.params_as<Pool2dParams>();
  check_pool2d(args, p, 0);
  require_float(args, 1);
  args.require(args.type(0).dtype == DType::i32, "positions are int32");
  const Shape &index = args.type(0).shape, &x = args.type(1).shape;
  args.require(index.size() == x.size(), "operands must have one rank");
  const std::size_t rank = x.size();
  for (std::size_t k = 0; k < rank; ++k)
    args.unify(index[k], k + 2 < rank ? x[k] : pool_positions(args, p, k + 2 - rank, x[k]),
               "positions must be those of the pooled operand");
  return {{args.type(1).dtype, index}};
}

// The position is split into row and column of the window; clamping keeps a position that is no window's inside the
// image.
Expr gather_element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Shape& image = e.node().input(1).shape();
  const std::size_t rank = image.size();
  const Expr position = cast(e.input(0), DType::i64);
  const std::array<Expr, 2> element{call(ScalarOp::floordiv, {position, e.integer(p.window[1])}),
                                    call(ScalarOp::mod, {position, e.integer(p.window[1])})};
  std::vector<Index> at = e.index();
  for (std::size_t k = 0; k < 2; ++k) {
    const std::size_t axis = rank - 2 + k;
    const Expr i = e.value(window_element(p, k, at[axis], element[k]));
    at[axis] = call(ScalarOp::max, {e.integer(0), call(ScalarOp::min, {i, e.extent(image[axis] - 1)})});
  }
  return e.input(1, at);
}

void gather_reference(const Reference& r) {
  const auto& p = r.node.params_as<Pool2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto index = planes<std::int32_t>(r.inputs[0]);
    const auto x = planes<T>(r.inputs[1]);
    const auto out = planes<T>(r.outputs[0]);
    for (std::int64_t plane = 0; plane < out.count; ++plane)
      for (std::int64_t row = 0; row < out.h; ++row)
        for (std::int64_t col = 0; col < out.w; ++col) {
          const std::int64_t position = index(plane, row, col);
          out(plane, row, col) = x(plane, row * p.stride[0] - p.padding[0] + position / p.window[1],
                                   col * p.stride[1] - p.padding[2] + position % p.window[1]);
        }
  });
}

// The positions come from pooling another operand, so that they are valid.
std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases()) {
    if (c.options.count_padding) continue;
    out.push_back({c.name, {{.shape = c.shape, .differentiable = false}, {c.shape}}, [c](std::span<const Tensor> in) {
                     Pool2dParams p = pool2d_params("max_pool2d", in[0], c.options, {});
                     const Tensor index = max_pool2d_index(in[0], p);
                     return std::vector{max_pool2d_gather(index, in[1], p)};
                   }});
  }
  return out;
}

}  // namespace

// max_pool2d_gather(index int32 [..., OH, OW], x [..., H, W]) -> [..., OH, OW]: the element of each window at a
// position as max_pool2d_index gives it. Linear in x; its transpose is max_pool2d_backward.
const OpDef max_pool2d_gather_op{
    .name = "max_pool2d_gather",
    .doc = "the elements of images at the positions of max_pool2d_index",
    .type = gather_type,
    .element = gather_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{
              Tensor{},
              max_pool2d_backward(v.in(0), v.dy(), with_image(v.node.params_as<Pool2dParams>(), v.in(1).shape()))};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(1) ? max_pool2d_gather(v.in(0), v.dx(1), v.node.params_as<Pool2dParams>())
                                     : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = gather_reference,
    .samples = samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor max_pool2d_gather(const Tensor& index, const Tensor& x, Pool2dParams params) {
  params.extents = {};
  return apply1(max_pool2d_gather_op, make_params(std::move(params)), {index, x});
}

}  // namespace bitale::ops

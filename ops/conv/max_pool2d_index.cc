#include <limits>

#include "ops/conv/pool2d.h"
#include "ops/conv/pool2d_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

Expr index_element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Tensor& x = e.node().input(0);
  const std::size_t rank = x.shape().size();
  const std::vector<Dim> window{p.window[0], p.window[1]};
  const auto [value, best] = e.reduce_pair(Combiner::arg_max, window, [&](std::span<const Index> at) {
    std::vector<Index> index = e.index();
    std::vector<IndexBound> bounds;
    // Positions outside the image come after all others, so that they lose against an element that is -inf too.
    Expr position = e.value(at[0] * p.window[1] + at[1]);
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t axis = rank - 2 + k;
      index[axis] = window_element(p, k, index[axis], at[k]);
      const std::size_t before = bounds.size();
      add_window_bound(p, k, bounds, index[axis], x.shape()[axis]);
      if (bounds.size() == before) continue;
      const Expr i = e.value(index[axis]);
      const Expr inside = call(ScalarOp::bit_and, {call(ScalarOp::le, {e.integer(0), i}),
                                                   call(ScalarOp::lt, {i, e.extent(x.shape()[axis])})});
      position = select(inside, position, position + e.integer(p.window[0] * p.window[1]));
    }
    const Expr nothing = e.constant(-std::numeric_limits<double>::infinity(), x.dtype());
    return std::pair{bounds.empty() ? e.input(0, index) : e.input_if(bounds, 0, index, nothing), position};
  });
  return cast(best, DType::i32);
}

void index_reference(const Reference& r) {
  dispatch_float(r.inputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto out = r.outputs[0].view<std::int32_t>();
    visit_maxima<T>(r.node.params_as<Pool2dParams>(), r.inputs[0], r.outputs[0].shape(),
                    [&](std::int64_t flat, T, std::int64_t best) {
                      out[static_cast<std::size_t>(flat)] = static_cast<std::int32_t>(best);
                    });
  });
}

std::vector<Sample> index_samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases())
    if (!c.options.count_padding)
      out.push_back({c.name, {{.shape = c.shape, .differentiable = false}}, [c](std::span<const Tensor> in) {
                       return std::vector{
                           max_pool2d_index(in[0], pool2d_params("max_pool2d_index", in[0], c.options, {}))};
                     }});
  return out;
}

}  // namespace

// max_pool2d_index(x [..., H, W]) -> int32 [..., OH, OW]: where in its window, as i*kw + j, the first maximum (or first
// NaN) is.
const OpDef max_pool2d_index_op{
    .name = "max_pool2d_index",
    .doc = "the position in its image of each window's first maximum",
    .type = [](const TypeArgs& args) { return pooled_type(args, DType::i32); },
    .element = index_element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = index_reference,
    .samples = index_samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor max_pool2d_index(const Tensor& x, Pool2dParams params) {
  params.extents = {};
  return apply1(max_pool2d_index_op, make_params(std::move(params)), {x});
}

}  // namespace bitale::ops

#include <limits>

#include "ops/conv/pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

Expr index_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Tensor& x = e.node().input(0);
  const std::size_t lead = x.shape().size() - p.axes();
  const Shape window = p.window_shape();
  const auto [value, best] = e.reduce_pair(Combiner::arg_max, window, [&](std::span<const Index> at) {
    const WindowElement w = element_under(e, p, x.shape(), at);
    // Positions outside the image come after all others, so that they lose against an element that is -inf too.
    Expr position = e.value(flatten(at, window));
    for (std::size_t k = 0; k < p.axes(); ++k) {
      std::vector<IndexBound> bound;
      add_window_bound(p, k, bound, w.index[lead + k], x.shape()[lead + k]);
      if (bound.empty()) continue;
      const Expr i = e.value(w.index[lead + k]);
      const Expr inside = call(ScalarOp::bit_and, {call(ScalarOp::le, {e.integer(0), i}),
                                                   call(ScalarOp::lt, {i, e.extent(x.shape()[lead + k])})});
      position = select(inside, position, position + e.integer(product(window).value()));
    }
    const Expr nothing = e.constant(-std::numeric_limits<double>::infinity(), x.dtype());
    return std::pair{w.bounds.empty() ? e.input(0, w.index) : e.input_if(w.bounds, 0, w.index, nothing), position};
  });
  return cast(best, DType::i32);
}

void index_reference(const Reference& r) {
  dispatch_float(r.inputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto out = elements<std::int32_t>(r.outputs[0]);
    visit_maxima<T>(PlainPool(r), r.inputs[0], out.shape,
                    [&](std::int64_t lead, const Extents& position, T, std::int64_t best) {
                      out(lead, position) = static_cast<std::int32_t>(best);
                    });
  });
}

std::vector<Sample> index_samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back({c.name, {{.shape = c.shape, .differentiable = false}}, [c](std::span<const Tensor> in) {
                     return std::vector{
                         max_pool_index(in[0], pool_params({"max_pool", c.shape.size() - 2, {}}, in[0], c.options))};
                   }});
  return out;
}

}  // namespace

// max_pool_index(x [..., image...]) -> int32 [..., positions...]: where in its window, counted row by row, the first
// maximum (or first NaN) is.
const OpDef max_pool_index_op{
    .name = "max_pool_index",
    .doc = "the position in its window of each window's first maximum",
    .type = [](const TypeArgs& args) { return pooled_type(args, DType::i32); },
    .element = index_element,
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch_elementwise,
    .reference = index_reference,
    .samples = index_samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor max_pool_index(const Tensor& x, PoolParams params) {
  params.extents = {};
  return apply1(max_pool_index_op, make_params(std::move(params)), {x});
}

}  // namespace bitale::ops

#include <limits>

#include "ops/conv/pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

Expr maximum_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Shape& image = e.node().input(0).shape();
  const DType dtype = e.node().type().dtype;
  return e.reduce(Combiner::max, p.window_shape(), [&](std::span<const Index> at) {
    const WindowElement w = element_under(e, p, image, at);
    const Expr nothing = e.constant(-std::numeric_limits<double>::infinity(), dtype);
    return w.bounds.empty() ? e.input(0, w.index) : e.input_if(w.bounds, 0, w.index, nothing);
  });
}

void maximum_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto out = elements<T>(r.outputs[0]);
    visit_maxima<T>(
        PlainPool(r), r.inputs[0], out.shape,
        [&](std::int64_t lead, const Extents& position, T value, std::int64_t) { out(lead, position) = value; });
  });
}

namespace {

std::vector<Sample> maximum_samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back({c.name, {{c.shape}}, [c](std::span<const Tensor> in) {
                     return std::vector{max_pool({"max_pool", c.shape.size() - 2, {}}, in[0], c.options)};
                   }});
  return out;
}

}  // namespace

// max_pool(x [..., image...]) -> [..., positions...]: the maximum of each window; NaN if the window has one. The
// cotangent goes to the first maximum. Errors: x not float or of lower rank than the window (the builders: other than
// two more), a window or stride below 1, padding that is negative or not smaller than the window, a window larger than
// the padded image.
const OpDef max_pool_op{
    .name = "max_pool",
    .doc =
        "max_pool1d, max_pool2d, max_pool3d(images, {window, stride, padding, ceil, all_maxima}): NaN if the window "
        "has one; the gradient goes to the first maximum",
    .type = [](const TypeArgs& args) { return pooled_type(args); },
    .element = maximum_element,
    .vjp =
        [](const Vjp& v) {
          const PoolParams p = with_image(v.node.params_as<PoolParams>(), v.in(0).shape());
          return std::vector{max_pool_backward(max_pool_index(v.in(0), p), v.dy(), p)};
        },
    .jvp =
        [](const Jvp& v) {
          const auto& p = v.node.params_as<PoolParams>();
          return std::vector{v.dx(0) ? max_pool_gather(max_pool_index(v.in(0), p), v.dx(0), p) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = maximum_reference,
    .samples = maximum_samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor max_pool(const WindowOp& op, const Tensor& x, const PoolOptions& options) {
  PoolParams p = pool_params(op, x, options);
  p.count_padding = false;
  return apply1(options.all_maxima ? max_pool_all_op : max_pool_op, make_params(std::move(p)), {x}, op.line);
}

Tensor max_pool1d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return max_pool({"max_pool1d", 1, line}, x, options);
}
Tensor max_pool2d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return max_pool({"max_pool2d", 2, line}, x, options);
}
Tensor max_pool3d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return max_pool({"max_pool3d", 3, line}, x, options);
}

}  // namespace bitale::ops

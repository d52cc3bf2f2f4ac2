#include <limits>

#include "ops/conv/pool2d.h"
#include "ops/conv/pool2d_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

Expr maximum_element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Shape& image = e.node().input(0).shape();
  const int rank = e.rank();
  const DType dtype = e.node().type().dtype;
  const std::vector<Dim> window{p.window[0], p.window[1]};
  return e.reduce(Combiner::max, window, [&](std::span<const Index> at) {
    std::vector<Index> index = e.index();
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t axis = static_cast<std::size_t>(rank) - 2 + k;
      index[axis] = window_element(p, k, index[axis], at[k]);
      add_window_bound(p, k, bounds, index[axis], image[axis]);
    }
    const Expr nothing = e.constant(-std::numeric_limits<double>::infinity(), dtype);
    return bounds.empty() ? e.input(0, index) : e.input_if(bounds, 0, index, nothing);
  });
}

void maximum_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto out = r.outputs[0].view<T>();
    visit_maxima<T>(r.node.params_as<Pool2dParams>(), r.inputs[0], r.outputs[0].shape(),
                    [&](std::int64_t flat, T value, std::int64_t) { out[static_cast<std::size_t>(flat)] = value; });
  });
}

std::vector<Sample> maximum_samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases())
    if (!c.options.count_padding)
      out.push_back(
          {c.name, {{c.shape}}, [c](std::span<const Tensor> in) { return std::vector{max_pool2d(in[0], c.options)}; }});
  return out;
}

}  // namespace

// max_pool2d(x [..., H, W]) -> [..., OH, OW]: the maximum of each window; NaN if the window has one. The cotangent goes
// to the first maximum. Errors: x not float or of rank below 2 (the builder: other than 4), a window or stride below 1,
// padding that is negative or not smaller than the window, a window larger than the padded image.
const OpDef max_pool2d_op{
    .name = "max_pool2d",
    .doc = "max_pool2d(images, {window, stride, padding, ceil}): the gradient goes to the first maximum",
    .type = [](const TypeArgs& args) { return pooled_type(args); },
    .element = maximum_element,
    .vjp =
        [](const Vjp& v) {
          const Pool2dParams p = with_image(v.node.params_as<Pool2dParams>(), v.in(0).shape());
          return std::vector{max_pool2d_backward(max_pool2d_index(v.in(0), p), v.dy(), p)};
        },
    .jvp =
        [](const Jvp& v) {
          const auto& p = v.node.params_as<Pool2dParams>();
          return std::vector{v.dx(0) ? max_pool2d_gather(max_pool2d_index(v.in(0), p), v.dx(0), p) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = maximum_reference,
    .samples = maximum_samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options, SourceLine line) {
  Pool2dParams p = pool2d_params("max_pool2d", x, options, line);
  p.count_padding = false;
  return apply1(max_pool2d_op, make_params(std::move(p)), {x}, line);
}

}  // namespace bitale::ops

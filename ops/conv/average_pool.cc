#include "ops/conv/average_pool.h"

#include "ops/api/checks.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

Expr window_count(Element& e, const PoolParams& p, const Shape& image, const std::vector<Index>& window, DType dtype) {
  const std::size_t lead = image.size() - p.axes();
  const auto max = [](Expr a, Expr b) { return call(ScalarOp::max, {a, b}); };
  const auto min = [](Expr a, Expr b) { return call(ScalarOp::min, {a, b}); };
  Expr total;
  for (std::size_t k = 0; k < p.axes(); ++k) {
    std::vector<IndexBound> bounds;
    add_window_bound(p, k, bounds, 0, 1);
    Expr count = e.integer(p.window[k]);
    if (!bounds.empty()) {
      const Expr begin = e.value(window_element(p, k, window[lead + k], 0));
      const Dim end_of_image = p.count_padding ? image[lead + k] + p.padding[2 * k + 1] : image[lead + k];
      const Expr end = min(begin + e.integer(p.window[k]), e.extent(end_of_image));
      // A window that does not exist (its value is not used) must not divide by 0.
      count = max(end - (p.count_padding ? begin : max(begin, e.integer(0))), e.integer(1));
    }
    total = total ? total * count : count;
  }
  return cast(total, dtype);
}

namespace {

Expr element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Shape& image = e.node().input(0).shape();
  const DType dtype = e.node().type().dtype;
  const Expr total = e.reduce(Combiner::sum, p.window_shape(), [&](std::span<const Index> at) {
    const WindowElement w = element_under(e, p, image, at);
    return w.bounds.empty() ? e.input(0, w.index) : e.input_if(w.bounds, 0, w.index, e.constant(0, dtype));
  });
  return total / window_count(e, p, image, e.index(), dtype);
}

void reference(const Reference& r) {
  const PlainPool p(r);
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = elements<T>(r.inputs[0]);
    const auto out = elements<T>(r.outputs[0]);
    const std::size_t axes = p.window.size();
    const Extents image = spatial_extents(x.shape, axes);
    for (std::int64_t lead = 0; lead < lead_count(out.shape, axes); ++lead)
      for_each_index(spatial_extents(out.shape, axes), [&](const Extents& position) {
        double total = 0;
        p.visit_window(image, position, [&](const Extents&, const Extents& at) { total += x(lead, at); });
        out(lead, position) = static_cast<T>(total / static_cast<double>(p.count(image, position)));
      });
  });
}

Tensor average_pool(const WindowOp& op, const Tensor& x, const PoolOptions& options) {
  return apply1(average_pool_op, make_params(pool_params(op, x, options)), {x}, op.line);
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(true))
    out.push_back({c.name, {{c.shape}}, [c](std::span<const Tensor> in) {
                     return std::vector{average_pool({"average_pool", c.shape.size() - 2, {}}, in[0], c.options)};
                   }});
  return out;
}

}  // namespace

// average_pool(x [..., image...]) -> [..., positions...]: the sum of each window's elements over their number; with
// count_padding the number includes elements of the padding. Errors: as max_pool.
const OpDef average_pool_op{
    .name = "average_pool",
    .doc =
        "average_pool1d, average_pool2d, average_pool3d(images, {window, stride, padding, ceil, count_padding}): over "
        "the window's elements in the image, or in image and padding",
    .type = [](const TypeArgs& args) { return pooled_type(args); },
    .element = element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{
              average_pool_backward(v.dy(), with_image(v.node.params_as<PoolParams>(), v.in(0).shape()))};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

Tensor average_pool1d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return average_pool({"average_pool1d", 1, line}, x, options);
}
Tensor average_pool2d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return average_pool({"average_pool2d", 2, line}, x, options);
}
Tensor average_pool3d(const Tensor& x, const PoolOptions& options, SourceLine line) {
  return average_pool({"average_pool3d", 3, line}, x, options);
}

}  // namespace bitale::ops

#include "ops/conv/average_pool2d.h"

#include "ops/api/checks.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

Expr window_count(Element& e, const Pool2dParams& p, const Shape& image, const std::vector<Index>& window,
                  DType dtype) {
  const std::size_t rank = image.size();
  const auto max = [](Expr a, Expr b) { return call(ScalarOp::max, {a, b}); };
  const auto min = [](Expr a, Expr b) { return call(ScalarOp::min, {a, b}); };
  Expr total;
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<IndexBound> bounds;
    add_window_bound(p, k, bounds, 0, 1);
    Expr count = e.integer(p.window[k]);
    if (!bounds.empty()) {
      const Expr begin = e.value(window_element(p, k, window[rank - 2 + k], 0));
      const Dim end_of_image = p.count_padding ? image[rank - 2 + k] + p.padding[2 * k + 1] : image[rank - 2 + k];
      const Expr end = min(begin + e.integer(p.window[k]), e.extent(end_of_image));
      // A window that does not exist (its value is not used) must not divide by 0.
      count = max(end - (p.count_padding ? begin : max(begin, e.integer(0))), e.integer(1));
    }
    total = total ? total * count : count;
  }
  return cast(total, dtype);
}

std::int64_t reference_count(const Pool2dParams& p, std::int64_t height, std::int64_t width, std::int64_t row,
                             std::int64_t col) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < p.window[0]; ++i)
    for (std::int64_t j = 0; j < p.window[1]; ++j) {
      const std::int64_t h = row * p.stride[0] + i - p.padding[0], w = col * p.stride[1] + j - p.padding[2];
      const bool in_image = h >= 0 && h < height && w >= 0 && w < width;
      const bool in_padding = h < height + p.padding[1] && w < width + p.padding[3];
      count += in_image || (p.count_padding && in_padding) ? 1 : 0;
    }
  return count;
}

namespace {

Expr element(Element& e) {
  const auto& p = e.node().params_as<Pool2dParams>();
  const Shape& image = e.node().input(0).shape();
  const DType dtype = e.node().type().dtype;
  const std::vector<Dim> window{p.window[0], p.window[1]};
  const Expr total = e.reduce(Combiner::sum, window, [&](std::span<const Index> at) {
    std::vector<Index> index = e.index();
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t axis = image.size() - 2 + k;
      index[axis] = window_element(p, k, index[axis], at[k]);
      add_window_bound(p, k, bounds, index[axis], image[axis]);
    }
    return bounds.empty() ? e.input(0, index) : e.input_if(bounds, 0, index, e.constant(0, dtype));
  });
  return total / window_count(e, p, image, e.index(), dtype);
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<Pool2dParams>();
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = planes<T>(r.inputs[0]);
    const auto out = planes<T>(r.outputs[0]);
    for (std::int64_t plane = 0; plane < out.count; ++plane)
      for (std::int64_t row = 0; row < out.h; ++row)
        for (std::int64_t col = 0; col < out.w; ++col) {
          double total = 0;
          for (std::int64_t i = 0; i < p.window[0]; ++i)
            for (std::int64_t j = 0; j < p.window[1]; ++j) {
              const std::int64_t h = row * p.stride[0] + i - p.padding[0], w = col * p.stride[1] + j - p.padding[2];
              if (h >= 0 && h < x.h && w >= 0 && w < x.w) total += x(plane, h, w);
            }
          out(plane, row, col) = static_cast<T>(total / static_cast<double>(reference_count(p, x.h, x.w, row, col)));
        }
  });
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (const Pool2dCase& c : pool2d_cases())
    out.push_back({c.name, {{c.shape}}, [c](std::span<const Tensor> in) {
                     return std::vector{average_pool2d(in[0], c.options)};
                   }});
  return out;
}

}  // namespace

// average_pool2d(x [..., H, W]) -> [..., OH, OW]: the sum of each window's elements over their number; with
// count_padding the number includes elements of the padding. Errors: as max_pool2d.
const OpDef average_pool2d_op{
    .name = "average_pool2d",
    .doc = "average_pool2d(images, {window, stride, padding, ceil, count_padding})",
    .type = [](const TypeArgs& args) { return pooled_type(args); },
    .element = element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{
              average_pool2d_backward(v.dy(), with_image(v.node.params_as<Pool2dParams>(), v.in(0).shape()))};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(Pool2dParams{}); },
};

Tensor average_pool2d(const Tensor& x, const Pool2dOptions& options, SourceLine line) {
  return apply1(average_pool2d_op, make_params(pool2d_params("average_pool2d", x, options, line)), {x}, line);
}

}  // namespace bitale::ops

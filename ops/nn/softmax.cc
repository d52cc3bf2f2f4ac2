#include "ops/nn/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/api/checks.h"

namespace bitale::ops {

using namespace ir;

namespace {

// The differential of softmax, y*(d - sum(y*d)), is its own transpose: both modes use it.
Tensor differential(const Node& node, const Tensor& d) {
  const Tensor y(NodePtr(&node), 0);
  return y * (d - sum_along(y * d, node.params_as<SoftmaxParams>()));
}

void reference(const Reference& r) {
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T* x = r.inputs[0].view<T>().data();
      T* y = r.outputs[0].view<T>().data();
      visit_lines(r.inputs[0].shape(), r.node.params_as<SoftmaxParams>().axis,
                  [&](std::int64_t first, std::int64_t stride, std::int64_t count) {
                    long double total = 0, top = -std::numeric_limits<long double>::infinity();
                    for (std::int64_t i = 0; i < count; ++i) top = std::max<long double>(top, x[first + i * stride]);
                    top = std::min<long double>(top, std::numeric_limits<T>::max());
                    for (std::int64_t i = 0; i < count; ++i) total += std::exp(x[first + i * stride] - top);
                    for (std::int64_t i = 0; i < count; ++i)
                      y[first + i * stride] = static_cast<T>(std::exp(x[first + i * stride] - top) / total);
                  });
    }
  });
}

}  // namespace

// softmax(x; axis) -> exp(x - m) / sum(exp(x - m)), m the maximum along the axis. Errors: x not float, an axis it does
// not have.
const OpDef softmax_op{
    .name = "softmax",
    .doc = "softmax(x, axis)",
    .type = softmax_type,
    .element =
        [](Element& e) {
          const ShiftedElement s = shifted_element(e);
          return call(ScalarOp::exp, {s.x}) / s.sum;
        },
    .vjp = [](const Vjp& v) { return std::vector{differential(v.node, v.dy())}; },
    .jvp = [](const Jvp& v) { return std::vector{v.dx(0) ? differential(v.node, v.dx(0)) : Tensor{}}; },
    .batch = batch_softmax,
    .reference = reference,
    .samples = [] { return softmax_samples(softmax); },
    .default_params = [] { return make_params(SoftmaxParams{}); },
};

Tensor softmax(const Tensor& x, int axis, SourceLine line) {
  return apply1(softmax_op, make_params(SoftmaxParams{normal_axis("softmax", axis, x.rank(), line)}), {x}, line);
}

}  // namespace bitale::ops

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/api/checks.h"
#include "ops/nn/softmax.h"

namespace bitale::ops {

using namespace ir;

namespace {

Tensor probabilities(const Node& node) {
  return softmax(node.input(0), static_cast<int>(node.params_as<SoftmaxParams>().axis));
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
                      y[first + i * stride] = static_cast<T>(x[first + i * stride] - top - std::log(total));
                  });
    }
  });
}

}  // namespace

// log_softmax(x; axis) -> x - m - log(sum(exp(x - m))), m the maximum along the axis. With p = softmax(x):
//   dx = dy - p * sum(dy)   and   tangent = dx - sum(p * dx).
// Errors: x not float, an axis it does not have.
const OpDef log_softmax_op{
    .name = "log_softmax",
    .doc = "log_softmax(x, axis): log of softmax, without overflow",
    .type = softmax_type,
    .element =
        [](Element& e) {
          const ShiftedElement s = shifted_element(e);
          return s.x - call(ScalarOp::log, {s.sum});
        },
    .vjp =
        [](const Vjp& v) {
          return std::vector{v.dy() - probabilities(v.node) * sum_along(v.dy(), v.node.params_as<SoftmaxParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          if (!v.dx(0)) return std::vector<Tensor>(1);
          return std::vector{v.dx(0) - sum_along(probabilities(v.node) * v.dx(0), v.node.params_as<SoftmaxParams>())};
        },
    .batch = batch_softmax,
    .reference = reference,
    .samples = [] { return softmax_samples(log_softmax); },
    .default_params = [] { return make_params(SoftmaxParams{}); },
};

Tensor log_softmax(const Tensor& x, int axis, SourceLine line) {
  return apply1(log_softmax_op, make_params(SoftmaxParams{normal_axis("log_softmax", axis, x.rank(), line)}), {x},
                line);
}

}  // namespace bitale::ops

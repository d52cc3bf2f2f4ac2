// Two ops of one's own: an elementwise one from a formula, and one whose values a C++ function computes.
#include <algorithm>
#include <cstdio>
#include <numeric>

#include <bitale/bitale.h>
using namespace bitale;

int main() {
  // One node in the graph, fused with its neighbours and differentiated like tanh.
  const CustomOp mish = elementwise_op({
      .name = "mish",
      .body = [](const std::vector<Tensor>& x) { return x[0] * tanh(softplus(x[0])); },
  });

  // Computed by a callback: no code of it is generated, and nothing of it is cached. It says how its cotangents come
  // about: y[i] = x[order[i]], so that dx[order[i]] = dy[i].
  const CustomOp sorted = callback_op({
      .name = "sorted",
      .type =
          [](const std::vector<Tensor>& x) {
            return std::vector<ResultType>{{x[0].dtype(), x[0].shape()}, {int64, x[0].shape()}};
          },
      .run =
          [](const std::vector<Array>& x, std::vector<Array>& y) {
            const auto values = x[0].view<double>();
            const auto order = y[1].view<std::int64_t>();
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
              return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)];
            });
            for (std::size_t i = 0; i < order.size(); ++i)
              y[0].view<double>()[i] = values[static_cast<std::size_t>(order[i])];
          },
      .vjp =
          [](const std::vector<Tensor>& x, const std::vector<Tensor>& y, const std::vector<Tensor>& dy) {
            return std::vector<Tensor>{scatter_add(zeros(x[0].dtype(), x[0].shape()), y[1], dy[0])};
          },
  });

  Tensor x = input("x", float64, {4}), weight = constant(Array::of<double>(std::vector<double>{1, 2, 3, 4}, {4}));
  Tensor y = sum(sorted({mish({x})}) * weight);
  Function f = function({x}, {y, grad(y, x)});
  auto out = f({0.5, -1, 2, 1});
  std::printf("y = %.4f, dy/dx =", out[0].at(0));
  for (int i = 0; i < 4; ++i) std::printf(" %.4f", out[1].at(i));
  std::printf("\n");

  const GradientCheck check =
      gradient_check({y}, {x}, {{x, Array::of<double>(std::vector<double>{0.5, -1, 2, 1}, {4})}});
  std::printf("the derivative differs from finite differences by %.1e\n", check.worst);
  return check.worst < 1e-7 ? 0 : 1;
}

// Fits a line to noisy points by gradient descent.
#include <cmath>
#include <cstdio>

#include <bitale/bitale.h>
using namespace bitale;

int main() {
  Dim n("n");  // the number of points: the functions below are compiled once for all of them
  Tensor x = input("x", float32, {n}), y = input("y", float32, {n});
  Shared slope("slope", Array::scalar(0.0f)), offset("offset", Array::scalar(0.0f));

  Tensor loss = mean(square(slope * x + offset - y));
  auto g = grad(loss, {slope, offset});
  Function step = function({x, y}, {loss}, {.updates = {{slope, slope - 0.5 * g[0]}, {offset, offset - 0.5 * g[1]}}});

  RandomStream random(1);
  Tensor points = random.uniform({200});
  auto data = function({}, {points, 3.0 * points - 1.0 + 0.1 * random.normal({200})})();

  for (int i = 0; i <= 200; ++i) {
    const double l = step(data[0], data[1])[0].at(0);
    if (i % 50 == 0) std::printf("step %3d  loss %.4f\n", i, l);
  }
  std::printf("y = %.2f x + %.2f\n", slope.get().at(0), offset.get().at(0));
  return std::fabs(slope.get().at(0) - 3) < 0.1 && std::fabs(offset.get().at(0) + 1) < 0.1 ? 0 : 1;
}

// Several functions over the same variables: one adds samples, one reads the estimates, one starts again.
#include <cmath>
#include <cstdio>

#include <bitale/bitale.h>
using namespace bitale;

int main() {
  // Running count, mean and sum of squared deviations (Welford's method, a batch at a time).
  Shared count("count", Array::scalar(0.0)), center("center", Array::scalar(0.0)), spread("spread", Array::scalar(0.0));
  Tensor x = input("x", float64, {Dim("n")});
  Tensor n = cast(extent(x.dim(0)), float64), total = count + n, delta = mean(x) - center;
  Function add = function({x}, {},
                          {.updates = {{count, total},
                                       {center, center + delta * n / total},
                                       {spread, spread + sum(square(x - mean(x))) + square(delta) * count * n / total}},
                           .name = "add"});
  Function read = function({}, {center, sqrt(spread / (count - 1.0))}, {.name = "read"});
  Function reset =
      function({}, {}, {.updates = {{count, 0.0 * count}, {center, 0.0 * center}, {spread, 0.0 * spread}}});

  add({1, 2, 3});
  add({4, 5});
  auto estimates = read();
  std::printf("mean %.3f, deviation %.4f\n", estimates[0].at(0), estimates[1].at(0));
  const bool right = estimates[0].at(0) == 3 && std::fabs(estimates[1].at(0) - std::sqrt(2.5)) < 1e-12;

  count.set(Array::scalar(1000.0));  // variables can be set from outside, too
  reset();
  add({7, 7, 7});
  return right && read()[0].at(0) == 7 ? 0 : 1;
}

// Newton's method on Rosenbrock's function in 10 dimensions: each step solves H d = -g by conjugate gradients, which
// need products with the Hessian but never the Hessian itself.
#include <cmath>
#include <cstdio>
#include <vector>

#include <bitale/bitale.h>
using namespace bitale;

namespace {

double dot_of(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<double> values_of(const Array& a) { return {a.view<double>().begin(), a.view<double>().end()}; }

}  // namespace

int main() {
  constexpr int n = 10;
  Tensor x = input("x", float64, {n}), v = input("v", float64, {n});
  Tensor head = slice(x, 0, 0, n - 1), tail = slice(x, 0, 1, n);
  Tensor cost = sum(100.0 * square(tail - square(head)) + square(1.0 - head));
  Function value_and_gradient = function({x}, {cost, grad(cost, x)});
  Function product = function({x, v}, {hessian_vector_product(cost, {x}, {v})[0]});

  std::vector<double> at(n, 0.0);
  double value = 0;
  for (int step = 0; step < 60; ++step) {
    auto out = value_and_gradient(at);
    value = out[0].at(0);
    const std::vector<double> g = values_of(out[1]);
    std::printf("step %2d  cost %.3e\n", step, value);
    if (dot_of(g, g) < 1e-16) break;

    std::vector<double> d(n, 0.0), r(n), p;
    for (int i = 0; i < n; ++i) r[static_cast<std::size_t>(i)] = -g[static_cast<std::size_t>(i)];
    p = r;
    for (int k = 0; k < 3 * n && dot_of(r, r) > 1e-20; ++k) {
      const std::vector<double> hp = values_of(product(at, p)[0]);
      const double curvature = dot_of(p, hp), rr = dot_of(r, r);
      if (curvature <= 0) break;  // not convex here: what is found so far goes down
      for (std::size_t i = 0; i < n; ++i) d[i] += rr / curvature * p[i], r[i] -= rr / curvature * hp[i];
      const double beta = dot_of(r, r) / rr;
      for (std::size_t i = 0; i < n; ++i) p[i] = r[i] + beta * p[i];
    }
    if (dot_of(d, g) >= 0)
      for (std::size_t i = 0; i < n; ++i) d[i] = -g[i];
    double length = 1;
    for (int tries = 0; tries < 40; ++tries, length /= 2) {
      std::vector<double> next = at;
      for (std::size_t i = 0; i < n; ++i) next[i] += length * d[i];
      if (value_and_gradient(next)[0].at(0) < value) {
        at = next;
        break;
      }
    }
  }
  return value < 1e-10 ? 0 : 1;
}

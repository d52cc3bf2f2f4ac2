// Matrix products by OpenBLAS, as part of compiled functions, against the generated code.
#include <cmath>

#include <bitale/bitale.h>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"

using namespace bitale;

namespace {

Array numbers(DType type, const Extents& shape) {
  Array a(type, shape);
  const auto fill = [](auto values) {
    int i = 0;
    for (auto& v : values) v = static_cast<std::remove_reference_t<decltype(v)>>(std::sin(++i * 0.7));
  };
  type == float32 ? fill(a.view<float>()) : fill(a.view<double>());
  return a;
}

// A layer with its gradients: products of both transposes, with an epilogue each; and a batch of products.
std::vector<Array> results(DType type, const std::string& candidate, int threads) {
  flags().contraction = candidate;
  const Dim n("n");
  const Tensor x = input("x", type, {n, 70}), u = input("u", type, {n, 5, 40});
  const Shared w("w", numbers(type, {70, 33})), b("b", numbers(type, {33})), v("v", numbers(type, {40, 12}));
  const Tensor layer = tanh(dot(x, w) + b);
  const Tensor batches = batched_dot(u, transpose(u, {0, 2, 1}));
  const Tensor loss = sum(square(layer)) + sum(batches) + sum(relu(dot(reshape(u, {n * 5, 40}), v)));
  const Function f = function({x, u}, {layer, batches, grad(loss, w), grad(loss, v), grad(loss, x)},
                              {.name = "layer", .threads = threads});
  std::vector<Array> out = f(numbers(type, {130, 70}), numbers(type, {130, 5, 40}));
  flags().contraction.clear();
  return out;
}

}  // namespace

TEST_CASE("products by OpenBLAS are those of the generated code") {
  for (const DType type : {float32, float64})
    for (const int threads : {1, 2}) {
      const std::vector<Array> ours = results(type, "generated", threads), theirs = results(type, "openblas", threads);
      const double tolerance = type == float32 ? 1e-4 : 1e-12;
      for (std::size_t i = 0; i < ours.size(); ++i) {
        REQUIRE(ours[i].shape() == theirs[i].shape());
        double worst = 0;
        for (std::int64_t e = 0; e < ours[i].size(); ++e)
          worst = std::max(worst, std::abs(ours[i].at(e) - theirs[i].at(e)) / std::max(1.0, std::abs(ours[i].at(e))));
        INFO("result " << i);
        CHECK(worst <= tolerance);
      }
    }
}

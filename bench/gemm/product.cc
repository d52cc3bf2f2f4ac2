#include "bench/gemm/product.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/library/library.h"
#include "runtime/library/openblas.h"
#include "runtime/program/abi.h"

namespace bitale::bench {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 29;  // of a matrix

Array random_matrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  std::mt19937 random(seed);
  Array a(float32, {rows, columns});
  for (float& v : a.view<float>()) v = static_cast<float>(random()) / 4294967296.0F - 0.5F;
  return a;
}

// What one call of OpenBLAS needs, kept beside the function that makes it.
struct BlasCall {
  library::LibraryFn function;
  Array a, b, c;
  void* buffers[3];
  std::int64_t extents[6];
  std::int64_t integers[2] = {0, 0};
  double reals[2] = {1, 0};
  Context context;

  Array operator()() {
    function(&context, {.buffers = buffers, .extents = extents, .integers = integers, .reals = reals});
    return c;
  }
};

}  // namespace

std::string ProductShape::text() const { return fmt::format("{}x{}x{}", m, k, n); }

ProductShape product_shape(const std::string& text) {
  ProductShape s;
  int read = 0;
  const bool three = std::sscanf(text.c_str(), "%9ldx%9ldx%9ld%n", &s.m, &s.k, &s.n, &read) == 3 &&
                     static_cast<std::size_t>(read) == text.size();
  if (!three || s.m <= 0 || s.k <= 0 || s.n <= 0)
    throw UsageError(fmt::format("--shape {}: expected rows x depth x columns, such as 64x784x400.", text));
  if (std::max({s.m * s.k, s.k * s.n, s.m * s.n}) > most_elements)
    throw UsageError(fmt::format("--shape {}: a matrix may have {} elements.", text, most_elements));
  return s;
}

std::vector<ProductShape> default_product_shapes() {
  return {{64, 784, 400}, {64, 800, 500}, {16, 128, 512}, {1024, 1024, 1024}};
}

Operands::Operands(const ProductShape& shape)
    : a(random_matrix(shape.m, shape.k, 1)), b(random_matrix(shape.k, shape.n, 2)) {}

Product bitale_product(const ProductShape& shape, const Operands& operands, Isa isa, const ProductOptions& options) {
  const auto extent = [&](const char* name, std::int64_t value) { return options.symbolic ? Dim(name) : Dim(value); };
  const Dim m = extent("m", shape.m), k = extent("k", shape.k), n = extent("n", shape.n);
  const Tensor a = input("a", float32, {m, k}), b = input("b", float32, {k, n});
  const Function f = function(
      {a, b}, {dot(a, b)}, {.name = "gemm", .threads = options.threads, .level = options.level, .isa = to_string(isa)});
  return {"Bitale " + to_string(isa),
          [f, arguments = std::vector<Argument>{operands.a, operands.b}] { return f.call(arguments)[0]; }};
}

Product openblas_product(const ProductShape& shape, const Operands& operands, int threads) {
  const auto call = std::make_shared<BlasCall>();
  call->function = library::find("sgemm");
  library::set_openblas_threads(threads);
  call->a = operands.a;
  call->b = operands.b;
  call->c = Array(float32, {shape.m, shape.n});
  call->buffers[0] = call->a.data();
  call->buffers[1] = call->b.data();
  call->buffers[2] = call->c.data();
  const std::int64_t extents[6] = {shape.m, shape.n, shape.k, shape.k, shape.n, shape.n};
  std::copy(std::begin(extents), std::end(extents), call->extents);
  return {"OpenBLAS", [call] { return (*call)(); }};
}

std::vector<double> times_ms(const Product& product, int calls) {
  std::vector<double> out;
  for (int i = 0; i < calls; ++i) {
    const Stopwatch call;
    const Array result = product.compute();
    out.push_back(call.ms());
  }
  return out;
}

double difference(const Array& value, const Array& expected) {
  const auto v = value.view<float>(), e = expected.view<float>();
  double worst = 0, largest = 1e-20;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const double error = std::abs(static_cast<double>(v[i]) - static_cast<double>(e[i]));
    worst = error <= worst ? worst : error;  // NaN counts
    largest = std::max(largest, std::abs(static_cast<double>(e[i])));
  }
  return worst / largest;
}

}  // namespace bitale::bench

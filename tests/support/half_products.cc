#include "tests/support/half_products.h"

#include <array>

#include <fmt/format.h>

#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "ops/api/conv.h"
#include "ops/api/elementwise.h"
#include "ops/api/linalg.h"
#include "ops/api/ops.h"

namespace bitale::tests {
namespace {

using ir::Shape;
using ir::Tensor;
using Build = std::function<Tensor(const Tensor& a, const Tensor& b)>;

class Cases {
 public:
  Cases(DType a, DType b) : a_(a), b_(b) {}

  void add(const std::string& name, const Extents& a, const Extents& b, const Build& build) {
    BuiltCase graph;
    const auto operand = [&](const std::string& what, DType dtype, const Extents& extents) {
      graph.inputs.push_back(
          ir::input(what + std::to_string(all_.size()), {dtype, Shape(extents.begin(), extents.end())}));
      graph.values.push_back(random_array(dtype, extents, -1, 1, graph.values.size() + 1));
      return graph.inputs.back();
    };
    const Tensor x = operand("a", a_, a), y = operand("b", b_, b);
    const bool mixed = a_ != b_;  // as a user writes it: the sum of products is float32
    const Tensor result = mixed ? build(ir::cast(x, DType::f32), ir::cast(y, DType::f32)) : build(x, y);
    graph.outputs = {result};
    const std::array dys{ir::square(result)};
    for (const Tensor& g : ad::vjp(graph.outputs, dys, graph.inputs, {})) graph.outputs.push_back(g);
    all_.push_back({fmt::format("{} of {} and {}", name, name_of(a_), name_of(b_)), std::move(graph)});
  }

  std::vector<HalfProduct> all() && { return std::move(all_); }

 private:
  const DType a_, b_;
  std::vector<HalfProduct> all_;
};

void add_products(Cases& cases) {
  constexpr std::int64_t sizes[][3] = {{1, 1, 1}, {5, 7, 3},   {17, 33, 9}, {0, 4, 5},  {5, 0, 3},
                                       {4, 5, 0}, {1, 40, 65}, {65, 40, 1}, {2, 1, 50}, {70, 48, 129}};
  int form = 0;
  for (const auto& [m, n, k] : sizes) {
    const bool turn_a = form & 1, turn_b = form & 2;
    ++form;
    cases.add(fmt::format("{} x {} x {}, {}{}", m, n, k, turn_a ? "t" : "n", turn_b ? "t" : "n"),
              turn_a ? Extents{k, m} : Extents{m, k}, turn_b ? Extents{n, k} : Extents{k, n},
              [=](const Tensor& a, const Tensor& b) {
                return ir::dot(turn_a ? ir::transpose(a) : a, turn_b ? ir::transpose(b) : b);
              });
  }
  cases.add("a vector", {9}, {9, 5}, [](const Tensor& a, const Tensor& b) { return ir::dot(a, b); });
  cases.add("a batch", {3, 5, 7}, {3, 7, 4}, [](const Tensor& a, const Tensor& b) { return ops::matmul(a, b); });
  cases.add("a batch that is shared", {2, 3, 5, 8}, {8, 6},
            [](const Tensor& a, const Tensor& b) { return ops::matmul(a, b); });
  cases.add("heads", {2, 5, 3, 4}, {2, 6, 3, 4},
            [](const Tensor& a, const Tensor& b) { return ops::einsum("bqhd,bkhd->bhqk", {a, b}); });
  cases.add("a layer behind a layer", {9, 6}, {6, 6}, [](const Tensor& a, const Tensor& b) {
    return ops::tanh(ir::dot(ops::relu(ir::dot(a, b)), ir::transpose(b)) + 1);
  });
  cases.add("views and padding", {6, 8}, {4, 12}, [](const Tensor& a, const Tensor& b) {
    return ir::dot(ir::reshape(a, {8, 6}), ir::pad(b, {1, 0}, {6, 12}, {1, 1}));
  });
}

void add_convolutions(Cases& cases) {
  const auto conv = [&](const std::string& name, const Extents& images, const Extents& filters,
                        const ops::ConvOptions& options) {
    cases.add(name, images, filters, [=](const Tensor& x, const Tensor& w) { return ops::conv2d(x, w, options); });
  };
  conv("convolution", {2, 3, 7, 6}, {4, 3, 3, 3}, {});
  conv("convolution, strided and padded", {2, 3, 7, 9}, {4, 3, 3, 2}, {.stride = {2, 3}, .padding = 1});
  conv("convolution in groups", {1, 4, 6, 6}, {6, 2, 3, 3}, {.groups = 2});
  conv("convolution, dilated", {2, 2, 9, 9}, {3, 2, 3, 3}, {.dilation = {2, 2}});
  conv("convolution of 1 x 1", {3, 5, 4, 4}, {7, 5, 1, 1}, {});
  conv("depthwise convolution", {2, 4, 5, 5}, {4, 1, 3, 3}, {.groups = 4});
  conv("convolution of no images", {0, 3, 7, 6}, {4, 3, 3, 3}, {});
}

}  // namespace

std::vector<HalfProduct> half_products(DType a, DType b) {
  ops::register_all();
  Cases cases(a, b);
  add_products(cases);
  add_convolutions(cases);
  return std::move(cases).all();
}

BuiltCase all_together(DType a, DType b) {
  BuiltCase all;
  for (const HalfProduct& one : half_products(a, b)) {
    all.inputs.insert(all.inputs.end(), one.graph.inputs.begin(), one.graph.inputs.end());
    all.values.insert(all.values.end(), one.graph.values.begin(), one.graph.values.end());
    all.outputs.insert(all.outputs.end(), one.graph.outputs.begin(), one.graph.outputs.end());
  }
  return all;
}

}  // namespace bitale::tests

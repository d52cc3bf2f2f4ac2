// sort and topk: argsort, and the elements that it names; derivatives pass by the same permutation.
#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

// Values and positions of the first `count` of the order along an axis.
std::pair<Tensor, Tensor> first_of_order(const Tensor& x, int axis, const Dim& count, bool descending,
                                         SourceLine line) {
  const AroundAxis around = around_axis(x, axis);
  const Tensor order = argsort_first(reshape(x, around.shape(), line), count, descending, line);
  const Tensor values = gather_rows(reshape(x, {around.size()}, line), places_along(around, order, line), 0, line);
  Shape shape = x.shape();
  shape[static_cast<std::size_t>(axis)] = count;
  return {reshape(values, shape, line), reshape(order, shape, line)};
}

}  // namespace

const OpDef sort_op{
    .name = "sort",
    .doc = "sort(x, axis, descending): the elements of an axis in order; stable, NaN above all numbers",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis, bool descending) {
            return [=](std::span<const Tensor> in) { return std::vector{sort(in[0], axis, descending)}; };
          };
          return std::vector<Sample>{{"vector", {{{7}}}, build(-1, false)},
                                     {"last axis, descending", {{{3, 4}}}, build(1, true)},
                                     {"middle axis", {{{2, 5, 3}}}, build(-2, false)}};
        },
    .dtypes = {DType::f32, DType::f64, DType::i32},
};

Tensor sort(const Tensor& x, int axis, bool descending, SourceLine line) {
  require_operand("sort", x, line);
  const int a = normal_axis("sort", axis, x.rank(), line);
  return first_of_order(x, a, x.dim(a), descending, line).first;
}

const OpDef topk_op{
    .name = "topk",
    .doc = "topk(x, k, axis, largest): the k largest (smallest) of an axis in order, and where they are",
    .composite = true,
    .samples =
        [] {
          const auto build = [](std::int64_t k, int axis, bool largest) {
            return [=](std::span<const Tensor> in) {
              const auto [values, places] = topk(in[0], k, axis, largest);
              return std::vector{values, places};
            };
          };
          return std::vector<Sample>{{"largest", {{{3, 6}}}, build(2, -1, true)},
                                     {"smallest of an outer axis", {{{5, 3}}}, build(3, 0, false)},
                                     {"all", {{{4}}}, build(4, 0, true)},
                                     {"none", {{{4}}}, build(0, 0, true)}};
        },
    .dtypes = {DType::f32, DType::f64, DType::i32},
};

std::pair<Tensor, Tensor> topk(const Tensor& x, const Dim& k, int axis, bool largest, SourceLine line) {
  require_operand("topk", x, line);
  const int a = normal_axis("topk", axis, x.rank(), line);
  if (k.is_constant() && x.dim(a).is_constant() && (k.value() < 0 || k.value() > x.dim(a).value()))
    TypeArgs(topk_op, nullptr, {&x, 1}, line)
        .fail("k is " + to_string(k) + ", axis " + std::to_string(a) + " has " + to_string(x.dim(a)) + " elements");
  return first_of_order(x, a, k, largest, line);
}

}  // namespace bitale::ops

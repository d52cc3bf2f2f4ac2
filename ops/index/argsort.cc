#include <cmath>

#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  require_rank(args, 0, 3);
  const Dim& count = args.params_as<ArgsortParams>().count;
  TensorType type{DType::i64, args.type(0).shape};
  require_at_least(args, type.shape[1], count, "there are not as many elements along the axis");
  require_at_least(args, count, 0, "a number of elements is not negative");
  type.shape[1] = count;
  return {type};
}

template <class T>
bool is_nan(T v) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(v);
  return false;
}

// Whether a comes before b whatever their positions.
template <class T>
bool before(T a, T b, bool descending) {
  if (descending) std::swap(a, b);
  return is_nan(b) ? !is_nan(a) : a < b;
}

// An element's rank is how many come before it.
void reference(const Reference& r) {
  const bool descending = r.node.params_as<ArgsortParams>().descending;
  const Extents& shape = r.inputs[0].shape();
  const std::int64_t outer = shape[0], n = shape[1], inner = shape[2], count = r.outputs[0].shape()[1];
  const auto out = r.outputs[0].view<std::int64_t>();
  dispatch(r.inputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>();
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < inner; ++i)
        for (std::int64_t k = 0; k < n; ++k) {
          const auto value = [&](std::int64_t at) { return x[static_cast<std::size_t>((o * n + at) * inner + i)]; };
          std::int64_t rank = 0;
          for (std::int64_t j = 0; j < n; ++j)
            if (before(value(j), value(k), descending) || (j < k && !before(value(k), value(j), descending))) ++rank;
          if (rank < count) out[static_cast<std::size_t>((o * count + rank) * inner + i)] = k;
        }
  });
}

std::vector<Tensor> batch(const Batch& v) {
  const Tensor& x = v.inputs[0];
  const Tensor out = apply1(v.node.op(), v.node.params(), {reshape(x, {v.size * x.dim(1), x.dim(2), x.dim(3)})});
  return {reshape(out, {v.size, x.dim(1), out.dim(1), x.dim(3)})};
}

}  // namespace

// argsort(x [outer, n, inner]; count, descending) -> int64 [outer, count, inner]: where the first `count` elements of
// each row's order are. NaN is above all numbers, -0 equals 0, equal elements stay in order. Lowers to the library's
// argsort, whose threads share rows.
const OpDef argsort_op{
    .name = "argsort",
    .doc = "argsort(x, axis, descending): the positions that sort an axis; stable, NaN above all numbers",
    .type = type_rule,
    .library = "argsort",
    .library_extents =
        [](const Node& n) {
          const Shape& x = n.input(0).shape();
          return std::vector<Dim>{x[0], x[1], x[2], n.params_as<ArgsortParams>().count};
        },
    .library_integers =
        [](const Node& n) {
          return std::vector{static_cast<std::int64_t>(n.input(0).dtype()),
                             std::int64_t{n.params_as<ArgsortParams>().descending}};
        },
    .vjp = zero_vjp,
    .jvp = zero_jvp,
    .batch = batch,
    .reference = reference,
    .samples =
        [] {
          const auto build = [](int axis, bool descending) {
            return [=](std::span<const Tensor> in) { return std::vector{argsort(in[0], axis, descending)}; };
          };
          // Few values, so that many are equal.
          const auto coarse = [](Extents shape) {
            return SampleInput{.shape = std::move(shape), .low = 0, .high = 3, .dtype = DType::i32};
          };
          return std::vector<Sample>{{"last axis", {{{3, 5}}}, build(-1, false)},
                                     {"middle axis, descending", {{{2, 4, 3}}}, build(1, true)},
                                     {"equal elements", {coarse({9})}, build(0, false)},
                                     {"equal elements, descending", {coarse({2, 9})}, build(1, true)}};
        },
    .dtypes = {DType::f32, DType::f64, DType::i64, DType::i8, DType::u8, DType::bool_},
    .default_params = [] { return make_params(ArgsortParams{}); },
};

Tensor argsort_first(const Tensor& x, const Dim& count, bool descending, SourceLine line) {
  return apply1(argsort_op, make_params(ArgsortParams{count, descending}), {x}, line);
}

Tensor argsort(const Tensor& x, int axis, bool descending, SourceLine line) {
  require_operand("argsort", x, line);
  const AroundAxis around = around_axis(x, normal_axis("argsort", axis, x.rank(), line));
  return reshape(argsort_first(reshape(x, around.shape(), line), around.n, descending, line), x.shape(), line);
}

}  // namespace bitale::ops

// dot_general: sums of products of two tensors over shared axes.
#include <algorithm>
#include <numeric>

#include "compiler/prim/list.h"
#include "compiler/prim/samples.h"
#include "runtime/base/error.h"

namespace bitale::ir {
namespace {

using Axes = std::vector<std::int64_t>;

bool contains(const Axes& axes, std::int64_t a) { return std::find(axes.begin(), axes.end(), a) != axes.end(); }

// The axes of an operand that are neither batch nor summed, in order.
Axes free_axes(int rank, const Axes& batch, const Axes& summed) {
  Axes out;
  for (std::int64_t a = 0; a < rank; ++a)
    if (!contains(batch, a) && !contains(summed, a)) out.push_back(a);
  return out;
}

const Dim& dim(const Shape& shape, std::int64_t axis) { return shape[static_cast<std::size_t>(axis)]; }

void require_axes(const TypeArgs& args, int operand, const Axes& batch, const Axes& summed) {
  Axes all = batch;
  all.insert(all.end(), summed.begin(), summed.end());
  for (std::int64_t a : all) {
    args.require(a >= 0 && a < args.type(operand).rank(),
                 "operand " + std::to_string(operand) + " has no axis " + std::to_string(a));
    args.require(std::count(all.begin(), all.end(), a) == 1, "axis " + std::to_string(a) + " is named twice");
  }
}

std::vector<TensorType> dot_type(const TypeArgs& args) {
  args.require_count(2);
  const auto& p = args.params_as<DotParams>();
  const TensorType &a = args.type(0), &b = args.type(1);
  args.require(a.dtype == b.dtype && (is_floating(a.dtype) || a.dtype == DType::i64),
               "operands must have one dtype, a float or int64");
  args.require(p.batch_a.size() == p.batch_b.size() && p.sum_a.size() == p.sum_b.size(),
               "as many axes of both operands must be paired");
  require_axes(args, 0, p.batch_a, p.sum_a);
  require_axes(args, 1, p.batch_b, p.sum_b);
  TensorType out{a.dtype, {}};
  for (std::size_t i = 0; i < p.batch_a.size(); ++i)
    out.shape.push_back(
        args.unify(dim(a.shape, p.batch_a[i]), dim(b.shape, p.batch_b[i]), "batch axes differ in extent"));
  for (std::size_t i = 0; i < p.sum_a.size(); ++i)
    args.unify(dim(a.shape, p.sum_a[i]), dim(b.shape, p.sum_b[i]),
               "axis " + std::to_string(p.sum_a[i]) + " of the first operand and axis " + std::to_string(p.sum_b[i]) +
                   " of the second are summed over together and differ in extent");
  for (std::int64_t k : free_axes(a.rank(), p.batch_a, p.sum_a)) out.shape.push_back(dim(a.shape, k));
  for (std::int64_t k : free_axes(b.rank(), p.batch_b, p.sum_b)) out.shape.push_back(dim(b.shape, k));
  return {out};
}

// Iteration dims: batch, free axes of a, free axes of b, summed.
ContractionDef dot_contraction(const Node& node) {
  const auto& p = node.params_as<DotParams>();
  const Shape &a = node.input(0).shape(), &b = node.input(1).shape();
  ContractionDef c;
  c.a.resize(a.size());
  c.b.resize(b.size());
  auto iterate = [&](const Dim& extent, std::int64_t axis_a, std::int64_t axis_b, bool in_out) {
    const std::pair<int, Dim> term{static_cast<int>(c.extents.size()), Dim(1)};
    c.extents.push_back(extent);
    if (axis_a >= 0) c.a[static_cast<std::size_t>(axis_a)].terms.push_back(term);
    if (axis_b >= 0) c.b[static_cast<std::size_t>(axis_b)].terms.push_back(term);
    if (in_out) c.out.push_back({Dim(0), {term}});
  };
  for (std::size_t i = 0; i < p.batch_a.size(); ++i) iterate(node.type().shape[i], p.batch_a[i], p.batch_b[i], true);
  for (std::int64_t k : free_axes(static_cast<int>(a.size()), p.batch_a, p.sum_a)) iterate(dim(a, k), k, -1, true);
  for (std::int64_t k : free_axes(static_cast<int>(b.size()), p.batch_b, p.sum_b)) iterate(dim(b, k), -1, k, true);
  for (std::size_t i = 0; i < p.sum_a.size(); ++i) {
    const Dim &da = dim(a, p.sum_a[i]), &db = dim(b, p.sum_b[i]);
    iterate(db.is_constant() ? db : da, p.sum_a[i], p.sum_b[i], false);
  }
  return c;
}

// The order that sorts `axes`: axes[order[0]] is the least.
Axes sorting(const Axes& axes) {
  Axes order(axes.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
    return axes[static_cast<std::size_t>(x)] < axes[static_cast<std::size_t>(y)];
  });
  return order;
}

Axes range(std::int64_t first, std::size_t count) {
  Axes out(count);
  std::iota(out.begin(), out.end(), first);
  return out;
}

// The cotangent of one operand: dy times the other operand, summed over the other's free axes. `first` tells that it is
// a.
Tensor operand_cotangent(const Vjp& v, bool first) {
  const auto& p = v.node.params_as<DotParams>();
  const Axes &batch = first ? p.batch_a : p.batch_b, &summed = first ? p.sum_a : p.sum_b;
  const Axes &other_batch = first ? p.batch_b : p.batch_a, &other_summed = first ? p.sum_b : p.sum_a;
  const Tensor &x = v.in(first ? 0 : 1), &other = v.in(first ? 1 : 0);
  const Axes own_free = free_axes(x.rank(), batch, summed),
             other_free = free_axes(other.rank(), other_batch, other_summed);
  const auto batches = static_cast<std::int64_t>(batch.size());
  const std::int64_t other_at = batches + (first ? static_cast<std::int64_t>(own_free.size()) : 0);
  // [batch, own free, the other's summed axes in its order]
  const Tensor d =
      dot_general(v.dy(), other, {range(0, batch.size()), other_batch, range(other_at, other_free.size()), other_free});
  Axes place(static_cast<std::size_t>(x.rank()));  // axis of x -> axis of d
  for (std::size_t i = 0; i < batch.size(); ++i)
    place[static_cast<std::size_t>(batch[i])] = static_cast<std::int64_t>(i);
  for (std::size_t i = 0; i < own_free.size(); ++i)
    place[static_cast<std::size_t>(own_free[i])] = batches + static_cast<std::int64_t>(i);
  const Axes order = sorting(other_summed);
  for (std::size_t i = 0; i < order.size(); ++i)
    place[static_cast<std::size_t>(summed[static_cast<std::size_t>(order[i])])] =
        batches + static_cast<std::int64_t>(own_free.size() + i);
  return transpose(d, place);
}

// A batched operand alone makes the new axis one of its free axes, so that a batch of small products is one large one.
std::vector<Tensor> dot_batch(const Batch& b) {
  DotParams p = b.node.params_as<DotParams>();
  const auto batches = static_cast<std::int64_t>(p.batch_a.size());
  const auto free_a = static_cast<std::int64_t>(free_axes(b.node.input(0).rank(), p.batch_a, p.sum_a).size());
  auto shift = [](Axes& axes) {
    for (std::int64_t& a : axes) ++a;
  };
  if (b.batched[0]) shift(p.batch_a), shift(p.sum_a);
  if (b.batched[1]) shift(p.batch_b), shift(p.sum_b);
  if (b.batched[0] && b.batched[1]) {
    p.batch_a.insert(p.batch_a.begin(), 0);
    p.batch_b.insert(p.batch_b.begin(), 0);
    return {dot_general(b.inputs[0], b.inputs[1], std::move(p))};
  }
  const Tensor y = dot_general(b.inputs[0], b.inputs[1], std::move(p));
  const std::int64_t at = batches + (b.batched[0] ? 0 : free_a);
  Axes axes{at};
  for (std::int64_t k = 0; k < y.rank(); ++k)
    if (k != at) axes.push_back(k);
  return {transpose(y, axes)};
}

// Elements' distances in an array along some of its axes, for all indices of those axes, last axis fastest.
std::vector<std::size_t> distances(const Extents& shape, const Axes& axes) {
  std::vector<std::size_t> out{0};
  for (std::int64_t axis : axes) {
    std::size_t stride = 1;
    for (std::size_t k = static_cast<std::size_t>(axis) + 1; k < shape.size(); ++k)
      stride *= static_cast<std::size_t>(shape[k]);
    std::vector<std::size_t> next;
    for (std::size_t base : out)
      for (std::int64_t i = 0; i < shape[static_cast<std::size_t>(axis)]; ++i)
        next.push_back(base + static_cast<std::size_t>(i) * stride);
    out = std::move(next);
  }
  return out;
}

// The sum over the listed axes for every output element, in the output's order.
template <class T, class Sum>
void dot_reference(const Reference& r) {
  const auto& p = r.node.params_as<DotParams>();
  const Array &a = r.inputs[0], &b = r.inputs[1];
  const auto batch_a = distances(a.shape(), p.batch_a), batch_b = distances(b.shape(), p.batch_b);
  const auto sum_a = distances(a.shape(), p.sum_a), sum_b = distances(b.shape(), p.sum_b);
  const auto rows = distances(a.shape(), free_axes(a.rank(), p.batch_a, p.sum_a));
  const auto columns = distances(b.shape(), free_axes(b.rank(), p.batch_b, p.sum_b));
  const auto x = a.view<T>(), y = b.view<T>();
  auto out = r.outputs[0].view<T>().begin();
  for (std::size_t k = 0; k < batch_a.size(); ++k)
    for (std::size_t row : rows)
      for (std::size_t column : columns) {
        Sum total{};
        for (std::size_t i = 0; i < sum_a.size(); ++i)
          total +=
              static_cast<Sum>(x[batch_a[k] + row + sum_a[i]]) * static_cast<Sum>(y[batch_b[k] + column + sum_b[i]]);
        *out++ = static_cast<T>(total);
      }
}

std::vector<Sample> dot_samples() {
  return {
      sample("matrices", {uniform({3, 4}), uniform({4, 5})}, [](auto x) { return dot(x[0], x[1]); }),
      sample("matrix and vector", {uniform({3, 4}), uniform({4})}, [](auto x) { return dot(x[0], x[1]); }),
      sample("vectors", {uniform({4}), uniform({4})}, [](auto x) { return dot(x[0], x[1]); }),
      sample("square", {uniform({3, 3})}, [](auto x) { return dot(x[0], x[0]); }),
      sample("batch", {uniform({2, 3, 4}), uniform({4, 2, 5})},
             [](auto x) { return dot_general(x[0], x[1], {{0}, {1}, {2}, {0}}); }),
      sample("two sums out of order", {uniform({2, 3, 4}), uniform({4, 5, 2})},
             [](auto x) { return dot_general(x[0], x[1], {{}, {}, {0, 2}, {2, 0}}); }),
      sample("more axes", {uniform({2, 3, 4}), uniform({5, 4, 2})}, [](auto x) { return dot(x[0], x[1]); }),
      sample("scalar", {uniform({}), uniform({3, 2})}, [](auto x) { return dot(x[0], x[1]); }),
      sample("outer", {uniform({2, 3}), uniform({4})}, [](auto x) { return dot_general(x[0], x[1], {}); }),
  };
}

}  // namespace

const OpDef dot_op{
    .name = "dot",
    .doc =
        "dot(a, b), batched_dot(a, b): sums of products; dot over the last axis of a and the last but one of b (the "
        "only one of a vector), batched_dot of [b, m, k] and [b, k, n]",
    .type = dot_type,
    .contraction = dot_contraction,
    .vjp =
        [](const Vjp& v) {
          if (!v.dy()) return zero_vjp(v);
          return std::vector<Tensor>{operand_cotangent(v, true), operand_cotangent(v, false)};
        },
    .jvp =
        [](const Jvp& v) {
          const auto& p = v.node.params_as<DotParams>();
          return std::vector<Tensor>{accumulate(v.dx(0) ? dot_general(v.dx(0), v.in(1), p) : Tensor(),
                                                v.dx(1) ? dot_general(v.in(0), v.dx(1), p) : Tensor())};
        },
    .batch = dot_batch,
    .reference =
        [](const Reference& r) {
          switch (r.inputs[0].dtype()) {
            case DType::f32:
              return dot_reference<float, double>(r);
            case DType::f64:
              return dot_reference<double, double>(r);
            default:
              return dot_reference<std::int64_t, std::uint64_t>(r);
          }
        },
    .samples = dot_samples,
    .dtypes = {DType::f32, DType::f64, DType::i64},
    .default_params = [] { return make_params(DotParams{}); },
};

Tensor dot_general(const Tensor& a, const Tensor& b, DotParams params, SourceLine line) {
  require_operand("dot", a, line);
  require_operand("dot", b, line);
  const Operand operands[] = {a, b};
  DType dtype = common_dtype(operands);
  if (!is_floating(dtype)) dtype = DType::i64;
  return apply1(dot_op, make_params(std::move(params)), {cast(a, dtype, line), cast(b, dtype, line)}, line);
}

Tensor dot(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operand("dot", a, line);
  require_operand("dot", b, line);
  if (a.rank() > 0 && b.rank() > 0)
    return dot_general(a, b, {{}, {}, {a.rank() - 1}, {std::max(0, b.rank() - 2)}}, line);
  return dot_general(a, b, {}, line);  // a scalar times a tensor
}

}  // namespace bitale::ir

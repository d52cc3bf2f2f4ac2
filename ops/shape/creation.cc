// Tensors from numbers and extents.
#include <cmath>

#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/shape.h"
#include "ops/shape/number.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef arange_op, linspace_op, meshgrid_op, indices_op;

const OpDef arange_op{
    .name = "arange",
    .doc = "arange(n), arange(start, stop, step): numbers before stop; of integers the bounds may be symbolic",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("integers", {}, [](auto) { return arange(Dim(2), Dim(11), 3, DType::i32); }),
              ir::sample("backwards", {}, [](auto) { return arange(Dim(5), Dim(-4), -2, DType::f64); }),
              ir::sample("none", {}, [](auto) { return arange(Dim(5), Dim(5), 1, DType::i64); }),
              ir::sample("floats", {}, [](auto) { return arange(-1.0, 2.0, 0.3, DType::f32); }),
              ir::sample("by extents", {ir::uniform({5, 3})}, [](auto x) {
                const Dim &n = x[0].dim(0), &m = x[0].dim(1);
                return x[0] + ir::expand_dims(arange(m, m + n, 1, x[0].dtype()), 1);
              })};
        },
};

const OpDef linspace_op{
    .name = "linspace",
    .doc =
        "linspace(start, stop, count, endpoint): evenly spaced numbers; the last is stop exactly, or one step before",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("numbers", {}, [](auto) { return linspace(-1.0, 2.0, 7, true, DType::f32); }),
              ir::sample("one", {}, [](auto) { return linspace(3, 5, 1, true, DType::f64); }),
              ir::sample("without the endpoint", {}, [](auto) { return linspace(0, 1, 4, false, DType::f64); }),
              ir::sample("of tensors", {ir::uniform({}), ir::uniform({})},
                         [](auto x) { return linspace(x[0], x[1], 5, true, x[0].dtype()); }),
              ir::sample("by an extent", {ir::uniform({6})},
                         [](auto x) { return x[0] * linspace(0.5, 2, x[0].dim(0), true, x[0].dtype()); })};
        },
};

const OpDef meshgrid_op{
    .name = "meshgrid",
    .doc = "meshgrid(vectors, ij): each vector repeated along the axes of the others; the first along rows if not ij",
    .composite = true,
    .samples =
        [] {
          const auto of = [](bool ij) {
            return [ij](std::span<const Tensor> x) { return meshgrid({x.begin(), x.end()}, ij); };
          };
          return std::vector<ir::Sample>{
              {"xy", {ir::uniform({3}), ir::uniform({4})}, of(false)},
              {"ij", {ir::uniform({3}), ir::uniform({4})}, of(true)},
              {"xy, three", {ir::uniform({2}), ir::uniform({3}), ir::uniform({4})}, of(false)},
              {"one", {ir::uniform({3})}, of(false)}};
        },
};

const OpDef indices_op{
    .name = "indices",
    .doc = "indices(shape, dtype): for each axis, the place along it of every element",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              {"matrix", {}, [](std::span<const Tensor>) { return indices({2, 3}, DType::i64); }}};
        },
};

Tensor number(const char* op, double value, DType dtype, SourceLine line) {
  OpDef def;
  def.name = op;
  const bool whole = std::fabs(value) < 1e15 && value == std::floor(value) && (value != 0 || !std::signbit(value));
  const Operand operand = whole ? Operand(static_cast<std::int64_t>(value)) : Operand(value);
  return ir::broadcast_operands(def, {&operand, 1}, {&dtype, 1}, line)[0];
}

Tensor full(double value, DType dtype, Shape shape, SourceLine line) {
  return ir::full(*ir::splat_value(number("full", value, dtype, line)), std::move(shape), line);
}

namespace {

void require_step(bool ok, SourceLine line) {
  if (!ok) reject("arange", "the step must be a number, and not 0", std::span<const Tensor>(), line);
}

}  // namespace

Tensor arange(const Dim& start, const Dim& stop, std::int64_t step, DType dtype, SourceLine line) {
  require_step(step != 0, line);
  const Dim distance = step > 0 ? stop - start : start - stop, size(step > 0 ? step : -step);
  const Dim count = max(ir::floordiv(distance + size - 1, size), Dim(0));
  if (start.is(0) && step == 1) return ir::iota(dtype, {count}, 0, line);
  const Tensor place = ir::iota(DType::i64, {count}, 0, line);
  return ir::cast(ir::add(ir::mul(place, step, line), ir::extent(start, line), line), dtype, line);
}

Tensor arange(double start, double stop, double step, DType dtype, SourceLine line) {
  const double count = std::ceil((stop - start) / step);
  require_step(std::isfinite(step) && step != 0, line);
  if (!(std::fabs(count) < 1e15))
    reject("arange", "the bounds must be finite, and not have too many steps between them", std::span<const Tensor>(),
           line);
  const Dim n(count > 0 ? static_cast<std::int64_t>(count) : 0);
  const Tensor place = ir::iota(DType::f64, {n}, 0, line);
  return ir::cast(ir::add(ir::mul(place, step, line), start, line), dtype, line);
}

Tensor linspace(const Operand& start, const Operand& stop, const Dim& count, bool endpoint, DType dtype,
                SourceLine line) {
  if (count.is_constant() && count.value() < 0)
    reject("linspace", "the count is negative", std::span<const Tensor>(), line);
  const bool numbers = !start.tensor() && !stop.tensor();
  const DType compute = numbers || !is_floating(dtype) ? DType::f64 : computed_as(dtype);
  const auto scalar = [&](const Operand& o) {
    if (!o.tensor()) return ir::add(ir::full(ir::Literal::integer(0, compute), {}, line), o, line);
    ir::require_operand("linspace", *o.tensor(), line);
    if (o.tensor()->rank() != 0) reject("linspace", "start and stop must be scalars", *o.tensor(), line);
    return ir::cast(*o.tensor(), compute, line);
  };
  const Tensor first = scalar(start), last = scalar(stop);
  // Of one value, start, there is no last: no place is the number of steps, 1.
  const Dim steps = max(endpoint ? count - 1 : count, Dim(1));
  const Tensor place = ir::iota(DType::i64, {count}, 0, line), total = ir::extent(steps, line);
  const Tensor part = ir::div(ir::cast(place, compute, line), ir::cast(total, compute, line), line);
  Tensor value = ir::add(first, ir::mul(ir::sub(last, first, line), part, line), line);
  if (endpoint) value = ir::where(ir::equal(place, total, line), last, value, line);
  return ir::cast(value, dtype, line);
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& vectors, bool ij, SourceLine line) {
  for (const Tensor& v : vectors) {
    ir::require_operand("meshgrid", v, line);
    if (v.rank() != 1) reject("meshgrid", "operands must be vectors", vectors, line);
  }
  std::vector<std::size_t> axis(vectors.size());
  for (std::size_t i = 0; i < axis.size(); ++i) axis[i] = i;
  if (!ij && axis.size() > 1) std::swap(axis[0], axis[1]);
  Shape shape(vectors.size(), Dim(1));
  for (std::size_t i = 0; i < axis.size(); ++i) shape[axis[i]] = vectors[i].dim(0);
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < axis.size(); ++i) {
    Shape alone(vectors.size(), Dim(1));
    alone[axis[i]] = vectors[i].dim(0);
    out.push_back(ir::broadcast_to(ir::reshape(vectors[i], alone, line), shape, line));
  }
  return out;
}

std::vector<Tensor> indices(const Shape& shape, DType dtype, SourceLine line) {
  std::vector<Tensor> out;
  for (std::size_t k = 0; k < shape.size(); ++k) out.push_back(ir::iota(dtype, shape, static_cast<int>(k), line));
  return out;
}

}  // namespace bitale::ops

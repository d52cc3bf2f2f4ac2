// Joining and parting along an axis.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/shape.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef stack_op, split_op;

const OpDef stack_op{
    .name = "stack",
    .doc = "stack(parts, axis): tensors of one shape, joined along a new axis",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              ir::sample("leading", {ir::uniform({2, 3}), ir::uniform({2, 3})},
                         [](auto x) { return stack({x[0], x[1], x[0]}); }),
              ir::sample("last", {ir::uniform({2, 3}), ir::uniform({2, 3})},
                         [](auto x) { return stack({x[0], x[1]}, -1); }),
              ir::sample("scalars", {ir::uniform({}), ir::uniform({})}, [](auto x) { return stack({x[0], x[1]}); })};
        },
};

const OpDef split_op{
    .name = "split",
    .doc = "split(x, parts, axis), split(x, positions, axis): a list of equal parts, or of those between the positions",
    .composite = true,
    .samples =
        [] {
          return std::vector<ir::Sample>{
              {"equal parts", {ir::uniform({6, 3})}, [](std::span<const Tensor> x) { return split(x[0], 3, 0); }},
              {"one part", {ir::uniform({2, 5})}, [](std::span<const Tensor> x) { return split(x[0], 1, -1); }},
              {"positions", {ir::uniform({3, 7})}, [](std::span<const Tensor> x) {
                 return split(x[0], std::vector<Dim>{1, 4, 4, -1}, 1);
               }}};
        },
};

Tensor concatenate(const std::vector<Tensor>& parts, int axis, SourceLine line) {
  if (parts.empty()) reject("concatenate", "no tensors were given", std::span<const Tensor>(), line);
  const std::int64_t along = axis_of("concatenate", parts[0], axis, line);
  return ir::concat(parts, static_cast<int>(along), line);
}

Tensor stack(const std::vector<Tensor>& parts, int axis, SourceLine line) {
  if (parts.empty()) reject("stack", "no tensors were given", std::span<const Tensor>(), line);
  for (const Tensor& part : parts) ir::require_operand("stack", part, line);
  const int rank = parts[0].rank() + 1;
  if (axis < -rank || axis >= rank) reject("stack", "there is no place " + std::to_string(axis), parts, line);
  const int at = axis < 0 ? axis + rank : axis;
  std::vector<Tensor> wide;
  for (const Tensor& part : parts) {
    if (part.rank() + 1 != rank) reject("stack", "operands must have one rank", parts, line);
    for (int k = 0; k < part.rank(); ++k)
      if (part.dim(k).is_constant() && parts[0].dim(k).is_constant() && !(part.dim(k) == parts[0].dim(k)))
        reject("stack", "operands differ on axis " + std::to_string(k), parts, line);
    wide.push_back(ir::expand_dims(part, at, line));
  }
  return ir::concat(std::move(wide), at, line);
}

namespace {

// Elements [start, start + count) of an axis, which has them.
Tensor part_of(const Tensor& x, std::int64_t axis, const Dim& start, const Dim& count, SourceLine line) {
  Shape starts(x.shape().size(), Dim(0)), extents = x.shape();
  starts[static_cast<std::size_t>(axis)] = start;
  extents[static_cast<std::size_t>(axis)] = count;
  return ir::slice(x, starts, extents, Axes(starts.size(), 1), line);
}

}  // namespace

std::vector<Tensor> split(const Tensor& x, std::int64_t parts, int axis, SourceLine line) {
  const std::int64_t along = axis_of("split", x, axis, line);
  if (parts < 1) reject("split", "there must be at least one part", x, line);
  const Dim& n = x.dim(static_cast<int>(along));
  const auto exact = ir::exact_quotient(n, Dim(parts));
  if (!exact && n.is_constant())
    reject("split", "an extent of " + to_string(n) + " has no " + std::to_string(parts) + " equal parts", x, line);
  // Where the quotient may not be exact, a reshape checks it when it is called.
  const Dim size = exact ? *exact : ir::floordiv(n, Dim(parts));
  Tensor whole = x;
  if (!exact) {
    Shape shape = x.shape();
    shape[static_cast<std::size_t>(along)] = size * Dim(parts);
    whole = ir::reshape(x, shape, line);
  }
  std::vector<Tensor> out;
  for (std::int64_t k = 0; k < parts; ++k) out.push_back(part_of(whole, along, size * Dim(k), size, line));
  return out;
}

std::vector<Tensor> split(const Tensor& x, const std::vector<Dim>& positions, int axis, SourceLine line) {
  std::vector<Tensor> out;
  std::optional<Dim> start;
  for (const Dim& position : positions) {
    out.push_back(slice(x, axis, Range{start, position}, line));
    start = position;
  }
  out.push_back(slice(x, axis, Range{start, std::nullopt}, line));
  return out;
}

}  // namespace bitale::ops

// take, take_along_axis, put_along_axis: gather and scatter by rows of an axis.
#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

namespace {

// x and indices, repeated to one shape but for the axis.
struct Aligned {
  Tensor x, indices;
};

Aligned align(const OpDef& op, const Tensor& x, const Tensor& indices, int axis, SourceLine line) {
  if (x.rank() != indices.rank()) {
    const Tensor operands[] = {x, indices};
    TypeArgs(op, nullptr, operands, line).fail("x and the indices must have one rank");
  }
  Shape to_x = x.shape(), to_indices = indices.shape();
  for (std::size_t k = 0; k < to_x.size(); ++k)
    if (static_cast<int>(k) != axis) to_x[k] = to_indices[k] = to_x[k].is(1) ? to_indices[k] : to_x[k];
  return {broadcast_to(x, to_x, line), broadcast_to(indices, to_indices, line)};
}

// Of each index, where in x as a vector its element is: the shape of the indices.
Tensor places_of(const OpDef& op, const Aligned& a, int axis, SourceLine line) {
  const AroundAxis around = around_axis(a.x, axis);
  const Tensor rows = checked_rows(a.indices, around.n, op.name, line);
  const Tensor places =
      places_along(around, reshape(rows, {around.outer, a.indices.dim(axis), around.inner}, line), line);
  return reshape(places, a.indices.shape(), line);
}

Tensor as_vector(const Tensor& x, SourceLine line) { return reshape(x, {product(x.shape())}, line); }

std::vector<SampleInput> inputs(Extents x, Extents indices, std::optional<Extents> values = {}) {
  std::vector<SampleInput> out{{.shape = std::move(x)}, index_input(std::move(indices))};
  if (values) out.push_back({.shape = *values});
  return out;
}

}  // namespace

const OpDef take_op{
    .name = "take",
    .doc = "take(x, indices, axis): rows of x along an axis, or elements of x as a vector",
    .composite = true,
    .samples =
        [] {
          const auto flat = [](std::span<const Tensor> in) {
            return std::vector{take(in[0], sample_indices(in[1], product(in[0].shape())))};
          };
          const auto rows = [](std::span<const Tensor> in) {
            return std::vector{take(in[0], sample_indices(in[1], in[0].dim(1)), 1)};
          };
          return std::vector<Sample>{{"of a matrix as a vector", inputs({2, 3}, {4}), flat},
                                     {"columns", inputs({2, 3}, {2, 2}), rows}};
        },
};

Tensor take(const Tensor& x, const Tensor& indices, std::optional<int> axis, SourceLine line) {
  for (const Tensor* t : {&x, &indices}) require_operand("take", *t, line);
  return axis ? gather(x, indices, *axis, line) : gather(as_vector(x, line), indices, 0, line);
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis, SourceLine line) {
  require_operand("take_along_axis", x, line);
  require_integers("take_along_axis", indices, line);
  const int a = normal_axis("take_along_axis", axis, x.rank(), line);
  const Aligned aligned = align(take_along_axis_op, x, indices, a, line);
  return gather_rows(as_vector(aligned.x, line), places_of(take_along_axis_op, aligned, a, line), 0, line);
}

Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Operand& values, int axis, SourceLine line) {
  require_operand("put_along_axis", x, line);
  require_integers("put_along_axis", indices, line);
  const int a = normal_axis("put_along_axis", axis, x.rank(), line);
  const Aligned aligned = align(put_along_axis_op, x, indices, a, line);
  const Tensor places = places_of(put_along_axis_op, aligned, a, line);
  return reshape(set_subtensor(as_vector(aligned.x, line), {places}, values, line), aligned.x.shape(), line);
}

const OpDef take_along_axis_op{
    .name = "take_along_axis",
    .doc = "take_along_axis(x, indices, axis): the elements of each row of an axis at that row's indices",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis) {
            return [axis](std::span<const Tensor> in) {
              const int a = axis < 0 ? axis + in[0].rank() : axis;
              return std::vector{take_along_axis(in[0], sample_indices(in[1], in[0].dim(a)), axis)};
            };
          };
          return std::vector<Sample>{{"last axis", inputs({2, 4}, {2, 3}), build(-1)},
                                     {"middle axis", inputs({2, 4, 3}, {2, 5, 3}), build(1)},
                                     {"first axis, for all columns", inputs({4, 3}, {2, 1}), build(0)},
                                     {"vector", inputs({4}, {0}), build(0)}};
        },
};

const OpDef put_along_axis_op{
    .name = "put_along_axis",
    .doc = "put_along_axis(x, indices, values, axis): x with values at each row's indices; of equal ones the last wins",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis) {
            return [axis](std::span<const Tensor> in) {
              const int a = axis < 0 ? axis + in[0].rank() : axis;
              return std::vector{put_along_axis(in[0], sample_indices(in[1], in[0].dim(a)), in[2], axis)};
            };
          };
          return std::vector<Sample>{{"last axis", inputs({2, 4}, {2, 3}, Extents{2, 3}), build(-1)},
                                     {"middle axis", inputs({2, 4, 3}, {2, 5, 3}, Extents{5, 1}), build(1)},
                                     {"first axis, for all columns", inputs({4, 3}, {2, 1}, Extents{}), build(0)}};
        },
};

}  // namespace bitale::ops

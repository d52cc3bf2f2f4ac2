#include "ops/index/subtensor.h"

namespace bitale::ops {

using namespace ir;

namespace {

// What the slices and places of x leave; with integer tensors, the axes that they take are one.
Tensor region_of(const Tensor& x, const SubtensorPlan& p, SourceLine line) {
  const Tensor kept = reshape(ir::slice(x, p.starts, p.extents, p.steps, line), p.kept, line);
  return p.rows ? reshape(transpose(kept, p.order, line), p.joint(), line) : kept;
}

// Zeros like x with the region, as region_of gives it, in its place.
Tensor place_region(const Tensor& region, const Tensor& x, const SubtensorPlan& p, SourceLine line) {
  Tensor r = region;
  if (p.rows) {
    std::vector<std::int64_t> back(p.order.size());
    for (std::size_t i = 0; i < back.size(); ++i)
      back[static_cast<std::size_t>(p.order[i])] = static_cast<std::int64_t>(i);
    r = transpose(reshape(r, p.apart(), line), back, line);
  }
  return pad(reshape(r, p.extents, line), p.starts, x.shape(), p.steps, line);
}

// y as a tensor of x's dtype and of the shape of x[index].
Tensor fitted(const OpDef& op, const Tensor& x, const SubtensorPlan& p, const Operand& y, SourceLine line) {
  if (y.tensor()) require_operand(op.name.c_str(), *y.tensor(), line);
  const auto fail = [&](const std::string& what) {
    std::vector<Tensor> operands{x};
    if (y.tensor()) operands.push_back(*y.tensor());
    TypeArgs(op, nullptr, operands, line).fail(what);
  };
  const Operand both[] = {x, y};
  const DType dtype = common_dtype(both);
  if (dtype != x.dtype())
    fail("the value is of a kind or size that " + std::string(name_of(x.dtype())) + " does not hold; cast it");
  const Tensor value = broadcast_operands(op, {&y, 1}, {&dtype, 1}, line)[0];
  const std::size_t rank = value.shape().size();
  bool fits = rank <= p.shape.size();
  for (std::size_t k = 1; fits && k <= rank; ++k) {
    const Dim &have = value.shape()[rank - k], &want = p.shape[p.shape.size() - k];
    fits = have.is(1) || have == want || !have.is_constant() || !want.is_constant();
  }
  if (!fits) fail("the value does not broadcast to the places, whose shape is " + to_string(p.shape));
  return broadcast_to(value, p.shape, line);
}

// The region with values [before, rows..., after] put or added (op) by p.rows.
Tensor scattered(const OpDef& op, const Tensor& region, const SubtensorPlan& p, const Tensor& values, SourceLine line) {
  const AroundAxis around = around_axis(region, static_cast<int>(p.before.size()));
  const Dim count = product(p.rows.shape());
  const Tensor flat = scatter_rows(op, reshape(region, around.shape(), line), reshape(p.rows, {count}, line),
                                   reshape(values, {around.outer, count, around.inner}, line), line);
  return reshape(flat, region.shape(), line);
}

}  // namespace

Tensor subtensor(const Tensor& x, const std::vector<IndexItem>& index, SourceLine line) {
  const SubtensorPlan p = plan_subtensor(subtensor_op, x, index, line);
  Tensor r = region_of(x, p, line);
  if (p.rows) r = gather_rows(r, p.rows, static_cast<int>(p.before.size()), line);
  return reshape(r, p.shape, line);
}

Tensor set_subtensor(const Tensor& x, const std::vector<IndexItem>& index, const Operand& y, SourceLine line) {
  const SubtensorPlan p = plan_subtensor(set_subtensor_op, x, index, line);
  Tensor region = fitted(set_subtensor_op, x, p, y, line);
  if (p.rows) region = scattered(scatter_set_op, region_of(x, p, line), p, region, line);
  const Tensor placed = place_region(region, x, p, line);
  if (p.whole(x)) return placed;
  const Tensor inside =
      pad(full(Literal::integer(1, DType::bool_), p.extents, line), p.starts, x.shape(), p.steps, line);
  return where(inside, placed, x, line);
}

Tensor inc_subtensor(const Tensor& x, const std::vector<IndexItem>& index, const Operand& y, SourceLine line) {
  const SubtensorPlan p = plan_subtensor(inc_subtensor_op, x, index, line);
  if (x.dtype() == DType::bool_) TypeArgs(inc_subtensor_op, nullptr, {&x, 1}, line).fail("bools do not add");
  Tensor region = fitted(inc_subtensor_op, x, p, y, line);
  if (p.rows) {
    const Tensor present = region_of(x, p, line);
    if (p.whole(x)) return place_region(scattered(scatter_add_op, present, p, region, line), x, p, line);
    region = scattered(scatter_add_op, zeros_like(present), p, region, line);
  }
  return ir::add(x, place_region(region, x, p, line), line);
}

}  // namespace bitale::ops

// A scan over one more axis: the body's batched form. The axis stands behind that of the steps in sequences and stacked
// results. Where elements leave out steps of their own, the loop runs the steps that any of them could need, and each
// element takes from them what is its own.
#include <algorithm>
#include <numeric>

#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/ops.h"

namespace bitale::loops {

using namespace ir;

namespace {

// Exchanges the first two axes.
Tensor exchanged(const Tensor& t) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(t.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[0], axes[1]);
  return transpose(t, axes);
}

TensorType with_axis(const Dim& size, TensorType type) {
  type.shape.insert(type.shape.begin(), size);
  return type;
}

// [size], repeated for the other axes of a shape.
Tensor repeated(const Tensor& each, const Shape& shape) {
  Shape column(shape.size(), Dim(1));
  column[0] = shape[0];
  return broadcast_to(reshape(each, column), shape);
}

// Whether all elements of a bool vector are true: a bool scalar.
Tensor all(const Tensor& x) { return equal(sum(logical_not(x), {0}), 0); }

// Where a carry ends the loop, or bounds have the new axis: the loop goes on while any element does, and each keeps
// what it had. The loop may have one more carry for it.
void leave_out_by_element(Loop& loop) {
  Tensor runs;  // bool [size]
  const auto stop = static_cast<std::size_t>(loop.stop);
  const bool stops = loop.stop >= 0;
  if (stops) runs = logical_not(loop.carries[stop].before);
  if (loop.bounds && loop.bounds->first.rank() + loop.bounds->last.rank() > 0) {
    const Tensor numbers = iota(DType::i64, {loop.trips}, 0), number = Loop::placeholder("step", {DType::i64, {}});
    loop.sequences.push_back({numbers, number, false});
    const auto [first, last] = *loop.bounds;
    const Tensor within = logical_and(less_equal(first, number), less(number, last));
    runs = runs ? logical_and(runs, within) : within;
    loop.bounds = {first.rank() > 0 ? min(first, {0}) : first, last.rank() > 0 ? max(last, {0}) : last};
  }
  if (!runs) return;
  for (auto& c : loop.carries) c.after = where(repeated(runs, c.after.shape()), c.after, c.before);
  for (auto& s : loop.stacked) s.row = where(repeated(runs, s.row.shape()), s.row, zeros_like(s.row));
  if (!stops) return;
  loop.stop = std::ssize(loop.carries);
  const Tensor before = Loop::placeholder("all ended", {DType::bool_, {}});
  loop.carries.push_back({all(loop.carries[stop].init), before, all(loop.carries[stop].after)});
}

}  // namespace

std::vector<Tensor> scan_batch(const Batch& b) {
  Loop loop = Loop::of(b.node);
  std::vector<Tensor> placeholders, values;
  std::vector<bool> batched;
  const auto take = [&](Tensor& placeholder, bool has_axis) {
    const Tensor value = has_axis ? Loop::placeholder("batch", with_axis(b.size, placeholder.type())) : placeholder;
    placeholders.push_back(placeholder);
    values.push_back(value);
    batched.push_back(has_axis);
    placeholder = value;
  };
  std::size_t i = 0;
  for (auto& s : loop.sequences) {
    s.rows = b.batched[i] ? exchanged(b.inputs[i]) : b.inputs[i];
    take(s.row, b.batched[i++]);
  }
  for (auto& c : loop.carries) {  // a step may batch any of them
    c.init = b.batched[i] ? b.inputs[i] : broadcast_to(b.inputs[i], with_axis(b.size, b.inputs[i].type()).shape);
    take(c.before, true);
    ++i;
  }
  for (auto& v : loop.invariants) {
    v.outer = b.inputs[i];
    take(v.inner, b.batched[i++]);
  }
  const std::vector<Tensor> outputs = ad::vmap(loop.body_outputs(), placeholders, values, batched, b.size);
  auto next = outputs.begin();
  for (auto& c : loop.carries) c.after = *next++;
  for (auto& s : loop.stacked) s.row = *next++;
  if (loop.bounds) loop.bounds = {b.inputs[i], b.inputs[i + 1]};
  const std::size_t carries = loop.carries.size();
  leave_out_by_element(loop);
  Loop::Results r = loop.build();
  r.last.resize(carries);
  for (const Tensor& t : r.stacked) r.last.push_back(exchanged(t));
  return r.last;
}

}  // namespace bitale::loops

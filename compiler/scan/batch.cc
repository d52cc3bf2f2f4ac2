// A scan over one more axis: the body's batched form. The axis stands behind that of the steps in sequences and stacked
// results.
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

}  // namespace

std::vector<Tensor> scan_batch(const Batch& b) {
  Loop loop = Loop::of(b.node);
  loop.stop = -1;  // one for each row
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
  Loop::Results r = loop.build();
  for (const Tensor& t : r.stacked) r.last.push_back(exchanged(t));
  return r.last;
}

}  // namespace bitale::loops

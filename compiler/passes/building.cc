#include "compiler/passes/building.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace bitale::passes {

using namespace ir;
using rewrite::Match;

Tensor call(std::string_view op, std::vector<Tensor> operands) {
  const OpDef* def = find_op(op);
  BITALE_ASSERT(def != nullptr, "a rule builds the op " + std::string(op) + ", which is not registered");
  return apply1(*def, nullptr, std::move(operands));
}

Result keep(std::string variable) {
  return [variable = std::move(variable)](const Match& m) { return m[variable]; };
}
Result if_integer(Result f) {
  return [f = std::move(f)](const Match& m) { return is_floating(m.root().node().input(0).dtype()) ? Tensor() : f(m); };
}
Result if_float(Result f) {
  return [f = std::move(f)](const Match& m) { return is_floating(m.root().node().input(0).dtype()) ? f(m) : Tensor(); };
}

bool has(const Axes& axes, std::int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

Tensor splat_like(const Literal& value, const Tensor& x) { return full(value, x.shape()); }

std::vector<bool> repeated_axes(const Tensor& x, const Shape& shape) {
  const int missing = static_cast<int>(shape.size()) - x.rank();
  std::vector<bool> repeated;
  for (int i = 0; i < static_cast<int>(shape.size()); ++i)
    repeated.push_back(i < missing || (x.dim(i - missing).is(1) && !shape[static_cast<std::size_t>(i)].is(1)));
  return repeated;
}

Tensor under_broadcast(const Tensor& t) { return is_op(t, "broadcast_to") ? t.node().input(0) : t; }

bool may_be_empty(const Shape& shape) {
  for (const Dim& d : shape)
    if (const auto low = d.lower_bound(); !low || *low < 1) return true;
  return false;
}

bool at_least(const Dim& a, const Dim& b) {
  const auto low = (a - b).lower_bound();
  return low && *low >= 0;
}

bool only_read_by(const Match& m, const Tensor& t, const Node& reader) {
  return m.uses(t) <= std::count(reader.inputs().begin(), reader.inputs().end(), t);
}

}  // namespace bitale::passes

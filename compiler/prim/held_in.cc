#include "compiler/prim/held_in.h"

#include "compiler/ir/record.h"
#include "compiler/prim/prim.h"
#include "runtime/base/float16.h"

namespace bitale::ir {

namespace {

bool is_widened(const Tensor& t, DType from) {
  return t.node().op().name == "cast" && t.node().input(0).dtype() == from;
}

// Whether `dtype` holds every number that an index map fills in.
bool holds_fill(const Tensor& t, DType dtype) {
  Formula formula;
  record(t.node(), t.output(), formula);
  for (int i = 0; i < formula.size(); ++i)
    if (const ExprNode& n = formula.node(i);
        n.op == ScalarOp::constant && is_floating(n.type) && rounded_to(dtype, n.real) != n.real)
      return false;
  return true;
}

class Search {
 public:
  explicit Search(DType dtype) : dtype_(dtype) {}

  bool holds(const Tensor& t) {
    if (t.dtype() != computed_as(dtype_)) return true;  // an index or a condition
    if (is_widened(t, dtype_)) return found_ = true;
    if (const auto value = splat_value(t)) return rounded_to(dtype_, value->as_double()) == value->as_double();
    if (++looked_at_ > most || !only_moves(t.node()) || (!t.node().op().view && !holds_fill(t, dtype_))) return false;
    for (const Tensor& in : t.node().inputs())
      if (!holds(in)) return false;
    return true;
  }
  bool found() const { return found_; }

 private:
  static constexpr int most = 16;  // index maps: longer chains are not met

  const DType dtype_;
  int looked_at_ = 0;
  bool found_ = false;
};

}  // namespace

bool only_moves(const Node& node) { return is_index_map(node) && node.op().name != "cast"; }

std::optional<DType> held_in(const Tensor& t) {
  for (const DType dtype : {DType::f16, DType::bf16})
    if (Search search(dtype); t.dtype() == computed_as(dtype) && search.holds(t) && search.found()) return dtype;
  return std::nullopt;
}

Tensor narrowed(const Tensor& t, DType dtype) {
  if (is_widened(t, dtype)) return t.node().input(0);
  if (!t.node().op().view && !t.node().op().stored) return cast(t, dtype);  // fused with what fills it
  return apply1(t.node().op(), t.node().params(), {narrowed(t.node().input(0), dtype)});
}

}  // namespace bitale::ir

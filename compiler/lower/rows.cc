#include "compiler/lower/rows.h"

#include <algorithm>
#include <cstdint>

namespace bitale::lower {

using ir::ContractionDef;
using ir::Dim;
using ir::ExprNode;
using ir::ScalarOp;
using ir::Tensor;
using kernel::Loop;
using kernel::LoopKind;

namespace {

bool holds_vector_loop(const kernel::Region& region) {
  return std::any_of(region.begin(), region.end(), [](const kernel::Stmt& s) {
    const auto* loop = std::get_if<Loop>(&s.node);
    return loop && (loop->kind == LoopKind::vector || holds_vector_loop(loop->body));
  });
}

// One parallel loop, over the rows: threads get whole rows. Without a vector loop inside, that loop itself may run in
// lanes, and threads get whole vectors.
bool is_nest_of_rows(const ScheduledKernel& k, const Dim& rows) {
  const Loop* outermost = nullptr;
  for (const kernel::Stmt& s : k.kernel.body)
    if (const auto* loop = std::get_if<Loop>(&s.node)) {
      if (outermost) return false;
      outermost = loop;
    }
  if (!outermost || outermost->kind != LoopKind::parallel || !holds_vector_loop(outermost->body)) return false;
  const kernel::Extent& e = outermost->extent;
  return (e.is_constant() ? Dim(e.value) : k.extents[static_cast<std::size_t>(e.slot)]) == rows;
}

// The iteration dim that is the index of an operand's rows; -1 if there is none.
int dim_of_rows(const ContractionDef::Map& map) {
  if (map.empty() || !map[0].constant.is(0) || map[0].terms.size() != 1 || !map[0].terms[0].second.is(1)) return -1;
  return map[0].terms[0].first;
}

}  // namespace

// `but` is read at the very element that is computed.
bool Rows::reads_own_row(const Composed& c, const Tensor& but) const {
  for (int e = 0; e < c.formula.size(); ++e) {
    const ExprNode& n = c.formula.node(e);
    if (n.op != ScalarOp::load) continue;
    const Tensor& source = c.sources[static_cast<std::size_t>(n.source)];
    if (source == but || !is_own_(source)) continue;
    if (!has_rows(source) || !(n.at[0] == ir::Index(c.loops[0]))) return false;
  }
  return true;
}

void Rows::kernel(const Composed& c, const ScheduledKernel& k) {
  fits_ = fits_ && std::all_of(k.writes.begin(), k.writes.end(), [&](const Tensor& t) { return has_rows(t); }) &&
          reads_own_row(c, Tensor()) && is_nest_of_rows(k, extent_);
}

void Rows::contraction(const Tensor& c, const LoweredContraction& l, const Composed* formula) {
  if (!fits_) return;
  const ContractionDef def = c.node().op().contraction(c.node());
  const int rows = dim_of_rows(def.out);
  const auto own_row = [&](const Tensor& operand, const ContractionDef::Map& map) {
    return !is_own_(operand) || (has_rows(operand) && dim_of_rows(map) == rows);
  };
  const bool outermost =
      !l.accumulating && l.batch.empty() && !l.m.empty() && l.m[0].extent == extent_ &&
      std::all_of(l.operands.begin(), l.operands.end(), [&](const auto& o) {
        const auto i = static_cast<std::size_t>(&o - l.operands.data());
        return !o.written || (has_rows(o.tensor) && l.m[0].operands[i] == strides_of(o.tensor.shape())[0]);
      });
  const std::vector<Tensor> reads = read_by(c.node());
  fits_ = outermost && rows >= 0 && own_row(reads[0], def.a) && own_row(reads[1], def.b) &&
          (!formula || reads_own_row(*formula, c));
}

}  // namespace bitale::lower

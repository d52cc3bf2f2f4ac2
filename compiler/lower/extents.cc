#include "compiler/lower/extents.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace bitale::lower {

using ir::Dim;
using program::ExtentDef;
using program::ExtentOp;

int ExtentSlots::define(ExtentDef def) {
  const auto it = std::find(program_.extents.begin(), program_.extents.end(), def);
  if (it != program_.extents.end()) return static_cast<int>(it - program_.extents.begin());
  program_.extents.push_back(def);
  return static_cast<int>(program_.extents.size()) - 1;
}

void ExtentSlots::bind(const ir::Tensor& leaf, bool is_shared, int number) {
  for (int axis = 0; axis < leaf.rank(); ++axis) {
    const Dim& dim = leaf.dim(axis);
    const ExtentDef def{is_shared ? ExtentOp::shared_axis : ExtentOp::input_axis, number, axis};
    if (const ir::DimSymbol* s = dim.as_symbol(); s && !symbols_.contains(s->id)) {
      symbols_[s->id] = define(def);
      continue;
    }
    axes_.push_back(
        {dim, def, ir::describe(leaf) + ": axis " + std::to_string(axis) + " has the extent " + ir::to_string(dim)});
  }
}

void ExtentSlots::finish() {
  for (const Axis& a : axes_)
    program_.checks.push_back({program::ExtentCheck::Kind::equal, define(a.def), slot(a.dim), a.message});
  axes_.clear();
}

int ExtentSlots::slot(const Dim& dim) {
  for (const auto& [d, s] : known_)
    if (d == dim) return s;
  if (outer_ && !dim.is_constant()) {
    known_.push_back({dim, define({ExtentOp::outer, outer_->slot(dim), 0})});
    return known_.back().second;
  }
  Dim::Visitor v;
  v.constant = [&](std::int64_t c) { return define({ExtentOp::constant, c, 0}); };
  v.symbol = [&](const ir::DimSymbol& s) {
    const auto it = symbols_.find(s.id);
    if (it == symbols_.end())
      throw Error("the extent " + s.name + " (made at " + to_string(s.line) +
                  ") is not bound: no input or Shared of the function has it as an axis");
    return it->second;
  };
  v.binary = [&](char op, int a, int b) {
    const ExtentOp kind = op == '+'   ? ExtentOp::add
                          : op == '*' ? ExtentOp::mul
                          : op == '/' ? ExtentOp::floordiv
                          : op == '<' ? ExtentOp::min
                                      : ExtentOp::max;
    return define({kind, a, b});
  };
  v.isqrt = [&](int a) { return define({ExtentOp::isqrt, a, a}); };
  const int s = dim.fold(v);
  known_.push_back({dim, s});
  return s;
}

void ExtentSlots::check_equal(const Dim& a, const Dim& b, const std::string& message) {
  if (!(a == b)) program_.checks.push_back({program::ExtentCheck::Kind::equal, slot(a), slot(b), message});
}

void ExtentSlots::check_extent(const Dim& dim, const std::string& message) {
  const auto low = dim.lower_bound();
  if (!low || *low < 0)
    program_.checks.push_back({program::ExtentCheck::Kind::at_least, slot(dim), slot(Dim(0)), message});
}

}  // namespace bitale::lower

#include "compiler/lower/formula.h"

#include "runtime/base/error.h"

namespace bitale::lower {

using ir::ContractionDef;
using ir::Index;

namespace {

// out[index] = sum over the dims that are not output axes of a * b.
ir::Expr contraction_element(ir::Element& e) {
  const ContractionDef def = e.node().op().contraction(e.node());
  BITALE_ASSERT(!def.overlapping, "an overlapping integer contraction");
  std::vector<Index> at(def.extents.size(), Index(0));
  std::vector<bool> known(def.extents.size());
  for (std::size_t axis = 0; axis < def.out.size(); ++axis)
    for (const auto& [dim, factor] : def.out[axis].terms) {
      at[static_cast<std::size_t>(dim)] = e.index(static_cast<int>(axis));
      known[static_cast<std::size_t>(dim)] = true;
    }
  std::vector<ir::Dim> extents;
  for (std::size_t d = 0; d < known.size(); ++d)
    if (!known[d]) extents.push_back(def.extents[d]);
  auto mapped = [&](const ContractionDef::Map& map) {
    std::vector<Index> out;
    for (const auto& axis : map) {
      Index i(axis.constant);
      for (const auto& [dim, factor] : axis.terms) i = i + at[static_cast<std::size_t>(dim)] * factor;
      out.push_back(i);
    }
    return out;
  };
  return e.reduce(ir::Combiner::sum, extents, [&](std::span<const Index> summed) {
    std::size_t next = 0;
    for (std::size_t d = 0; d < known.size(); ++d)
      if (!known[d]) at[d] = summed[next++];
    return e.input(0, mapped(def.a)) * e.input(1, mapped(def.b));
  });
}

}  // namespace

bool has_formula(const ir::Node& node) {
  return node.op().element || (node.op().contraction && !is_floating(node.type().dtype));
}

ir::Expr element_of(ir::Element& e) {
  return e.node().op().element ? e.node().op().element(e) : contraction_element(e);
}

}  // namespace bitale::lower

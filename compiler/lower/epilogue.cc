#include "compiler/lower/epilogue.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "compiler/lower/schedule.h"

namespace bitale::lower {

using ir::Dim;
using ir::ExprNode;
using ir::ScalarOp;
using ir::Tensor;

namespace {

constexpr std::size_t most_operands = 20;  // that an epilogue reads and writes

bool is_plain(const ir::ContractionDef::Axis& axis) {
  return axis.constant.is(0) && axis.terms.size() == 1 && axis.terms[0].second.is(1);
}

// Only addresses see the loops, and nothing is summed.
bool suits_epilogue(const Composed& f, const ExprNode& n) {
  if (n.op == ScalarOp::result || n.op == ScalarOp::extent || !n.guard.empty()) return false;
  return std::none_of(n.args.begin(), n.args.end(),
                      [&](int a) { return a >= 0 && f.formula.node(a).op == ScalarOp::var; });
}

bool is_affine(const Composed& f, const ExprNode& load) {
  for (const ir::Index& i : load.at)
    for (const auto& t : i.terms)
      if (f.formula.node(t.first).op != ScalarOp::var) return false;
  return true;
}

// Whether the address of a load moves by a constant from one step of a loop to the next.
bool moves_by_constant(const Composed& f, const ExprNode& load, std::size_t loop) {
  const std::vector<Dim> strides = strides_of(f.sources[static_cast<std::size_t>(load.source)].shape());
  for (std::size_t d = 0; d < load.at.size(); ++d)
    for (const auto& [var, factor] : load.at[d].terms)
      if (var == f.loops[loop].id && !(factor * strides[d]).is_constant()) return false;
  return true;
}

// Of a device: a tile has the same columns of all slices, which are a power of two, and strides between them that are
// constants. No library multiplies then, so there should not be much to multiply.
bool suits_device(const Tensor& c, const ir::ContractionDef& def, const Dim& width, int slices) {
  constexpr std::int64_t least_columns = 16, most_elements = 1 << 19;  // of the narrowest tile; of the weights
  if (!width.is_constant() || least_columns % slices != 0 || width.value() % (least_columns / slices) != 0)
    return false;
  const int lanes = def.out.back().terms[0].first;
  const bool of_a = std::any_of(def.a.begin(), def.a.end(), [&](const auto& axis) {
    return std::any_of(axis.terms.begin(), axis.terms.end(), [&](const auto& t) { return t.first == lanes; });
  });
  std::int64_t elements = 1;
  for (const Dim& d : c.node().input(of_a ? 0 : 1).shape()) {
    if (!d.is_constant() || d.value() > most_elements) return false;
    elements = std::min(elements * std::max<std::int64_t>(d.value(), 1), most_elements + 1);
  }
  return elements <= most_elements;
}

// Whether the last axis of the result comes from one operand alone, and no other axis does.
bool has_lanes_alone(const ir::ContractionDef& def, std::size_t last) {
  if (!std::all_of(def.out.begin(), def.out.end(), is_plain)) return false;
  const auto in = [](const ir::ContractionDef::Map& map, int dim) {
    return std::any_of(map.begin(), map.end(), [&](const auto& axis) {
      return std::any_of(axis.terms.begin(), axis.terms.end(), [&](const auto& t) { return t.first == dim; });
    });
  };
  const int lanes = def.out[last].terms[0].first;
  const bool of_a = in(def.a, lanes), of_b = in(def.b, lanes);
  if (of_a == of_b) return false;
  for (std::size_t d = 0; d < last; ++d)
    if (!in(of_a ? def.b : def.a, def.out[d].terms[0].first)) return false;
  return true;
}

// Affine in the loops; and the contraction itself is read at the very element that is computed.
bool address_fits(const Composed& f, const ExprNode& load, const Tensor& c) {
  if (!is_affine(f, load)) return false;
  const Tensor& source = f.sources[static_cast<std::size_t>(load.source)];
  if (!(source == c)) return !(storage_of(source) == c);
  for (std::size_t d = 0; d < load.at.size(); ++d)
    if (!(load.at[d] == ir::Index(f.loops[d])) && !c.shape()[d].is(1)) return false;
  return true;
}

}  // namespace

std::optional<Dim> slice_of(const Composed& c, const ExprNode& load, const ir::Shape& shape) {
  if (load.at.size() != c.loops.size() || load.at.empty() || !load.guard.empty()) return std::nullopt;
  const std::size_t last = load.at.size() - 1;
  for (std::size_t d = 0; d < last; ++d)
    if (!(load.at[d] == ir::Index(c.loops[d])) && !shape[d].is(1)) return std::nullopt;
  if (!(load.at[last] + (Dim(0) - load.at[last].constant) == ir::Index(c.loops[last]))) return std::nullopt;
  return load.at[last].constant;
}

bool epilogue_fits(const Fusion& fusion, const Tensor& c, const Tensor& r) {
  const ir::ContractionDef def = c.node().op().contraction(c.node());
  if (def.overlapping || r.shape() != c.shape()) return false;
  for (std::size_t d = 0; d < def.out.size(); ++d)
    if (!c.shape()[d].is(1) && !is_plain(def.out[d])) return false;
  Composed f;
  const Tensor roots[] = {r};
  compose(roots, [&](const Tensor& x) { return fusion.is_inlined(x); }, f);
  std::map<int, const ExprNode*> loads;
  for (int e = 0; e < f.formula.size(); ++e) {
    const ExprNode& n = f.formula.node(e);
    if (!suits_epilogue(f, n)) return false;
    if (n.op != ScalarOp::load) continue;
    if (!loads.emplace(n.source, &n).second || !address_fits(f, n, c)) return false;
  }
  return f.sources.size() <= 6;
}

int slices_read(const Fusion& fusion, const Tensor& c, const std::vector<Tensor>& roots, bool on_device) {
  const ir::ContractionDef def = c.node().op().contraction(c.node());
  const ir::Shape& whole = c.shape();
  const ir::Shape& part = roots[0].shape();
  const std::size_t last = whole.size() - 1;
  if (def.overlapping || whole.size() < 2 || whole.size() != part.size() || !has_lanes_alone(def, last)) return 0;
  int slices = 0;
  for (int s = 1; s <= most_slices && slices == 0; ++s)
    if (part[last] * Dim(s) == whole[last]) slices = s;
  if (slices == 0 || (slices > 1 && part[last].is(1)) || !std::equal(part.begin(), part.end() - 1, whole.begin()))
    return 0;
  if (on_device && slices > 1 && !suits_device(c, def, part[last], slices)) return 0;
  Composed f;
  compose(roots, [&](const Tensor& x) { return fusion.is_inlined(x); }, f);
  std::size_t operands = roots.size();
  for (int e = 0; e < f.formula.size(); ++e) {
    const ExprNode& n = f.formula.node(e);
    if (!suits_epilogue(f, n)) return 0;
    if (n.op != ScalarOp::load) continue;
    const Tensor& source = f.sources[static_cast<std::size_t>(n.source)];
    if (source == c) {
      const auto begin = slice_of(f, n, whole);
      bool known = false;
      for (int s = 0; begin && s < slices; ++s) known = known || *begin == part[last] * Dim(s);
      if (!known) return 0;
    } else {
      if (storage_of(source) == c || !is_affine(f, n)) return 0;
      if (on_device && slices > 1 && !moves_by_constant(f, n, f.loops.size() - 1)) return 0;
      ++operands;
    }
  }
  return operands <= most_operands ? slices : 0;
}

}  // namespace bitale::lower

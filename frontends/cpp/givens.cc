#include "frontends/cpp/givens.h"

#include <map>
#include <set>

#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"
#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {
namespace {

using Symbols = std::map<std::uint64_t, ir::Dim>;  // by id, what they are now

// The symbols that stay bound: those of inputs and Shared that the new graph reads.
std::set<std::uint64_t> bound_symbols(const std::vector<ir::Tensor>& roots) {
  std::set<std::uint64_t> bound;
  for (const ir::NodePtr& n : ir::topological(roots))
    if (n->op().leaf == ir::Leaf::input || n->op().leaf == ir::Leaf::shared)
      for (const ir::Dim& d : n->type().shape)
        if (const ir::DimSymbol* s = d.as_symbol()) bound.insert(s->id);
  return bound;
}

}  // namespace

std::vector<ir::Tensor> replace_givens(const std::vector<ir::Tensor>& roots,
                                       const std::vector<std::pair<Tensor, Tensor>>& givens,
                                       const std::string& function, const std::string& made_at) {
  ir::TensorMap<ir::Tensor> map;
  Symbols symbols;
  for (const auto& [from, to] : givens) {
    const ir::Tensor f = detail::Access::in(from, "a given"), t = detail::Access::in(to, "a given's replacement");
    const auto fail = [&](const std::string& what) {
      throw Error(function + ": the given " + ir::describe(t) + " for " + ir::describe(f) + ": " + what + made_at);
    };
    if (f.dtype() != t.dtype()) fail("the dtypes differ; cast() the replacement");
    if (f.rank() != t.rank()) fail("the ranks differ");
    for (int i = 0; i < f.rank(); ++i) {
      if (f.dim(i).is_constant() && t.dim(i).is_constant() && !(f.dim(i) == t.dim(i)))
        fail("the extents of axis " + std::to_string(i) + " differ");
      if (const ir::DimSymbol* s = f.dim(i).as_symbol()) symbols.try_emplace(s->id, t.dim(i));
    }
    map.emplace(f, t);
  }
  const std::vector<ir::Tensor> replaced = ir::substitute(roots, map);
  for (std::uint64_t id : bound_symbols(replaced)) symbols.erase(id);
  if (symbols.empty()) return replaced;
  return ir::substitute(roots, map, [&](const ir::Dim& d) {
    return d.substitute([&](const ir::DimSymbol& s) -> std::optional<ir::Dim> {
      const auto it = symbols.find(s.id);
      return it == symbols.end() ? std::nullopt : std::optional(it->second);
    });
  });
}

}  // namespace bitale

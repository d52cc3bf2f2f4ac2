// Composition: the formula of some tensors' elements, with the producers that fusion inlines written in place and
// everything else as loads.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/element.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"

namespace bitale::lower {

struct Composed {
  Composed() = default;
  Composed(const Composed&) = delete;  // expressions point into the formula
  Composed& operator=(const Composed&) = delete;

  ir::Formula formula;
  std::vector<ir::Expr> loops;      // one loop variable per axis of the shared domain
  std::vector<ir::Expr> values;     // one per root
  std::vector<ir::Tensor> sources;  // what loads read; load.source is an index here
  std::vector<ir::NodePtr> nodes;   // what was inlined, roots included, for names and source lines

  int source_of(const ir::Tensor& t);
};

// Composes the elements of `roots` (element nodes of one shape) over that shape. A tensor is read by inlining its node
// if inlined(tensor) says so, or if it is a root of this list; else it is loaded. Depth of inlining is bounded by
// fusion.
void compose(std::span<const ir::Tensor> roots, const std::function<bool(const ir::Tensor&)>& inlined, Composed& out);

// The same for a domain and variables that exist already: the value of `tensor` at `at`.
ir::Expr compose_at(const ir::Tensor& tensor, std::vector<ir::Index> at,
                    const std::function<bool(const ir::Tensor&)>& inlined, Composed& out);

}  // namespace bitale::lower

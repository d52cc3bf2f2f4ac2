#include <algorithm>
#include <unordered_map>

#include <bitale/work.h>

#include "compiler/ir/graph.h"
#include "compiler/ir/op.h"
#include "compiler/scan/cond.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/passes.h"
#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

namespace {

// The numbers that dims stand for.
class Extent {
 public:
  explicit Extent(SourceLine line) : made_at_(line ? " (asked for at " + to_string(line) + ")" : "") {}

  void bind(const ir::Tensor& tensor, const Extents& shape) {
    const auto fail = [&](const std::string& what) {
      throw Error("flops: " + ir::describe(tensor) + " was given the shape " + shape_text(shape) + ": " + what +
                  made_at_);
    };
    if (static_cast<int>(shape.size()) != tensor.rank()) fail("the ranks differ");
    for (int axis = 0; axis < tensor.rank(); ++axis) {
      const std::int64_t given = shape[static_cast<std::size_t>(axis)];
      const ir::Dim& dim = tensor.dim(axis);
      const std::string where = "the extent of axis " + std::to_string(axis) + " is ";
      if (given < 0 || (dim.is_constant() && dim.value() != given)) fail(where + ir::to_string(dim));
      const ir::DimSymbol* symbol = dim.as_symbol();
      if (!symbol) continue;
      const auto [it, fresh] = values_.try_emplace(symbol->id, given);
      if (!fresh && it->second != given)
        fail(where + symbol->name + ", which is " + std::to_string(it->second) + " elsewhere");
    }
  }

  std::int64_t of(const ir::Dim& dim) const {
    return dim.evaluate([&](const ir::DimSymbol& symbol) {
      const auto found = values_.find(symbol.id);
      if (found == values_.end()) throw Error("flops: no shape says what the extent " + symbol.name + " is" + made_at_);
      return found->second;
    });
  }

 private:
  std::string made_at_;
  std::unordered_map<std::uint64_t, std::int64_t> values_;
};

double flops_of(std::span<const ir::Tensor> outputs, const Extent& extent) {
  double total = 0;
  for (const ir::NodePtr& node : ir::topological(outputs)) {
    if (node->op().contraction) {
      double points = 2;
      for (const ir::Dim& d : node->op().contraction(*node).extents) points *= static_cast<double>(extent.of(d));
      total += points;
    } else if (loops::is_scan(*node)) {
      const auto& scan = node->params_as<loops::ScanParams>();
      total += static_cast<double>(extent.of(scan.trips)) * flops_of(scan.body.outputs, extent);
    } else if (loops::is_cond(*node)) {
      const auto& choice = node->params_as<loops::CondParams>();
      total += std::max(flops_of(choice.then.outputs, extent), flops_of(choice.otherwise.outputs, extent));
    }
  }
  return total;
}

}  // namespace

double flops(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const std::vector<Extents>& shapes,
             Where at) {
  ensure_ready();
  if (inputs.size() != shapes.size()) {
    throw Error("flops: there are " + std::to_string(inputs.size()) + " inputs and " + std::to_string(shapes.size()) +
                " shapes");
  }
  const std::vector<ir::Tensor> roots = Access::in(outputs, "an output");
  Extent extent{SourceLine(at)};
  for (std::size_t i = 0; i < inputs.size(); ++i) extent.bind(Access::in(inputs[i], "an input"), shapes[i]);
  for (const ir::NodePtr& node : ir::topological(roots)) {
    if (node->op().leaf != ir::Leaf::shared) continue;
    const ir::Tensor variable(node, 0);
    const std::shared_ptr<Shared::State> state = Access::find(variable);
    Extents shape;
    {
      const std::shared_lock lock(state->mutex);
      shape = state->value.shape();
    }
    extent.bind(variable, shape);
  }
  rewrite::PassContext context;
  return flops_of(loops::merge_scans({{}, roots}, context).outputs, extent);
}

}  // namespace bitale

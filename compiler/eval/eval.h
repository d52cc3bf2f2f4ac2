// The graph interpreter: the oracle for everything. Slow, simple, deterministic; shares no code with lowering or
// generation.
//
// Each node is evaluated on whole Arrays: by its `reference` if it has one, else by walking its element formula for
// every element (float arithmetic in double, rounded to the dtype at every node), contractions by plain loops in
// double. A node with a dtype that is only stored is evaluated on widened operands, and its results are rounded.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compiler/ir/body.h"
#include "runtime/memory/array.h"

namespace bitale::eval {

struct Binding {
  ir::Tensor tensor;  // an input or Shared leaf (or any tensor: its value is then taken as given)
  Array value;
};

// Values of `outputs`. Dim symbols are bound by the shapes of bound leaves; extents that must agree and do not, and
// free leaves, are an Error that names them. `prefer_reference` false uses bodies even where a reference exists.
std::vector<Array> evaluate(std::span<const ir::Tensor> outputs, std::span<const Binding> bindings,
                            bool prefer_reference = true);

// A body for values of its arguments, by number.
std::vector<Array> evaluate(const ir::Body& body, std::span<const Array> arguments,
                            const std::function<std::int64_t(const ir::DimSymbol&)>& symbols);

// One node on given input values.
std::vector<Array> evaluate_node(const ir::Node& node, std::span<const Array> inputs,
                                 const std::function<std::int64_t(const ir::DimSymbol&)>& symbols,
                                 bool prefer_reference = true);

}  // namespace bitale::eval

// Contractions by plain nested loops: floats in double, integers in wrapping int64.
#pragma once

#include "compiler/eval/formula.h"
#include "compiler/ir/op.h"

namespace bitale::eval {

// The product of a and b into `out`, as the node's ContractionDef says. An address outside of a tensor is an
// InternalError.
void contract(const ir::Node& node, const SymbolValues& symbols, const Array& a, const Array& b, Array& out);

}  // namespace bitale::eval

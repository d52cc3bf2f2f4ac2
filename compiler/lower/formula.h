// The element formula of a node: its op's own, or that of a contraction that no contraction kernel is made for
// (integers).
#pragma once

#include "compiler/ir/op.h"

namespace bitale::lower {

bool has_formula(const ir::Node& node);
ir::Expr element_of(ir::Element& element);

}  // namespace bitale::lower

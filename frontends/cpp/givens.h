// Givens of a function: tensors that are replaced before it is compiled.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <bitale/tensor.h>

#include "compiler/ir/node.h"

namespace bitale {

// The graph behind `roots` with each given's first tensor replaced by its second. They must agree in dtype, rank and
// constant extents. A symbolic extent of the first is the second's extent from then on, also where the graph speaks of
// it (a mean over it, say); if something that stays has it too, both are checked to be equal at call entry. Errors name
// the function, both tensors and the axis.
std::vector<ir::Tensor> replace_givens(const std::vector<ir::Tensor>& roots,
                                       const std::vector<std::pair<Tensor, Tensor>>& givens,
                                       const std::string& function, const std::string& made_at);

}  // namespace bitale

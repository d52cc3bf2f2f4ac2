// What can be the epilogue of a contraction: a kernel to whose roots it hands the finished tile.
#pragma once

#include <optional>
#include <vector>

#include "compiler/lower/compose.h"
#include "compiler/lower/fuse.h"

namespace bitale::lower {

inline constexpr int most_slices = 8;  // that an epilogue may read of a contraction

// Of one root, which has the contraction's shape.
bool epilogue_fits(const Fusion& fusion, const ir::Tensor& contraction, const ir::Tensor& root);

// In how many slices of its last axis the roots read the contraction, and nothing else of it; 0 if they are no
// epilogue of it.
int slices_read(const Fusion& fusion, const ir::Tensor& contraction, const std::vector<ir::Tensor>& roots,
                bool on_device);

// Where a load begins along its last axis, if otherwise it goes along with the loops, one of each axis.
std::optional<ir::Dim> slice_of(const Composed& c, const ir::ExprNode& load, const ir::Shape& shape);

}  // namespace bitale::lower

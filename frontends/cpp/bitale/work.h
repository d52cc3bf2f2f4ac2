// The arithmetic that a graph asks for, whatever is made of it later.
#pragma once

#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// Floating-point operations of what the outputs say as they were written, before any rewriting: 2 for each multiply-add
// of a matrix product or a convolution, nothing for all else. What several outputs need counts once (also where a
// gradient repeats a loop that hands on the same from step to step), the body of a loop once for each step, and of a
// choice the side that has more. (Function::flops counts what a compiled program does.) `shapes` are those of the
// inputs. Error: another number of shapes, a rank or an extent that an input does not allow, an extent that neither the
// inputs nor the Shared variables behind the outputs decide.
double flops(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const std::vector<Extents>& shapes,
             Where at = Where::current());

}  // namespace bitale

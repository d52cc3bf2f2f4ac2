// Products and convolutions of every form in float16 and bfloat16, and beside float32.
#pragma once

#include <string>
#include <vector>

#include "tests/support/op_cases.h"

namespace bitale::tests {

struct HalfProduct {
  std::string name;
  BuiltCase graph;
};
// Each with its gradients where it has any; of a and b, the operands, in these dtypes.
std::vector<HalfProduct> half_products(DType a, DType b);

// As one graph, where compiling many costs too much.
BuiltCase all_together(DType a, DType b);

}  // namespace bitale::tests

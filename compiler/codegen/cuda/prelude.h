// The device functions that printed kernels use beside CUDA's own.
#pragma once

#include <string>
#include <string_view>

namespace bitale::codegen::cuda {

// The definitions that `body` needs, in order.
std::string prelude_for(std::string_view body);

}  // namespace bitale::codegen::cuda

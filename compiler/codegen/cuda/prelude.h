// The device functions that printed kernels use beside CUDA's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitale::codegen::cuda {

// The definitions that `body` needs, in order.
std::string prelude_for(std::string_view body);
std::vector<std::string_view> prelude_names();

// Whether `word` stands in the text as a whole identifier.
bool mentions(std::string_view text, std::string_view word);

}  // namespace bitale::codegen::cuda

#pragma once

#include <string>

#include "tests/support/op_cases.h"

namespace bitale::tests {

// The whole compiler as a backend of the op tests: graph -> program -> run, without the cache, in both optimised and
// unoptimised form as `level` says. What is compiled is called twice, the second time in the debug placement, and
// throws if that gives other bits.
Backend compiled(const std::string& isa, int level, int threads);
// The same for a device, by its name.
Backend compiled_for(const std::string& device, int level);

}  // namespace bitale::tests

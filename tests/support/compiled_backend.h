#pragma once

#include <string>

#include "tests/support/op_cases.h"

namespace bitale::tests {

// The whole compiler as a backend of the op tests: graph -> program -> run, without the cache, in both optimised and
// unoptimised form as `level` says.
Backend compiled(const std::string& isa, int level, int threads);

}  // namespace bitale::tests

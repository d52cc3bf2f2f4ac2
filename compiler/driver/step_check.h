// The checker behind BITALE_CHECK: what a step should have written, found from the same inputs by the kernel
// interpreter (kernels, epilogues), plain loops in double (contractions), the op's reference (library calls).
//
// Tolerance. A step may differ by rounding, and how far rounding can carry depends on the step: so it is run twice more
// with every floating-point input moved by a relative 2^-20 (float64: 2^-46) up or down, signs drawn per element and
// opposite in the two runs. An element passes if it is within 8 times the larger change that this makes, plus 2^-14
// (float64: 2^-40) of its own magnitude and 2^-20 (2^-46) of the largest in its buffer. Integers and bools have to be
// equal, unless one of the two runs changes them: a comparison at a tie.
#pragma once

#include <memory>

#include "compiler/lower/lower.h"
#include "runtime/executor/step_check.h"

namespace bitale::driver {

// Keeps the kernels and the nodes of library calls; `lowered` may go.
std::shared_ptr<const executor::StepChecker> step_checker(const lower::Lowered& lowered);

}  // namespace bitale::driver

// What the executor says about a Program and about a failure.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/executor/frame.h"

namespace bitale::executor {

// A sentence that names the step, what was found, and the user's lines.
std::string failure_text(const Failure& failure);

// What is said of a step, with its label and the user's lines.
std::string about(const program::Step& step, const std::string& what);

// What could not be had, of what, and why.
[[noreturn]] void no_memory(const program::Program& program, const std::string& what, const char* why);

std::int64_t constant_bytes(const Layout& layout);  // bodies included

}  // namespace bitale::executor

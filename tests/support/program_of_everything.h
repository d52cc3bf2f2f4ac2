#pragma once

#include "runtime/program/program.h"

namespace bitale::tests {

// A consistent Program with every kind of extent, buffer, port, step and binding in it. Its code is a few bytes that
// nobody may run.
program::Program program_of_everything();
// The same as a device has it.
program::Program program_of_a_device();

}  // namespace bitale::tests

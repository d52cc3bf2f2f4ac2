// Rules of what a Program declares, for the verifier (subject.h).
#pragma once

#include "runtime/program/subject.h"

namespace bitale::program {

// Extents and buffers refer to what exists, aliases to something other than themselves in the end.
void check_declarations(const Subject& subject);

// Then: inputs, outputs and shared variables, and the buffers that are theirs; what calls are checked for; the sizes of
// buffers.
void check_ports(const Subject& subject);
void check_extent_checks(const Subject& subject);
void check_sizes(Subject& subject);

}  // namespace bitale::program

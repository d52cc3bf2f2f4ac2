// The rules of steps that have bodies, and of the bodies, for the verifier (subject.h).
#pragma once

#include "runtime/program/subject.h"

namespace bitale::program {

void check_loop(StepSubject& subject, const LoopStep& s);
// What both sides write is written.
void check_branch(StepSubject& subject, const BranchStep& s);

}  // namespace bitale::program

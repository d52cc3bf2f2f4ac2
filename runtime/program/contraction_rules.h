// The rules of a contraction, for the verifier (subject.h).
#pragma once

#include "runtime/program/subject.h"

namespace bitale::program {

void check_contraction(StepSubject& subject, const ContractionStep& s);

}  // namespace bitale::program

// The command-line options that say what is measured.
#pragma once

#include "bench/study/subject.h"

namespace CLI {
class App;
}

namespace bitale::bench {

void add_subject_options(CLI::App& app, SubjectOptions& options);

// After parsing: fills in what the model decides. UsageError if the model or the instruction set cannot be used here.
void finish_subject_options(SubjectOptions& options);

}  // namespace bitale::bench

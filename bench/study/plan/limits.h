// Which measurements a machine cannot make.
#pragma once

#include <string>

#include "bench/harness/machine.h"
#include "bench/study/plan/cell.h"

namespace bitale::bench {

// Why a measurement cannot be made here, as far as that is known before it is tried; empty if it may be tried. (Whether
// memory is enough is known once the functions are compiled: bench/study/plan/worker.cc.)
std::string why_not(const StudyCell& cell, const Machine& machine);

// Why nothing can be compiled for a device (of open_driver()) and run on it here; empty if it can. Tried once for each.
std::string why_no_device(const std::string& device);

}  // namespace bitale::bench

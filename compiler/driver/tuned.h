// What the tuner measured, kept beside the cache: one file for each build of Bitale and model of CPU.
//
// A line is a key and the seconds of each candidate. Lines that cannot be read are measured again; a file that cannot
// be written is a warning, once. Processes that tune at the same time may lose each other's last lines, nothing else.
#pragma once

#include <memory>

#include "compiler/driver/cache.h"
#include "runtime/executor/tuning.h"

namespace bitale::driver {

// Those of a cache folder, or for a cache that is off of this process alone.
std::shared_ptr<executor::TuningRecords> tuning_records(const Cache& cache);

}  // namespace bitale::driver

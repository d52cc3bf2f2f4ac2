#include "runtime/program/contraction.h"

#include "runtime/base/error.h"

namespace bitale::program {

ContractionBlocking plan_contraction(const ContractionStep&, std::span<const std::int64_t>, int) {
  throw InternalError("contractions are not executed yet");
}

}  // namespace bitale::program

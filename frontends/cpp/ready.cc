#include "frontends/cpp/handles.h"
#include "ops/api/ops.h"

namespace bitale {

void ensure_ready() { ops::register_all(); }

}  // namespace bitale

#include "runtime/executor/packing_body.h"

namespace bitale::executor {

Packing packing_v2();
Packing packing_v2() { return {pack<float>, pack<double>}; }

}  // namespace bitale::executor

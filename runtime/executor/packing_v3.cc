#include "runtime/executor/packing_body.h"

namespace bitale::executor {

Packing packing_v3();
Packing packing_v3() { return packing_here(); }

}  // namespace bitale::executor

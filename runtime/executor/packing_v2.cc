#include "runtime/executor/packing_body.h"

namespace bitale::executor {

Packing packing_v2();
Packing packing_v2() { return packing_here(); }

}  // namespace bitale::executor

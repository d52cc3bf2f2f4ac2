#include "runtime/executor/packing_body.h"

namespace bitale::executor {

Packing packing_v4();
Packing packing_v4() { return packing_here(); }

}  // namespace bitale::executor

#include "runtime/executor/packing_body.h"

namespace bitale::executor {

Packing packing_v4();
Packing packing_v4() { return {pack<float>, pack<double>}; }

}  // namespace bitale::executor

#include "runtime/executor/packing.h"

#include "runtime/base/error.h"

namespace bitale::executor {

// packing_v2.cc, packing_v3.cc, packing_v4.cc: packing_body.h, compiled for the instruction set.
Packing packing_v2();
Packing packing_v3();
Packing packing_v4();

Packing packing_for(Isa isa) {
  switch (isa) {
    case Isa::v2:
      return packing_v2();
    case Isa::v3:
      return packing_v3();
    case Isa::v4:
      return packing_v4();
  }
  throw InternalError("no packing for an instruction set");
}

}  // namespace bitale::executor

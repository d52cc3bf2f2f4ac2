// What is decided for a device when the extents are known: which contractions its library does
// (runtime/program/device_product.h), and which loops are one kernel (runtime/program/loop_kernel.h).
#pragma once

#include "runtime/executor/frame.h"

namespace bitale::executor {

// Asks the driver how it would do those of `prepared`, bodies of loops and branches included, which no call uses yet.
// Those that it does not do, and those of blocked steps, whose extents differ by tile, stay with their functions.
void plan_products(const Layout& layout, Driver& driver, Prepared& prepared);

}  // namespace bitale::executor

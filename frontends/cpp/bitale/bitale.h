// All of Bitale's C++ API.
#pragma once

#include <bitale/cond.h>      // IWYU pragma: export
#include <bitale/custom.h>    // IWYU pragma: export
#include <bitale/function.h>  // IWYU pragma: export
#include <bitale/grad.h>      // IWYU pragma: export
#include <bitale/ops.h>       // IWYU pragma: export
#include <bitale/scan.h>      // IWYU pragma: export
#include <bitale/tensor.h>    // IWYU pragma: export
#include <bitale/work.h>      // IWYU pragma: export

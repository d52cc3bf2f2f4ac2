// Ops on tensors, a header per family; docs/ops.md lists them all. Axes may be negative (from the end). Formulas, NaN
// rules and derivatives at kinks are stated beside each op's declaration under ops/.
#pragma once

#include <bitale/conv.h>
#include <bitale/elementwise.h>
#include <bitale/index.h>
#include <bitale/linalg.h>
#include <bitale/nn.h>
#include <bitale/random.h>
#include <bitale/reduce.h>
#include <bitale/shape.h>

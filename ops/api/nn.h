// Softmax and losses.
#pragma once

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

Tensor softmax(const Tensor& x, int axis = -1, SourceLine line = {});
Tensor log_softmax(const Tensor& x, int axis = -1, SourceLine line = {});
// Per-row loss -log softmax(logits)[i, labels[i]]; logits [n, c], integer labels [n]; result [n].
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, SourceLine line = {});

}  // namespace bitale::ops

// Softmax and losses.
#pragma once

#include <bitale/tensor.h>

namespace bitale {

Tensor softmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor log_softmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor cross_entropy(const Tensor& logits, const Tensor& labels,
                     Where at = Where::current());  // [n, c], integers [n] -> [n]

}  // namespace bitale

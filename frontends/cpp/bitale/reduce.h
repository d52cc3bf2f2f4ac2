// Reductions over any axes; none: all of them. With keepdims the reduced axes stay, with extent 1.
#pragma once

#include <bitale/tensor.h>

namespace bitale {

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false, Where at = Where::current());
Tensor argmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor argmin(const Tensor& x, int axis = -1, Where at = Where::current());

}  // namespace bitale

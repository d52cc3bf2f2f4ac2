// Random draws: Philox 4x32-10. `state` is int64[2] (key, counter); draw_id tells the draws of one function apart.
#pragma once

#include "compiler/prim/prim.h"

namespace bitale::ops {

using ir::Dim;
using ir::Operand;
using ir::Shape;
using ir::Tensor;

Tensor random_uniform(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                      SourceLine line = {});  // [0, 1)
Tensor random_normal(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                     SourceLine line = {});
Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, double p, Shape shape,
                        SourceLine line = {});  // bool

}  // namespace bitale::ops

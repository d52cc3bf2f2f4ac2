// What the ops have in common that compute any of the three convolutions by a library call, over two spatial axes: the
// convolution's parameters and which of its sides is computed, from the other two.
#pragma once

#include "ops/conv/algorithm.h"

namespace bitale::ops {

struct OneSideParams {
  ConvParams conv;
  std::int64_t side = 0;  // a library::Im2colSide
  bool operator==(const OneSideParams&) const = default;
  template <class V>
  void fields(V& v) {
    conv.fields(v);
    v("side", side);
  }
};

// The convolution that a node of such an op computes.
Tensor convolution_of(const ir::Node& node);
// Its type; errors are the convolution's.
ir::TensorType one_side_type(const ir::TypeArgs& args);
ConvCall one_side_call(const ir::TypeArgs& args);

// What runtime/library/im2col.h lists first: extents but the last, and all integers.
std::vector<Dim> one_side_extents(const ir::Node& node);
std::vector<std::int64_t> one_side_integers(const ir::Node& node);
Dim one_side_flops(const ir::Node& node);

// The op's outputs for a call.
std::vector<Tensor> apply_one_side(const ir::OpDef& op, const ConvCall& call);
// Those of the convolutions with two spatial axes, computed so.
std::vector<ir::Sample> one_side_samples(Tensor (*compute)(const ConvCall&), double tolerance);

}  // namespace bitale::ops

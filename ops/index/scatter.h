// What scatter_add and scatter_set share: all but how an element is written.
#pragma once

#include <vector>

#include "compiler/ir/op.h"
#include "compiler/prim/prim.h"
#include "ops/index/index.h"

namespace bitale::ops {

using ScatterBuilder = Tensor (*)(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
                                  SourceLine line);

std::vector<ir::TensorType> scatter_type(const ir::TypeArgs& args);
std::vector<Tensor> scatter_batch(const ir::Batch& v);
std::vector<Tensor> scatter_jvp(const ir::Jvp& v);
std::vector<Dim> scatter_extents(const ir::Node& n);
std::vector<std::int64_t> scatter_integers(const ir::Node& n);
std::vector<ir::Sample> scatter_samples(ScatterBuilder build);

// The op on operands as users give them: x and indices of any rank, updates that broadcast to x.shape[:axis] +
// indices.shape + x.shape[axis+1:].
Tensor scatter(const ir::OpDef& op, const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
               SourceLine line);

// out = x, then write(element of out, element of updates), index by index.
template <class Write>
void scatter_reference(const ir::Reference& r, Write write) {
  const Extents& shape = r.inputs[0].shape();
  const std::int64_t outer = shape[0], rows = shape[1], inner = shape[2], count = r.inputs[1].size();
  dispatch(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>(), updates = r.inputs[2].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i];
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t i = 0; i < inner; ++i) {
          const std::int64_t row = reference_row(r.node, r.inputs[1], k, rows);
          write(out[static_cast<std::size_t>((o * rows + row) * inner + i)],
                updates[static_cast<std::size_t>((o * count + k) * inner + i)]);
        }
  });
}

}  // namespace bitale::ops

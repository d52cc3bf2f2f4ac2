// Random numbers: the scalar instruction philox(key, counter, index), 64 bits of Philox 4x32-10 (Salmon, Moraes, Dror,
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
//
// Layout. `state` is int64 [2]: key and counter, used as they are (whoever advances a state adds to its counter). The
// index is draw_id * 2^40 + the element's row-major position in the result: so draws of one state with different ids,
// and elements of one draw, never share a block. draw_id is in [0, 2^24), a draw has at most 2^40 elements. Every
// element takes one block, so the numbers depend on neither threads, isa nor device.
//
// A state [..., 2] gives a result with its leading axes first: one draw of `shape` per state.
#pragma once

#include <functional>
#include <vector>

#include "compiler/ir/op.h"
#include "ops/api/random.h"

namespace bitale::ops {

struct RandomParams {
  std::int64_t draw_id = 0;
  DType dtype = DType::f32;
  Shape shape;
  double p = 0;  // bernoulli: probability of true
  bool operator==(const RandomParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("draw_id", draw_id);
    v("dtype", dtype);
    v("shape", shape);
    v("p", p);
  }
};

inline constexpr int draw_id_shift = 40, draw_id_bits = 24;

extern const ir::OpDef random_uniform_op, random_normal_op, random_bernoulli_op;

std::vector<ir::TensorType> random_type(const ir::TypeArgs& args);
std::vector<ir::TensorType> random_float_type(const ir::TypeArgs& args);
// The 64 bits of the element, in a body; and of element `position` of draw `draw` in the reference.
ir::Expr random_bits(ir::Element& e);
void visit_bits(const ir::Reference& r, const std::function<void(std::size_t position, std::uint64_t bits)>& f);
// `count` of the bits, from bit `first` (0: the lowest) on, as a number of `dtype`.
ir::Expr bit_field(ir::Element& e, ir::Expr bits, int first, int count, DType dtype);
using RandomDraw = std::function<Tensor(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype)>;
std::vector<ir::Sample> random_samples(const RandomDraw& draw);

}  // namespace bitale::ops

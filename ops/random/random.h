// Random numbers: the scalar instruction philox(key, counter, index), 64 bits of Philox 4x32-10 (Salmon, Moraes, Dror,
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
//
// Layout. `state` is int64 [2]: key and counter, used as they are (whoever advances a state adds to its counter). The
// index is draw_id * 2^40 + the element's row-major position in the result: so draws of one state with different ids,
// and elements of one draw, never share a block. draw_id is in [0, 2^24), a draw has at most 2^40 elements. An element
// takes one block of each id that its op uses (most use one; those that reject, `ids` in a row), so the bits depend on
// neither threads, isa nor device. What is computed from them is bit-equal everywhere where it is integers or exact
// (uniform, bernoulli, integers); elsewhere it may differ in the last places, as logarithms do between instruction sets
// and devices. An op that rejects by a comparison may then, very rarely, take another try.
//
// A state [..., 2] gives a result with its leading axes first: one draw of `shape` per state. Parameters that are
// tensors have the result's shape. No draw has a derivative in its parameters, unless it is composed of others (a
// location and a scale are arithmetic on a standard draw).
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

extern const ir::OpDef random_uniform_op, random_normal_op, random_bernoulli_op, random_exponential_op,
    random_laplace_op, random_logistic_op, random_cauchy_op, random_integers_op, random_gamma_op, random_log_gamma_op,
    random_poisson_op, random_binomial_op, random_truncated_normal_op;

// The type of a draw from a state and `operands` parameters of the result's shape, which takes `ids` draw ids.
std::vector<ir::TensorType> random_type(const ir::TypeArgs& args, int operands = 0, int ids = 1);
std::vector<ir::TensorType> random_float_type(const ir::TypeArgs& args);
// A parameter of a draw of `shape`, cast to dtype and broadcast to the draw's whole shape.
Tensor parameter(const ir::OpDef& op, const Tensor& state, const Shape& shape, const Operand& value, DType dtype,
                 SourceLine line);
// The 64 bits of the element, in a body, of draw id `draw_id + id`; and of all elements in the reference.
ir::Expr random_bits(ir::Element& e, const ir::Index& id = 0);
std::uint64_t reference_bits(const ir::Reference& r, std::size_t position, int id = 0);
void visit_bits(const ir::Reference& r, const std::function<void(std::size_t position, std::uint64_t bits)>& f);
// `count` of the bits, from bit `first` (0: the lowest) on, as a number of `dtype`.
ir::Expr bit_field(ir::Element& e, ir::Expr bits, int first, int count, DType dtype);

// A number u in (0, 1/2] that has a float's whole precision however near 0 it is, and which end of (0, 1) it is
// counted from: the draw's rank is u, or 1 - u where `upper`.
struct Tail {
  ir::Expr u, upper;
};
Tail tail_of(ir::Element& e, ir::Expr bits, DType dtype);
struct ReferenceTail {
  double u;
  bool upper;
};
ReferenceTail reference_tail(std::uint64_t bits);
// Box and Muller (1958), from 64 bits.
ir::Expr normal_of(ir::Element& e, ir::Expr bits, DType dtype);
double reference_normal(std::uint64_t bits);
// -log of a uniform number, from 64 bits.
ir::Expr exponential_of(ir::Element& e, ir::Expr bits, DType dtype);
double reference_exponential(std::uint64_t bits);

// An op without parameters: a draw from the element's 64 bits, and the same in double for the reference.
struct StandardDraw {
  std::string name, doc;
  std::function<ir::Expr(ir::Element& e, ir::Expr bits, DType dtype)> body;
  double (*reference)(std::uint64_t bits) = nullptr;
  std::function<std::vector<ir::Sample>()> samples;
};
ir::OpDef standard_draw(StandardDraw draw);
void store(Array& out, std::size_t position, double value);  // rounded to its dtype

using RandomDraw = std::function<Tensor(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype)>;
std::vector<ir::Sample> random_samples(const RandomDraw& draw);
ir::SampleInput state_input(Extents shape);  // the state of a draw, in samples

}  // namespace bitale::ops

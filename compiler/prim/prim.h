// The primitives that derivatives, loops and passes speak. They are ops like any other (each declared in one place, in
// compiler/prim/*.cc); what is special is only that the compiler itself may build them.
//
// All builders check their operands through the op's type rule and throw Error. Binary builders promote dtypes and
// broadcast as NumPy does (explicit cast and broadcast_to nodes: the operands of an elementwise node always have one
// dtype and shape). Only the constant extent 1 broadcasts; two extents that are not equal by form are unified and
// checked at call entry. C++ numbers are weak scalars: they take the other operand's dtype (promote_weak); one that
// does not fit is an Error.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "compiler/ir/node.h"
#include "compiler/ir/op.h"

namespace bitale::ir {

// A Tensor or a C++ number.
struct Operand {
  std::variant<Tensor, bool, std::int64_t, double> value;

  Operand(Tensor t) : value(std::move(t)) {}               // NOLINT: implicit by design
  Operand(bool v) : value(v) {}                            // NOLINT
  Operand(int v) : value(static_cast<std::int64_t>(v)) {}  // NOLINT
  Operand(std::int64_t v) : value(v) {}                    // NOLINT
  Operand(double v) : value(v) {}                          // NOLINT
  Operand(float v) : value(static_cast<double>(v)) {}      // NOLINT
  const Tensor* tensor() const { return std::get_if<Tensor>(&value); }
};

// ---- leaves ----
struct InputParams {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const InputParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("name", name);
    v("dtype", dtype);
    v("shape", shape);
  }
};
// A fresh input: every call makes another one.
Tensor input(std::string name, TensorType type, SourceLine line = {});
// A Shared's symbolic side; `key` identifies it (runtime value and symbol meet in the frontend).
struct SharedParams {
  std::string name;
  std::int64_t key = 0;
  DType dtype = DType::f32;
  Shape shape;
  std::shared_ptr<void> value = nullptr;  // keeps the runtime value alive as long as the graph; not part of identity
  bool operator==(const SharedParams& o) const {
    return name == o.name && key == o.key && dtype == o.dtype && shape == o.shape;
  }
  template <class V>
  void fields(V& v) {
    v("name", name);
    v("key", key);
    v("dtype", dtype);
    v("shape", shape);
  }
};
Tensor shared(std::string name, std::int64_t key, TensorType type, SourceLine line = {},
              std::shared_ptr<void> value = nullptr);
Tensor argument(std::int64_t number, TensorType type);      // of a body: see ir/body.h
Tensor constant(const Array& value, SourceLine line = {});  // op "constant"; splat arrays become `full`
struct ConstantParams {
  ArrayValue value;
  bool operator==(const ConstantParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("value", value);
  }
};
// Op "full": one value everywhere.
struct FullParams {
  Literal value;
  Shape shape;
  bool operator==(const FullParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("value", value);
    v("shape", shape);
  }
};
Tensor full(Literal value, Shape shape, SourceLine line = {});
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
Tensor zeros(DType dtype, Shape shape);
Tensor extent(const Dim& dim, SourceLine line = {});  // op "extent": an int64 scalar; folds constants to full
Tensor iota(DType dtype, Shape shape, int axis, SourceLine line = {});  // 0, 1, 2... along the axis
// The literal if the tensor is a `full` (also seen through broadcast_to, reshape, cast).
std::optional<Literal> splat_value(const Tensor& x);

// ---- elementwise ----
Tensor add(const Operand& a, const Operand& b, SourceLine line = {});
Tensor sub(const Operand& a, const Operand& b, SourceLine line = {});
Tensor mul(const Operand& a, const Operand& b, SourceLine line = {});
Tensor div(const Operand& a, const Operand& b, SourceLine line = {});  // true division; integers go to default_float
Tensor neg(const Tensor& x, SourceLine line = {});
Tensor abs(const Tensor& x, SourceLine line = {});
Tensor square(const Tensor& x, SourceLine line = {});                        // mul(x, x)
Tensor strong_mul(const Tensor& dy, const Tensor& d, SourceLine line = {});  // 0 where dy is 0, else dy*d
Tensor minimum(const Operand& a, const Operand& b, SourceLine line = {});    // at a tie the gradient goes to a
Tensor maximum(const Operand& a, const Operand& b, SourceLine line = {});
Tensor less(const Operand& a, const Operand& b, SourceLine line = {});
Tensor less_equal(const Operand& a, const Operand& b, SourceLine line = {});
Tensor equal(const Operand& a, const Operand& b, SourceLine line = {});
Tensor not_equal(const Operand& a, const Operand& b, SourceLine line = {});
Tensor logical_and(const Operand& a, const Operand& b, SourceLine line = {});
Tensor logical_or(const Operand& a, const Operand& b, SourceLine line = {});
Tensor logical_not(const Tensor& x, SourceLine line = {});
Tensor where(const Tensor& condition, const Operand& yes, const Operand& no, SourceLine line = {});
Tensor cast(const Tensor& x, DType dtype, SourceLine line = {});  // the same tensor if it has the dtype
struct CastParams {
  DType dtype = DType::f32;
  bool operator==(const CastParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("dtype", dtype);
  }
};
Tensor stop_gradient(const Tensor& x, SourceLine line = {});  // identity whose derivatives are zero

// ---- shape ----
struct AxesParams {
  std::vector<std::int64_t> axes;
  bool operator==(const AxesParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axes", axes);
  }
};
struct ShapeParams {
  Shape shape;
  bool operator==(const ShapeParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("shape", shape);
  }
};
// broadcast_to aligns trailing axes; an axis of constant extent 1 (or a missing one) is repeated.
Tensor broadcast_to(const Tensor& x, const Shape& shape, SourceLine line = {});
Tensor reshape(const Tensor& x, const Shape& shape, SourceLine line = {});  // a view; element counts are unified
Tensor transpose(const Tensor& x, std::vector<std::int64_t> axes,
                 SourceLine line = {});                               // output axis i is input axis axes[i]
Tensor transpose(const Tensor& x);                                    // reverses the axes
Tensor expand_dims(const Tensor& x, int axis, SourceLine line = {});  // reshape
// Slice with one (start, extent, step) per axis; step != 0; element i is start + i*step, which lies inside by
// construction of the frontend's bounds clipping.
struct SliceParams {
  Shape starts, extents;
  std::vector<std::int64_t> steps;
  bool operator==(const SliceParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("starts", starts);
    v("extents", extents);
    v("steps", steps);
  }
};
Tensor slice(const Tensor& x, Shape starts, Shape extents, std::vector<std::int64_t> steps, SourceLine line = {});
// Inverse of slice: zeros of `shape` with x at start + i*step. With steps 1 it pads with zeros.
struct PadParams {
  Shape starts, shape;
  std::vector<std::int64_t> steps;
  bool operator==(const PadParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("starts", starts);
    v("shape", shape);
    v("steps", steps);
  }
};
Tensor pad(const Tensor& x, Shape starts, Shape shape, std::vector<std::int64_t> steps, SourceLine line = {});
struct ConcatParams {
  std::int64_t axis = 0;
  bool operator==(const ConcatParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("axis", axis);
  }
};
Tensor concat(std::vector<Tensor> parts, int axis, SourceLine line = {});
Tensor flip(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line = {});
// x, laid out in memory as it stands: for movement whose elements are read many times.
Tensor in_memory(const Tensor& x, SourceLine line = {});

// ---- reductions (axes sorted, unique, >= 0; reduced axes disappear) ----
Tensor sum(const Tensor& x, std::vector<std::int64_t> axes,
           SourceLine line = {});  // bool and small ints accumulate in int64
Tensor max(const Tensor& x, std::vector<std::int64_t> axes,
           SourceLine line = {});  // NaN propagates; gradient to the first maximum
Tensor min(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line = {});  // the same for minima
// The position of the first maximum (minimum): int64, counted row by row over the reduced axes. NaN wins.
Tensor argmax(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line = {});
Tensor argmin(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line = {});
Tensor sum_to(const Tensor& x, const Shape& shape);  // undoes broadcast_to: sums over the axes that were repeated
// The reverse of a reduction of a tensor of `shape` over `axes`: y repeated along them.
Tensor broadcast_reduced(const Tensor& y, const std::vector<std::int64_t>& axes, const Shape& shape);
// True where an element of x is the one that a reduction of x over `axes` picked: `position` as argmax and argmin give
// it.
Tensor selected_mask(const Tensor& x, const Tensor& position, const std::vector<std::int64_t>& axes);

// ---- contraction ----
// dot_general, op "dot": batch axes first in both operands, in order; then out = [batch..., free axes of a..., free
// axes of b...]. An operand's axes that are in none of its lists are free. Bools and integers are taken as int64.
struct DotParams {
  std::vector<std::int64_t> batch_a, batch_b, sum_a, sum_b;
  bool operator==(const DotParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("batch_a", batch_a);
    v("batch_b", batch_b);
    v("sum_a", sum_a);
    v("sum_b", sum_b);
  }
};
Tensor dot_general(const Tensor& a, const Tensor& b, DotParams params, SourceLine line = {});
Tensor dot(const Tensor& a, const Tensor& b, SourceLine line = {});  // numpy.dot

// ---- operators ----
inline Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }
inline Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
inline Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }

// ---- for writing ops (declarations in one line) ----
// Type rules.
std::vector<TensorType> same_type(const TypeArgs& args);     // all operands of one dtype and shape; so is the result
std::vector<TensorType> same_number(const TypeArgs& args);   // the same, not bool
std::vector<TensorType> same_float(const TypeArgs& args);    // the same, floats only
std::vector<TensorType> compare_type(const TypeArgs& args);  // one dtype and shape; result bool
// Error if the operand is empty, for builders that look at it before its op's type rule does.
void require_operand(const char* op, const Tensor& x, SourceLine line);
// The dtype that operands promote to; with bool taken as int64; with bool and integers taken as default_float. Numbers
// without any tensor give bool, int64, or default_float.
DType common_dtype(std::span<const Operand> operands);
DType number_dtype(std::span<const Operand> operands);
DType float_dtype(std::span<const Operand> operands);
// The operands as tensors of one shape, operand i cast to dtypes[i]. Errors speak of `op`.
std::vector<Tensor> broadcast_operands(const OpDef& op, std::span<const Operand> operands,
                                       std::span<const DType> dtypes, SourceLine line);
// Broadcasting, promoting application of an elementwise op of one or more operands (dtype: the common one if not
// given).
Tensor apply_elementwise(const OpDef& op, std::span<const Operand> operands, SourceLine line,
                         std::optional<DType> dtype = {});
// Fills in element, vjp, jvp and batch of an elementwise op from its scalar body and its partial derivatives: partial i
// gives d out / d in_i as a graph; an empty function means zero. `strong` multiplies cotangents in with strong_mul (for
// derivatives that can be infinite or NaN).
struct Partial {
  std::function<Tensor(const Node& node)> derivative;
  bool strong = false;
};
struct ElementwiseOp {
  std::string name;
  std::string doc = {};
  int operands = 1;
  TypeRule type = {};  // may rely on their number
  std::function<Expr(std::span<const Expr>)> body = {};
  std::vector<Partial> partials = {};
  std::function<std::vector<Sample>()> samples = {};
  bool commutative = false;
  std::vector<DType> dtypes = {};
};
OpDef elementwise(ElementwiseOp op);
// jvp of an op that is linear in its inputs: the op itself on the tangents (zeros where a tangent is empty).
std::vector<Tensor> linear_jvp(const Jvp& v);
// Derivatives that are zero.
std::vector<Tensor> zero_vjp(const Vjp& v);
std::vector<Tensor> zero_jvp(const Jvp& v);
// a + b, where an empty Tensor is zero.
Tensor accumulate(const Tensor& a, const Tensor& b);
// Operand i of a batched application, with the new axis in any case.
Tensor with_batch_axis(const Batch& b, int i);
// Batching of an op whose parameters do not change: the op on operands that all have the axis.
std::vector<Tensor> batch_elementwise(const Batch& b);
// Row-major position of an index in `shape`, and the index of a position.
Index flatten(std::span<const Index> at, std::span<const Dim> shape);
std::vector<Index> unflatten(Index position, std::span<const Dim> shape);

// Registers the primitives' OpDefs, each in its family; idempotent.
void register_primitives();

}  // namespace bitale::ir

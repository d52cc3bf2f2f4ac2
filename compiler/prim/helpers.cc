// What op declarations share: type rules, promotion and broadcasting of operands, and the derived rules of elementwise
// ops.
#include <cmath>
#include <limits>

#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ir {

// ---- type rules ----

namespace {

// The shape that all operands have.
Shape same_shape(const TypeArgs& args) {
  args.require(args.count() > 0, "expected at least one operand");
  Shape shape = args.type(0).shape;
  for (int i = 1; i < args.count(); ++i) {
    const Shape& other = args.type(i).shape;
    args.require(other.size() == shape.size(), "operands must have one rank");
    for (std::size_t k = 0; k < shape.size(); ++k)
      shape[k] =
          args.unify(shape[k], other[k], "operands must have one shape, and differ on axis " + std::to_string(k));
  }
  return shape;
}

DType same_dtype(const TypeArgs& args) {
  for (int i = 1; i < args.count(); ++i)
    args.require(args.type(i).dtype == args.type(0).dtype, "operands must have one dtype");
  return args.type(0).dtype;
}

}  // namespace

std::vector<TensorType> same_type(const TypeArgs& args) {
  Shape shape = same_shape(args);
  return {{same_dtype(args), std::move(shape)}};
}

std::vector<TensorType> same_number(const TypeArgs& args) {
  auto types = same_type(args);
  args.require(types[0].dtype != DType::bool_, "operands must be numbers, not bool");
  return types;
}

std::vector<TensorType> same_float(const TypeArgs& args) {
  auto types = same_type(args);
  args.require(is_floating(types[0].dtype), "operands must be floats");
  return types;
}

std::vector<TensorType> compare_type(const TypeArgs& args) {
  auto types = same_type(args);
  types[0].dtype = DType::bool_;
  return types;
}

// ---- operands ----

namespace {

DTypeKind weak_kind(const Operand& o) {
  if (std::holds_alternative<bool>(o.value)) return DTypeKind::boolean;
  return std::holds_alternative<std::int64_t>(o.value) ? DTypeKind::integer : DTypeKind::floating;
}

std::string weak_text(const Operand& o) {
  if (const auto* b = std::get_if<bool>(&o.value)) return *b ? "true" : "false";
  if (const auto* i = std::get_if<std::int64_t>(&o.value)) return std::to_string(*i);
  std::string s = std::to_string(std::get<double>(o.value));
  return s;
}

std::vector<Tensor> tensors_of(std::span<const Operand> operands) {
  std::vector<Tensor> out;
  for (const Operand& o : operands)
    if (o.tensor()) out.push_back(*o.tensor());
  return out;
}

[[noreturn]] void fail(const OpDef& op, std::span<const Operand> operands, SourceLine line, const std::string& what) {
  const std::vector<Tensor> tensors = tensors_of(operands);
  TypeArgs(op, nullptr, tensors, line).fail(what);
}

bool integer_fits(std::int64_t v, DType dtype) {
  if (is_floating(dtype)) return std::isfinite(Literal::integer(v, dtype).as_double());
  return dispatch(dtype, [&](auto t) {
    using T = typename decltype(t)::type;
    if constexpr (std::is_same_v<T, bool>)
      return true;
    else
      return v >= static_cast<std::int64_t>(std::numeric_limits<T>::lowest()) &&
             v <= static_cast<std::int64_t>(std::numeric_limits<T>::max());
  });
}

// A C++ number as a literal of `dtype`; nullopt if it does not fit.
std::optional<Literal> weak_literal(const Operand& o, DType dtype) {
  if (const auto* b = std::get_if<bool>(&o.value)) return Literal::integer(*b ? 1 : 0, dtype);
  if (const auto* i = std::get_if<std::int64_t>(&o.value)) {
    if (dtype == DType::bool_) return Literal::integer(*i != 0 ? 1 : 0, dtype);
    if (!integer_fits(*i, dtype)) return std::nullopt;
    return Literal::integer(*i, dtype);
  }
  const double v = std::get<double>(o.value);
  if (dtype == DType::bool_) return Literal::integer(v != 0 ? 1 : 0, dtype);
  if (is_floating(dtype)) {
    const Literal literal = Literal::real(v, dtype);
    return std::isfinite(v) && !std::isfinite(literal.as_double()) ? std::nullopt : std::optional(literal);
  }
  if (v != std::floor(v) || std::fabs(v) > 9e15 || !integer_fits(static_cast<std::int64_t>(v), dtype))
    return std::nullopt;
  return Literal::integer(static_cast<std::int64_t>(v), dtype);
}

// The shape that all operands broadcast to.
Shape common_shape(const OpDef& op, std::span<const Operand> operands, SourceLine line) {
  Shape shape;
  for (const Operand& o : operands) {
    if (!o.tensor()) continue;
    const Shape& s = o.tensor()->shape();
    if (s.size() > shape.size()) shape.insert(shape.begin(), s.size() - shape.size(), Dim(1));
    for (std::size_t k = 1; k <= s.size(); ++k) {
      Dim& have = shape[shape.size() - k];
      const Dim& want = s[s.size() - k];
      if (have == want || want.is(1)) continue;
      if (have.is(1))
        have = want;
      else if (have.is_constant() && want.is_constant())
        fail(op, operands, line,
             "shapes do not broadcast: axis -" + std::to_string(k) + " has extents " + to_string(have) + " and " +
                 to_string(want));
      else if (want.is_constant())
        have = want;
    }
  }
  return shape;
}

bool needs_broadcast(const Shape& from, const Shape& to) {
  if (from.size() != to.size()) return true;
  for (std::size_t k = 0; k < to.size(); ++k)
    if (from[k].is(1) && !to[k].is(1)) return true;
  return false;
}

}  // namespace

void require_operand(const char* op, const Tensor& x, SourceLine line) {
  if (!x) throw Error(std::string(op) + ": an operand is an empty Tensor" + (line ? "; at " + to_string(line) : ""));
}

DType common_dtype(std::span<const Operand> operands) {
  std::optional<DType> dtype;
  auto weak = DTypeKind::boolean;
  for (const Operand& o : operands) {
    if (!o.tensor()) {
      weak = std::max(weak, weak_kind(o));
      continue;
    }
    if (!*o.tensor()) continue;  // the op's type rule says so
    dtype = dtype ? promote(*dtype, o.tensor()->dtype()) : o.tensor()->dtype();
  }
  if (dtype) return promote_weak(*dtype, weak);
  return weak == DTypeKind::boolean ? DType::bool_ : weak == DTypeKind::integer ? DType::i64 : default_float;
}

DType number_dtype(std::span<const Operand> operands) {
  const DType d = common_dtype(operands);
  return d == DType::bool_ ? DType::i64 : d;
}

DType float_dtype(std::span<const Operand> operands) {
  const DType d = common_dtype(operands);
  return is_floating(d) ? d : default_float;
}

std::vector<Tensor> broadcast_operands(const OpDef& op, std::span<const Operand> operands,
                                       std::span<const DType> dtypes, SourceLine line) {
  for (const Operand& o : operands)
    if (o.tensor()) require_operand(op.name.c_str(), *o.tensor(), line);
  const Shape shape = common_shape(op, operands, line);
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (const Tensor* t = operands[i].tensor()) {
      const Tensor x = cast(*t, dtypes[i], line);
      out.push_back(needs_broadcast(x.shape(), shape) ? broadcast_to(x, shape, line) : x);
      continue;
    }
    const auto literal = weak_literal(operands[i], dtypes[i]);
    if (!literal)
      fail(op, operands, line,
           "the number " + weak_text(operands[i]) + " does not fit into " + std::string(name_of(dtypes[i])));
    out.push_back(full(*literal, shape, line));
  }
  return out;
}

Tensor apply_elementwise(const OpDef& op, std::span<const Operand> operands, SourceLine line,
                         std::optional<DType> dtype) {
  for (const Operand& o : operands)
    if (o.tensor()) require_operand(op.name.c_str(), *o.tensor(), line);
  const std::vector<DType> dtypes(operands.size(), dtype ? *dtype : common_dtype(operands));
  return apply1(op, nullptr, broadcast_operands(op, operands, dtypes, line), line);
}

// ---- derived rules ----

Tensor with_batch_axis(const Batch& b, int i) {
  const Tensor& x = b.inputs[static_cast<std::size_t>(i)];
  if (b.batched[static_cast<std::size_t>(i)]) return x;
  Shape shape = x.shape();
  shape.insert(shape.begin(), b.size);
  return broadcast_to(x, shape);
}

std::vector<Tensor> batch_elementwise(const Batch& b) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < b.inputs.size(); ++i) inputs.push_back(with_batch_axis(b, static_cast<int>(i)));
  return apply(b.node.op(), b.node.params(), std::move(inputs));
}

std::vector<Tensor> linear_jvp(const Jvp& v) {
  std::vector<Tensor> dxs;
  bool any = false;
  for (std::size_t i = 0; i < v.dxs.size(); ++i) {
    any = any || v.dxs[i];
    dxs.push_back(v.dxs[i] ? v.dxs[i] : zeros_like(v.in(static_cast<int>(i))));
  }
  if (!any) return std::vector<Tensor>(v.node.outputs().size());
  return apply(v.node.op(), v.node.params(), std::move(dxs));
}

std::vector<Tensor> zero_vjp(const Vjp& v) { return std::vector<Tensor>(v.node.inputs().size()); }
std::vector<Tensor> zero_jvp(const Jvp& v) { return std::vector<Tensor>(v.node.outputs().size()); }

Tensor accumulate(const Tensor& a, const Tensor& b) { return !a ? b : !b ? a : add(a, b); }

namespace {

Tensor times(const Tensor& dy, const Partial& partial, const Node& node) {
  const Tensor d = partial.derivative(node);
  return partial.strong ? strong_mul(dy, d) : mul(dy, d);
}

VjpRule vjp_from(std::vector<Partial> partials) {
  return [partials = std::move(partials)](const Vjp& v) {
    std::vector<Tensor> dxs(v.node.inputs().size());
    if (!v.dy()) return dxs;
    for (std::size_t i = 0; i < partials.size(); ++i)
      if (partials[i].derivative && is_floating(v.in(static_cast<int>(i)).dtype()))
        dxs[i] = times(v.dy(), partials[i], v.node);
    return dxs;
  };
}

JvpRule jvp_from(std::vector<Partial> partials) {
  return [partials = std::move(partials)](const Jvp& v) {
    Tensor dy;
    for (std::size_t i = 0; i < partials.size(); ++i)
      if (partials[i].derivative && v.dxs[i]) dy = accumulate(dy, times(v.dxs[i], partials[i], v.node));
    return std::vector<Tensor>{dy};
  };
}

}  // namespace

OpDef elementwise(ElementwiseOp op) {
  OpDef def;
  def.name = std::move(op.name);
  def.doc = std::move(op.doc);
  def.type = [count = op.operands, rule = std::move(op.type)](const TypeArgs& args) {
    args.require_count(count);
    return rule(args);
  };
  def.scalar = op.body;
  def.element = [body = op.body](Element& e) {
    std::vector<Expr> in;
    for (std::size_t i = 0; i < e.node().inputs().size(); ++i) in.push_back(e.input(static_cast<int>(i)));
    return body(in);
  };
  def.commutative = op.commutative;
  def.vjp = vjp_from(op.partials);
  def.jvp = jvp_from(std::move(op.partials));
  def.batch = batch_elementwise;
  def.samples = std::move(op.samples);
  def.dtypes = std::move(op.dtypes);
  return def;
}

}  // namespace bitale::ir

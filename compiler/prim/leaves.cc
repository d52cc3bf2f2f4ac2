// Leaves of the graph (input, shared, constant) and the ops without operands (full, extent, iota).
#include <cstring>

#include "compiler/ir/body.h"
#include "compiler/kernel/interpret.h"
#include "compiler/prim/list.h"
#include "compiler/prim/samples.h"
#include "runtime/base/error.h"

namespace bitale::ir {
namespace {

struct ExtentParams {
  Dim dim;
  bool operator==(const ExtentParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("dim", dim);
  }
};

struct IotaParams {
  DType dtype = DType::i64;
  Shape shape;
  std::int64_t axis = 0;
  bool operator==(const IotaParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("dtype", dtype);
    v("shape", shape);
    v("axis", axis);
  }
};

// Reads dtype and shape from the parameters.
template <class P>
std::vector<TensorType> declared_type(const TypeArgs& args) {
  args.require_count(0);
  const P& p = args.params_as<P>();
  for (const Dim& d : p.shape) args.require(!d.is_constant() || d.value() >= 0, "an extent is negative");
  return {{p.dtype, p.shape}};
}

// Ops without operands: nothing to differentiate or to batch.
OpDef operandless(OpDef def) {
  def.vjp = zero_vjp;
  def.jvp = zero_jvp;
  return def;
}

bool is_splat(const Array& a) {
  const auto* bytes = static_cast<const char*>(a.data());
  const std::size_t size = size_of(a.dtype());
  for (std::size_t i = 1; i < static_cast<std::size_t>(a.size()); ++i)
    if (std::memcmp(bytes, bytes + i * size, size) != 0) return false;
  return true;
}

Literal first_element(const Array& a) {
  if (is_only_stored(a.dtype())) return Literal::real(a.size() ? a.at(0) : 0, a.dtype());
  return dispatch(a.dtype(), [&](auto t) {
    using T = typename decltype(t)::type;
    const T v = a.size() ? a.view<T>()[0] : T{};
    if constexpr (std::is_floating_point_v<T>)
      return Literal::real(v, a.dtype());
    else
      return Literal::integer(static_cast<std::int64_t>(v), a.dtype());
  });
}

}  // namespace

const OpDef input_op{
    .name = "input",
    .doc = "input(name, dtype, shape): a value that the caller of a function gives",
    .type = declared_type<InputParams>,
    .leaf = Leaf::input,
    .default_params = [] { return make_params(InputParams{}); },
};

const OpDef shared_op{
    .name = "shared",
    .doc = "Shared(name, value): a variable that lives between calls",
    .type = declared_type<SharedParams>,
    .leaf = Leaf::shared,
    .default_params = [] { return make_params(SharedParams{}); },
};

const OpDef argument_op{
    .name = "argument",
    .doc = "what the body of a scan or cond is given",
    .type = declared_type<ArgumentParams>,
    .leaf = Leaf::argument,
    .default_params = [] { return make_params(ArgumentParams{}); },
};

const OpDef constant_op = operandless({
    .name = "constant",
    .doc = "constant(value): a tensor of given values",
    .type =
        [](const TypeArgs& args) {
          args.require_count(0);
          const Array& a = args.params_as<ConstantParams>().value.array;
          return std::vector<TensorType>{{a.dtype(), Shape(a.shape().begin(), a.shape().end())}};
        },
    .leaf = Leaf::constant,
    .samples =
        [] {
          return std::vector<Sample>{sample("vector", {}, [](auto) {
            const float values[] = {1, -2, 3.5f};
            return constant(Array::of<float>(values, {3}));
          })};
        },
    .default_params = [] { return make_params(ConstantParams{}); },
});

const OpDef full_op = operandless({
    .name = "full",
    .doc = "full(value, dtype, shape): one value everywhere",
    .type =
        [](const TypeArgs& args) {
          args.require_count(0);
          const auto& p = args.params_as<FullParams>();
          for (const Dim& d : p.shape) args.require(!d.is_constant() || d.value() >= 0, "an extent is negative");
          return std::vector<TensorType>{{p.value.dtype, p.shape}};
        },
    .element =
        [](Element& e) {
          const Literal& v = e.params_as<FullParams>().value;
          return is_floating(v.dtype) ? e.constant(v.as_double(), v.dtype)
                                      : e.formula().integer(v.as_integer(), v.dtype);
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("matrix", {}, [](auto) { return full(Literal::real(1.5, DType::f64), {2, 3}); }),
              sample("integer", {}, [](auto) { return full(Literal::integer(-7, DType::i8), {}); })};
        },
    .default_params = [] { return make_params(FullParams{}); },
});

const OpDef extent_op = operandless({
    .name = "extent",
    .doc = "extent(dim): an extent as an int64 scalar",
    .type =
        [](const TypeArgs& args) {
          args.require_count(0);
          return std::vector<TensorType>{{DType::i64, {}}};
        },
    .element = [](Element& e) { return e.extent(e.params_as<ExtentParams>().dim); },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("of an operand", {uniform({5})}, [](auto x) { return mul(x[0], extent(x[0].dim(0))); })};
        },
    .default_params = [] { return make_params(ExtentParams{}); },
});

const OpDef iota_op = operandless({
    .name = "iota",
    .doc = "0, 1, 2... along an axis of a shape: what arange, eye and indices are made of",
    .type =
        [](const TypeArgs& args) {
          auto types = declared_type<IotaParams>(args);
          const std::int64_t axis = args.params_as<IotaParams>().axis;
          args.require(axis >= 0 && axis < types[0].rank(), "the axis must be one of the shape's");
          args.require(types[0].dtype != DType::bool_, "bool does not count");
          return types;
        },
    .element =
        [](Element& e) {
          const auto& p = e.params_as<IotaParams>();
          return cast(e.value(e.index(static_cast<int>(p.axis))), p.dtype);
        },
    .samples =
        [] {
          return std::vector<Sample>{sample("columns", {}, [](auto) { return iota(DType::f32, {2, 3}, 1); }),
                                     sample("rows", {}, [](auto) { return iota(DType::i64, {2, 3}, 0); })};
        },
    .default_params = [] { return make_params(IotaParams{}); },
});

Tensor input(std::string name, TensorType type, SourceLine line) {
  const Tensor t = apply1(input_op, make_params(InputParams{name, type.dtype, std::move(type.shape)}), {}, line);
  return t.named(std::move(name));
}

Tensor argument(std::int64_t number, TensorType type) {
  return apply1(argument_op, make_params(ArgumentParams{number, type.dtype, std::move(type.shape)}), {});
}

Tensor shared(std::string name, std::int64_t key, TensorType type, SourceLine line, std::shared_ptr<void> value) {
  const Tensor t = apply1(
      shared_op, make_params(SharedParams{name, key, type.dtype, std::move(type.shape), std::move(value)}), {}, line);
  return t.named(std::move(name));
}

Tensor constant(const Array& value, SourceLine line) {
  if (is_splat(value)) return full(first_element(value), Shape(value.shape().begin(), value.shape().end()), line);
  return apply1(constant_op, make_params(ConstantParams{ArrayValue(value)}), {}, line);
}

Tensor full(Literal value, Shape shape, SourceLine line) {
  return apply1(full_op, make_params(FullParams{value, std::move(shape)}), {}, line);
}

Tensor zeros(DType dtype, Shape shape) { return full(Literal::integer(0, dtype), std::move(shape)); }
Tensor zeros_like(const Tensor& x) { return zeros(x.dtype(), x.shape()); }
Tensor ones_like(const Tensor& x) { return full(Literal::integer(1, x.dtype()), x.shape()); }

Tensor full_like(const Tensor& x, double value) {
  const Literal literal = is_floating(x.dtype()) ? Literal::real(value, x.dtype())
                                                 : Literal::integer(static_cast<std::int64_t>(value), x.dtype());
  return full(literal, x.shape());
}

Tensor extent(const Dim& dim, SourceLine line) {
  if (dim.is_constant()) return full(Literal::integer(dim.value(), DType::i64), {}, line);
  return apply1(extent_op, make_params(ExtentParams{dim}), {}, line);
}

Tensor iota(DType dtype, Shape shape, int axis, SourceLine line) {
  return apply1(iota_op, make_params(IotaParams{dtype, std::move(shape), axis}), {}, line);
}

std::optional<Literal> splat_value(const Tensor& x) {
  const Node* node = &x.node();
  std::vector<DType> casts;  // innermost last
  while (true) {
    const std::string& op = node->op().name;
    if (op == "full") break;
    if (op == "cast")
      casts.push_back(node->type().dtype);
    else if (op != "broadcast_to" && op != "reshape")
      return std::nullopt;
    node = &node->input(0).node();
  }
  Literal literal = node->params_as<FullParams>().value;
  for (auto it = casts.rbegin(); it != casts.rend(); ++it) {
    const kernel::Lane from{.real = literal.as_double(),
                            .integer = is_floating(literal.dtype) ? 0 : literal.as_integer()};
    const kernel::Lane to = kernel::evaluate(ScalarOp::cast, *it, literal.dtype, {&from, 1});
    literal = is_floating(*it) ? Literal::real(to.real, *it) : Literal::integer(to.integer, *it);
  }
  return literal;
}

}  // namespace bitale::ir

// Elementwise primitives. Arithmetic on two bools is arithmetic on int64.
#include "compiler/prim/list.h"
#include "compiler/prim/samples.h"

namespace bitale::ir {
namespace {

using Args = std::span<const Expr>;

Tensor in(const Node& node, int i) { return node.input(i); }
Tensor out(const Node& node) { return {NodePtr(&node), 0}; }

// Body that is one scalar instruction.
std::function<Expr(Args)> scalar(ScalarOp op) {
  return [op](Args x) {
    if (x.size() == 1) return call(op, {x[0]});
    return call(op, {x[0], x[1]});
  };
}

// Replaces the derived derivatives where the cotangent passes unchanged, negated or selected, so that no product is
// built.
OpDef with_rules(OpDef def, VjpRule vjp, JvpRule jvp) {
  def.vjp = [vjp = std::move(vjp)](const Vjp& v) {
    if (!v.dy()) return zero_vjp(v);
    auto dxs = vjp(v);
    for (std::size_t i = 0; i < dxs.size(); ++i)
      if (!is_floating(v.in(static_cast<int>(i)).dtype())) dxs[i] = {};
    return dxs;
  };
  def.jvp = std::move(jvp);
  return def;
}

Tensor neg_if(const Tensor& x) { return x ? neg(x) : x; }

std::vector<DType> numbers() { return {DType::f32, DType::f64, DType::i32, DType::u8}; }

OpDef comparison(std::string name, std::string doc, std::function<Expr(Args)> body,
                 Tensor (*build)(const Operand&, const Operand&, SourceLine), bool commutative = false) {
  OpDef def = elementwise(
      {.name = std::move(name),
       .doc = std::move(doc),
       .operands = 2,
       .type = compare_type,
       .body = std::move(body),
       .partials = {},
       .samples =
           [build] {
             auto list = binary_samples([build](const Tensor& a, const Tensor& b) { return build(a, b, {}); })();
             list.push_back(sample("itself", {uniform({5})}, [build](auto x) { return build(x[0], x[0], {}); }));
             return list;
           },
       .commutative = commutative,
       .dtypes = numbers()});
  def.vjp = zero_vjp;
  def.jvp = zero_jvp;
  return def;
}

OpDef logical(std::string name, std::string doc, int operands, ScalarOp op,
              Tensor (*build)(const Operand&, const Operand&, SourceLine)) {
  OpDef def = elementwise({.name = std::move(name),
                           .doc = std::move(doc),
                           .operands = operands,
                           .type =
                               [](const TypeArgs& args) {
                                 auto types = same_type(args);
                                 args.require(types[0].dtype == DType::bool_, "operands must be bool");
                                 return types;
                               },
                           .body = scalar(op),
                           .partials = {},
                           .samples =
                               [build] {
                                 return std::vector<Sample>{sample("matrix", {booleans({3, 4}), booleans({4})},
                                                                   [build](auto x) { return build(x[0], x[1], {}); })};
                               },
                           .commutative = true,
                           .dtypes = {DType::bool_}});
  def.vjp = zero_vjp;
  def.jvp = zero_jvp;
  return def;
}

// maximum and minimum: the first operand is taken where `first` holds.
OpDef extremum(std::string name, std::string doc, ScalarOp op, Tensor (*first)(const Tensor& a, const Tensor& b),
               Tensor (*build)(const Operand&, const Operand&, SourceLine)) {
  return with_rules(
      elementwise({.name = std::move(name),
                   .doc = std::move(doc),
                   .operands = 2,
                   .type = same_number,
                   .body = scalar(op),
                   .partials = {},
                   .samples = binary_samples([build](const Tensor& a, const Tensor& b) { return build(a, b, {}); }),
                   .dtypes = numbers()}),
      [first](const Vjp& v) {
        const Tensor mask = first(v.in(0), v.in(1)), zero = zeros_like(v.dy());
        return std::vector<Tensor>{where(mask, v.dy(), zero), where(mask, zero, v.dy())};
      },
      [first](const Jvp& v) {
        if (!v.dx(0) && !v.dx(1)) return zero_jvp(v);
        const Tensor zero = zeros_like(v.out());
        return std::vector<Tensor>{where(first(v.in(0), v.in(1)), v.dx(0) ? v.dx(0) : zero, v.dx(1) ? v.dx(1) : zero)};
      });
}

Tensor apply_number(const OpDef& op, std::initializer_list<Operand> operands, SourceLine line) {
  return apply_elementwise(op, operands, line, number_dtype(operands));
}

}  // namespace

// ---- arithmetic ----

const OpDef add_op = with_rules(
    elementwise({.name = "add",
                 .doc = "a + b",
                 .operands = 2,
                 .type = same_number,
                 .body = scalar(ScalarOp::add),
                 .partials = {},
                 .samples = binary_samples([](const Tensor& a, const Tensor& b) { return add(a, b); }),
                 .commutative = true,
                 .dtypes = numbers()}),
    [](const Vjp& v) { return std::vector<Tensor>{v.dy(), v.dy()}; },
    [](const Jvp& v) { return std::vector<Tensor>{accumulate(v.dx(0), v.dx(1))}; });

const OpDef sub_op = with_rules(
    elementwise({.name = "sub",
                 .doc = "a - b",
                 .operands = 2,
                 .type = same_number,
                 .body = scalar(ScalarOp::sub),
                 .partials = {},
                 .samples = binary_samples([](const Tensor& a, const Tensor& b) { return sub(a, b); }),
                 .dtypes = numbers()}),
    [](const Vjp& v) { return std::vector<Tensor>{v.dy(), neg(v.dy())}; },
    [](const Jvp& v) {
      if (v.dx(0) && v.dx(1)) return std::vector<Tensor>{sub(v.dx(0), v.dx(1))};
      return std::vector<Tensor>{v.dx(0) ? v.dx(0) : neg_if(v.dx(1))};
    });

const OpDef mul_op = elementwise({
    .name = "mul",
    .doc = "a * b",
    .operands = 2,
    .type = same_number,
    .body = scalar(ScalarOp::mul),
    .partials = {{[](const Node& n) { return in(n, 1); }}, {[](const Node& n) { return in(n, 0); }}},
    .samples =
        [] {
          auto list = binary_samples([](const Tensor& a, const Tensor& b) { return mul(a, b); })();
          list.push_back(sample("square", {uniform({5})}, [](auto x) { return square(x[0]); }));
          return list;
        },
    .commutative = true,
    .dtypes = numbers(),
});

const OpDef div_op = elementwise({
    .name = "div",
    .doc = "a / b: true division; integers are taken as the default float",
    .operands = 2,
    .type = same_float,
    .body = scalar(ScalarOp::div),
    .partials = {{[](const Node& n) { return div(1.0, in(n, 1)); }, true},
                 {[](const Node& n) { return neg(div(out(n), in(n, 1))); }, true}},
    .samples = binary_samples([](const Tensor& a, const Tensor& b) { return div(a, b); }, -2, 2, 0.5, 3),
});

const OpDef neg_op = with_rules(
    elementwise({.name = "neg",
                 .doc = "-x",
                 .type = same_number,
                 .body = scalar(ScalarOp::neg),
                 .partials = {},
                 .samples = unary_samples([](const Tensor& x) { return neg(x); }),
                 .dtypes = numbers()}),
    [](const Vjp& v) { return std::vector<Tensor>{neg(v.dy())}; },
    [](const Jvp& v) { return std::vector<Tensor>{neg_if(v.dx(0))}; });

// The derivative at 0 is 0.
const OpDef abs_op = elementwise({
    .name = "abs",
    .doc = "abs(x): absolute value; its derivative at 0 is 0",
    .type = same_number,
    .body = scalar(ScalarOp::abs),
    .partials = {{[](const Node& n) {
      const Tensor x = in(n, 0);
      return sub(cast(less(0, x), x.dtype()), cast(less(x, 0), x.dtype()));
    }}},
    .samples = unary_samples([](const Tensor& x) { return abs(x); }),
    .dtypes = {DType::f32, DType::f64, DType::i32},
});

// strong_mul(dy, d): 0 where dy is 0 even if d is infinite or NaN. Its derivative in dy is d, also where dy is 0, so
// that second derivatives at stationary points stay right; in d it is dy.
const OpDef strong_mul_op = with_rules(
    elementwise({.name = "strong_mul",
                 .doc = "dy * d, but 0 where dy is 0 whatever d is: how infinite derivatives meet zero cotangents",
                 .operands = 2,
                 .type = same_float,
                 .body = scalar(ScalarOp::strong_mul),
                 .partials = {},
                 .samples = binary_samples([](const Tensor& a, const Tensor& b) { return strong_mul(a, b); })}),
    [](const Vjp& v) { return std::vector<Tensor>{strong_mul(v.dy(), v.in(1)), strong_mul(v.in(0), v.dy())}; },
    [](const Jvp& v) {
      return std::vector<Tensor>{accumulate(v.dx(0) ? strong_mul(v.dx(0), v.in(1)) : Tensor(),
                                            v.dx(1) ? strong_mul(v.in(0), v.dx(1)) : Tensor())};
    });

const OpDef minimum_op = extremum(
    "minimum", "minimum(a, b): NaN if either is; at a tie the gradient goes to a", ScalarOp::min,
    [](const Tensor& a, const Tensor& b) { return less_equal(a, b); }, minimum);
const OpDef maximum_op = extremum(
    "maximum", "maximum(a, b): NaN if either is; at a tie the gradient goes to a", ScalarOp::max,
    [](const Tensor& a, const Tensor& b) { return less_equal(b, a); }, maximum);

// ---- comparisons and selection ----

const OpDef less_op = comparison("less", "a < b", scalar(ScalarOp::lt), less);
const OpDef less_equal_op = comparison("less_equal", "a <= b", scalar(ScalarOp::le), less_equal);
const OpDef equal_op =
    comparison("equal", "equal(a, b): false where an operand is NaN", scalar(ScalarOp::eq), equal, true);
const OpDef not_equal_op =
    comparison("not_equal", "not_equal(a, b): true where an operand is NaN", scalar(ScalarOp::ne), not_equal, true);
const OpDef logical_and_op = logical("logical_and", "logical_and(a, b), of bools", 2, ScalarOp::bit_and, logical_and);
const OpDef logical_or_op = logical("logical_or", "logical_or(a, b), of bools", 2, ScalarOp::bit_or, logical_or);

const OpDef logical_not_op = [] {
  OpDef def = logical("logical_not", "logical_not(a), of a bool", 1, ScalarOp::bit_not, nullptr);
  def.commutative = false;
  def.samples = [] {
    return std::vector<Sample>{sample("matrix", {booleans({3, 4})}, [](auto x) { return logical_not(x[0]); })};
  };
  return def;
}();

const OpDef where_op = with_rules(
    elementwise(
        {.name = "where",
         .doc = "where(condition, yes, no): elements of yes where the condition holds, of no elsewhere; the gradient "
                "reaches only what was taken",
         .operands = 3,
         .type =
             [](const TypeArgs& args) {
               args.require_count(3);
               args.require(args.type(0).dtype == DType::bool_, "the condition must be bool");
               args.require(args.type(1).dtype == args.type(2).dtype, "both choices must have one dtype");
               Shape shape = args.type(0).shape;
               for (int i = 1; i < 3; ++i) {
                 args.require(args.type(i).rank() == args.type(0).rank(), "operands must have one rank");
                 for (std::size_t k = 0; k < shape.size(); ++k)
                   shape[k] = args.unify(shape[k], args.type(i).shape[k],
                                         "operands must have one shape, and differ on axis " + std::to_string(k));
               }
               return std::vector<TensorType>{{args.type(1).dtype, std::move(shape)}};
             },
         .body = [](Args x) { return select(x[0], x[1], x[2]); },
         .partials = {},
         .samples =
             [] {
               return std::vector<Sample>{
                   sample("same shape", {booleans({3, 4}), uniform({3, 4}), uniform({3, 4})},
                          [](auto x) { return where(x[0], x[1], x[2]); }),
                   sample("broadcast", {booleans({3, 1}), uniform({4}), uniform({2, 1, 1})},
                          [](auto x) { return where(x[0], x[1], x[2]); }),
                   sample("with a number", {booleans({3}), uniform({3})}, [](auto x) { return where(x[0], x[1], 1); })};
             },
         .dtypes = {DType::f32, DType::f64, DType::i32, DType::bool_}}),
    [](const Vjp& v) {
      const Tensor zero = zeros_like(v.dy());
      return std::vector<Tensor>{Tensor(), where(v.in(0), v.dy(), zero), where(v.in(0), zero, v.dy())};
    },
    [](const Jvp& v) {
      if (!v.dx(1) && !v.dx(2)) return zero_jvp(v);
      const Tensor zero = zeros_like(v.out());
      return std::vector<Tensor>{where(v.in(0), v.dx(1) ? v.dx(1) : zero, v.dx(2) ? v.dx(2) : zero)};
    });

// ---- cast, stop_gradient ----

const OpDef cast_op = [] {
  OpDef def = elementwise({.name = "cast",
                           .doc = "cast(x, dtype): float to integer truncates and saturates, NaN gives 0; to bool: x "
                                  "!= 0; to float16 and bfloat16 by way of float32",
                           .type = {},
                           .body = {},
                           .partials = {},
                           .samples = [] {
                             std::vector<Sample> list;
                             for (DType to : {DType::f32, DType::f64, DType::i32, DType::bool_, DType::u8})
                               list.push_back(sample("to " + std::string(name_of(to)), {uniform({3, 4}, -4, 4)},
                                                     [to](auto x) { return cast(x[0], to); }));
                             return list;
                           }});
  def.type = [](const TypeArgs& args) {
    args.require_count(1);
    return std::vector<TensorType>{{args.params_as<CastParams>().dtype, args.type(0).shape}};
  };
  def.scalar = nullptr;
  def.element = [](Element& e) { return cast(e.input(0), e.params_as<CastParams>().dtype); };
  def.vjp = [](const Vjp& v) {
    const DType from = v.in(0).dtype();
    return std::vector<Tensor>{v.dy() && is_floating(from) ? cast(v.dy(), from) : Tensor()};
  };
  def.jvp = [](const Jvp& v) {
    const DType to = v.node.type().dtype;
    return std::vector<Tensor>{v.dx(0) && is_floating(to) ? cast(v.dx(0), to) : Tensor()};
  };
  def.dtypes = {DType::f32, DType::f64, DType::i32, DType::i64, DType::bool_};
  def.default_params = [] { return make_params(CastParams{}); };
  return def;
}();

const OpDef stop_gradient_op = [] {
  OpDef def =
      elementwise({.name = "stop_gradient",
                   .doc = "stop_gradient(x): x, whose derivatives are zero",
                   .type = same_type,
                   .body = [](Args x) { return x[0]; },
                   .partials = {},
                   .samples =
                       [] {
                         return std::vector<Sample>{sample("matrix", {{.shape = {3, 4}, .differentiable = false}},
                                                           [](auto x) { return stop_gradient(x[0]); })};
                       }});
  def.vjp = zero_vjp;
  def.jvp = zero_jvp;
  return def;
}();

// ---- builders ----

Tensor add(const Operand& a, const Operand& b, SourceLine line) { return apply_number(add_op, {a, b}, line); }
Tensor sub(const Operand& a, const Operand& b, SourceLine line) { return apply_number(sub_op, {a, b}, line); }
Tensor mul(const Operand& a, const Operand& b, SourceLine line) { return apply_number(mul_op, {a, b}, line); }
Tensor neg(const Tensor& x, SourceLine line) { return apply_number(neg_op, {x}, line); }
Tensor abs(const Tensor& x, SourceLine line) { return apply_number(abs_op, {x}, line); }
Tensor square(const Tensor& x, SourceLine line) { return mul(x, x, line); }
Tensor minimum(const Operand& a, const Operand& b, SourceLine line) { return apply_number(minimum_op, {a, b}, line); }
Tensor maximum(const Operand& a, const Operand& b, SourceLine line) { return apply_number(maximum_op, {a, b}, line); }

Tensor div(const Operand& a, const Operand& b, SourceLine line) {
  const Operand operands[] = {a, b};
  return apply_elementwise(div_op, operands, line, float_dtype(operands));
}

Tensor strong_mul(const Tensor& dy, const Tensor& d, SourceLine line) {
  const Operand operands[] = {dy, d};
  return apply_elementwise(strong_mul_op, operands, line, float_dtype(operands));
}

namespace {

Tensor apply_common(const OpDef& op, std::initializer_list<Operand> operands, SourceLine line,
                    std::optional<DType> dtype = {}) {
  return apply_elementwise(op, operands, line, dtype);
}

}  // namespace

Tensor less(const Operand& a, const Operand& b, SourceLine line) { return apply_common(less_op, {a, b}, line); }
Tensor less_equal(const Operand& a, const Operand& b, SourceLine line) {
  return apply_common(less_equal_op, {a, b}, line);
}
Tensor equal(const Operand& a, const Operand& b, SourceLine line) { return apply_common(equal_op, {a, b}, line); }
Tensor not_equal(const Operand& a, const Operand& b, SourceLine line) {
  return apply_common(not_equal_op, {a, b}, line);
}
Tensor logical_and(const Operand& a, const Operand& b, SourceLine line) {
  return apply_common(logical_and_op, {a, b}, line, DType::bool_);
}
Tensor logical_or(const Operand& a, const Operand& b, SourceLine line) {
  return apply_common(logical_or_op, {a, b}, line, DType::bool_);
}
Tensor logical_not(const Tensor& x, SourceLine line) { return apply_common(logical_not_op, {x}, line, DType::bool_); }

Tensor where(const Tensor& condition, const Operand& yes, const Operand& no, SourceLine line) {
  const Operand choices[] = {yes, no};
  const DType dtype = common_dtype(choices);
  const Operand operands[] = {condition, yes, no};
  const DType dtypes[] = {condition ? condition.dtype() : DType::bool_, dtype, dtype};
  return apply1(where_op, nullptr, broadcast_operands(where_op, operands, dtypes, line), line);
}

Tensor cast(const Tensor& x, DType dtype, SourceLine line) {
  if (x && x.dtype() == dtype) return x;
  return apply1(cast_op, make_params(CastParams{dtype}), {x}, line);
}

Tensor stop_gradient(const Tensor& x, SourceLine line) { return apply1(stop_gradient_op, nullptr, {x}, line); }

}  // namespace bitale::ir

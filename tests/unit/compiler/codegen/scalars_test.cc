// Every scalar instruction on every legal type, on every instruction set that this machine executes, against the
// interpreter.

#include <cmath>

#include "runtime/base/float16.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/codegen/harness.h"

namespace bitale::codegen {
namespace {

using kernel::Builder;
using kernel::LoopKind;
using kernel::Scalar;
using kernel::ScalarOp;

constexpr DType all_types[] = {DType::bool_, DType::i8, DType::i16, DType::i32,
                               DType::i64,   DType::u8, DType::f32, DType::f64};
constexpr std::size_t count = 203;  // full vectors and a rest at every width

// out[i] = op(a[i], b[i], c[i]); a select has a bool first.
Case instruction(ScalarOp op, DType operand, DType result, bool edges) {
  Builder b("k_" + std::string(name_of(op)));
  const int arity = kernel::arity_of(op);
  Case c;
  std::vector<int> buffers;
  for (int i = 0; i < arity; ++i) {
    const DType t = op == ScalarOp::select && i == 0 ? DType::bool_ : operand;
    buffers.push_back(b.buffer("a" + std::to_string(i), t, false));
    const auto seed = static_cast<unsigned>(i + 1);
    c.buffers.push_back(edges ? edge_values(t, count, seed) : random_values(t, count, seed));
  }
  const int out = b.buffer("out", result, true);
  c.buffers.push_back(random_values(result, count, 9));
  const auto n = b.extent_argument();
  b.loop(LoopKind::vector, n, [&](Scalar i) {
    std::vector<Scalar> args;
    const kernel::Index at{kernel::Extent::constant(0), {{i.id, kernel::Extent::constant(1)}}};
    for (int buffer : buffers) args.push_back(b.load(buffer, at));
    b.store(out, at, b.emit(op, result, args));
  });
  c.kernel = b.finish();
  c.extents = {count};
  return c;
}

bool takes(ScalarOp op, DType t) {
  switch (op) {
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::mul:
    case ScalarOp::strong_mul:
    case ScalarOp::floordiv:
    case ScalarOp::mod:
    case ScalarOp::neg:
    case ScalarOp::abs:
    case ScalarOp::min:
    case ScalarOp::max:
      return t != DType::bool_;
    case ScalarOp::bit_and:
    case ScalarOp::bit_or:
    case ScalarOp::bit_xor:
    case ScalarOp::bit_not:
      return !is_floating(t);
    case ScalarOp::shl:
    case ScalarOp::shr:
      return is_integer(t);
    case ScalarOp::philox:
      return t == DType::i64;
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::select:
      return true;
    default:
      return is_floating(t);
  }
}

// The interpreter computes in double and rounds when it stores; these bounds are those of kernel/expand.h in units of
// the type, and half an ulp more. Instructions that do not expand are exact but for that rounding.
double tolerance_of(ScalarOp op, DType t) {
  if (!is_floating(t)) return 0;
  const double ulp = t == DType::f32 ? 1.2e-7 : 2.3e-16;
  switch (op) {
    case ScalarOp::mod:
    case ScalarOp::floordiv:
      return 4 * ulp;
    case ScalarOp::pow:
    case ScalarOp::erfc:
    case ScalarOp::lgamma:
    case ScalarOp::digamma:
    case ScalarOp::tan:
      return 10 * ulp;
    default:
      return kernel::expands(op) ? 5 * ulp : ulp;
  }
}

const ScalarOp all_ops[] = {
#define BITALE_SCALAR_OP(name, arity, rule, expands) ScalarOp::name,
#include "compiler/kernel/scalar_ops.def"
#undef BITALE_SCALAR_OP
};

std::vector<Case> all_instructions() {
  std::vector<Case> cases;
  for (ScalarOp op : all_ops) {
    if (kernel::arity_of(op) == 0) continue;
    for (DType t : all_types) {
      if (op == ScalarOp::cast) {
        for (DType to : all_types) cases.push_back(instruction(op, t, to, true));
      } else if (op == ScalarOp::bitcast) {
        for (DType to : all_types)
          if (t != DType::bool_ && to != DType::bool_ && size_of(t) == size_of(to))
            cases.push_back(instruction(op, t, to, true));
      } else if (takes(op, t)) {
        const DType result = kernel::rule_of(op) == kernel::TypeRule::boolean ? DType::bool_ : t;
        // The quotient's floor jumps, multiply-adds of huge numbers cancel, and so do the terms of lgamma and digamma.
        const bool jumps = is_floating(t) && (op == ScalarOp::mod || op == ScalarOp::floordiv || op == ScalarOp::fma ||
                                              op == ScalarOp::lgamma || op == ScalarOp::digamma);
        cases.push_back(instruction(op, t, result, !jumps));
        cases.back().tolerance = tolerance_of(op, t);
        cases.back().scale = jumps ? 10 : t == DType::f32 ? 0x1p-126 : 0x1p-1022;  // below: denormals
      }
    }
  }
  return cases;
}

TEST_CASE("scalar instructions agree with the interpreter") { check(all_instructions()); }

TEST_CASE("scalar instructions agree with the interpreter when code is generated quickly") {
  check(all_instructions(), true);
}

// Patterns of 16 bits, and floats around all that there are.
Data patterns(DType dtype, std::size_t number, std::size_t apart) {
  std::vector<std::int16_t> bits(number);
  for (std::size_t i = 0; i < number; ++i) bits[i] = static_cast<std::int16_t>(i * apart);
  Data d = values(bits);
  d.storage = dtype;
  return d;
}

Data floats_around(DType dtype) {
  std::vector<float> out;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float here = widen(dtype, static_cast<std::uint16_t>(bits)),
                next = widen(dtype, static_cast<std::uint16_t>(bits + 1)),
                middle = std::isinf(next) ? here * (1 + static_cast<float>(epsilon_of(dtype)) / 4) : (here + next) / 2;
    for (const float x : {here, std::nextafter(middle, -INFINITY), middle, std::nextafter(middle, INFINITY)})
      out.push_back(x);
  }
  return values(out);
}

// out[i] = cast(a[i]), in lanes or one by one.
Case conversion(LoopKind kind, DType from, DType to, const Data& data) {
  Builder b("k_cast");
  const int a = b.buffer("a", from, false), out = b.buffer("out", to, true);
  const auto n = static_cast<std::int64_t>(data.count());
  b.loop(kind, b.extent_argument(), [&](Scalar i) {
    const kernel::Index at{kernel::Extent::constant(0), {{i.id, kernel::Extent::constant(1)}}};
    const Scalar args[] = {b.load(a, at)};
    b.store(out, at, b.emit(ScalarOp::cast, to, args));
  });
  Case c;
  c.kernel = b.finish();
  c.buffers = {data, {to, std::vector<std::byte>(data.count() * size_of(to))}};
  c.extents = {n};
  return c;
}

std::vector<Case> conversions() {
  std::vector<Case> cases;
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const LoopKind kind : {LoopKind::vector, LoopKind::sequential}) {
      cases.push_back(conversion(kind, dtype, DType::f32, patterns(dtype, 65536, 1)));
      cases.push_back(conversion(kind, DType::f32, dtype, floats_around(dtype)));
    }
  return cases;
}

TEST_CASE("16-bit floats are widened and narrowed as the interpreter does it") {
  check(conversions());
  check(conversions(), true);
}

// A maximum, an expansion in pairs of vectors, strides and a guard, of which LLVM is not to make arithmetic in 16 bits.
TEST_CASE("arithmetic between 16-bit floats is float32's") {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Builder b("k_mixed");
    const int x = b.buffer("x", dtype, false), y = b.buffer("y", dtype, true), z = b.buffer("z", dtype, true);
    const auto index = [](Scalar i, std::int64_t step, std::int64_t first) {
      return kernel::Index{kernel::Extent::constant(first), {{i.id, kernel::Extent::constant(step)}}};
    };
    const auto n = b.extent_argument();
    b.loop(LoopKind::vector, n, [&](Scalar i) {
      const auto wide = [&](Scalar v) { return call(ScalarOp::cast, DType::f32, {v}); };
      const Scalar near = wide(b.load(x, index(i, 1, 0))), apart = wide(b.load(x, index(i, 3, 0)));
      const kernel::Bound bound{index(i, 1, -5), kernel::Extent::constant(100)};
      const Scalar guarded = wide(b.load(x, index(i, -1, 300), {bound}, b.constant(0.1, dtype)));
      const Scalar sum = call(ScalarOp::max, {near, b.constant(0, DType::f32)}) + apart;
      b.store(y, index(i, 1, 0), call(ScalarOp::cast, dtype, {sum}));
      const Scalar less = call(ScalarOp::lt, {guarded, near});
      const Scalar picked = call(ScalarOp::select, {less, b.load(x, index(i, 1, 0)), b.constant(-2, dtype)});
      b.store(z, index(i, 1, 0), picked);
    });
    Case c;
    c.kernel = b.finish();
    const Data empty{dtype, std::vector<std::byte>(2 * count)};
    c.buffers = {patterns(dtype, 700, 97), empty, empty};
    c.extents = {static_cast<std::int64_t>(count)};
    check({c});
    check({c}, true);
  }
}

}  // namespace
}  // namespace bitale::codegen

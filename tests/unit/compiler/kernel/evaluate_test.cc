#include <cmath>
#include <limits>
#include <vector>

#include "compiler/kernel/interpret.h"
#include "compiler/kernel/philox.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::kernel;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan_value = std::nan("");

std::int64_t integer(ScalarOp op, DType type, const std::vector<std::int64_t>& args) {
  std::vector<Lane> lanes;
  lanes.reserve(args.size());
  for (const std::int64_t a : args) lanes.push_back({.integer = a});
  return evaluate(op, rule_of(op) == TypeRule::boolean ? DType::bool_ : type, type, lanes).integer;
}

double real(ScalarOp op, const std::vector<double>& args, DType type = DType::f64) {
  std::vector<Lane> lanes;
  lanes.reserve(args.size());
  for (const double a : args) lanes.push_back({.real = a});
  return evaluate(op, type, type, lanes).real;
}

bool holds(ScalarOp op, double a, double b) {
  const Lane args[2] = {{.real = a}, {.real = b}};
  return evaluate(op, DType::bool_, DType::f32, args).integer != 0;
}

std::int64_t to_integer(double a, DType type) {
  const Lane arg{.real = a};
  return evaluate(ScalarOp::cast, type, DType::f32, {&arg, 1}).integer;
}

}  // namespace

TEST_CASE("integers wrap to their type") {
  CHECK(integer(ScalarOp::add, DType::i8, {127, 1}) == -128);
  CHECK(integer(ScalarOp::sub, DType::u8, {0, 1}) == 255);
  CHECK(integer(ScalarOp::mul, DType::i32, {1 << 30, 4}) == 0);
  CHECK(integer(ScalarOp::neg, DType::i16, {-32768}) == -32768);
  CHECK(integer(ScalarOp::abs, DType::i8, {-128}) == -128);
  CHECK(integer(ScalarOp::abs, DType::i64, {INT64_MIN}) == INT64_MIN);
  CHECK(integer(ScalarOp::add, DType::i64, {INT64_MAX, 1}) == INT64_MIN);
  CHECK(integer(ScalarOp::strong_mul, DType::i32, {3, -5}) == -15);
}

TEST_CASE("floordiv and mod round down and never trap") {
  CHECK(integer(ScalarOp::floordiv, DType::i32, {7, 2}) == 3);
  CHECK(integer(ScalarOp::floordiv, DType::i32, {-7, 2}) == -4);
  CHECK(integer(ScalarOp::floordiv, DType::i32, {7, -2}) == -4);
  CHECK(integer(ScalarOp::floordiv, DType::i32, {-8, 2}) == -4);
  CHECK(integer(ScalarOp::mod, DType::i32, {-7, 2}) == 1);
  CHECK(integer(ScalarOp::mod, DType::i32, {7, -2}) == -1);
  CHECK(integer(ScalarOp::mod, DType::i64, {INT64_MIN, -1}) == 0);
  CHECK(integer(ScalarOp::floordiv, DType::i64, {INT64_MIN, -1}) == INT64_MIN);
  CHECK(integer(ScalarOp::floordiv, DType::i8, {-128, -1}) == -128);
  CHECK(integer(ScalarOp::floordiv, DType::i32, {5, 0}) == 0);
  CHECK(integer(ScalarOp::mod, DType::i32, {5, 0}) == 0);
  CHECK(integer(ScalarOp::floordiv, DType::u8, {200, 7}) == 28);
  CHECK(real(ScalarOp::floordiv, {-7, 2}) == -4);
  CHECK(real(ScalarOp::mod, {-7, 2}) == 1);
  CHECK(real(ScalarOp::floordiv, {1, 0}) == inf);
  CHECK(std::isnan(real(ScalarOp::mod, {1, 0})));
}

TEST_CASE("shifts take their amount modulo the width, and shr is logical") {
  CHECK(integer(ScalarOp::shl, DType::i32, {1, 33}) == 2);
  CHECK(integer(ScalarOp::shl, DType::i8, {1, 7}) == -128);
  CHECK(integer(ScalarOp::shr, DType::i8, {-1, 1}) == 127);
  CHECK(integer(ScalarOp::shr, DType::i64, {-1, 63}) == 1);
  CHECK(integer(ScalarOp::shr, DType::u8, {255, 9}) == 127);
  CHECK(integer(ScalarOp::shr, DType::i32, {-2, 32}) == -2);
}

TEST_CASE("bit operations work on bool") {
  CHECK(integer(ScalarOp::bit_not, DType::bool_, {1}) == 0);
  CHECK(integer(ScalarOp::bit_not, DType::bool_, {0}) == 1);
  CHECK(integer(ScalarOp::bit_xor, DType::bool_, {1, 1}) == 0);
  CHECK(integer(ScalarOp::bit_not, DType::u8, {1}) == 254);
  CHECK(integer(ScalarOp::bit_and, DType::i32, {12, 10}) == 8);
}

TEST_CASE("NaN wins in min and max, and compares as unequal") {
  for (const ScalarOp op : {ScalarOp::min, ScalarOp::max}) {
    CHECK(std::isnan(real(op, {nan_value, 1})));
    CHECK(std::isnan(real(op, {1, nan_value})));
  }
  CHECK(real(ScalarOp::max, {-inf, 3}) == 3);
  CHECK(real(ScalarOp::min, {-inf, 3}) == -inf);
  CHECK_FALSE(holds(ScalarOp::lt, nan_value, 1));
  CHECK_FALSE(holds(ScalarOp::le, 1, nan_value));
  CHECK_FALSE(holds(ScalarOp::eq, nan_value, nan_value));
  CHECK(holds(ScalarOp::ne, nan_value, nan_value));
}

TEST_CASE("strong_mul is 0 where the first operand is") {
  CHECK(real(ScalarOp::strong_mul, {0, inf}) == 0);
  CHECK(real(ScalarOp::strong_mul, {-0.0, nan_value}) == 0);
  CHECK(std::isnan(real(ScalarOp::strong_mul, {inf, 0})));
  CHECK(std::isnan(real(ScalarOp::strong_mul, {nan_value, 2})));
  CHECK(real(ScalarOp::strong_mul, {3, 4}) == 12);
}

TEST_CASE("casts saturate") {
  CHECK(to_integer(-1.9, DType::i32) == -1);
  CHECK(to_integer(3e9, DType::i32) == INT32_MAX);
  CHECK(to_integer(-3e9, DType::i32) == INT32_MIN);
  CHECK(to_integer(nan_value, DType::i64) == 0);
  CHECK(to_integer(inf, DType::i64) == INT64_MAX);
  CHECK(to_integer(9.3e18, DType::i64) == INT64_MAX);
  CHECK(to_integer(-9.3e18, DType::i64) == INT64_MIN);
  CHECK(to_integer(-1, DType::u8) == 0);
  CHECK(to_integer(300, DType::u8) == 255);
  CHECK(to_integer(0.5, DType::bool_) == 1);
  CHECK(to_integer(-0.0, DType::bool_) == 0);
  CHECK(to_integer(nan_value, DType::bool_) == 1);
  const Lane big{.integer = 300};
  CHECK(evaluate(ScalarOp::cast, DType::u8, DType::i32, {&big, 1}).integer == 44);
  CHECK(evaluate(ScalarOp::cast, DType::bool_, DType::i32, {&big, 1}).integer == 1);
  CHECK(evaluate(ScalarOp::cast, DType::f32, DType::i32, {&big, 1}).real == 300);
  const Lane tenth{.real = 0.1};
  CHECK(evaluate(ScalarOp::cast, DType::f32, DType::f64, {&tenth, 1}).real == 0.1f);
}

TEST_CASE("bitcasts keep the bits") {
  const Lane one{.real = 1};
  const Lane bits{.integer = INT64_MIN};
  CHECK(evaluate(ScalarOp::bitcast, DType::i32, DType::f32, {&one, 1}).integer == 0x3f800000);
  CHECK(evaluate(ScalarOp::bitcast, DType::i64, DType::f64, {&one, 1}).integer == 0x3ff0000000000000);
  CHECK(std::signbit(evaluate(ScalarOp::bitcast, DType::f64, DType::i64, {&bits, 1}).real));
  const Lane minus{.integer = -1};
  CHECK(evaluate(ScalarOp::bitcast, DType::u8, DType::i8, {&minus, 1}).integer == 255);
}

TEST_CASE("rounding") {
  CHECK(real(ScalarOp::round, {0.5}) == 0);
  CHECK(real(ScalarOp::round, {1.5}) == 2);
  CHECK(real(ScalarOp::round, {-2.5}) == -2);
  CHECK(real(ScalarOp::trunc, {-1.5}) == -1);
  CHECK(real(ScalarOp::floor, {-1.5}) == -2);
  CHECK(real(ScalarOp::ceil, {-1.5}) == -1);
}

TEST_CASE("composed functions do not overflow") {
  CHECK(real(ScalarOp::sigmoid, {-1000}) == 0);
  CHECK(real(ScalarOp::sigmoid, {1000}) == 1);
  CHECK(real(ScalarOp::softplus, {1000}) == 1000);
  CHECK(real(ScalarOp::softplus, {-1000}) == 0);
  CHECK(real(ScalarOp::softplus, {0}) == Approx(std::log(2.0)));
  CHECK(std::isnan(real(ScalarOp::softplus, {nan_value})));
}

// The vectors of the Random123 distribution (kat_vectors, philox4x32 10).
TEST_CASE("Philox gives the published words") {
  using Four = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  const auto wide = [](std::uint64_t v) { return static_cast<std::int64_t>(v); };
  CHECK(integer(ScalarOp::philox, DType::i64,
                {wide(0x299f31d0a4093822), wide(0x0370734413198a2e), wide(0x85a308d3243f6a88)}) ==
        wide(0x94fdccebd16cfe09));
}

TEST_CASE("identities") {
  CHECK(identity_of(Combiner::max, DType::f32) == -inf);
  CHECK(identity_of(Combiner::arg_min, DType::f64) == inf);
  CHECK(integer_identity_of(Combiner::min, DType::i64) == INT64_MAX);
  CHECK(integer_identity_of(Combiner::max, DType::u8) == 0);
  CHECK(integer_identity_of(Combiner::all, DType::bool_) == 1);
}

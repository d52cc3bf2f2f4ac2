// float16 and bfloat16, all 65536 of each, against what their bits mean.
#include "runtime/base/float16.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/catch.h"

using namespace bitale;

namespace {

struct Format {
  DType dtype;
  int exponent_bits, fraction_bits;
};
constexpr Format formats[] = {{DType::f16, 5, 10}, {DType::bf16, 8, 7}};

// The value of a pattern, from the definition of its format.
double meaning(const Format& f, unsigned bits) {
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> f.fraction_bits & ((1u << f.exponent_bits) - 1));
  const double fraction = bits & ((1u << f.fraction_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << f.exponent_bits) - 1) return fraction > 0 ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - f.fraction_bits);
  return sign * std::ldexp(fraction + (1 << f.fraction_bits), exponent - bias - f.fraction_bits);
}

// The first pattern for which something does not hold; -1 if there is none.
template <class F>
int first_failure(F holds) {
  for (unsigned bits = 0; bits < 65536; ++bits)
    if (!holds(static_cast<std::uint16_t>(bits))) return static_cast<int>(bits);
  return -1;
}

}  // namespace

TEST_CASE("every pattern widens to what it means, and narrows back") {
  for (const Format& f : formats) {
    INFO(name_of(f.dtype));
    CHECK(first_failure([&](std::uint16_t bits) {
            const float value = widen(f.dtype, bits);
            const double expected = meaning(f, bits);
            if (std::isnan(expected)) return std::isnan(value) && std::isnan(widen(f.dtype, narrow(f.dtype, value)));
            return value == expected && std::signbit(value) == std::signbit(expected) && narrow(f.dtype, value) == bits;
          }) == -1);
  }
}

TEST_CASE("narrowing goes to the nearest value, and halves to the even one") {
  for (const Format& f : formats) {
    INFO(name_of(f.dtype));
    // Between each positive finite value and the next, where the one after the largest is as far as if there were one.
    CHECK(first_failure([&](std::uint16_t bits) {
            const double here = meaning(f, bits);
            if (bits & 0x8000 || !std::isfinite(here)) return true;
            double next = meaning(f, bits + 1u);
            if (std::isinf(next)) next = here + (here - meaning(f, bits - 1u));
            const auto middle = static_cast<float>((here + next) / 2);
            const auto upper = static_cast<std::uint16_t>(bits + 1), even = bits & 1 ? upper : bits;
            for (const float sign : {1.0f, -1.0f}) {
              const auto to = [&](float x) { return narrow(f.dtype, sign * x) & 0x7fff; };
              if (to(middle) != even || to(std::nextafter(middle, 0.0f)) != bits ||
                  to(std::nextafter(middle, INFINITY)) != upper)
                return false;
            }
            return true;
          }) == -1);
  }
}

TEST_CASE("what is too large becomes infinite, what is too small zero, and NaN stays NaN") {
  for (const Format& f : formats) {
    CHECK(widen(f.dtype, narrow(f.dtype, std::numeric_limits<float>::max())) == INFINITY);
    CHECK(widen(f.dtype, narrow(f.dtype, -INFINITY)) == -INFINITY);
    CHECK(narrow(f.dtype, std::numeric_limits<float>::denorm_min()) == 0);
    CHECK(narrow(f.dtype, -0.0f) == 0x8000);
    for (const std::uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xffffffffu}) {
      float nan = 0;
      std::memcpy(&nan, &bits, sizeof nan);
      CHECK(std::isnan(widen(f.dtype, narrow(f.dtype, nan))));
    }
  }
}

TEST_CASE("facts of dtypes that are only stored") {
  for (const Format& f : formats) {
    CHECK(is_only_stored(f.dtype));
    CHECK(computed_as(f.dtype) == DType::f32);
    CHECK(is_floating(f.dtype));
    CHECK(size_of(f.dtype) == 2);
    CHECK(dtype_from_name(name_of(f.dtype)) == f.dtype);
    CHECK(largest_of(f.dtype) == meaning(f, narrow(f.dtype, INFINITY) - 1u));
    CHECK(epsilon_of(f.dtype) == std::ldexp(1, -f.fraction_bits));
    CHECK_THROWS_AS(dispatch(f.dtype, [](auto) {}), InternalError);
  }
  CHECK(name_of(DType::f16) == "float16");
  CHECK(name_of(DType::bf16) == "bfloat16");
  CHECK_FALSE(is_only_stored(DType::f32));
  CHECK(computed_as(DType::i8) == DType::i8);
}

TEST_CASE("doubles are rounded by way of float32") {
  CHECK(rounded_to(DType::f64, 0.1) == 0.1);
  CHECK(rounded_to(DType::f32, 0.1) == 0.1f);
  CHECK(rounded_to(DType::f16, 0.1) == 0x1.998p-4);
  CHECK(rounded_to(DType::bf16, 0.1) == 0x1.9ap-4);
  CHECK(rounded_to(DType::f16, 1 + 0x1p-11 + 0x1p-40) == 1);  // float32 has no 2^-40 there: a half, which goes to even
}

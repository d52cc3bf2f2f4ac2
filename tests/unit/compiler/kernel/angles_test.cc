// atan2, and what the sampled tests of expand_test.cc cannot hit: exact powers, and the angles that are hardest to
// reduce.
#include <random>

#include "compiler/kernel/expand.h"
#include "compiler/kernel/special.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/kernel/tape.h"
#include "tests/unit/compiler/kernel/ulps.h"

using namespace bitale;
using namespace bitale::kernel;
using namespace bitale::tests;

namespace {

template <class T>
std::vector<T> results(Tape::Traits traits, ScalarOp op, const std::vector<T>& x, const std::vector<T>& y = {}) {
  Tape tape(traits);
  std::vector<Tape::Handle> args{tape.input(dtype_of<T>())};
  std::vector<Bits> inputs(1);
  for (const T v : x) inputs[0].push_back(word_of(v));
  if (!y.empty()) {
    args.push_back(tape.input(dtype_of<T>()));
    inputs.emplace_back();
    for (const T v : y) inputs[1].push_back(word_of(v));
  }
  std::vector<T> out;
  for (const std::uint64_t word : tape.run(inputs, expand(tape, op, args))) out.push_back(value_of<T>(word));
  return out;
}

template <class T, class Wide>
void check_atan2(double bound) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> y, x;
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> unit(-1, 1), exponent(-6, 6);
  for (int i = 0; i < 100000; ++i) {
    y.push_back(static_cast<T>(unit(random)));
    x.push_back(static_cast<T>(unit(random) * std::exp2(exponent(random))));
  }
  for (int i = 0; i < 100000; ++i) {
    y.push_back(value_of<T>(static_cast<BitsOf<T>>(random())));
    x.push_back(value_of<T>(static_cast<BitsOf<T>>(random())));
  }
  std::vector<T> edges;
  for (const T v : {T{0}, Limits::denorm_min(), Limits::min(), T{1}, T{2}, Limits::max(), Limits::infinity(),
                    Limits::quiet_NaN()}) {
    edges.push_back(v);
    edges.push_back(-v);
  }
  for (const T a : edges)
    for (const T b : edges) {
      y.push_back(a);
      x.push_back(b);
    }
  for (const Tape::Traits traits : all_traits) {
    const std::vector<T> got = results(traits, ScalarOp::atan2, y, x);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const Wide exact = std::atan2(Wide{y[i]}, Wide{x[i]});
      const bool right =
          ulps<T, Wide>(got[i], exact) <= bound && (std::isnan(exact) || std::signbit(got[i]) == std::signbit(exact));
      if (right) continue;
      CAPTURE(y[i], x[i], got[i], exact);
      CHECK(right);
    }
  }
}

}  // namespace

TEST_CASE("the expansions of atan2 keep their bounds and C's special values") {
  check_atan2<float, double>(3);
  check_atan2<double, long double>(3);
}

TEST_CASE("logarithms of powers of their base are exact, and powers of 2") {
  std::vector<double> exponents, twos, tens;
  for (int n = -1074; n < 1024; ++n) {
    exponents.push_back(n);
    twos.push_back(std::ldexp(1.0, n));
  }
  for (const Tape::Traits traits : all_traits) {
    CHECK(results(traits, ScalarOp::log2, twos) == exponents);
    CHECK(results(traits, ScalarOp::exp2, exponents) == twos);
  }
  std::vector<double> powers;
  for (int n = 0; n <= 22; ++n) {
    powers.push_back(n);
    tens.push_back(std::pow(10.0, n));
  }
  CHECK(results({true, true}, ScalarOp::log10, tens) == powers);
  const std::vector<float> narrow_tens(tens.begin(), tens.begin() + 11), narrow(powers.begin(), powers.begin() + 11);
  CHECK(results({true, true}, ScalarOp::log10, narrow_tens) == narrow);
}

// 6381956970095103 * 2^797 is the float64 that is nearest to a multiple of pi/2, relative to its size (Muller et al.,
// Handbook of Floating-Point Arithmetic); values by mpmath.
TEST_CASE("angles next to multiples of pi/2 keep their digits") {
  const std::vector<double> x{std::ldexp(6381956970095103.0, 797), 1e22, 1e300};
  const std::vector<double> sines{1, -0.85220084976718879, -0.81788191211590855},
      cosines{-4.6871659242546277e-19, 0.52321478539513899, -0.57538611195754907};
  for (const Tape::Traits traits : all_traits) {
    const auto sin = results(traits, ScalarOp::sin, x), cos = results(traits, ScalarOp::cos, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CAPTURE(x[i]);
      CHECK(std::fabs(sin[i] - sines[i]) <= 1e-15 * std::fabs(sines[i]));
      CHECK(std::fabs(cos[i] - cosines[i]) <= 1e-15 * std::fabs(cosines[i]));
    }
  }
}

// By mpmath.
TEST_CASE("the functions that C++ lacks have their values") {
  const auto near = [](long double got, long double exact) {
    CHECK(std::fabs(got - exact) <= 4e-18L * std::fabs(exact));
  };
  near(digamma(0.25L), -4.22745353337626540809L);
  near(digamma(1.5L), 0.03648997397857652055902L);
  near(digamma(1.4375L), -0.02361354400529789914173L);
  near(digamma(7.5L), 1.946757484246086788069L);
  near(digamma(100.0L), 4.600161852738087400199L);
  near(digamma(-0.25L), 2.914139120213527830373L);
  near(digamma(-3.75L), -1.692388598311330343154L);
  near(erfinv(0.125L), 0.1112354518409499591472L);
  near(erfinv(-0.5L), -0.4769362762044698733814L);
  near(erfinv(0.9375L), 1.317150334986130748884L);
  near(erfinv(0.99999237060546875L), 3.164535077109896210597L);
  CHECK(digamma(0.0L) == -std::numeric_limits<long double>::infinity());
  CHECK(digamma(-0.0L) == std::numeric_limits<long double>::infinity());
  CHECK(std::isnan(digamma(-1.0L)));
  CHECK(erfinv(1.0L) == std::numeric_limits<long double>::infinity());
  CHECK(std::isnan(erfinv(1.5L)));
}

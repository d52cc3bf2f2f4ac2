// The error bounds stated in expand.h, measured against libm in the next wider type, with and without a fused fma and
// an instruction that scales by powers of two.
#include "compiler/kernel/expand.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <random>

#include "compiler/kernel/interpret.h"
#include "compiler/kernel/philox.h"
#include "compiler/kernel/special.h"
#include "tests/support/catch.h"
#include "tests/support/sanitized.h"
#include "tests/unit/compiler/kernel/tape.h"
#include "tests/unit/compiler/kernel/ulps.h"

using namespace bitale;
using namespace bitale::kernel;
using namespace bitale::tests;

namespace {

template <class Wide>
struct Function {
  ScalarOp op;
  Wide (*exact)(Wide);
  double bound;
  long double (*parts)(long double) = nullptr;  // the error is in units of at least this
};

template <class Wide>
Wide sigmoid(Wide x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class Wide>
Wide softplus(Wide x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

template <class Wide>
Wide log_gamma(Wide x) {
  int sign = 0;
  return static_cast<Wide>(::lgammal_r(x, &sign));
}
template <class Wide>
Wide psi(Wide x) {
  return static_cast<Wide>(digamma(x));
}
template <class Wide>
Wide inverse_erf(Wide x) {
  return static_cast<Wide>(erfinv(x));
}

// lgamma and digamma of a negative number are the sum of these magnitudes: errors are in units of it, and of 1.
long double lgamma_parts(long double x) {
  if (!(x < 0)) return 0;
  const long double g = x - std::round(x);
  return 1 + std::fabs(log_gamma(1 - x)) +
         std::fabs(std::log(std::fabs(std::sin(std::numbers::pi_v<long double> * g))));
}
long double digamma_parts(long double x) {
  if (!(x < 0)) return 0;
  const long double g = x - std::round(x);
  return 1 + std::fabs(digamma(1 - x)) +
         std::fabs(std::numbers::pi_v<long double> / std::tan(std::numbers::pi_v<long double> * g));
}

template <class Wide>
struct Table;

template <>
struct Table<double> {
  using R = double;
  static constexpr Function<R> rows[] = {
      {ScalarOp::exp, std::exp, 1.5},
      {ScalarOp::exp2, std::exp2, 1.5},
      {ScalarOp::expm1, std::expm1, 2},
      {ScalarOp::log, std::log, 1},
      {ScalarOp::log2, std::log2, 2},
      {ScalarOp::log10, std::log10, 2},
      {ScalarOp::log1p, std::log1p, 2},
      {ScalarOp::tanh, std::tanh, 3},
      {ScalarOp::sigmoid, sigmoid<R>, 3},
      {ScalarOp::softplus, softplus<R>, 3},
      {ScalarOp::erf, std::erf, 4},
      {ScalarOp::erfc, std::erfc, 5},
      {ScalarOp::erfinv, inverse_erf<R>, 4},
      {ScalarOp::lgamma, log_gamma<R>, 7, lgamma_parts},
      {ScalarOp::digamma, psi<R>, 7, digamma_parts},
      {ScalarOp::sin, std::sin, 2},
      {ScalarOp::cos, std::cos, 2},
      {ScalarOp::tan, std::tan, 4},
      {ScalarOp::atan, std::atan, 2.5},
  };
};

template <>
struct Table<long double> {
  using R = long double;
  static constexpr Function<R> rows[] = {
      {ScalarOp::exp, std::exp, 1.5},
      {ScalarOp::exp2, std::exp2, 1.5},
      {ScalarOp::expm1, std::expm1, 2.5},
      {ScalarOp::log, std::log, 1.5},
      {ScalarOp::log2, std::log2, 2},
      {ScalarOp::log10, std::log10, 2},
      {ScalarOp::log1p, std::log1p, 2.5},
      {ScalarOp::tanh, std::tanh, 3},
      {ScalarOp::sigmoid, sigmoid<R>, 3},
      {ScalarOp::softplus, softplus<R>, 3},
      {ScalarOp::erf, std::erf, 4},
      {ScalarOp::erfc, std::erfc, 6},
      {ScalarOp::erfinv, inverse_erf<R>, 5},
      {ScalarOp::lgamma, log_gamma<R>, 7, lgamma_parts},
      {ScalarOp::digamma, psi<R>, 7, digamma_parts},
      {ScalarOp::sin, std::sin, 3},
      {ScalarOp::cos, std::cos, 3},
      {ScalarOp::tan, std::tan, 5},
      {ScalarOp::atan, std::atan, 2.5},
  };
};

template <class T>
void add_edges(Bits& inputs) {
  using Limits = std::numeric_limits<T>;
  for (const T x : {T{0},
                    Limits::denorm_min(),
                    Limits::min(),
                    Limits::max(),
                    Limits::infinity(),
                    Limits::quiet_NaN(),
                    T{1},
                    std::nextafter(T{1}, T{0}),
                    std::nextafter(T{1}, T{2}),
                    T{0.5},
                    T{2},
                    Limits::epsilon(),
                    T{88},
                    T{89},
                    T{103},
                    T{104},
                    T{709},
                    T{710},
                    T{745},
                    T{746}})
    for (const T signed_x : {x, -x}) inputs.push_back(word_of(signed_x));
}

constexpr int some = sanitized ? 3000 : 100000;  // random numbers of a kind

Bits inputs_of(std::type_identity<float>) {
  Bits inputs;
  constexpr std::uint64_t step = sanitized ? 99991 : 997;
  for (std::uint64_t word = 0; word < (1ull << 32); word += step) inputs.push_back(word);
  add_edges<float>(inputs);
  return inputs;
}

Bits inputs_of(std::type_identity<double>) {
  Bits inputs;
  std::mt19937_64 random(1);
  for (int i = 0; i < 3 * some; ++i) inputs.push_back(random());
  for (const double range : {1e-3, 1.0, 7.0, 40.0, 800.0, 1e5, 1e9}) {
    std::uniform_real_distribution<double> uniform(-range, range);
    for (int i = 0; i < some; ++i) inputs.push_back(word_of(uniform(random)));
  }
  std::uniform_real_distribution<double> near_one(0.5, 2);
  for (int i = 0; i < some; ++i) inputs.push_back(word_of(near_one(random)));
  add_edges<double>(inputs);
  return inputs;
}

struct Measured {
  ScalarOp op;
  Tape::Traits traits;
  double bound, worst, worst_at;
  double largest;     // magnitude of a result, over all inputs
  bool exact_limits;  // results at infinities, and signs of zeros, are right
  bool within_one;    // the function is
  int instructions;
};

template <class T, class Wide>
Measured measure(const Function<Wide>& f, Tape::Traits traits, const Bits& inputs, const std::vector<Wide>& exact) {
  Tape tape(traits);
  const Tape::Handle x = tape.input(dtype_of<T>());
  const Bits got = tape.run({inputs}, expand(tape, f.op, {&x, 1}));
  const double bound = f.op == ScalarOp::erf && dtype_of<T>() == DType::f32 && !traits.fuses ? 4.5 : f.bound;
  Measured m{f.op, traits, bound, 0, 0, 0, true, false, tape.instructions()};
  m.within_one = f.op == ScalarOp::tanh || f.op == ScalarOp::erf || f.op == ScalarOp::sigmoid;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const T at = value_of<T>(inputs[i]), result = value_of<T>(got[i]);
    m.largest = std::max(m.largest, static_cast<double>(std::fabs(result)));
    const double error = ulps<T, Wide>(result, exact[i], f.parts ? static_cast<Wide>(f.parts(at)) : 0);
    if (!(error <= m.worst)) m.worst = error, m.worst_at = static_cast<double>(at);
    if (exact[i] == 0) m.exact_limits &= std::signbit(result) == std::signbit(exact[i]);
    if (std::isinf(at)) m.exact_limits &= result == static_cast<T>(exact[i]) || std::isnan(exact[i]);
  }
  return m;
}

template <class T, class Wide>
std::vector<Measured> measure_all() {
  const Bits inputs = inputs_of(std::type_identity<T>{});
  Bits eighth;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (i % 8 == 0 || i + 64 > inputs.size()) eighth.push_back(inputs[i]);
  std::vector<Measured> all;
  for (const Function<Wide>& f : Table<Wide>::rows) {
    std::vector<Wide> exact, eighth_exact;
    for (const std::uint64_t word : inputs) exact.push_back(f.exact(value_of<T>(word)));
    for (const std::uint64_t word : eighth) eighth_exact.push_back(f.exact(value_of<T>(word)));
    for (const Tape::Traits traits : all_traits) {
      const bool full = traits.fuses && traits.scales;
      all.push_back(!full ? measure<T, Wide>(f, traits, eighth, eighth_exact)
                          : measure<T, Wide>(f, traits, inputs, exact));
    }
  }
  return all;
}

void check(const std::vector<Measured>& all) {
  for (const Measured& m : all) {
    CAPTURE(name_of(m.op), m.traits.fuses, m.traits.scales, m.worst_at);
    CHECK(m.worst <= m.bound);
    CHECK(m.exact_limits);
    if (m.within_one) CHECK(m.largest <= 1);
    if (m.op == ScalarOp::sin || m.op == ScalarOp::cos) CHECK(m.largest <= 1);
  }
}

}  // namespace

TEST_CASE("float32 expansions keep their bounds") { check(measure_all<float, double>()); }
TEST_CASE("float64 expansions keep their bounds") { check(measure_all<double, long double>()); }

namespace {

// Pairs whose power is mostly finite, and all pairs of edges.
template <class T>
std::vector<Bits> pow_inputs() {
  std::vector<Bits> pairs(2);
  const auto add = [&](T x, T y) {
    pairs[0].push_back(word_of(x));
    pairs[1].push_back(word_of(y));
  };
  std::mt19937_64 random(3);
  const double range = std::numeric_limits<T>::max_exponent * 0.7;  // natural logarithm of the largest number, about
  std::uniform_real_distribution<double> exponent(-1.1, 1.1), log10(-7, 7), unit(-1, 1);
  for (int i = 0; i < 3 * some; ++i) {
    const double log_x = std::copysign(std::pow(10, log10(random)), unit(random));
    const T x = static_cast<T>(std::exp(std::clamp(log_x, -range, range)));
    const T y = static_cast<T>(exponent(random) * range / std::log(static_cast<double>(x)));
    if (std::isfinite(y)) add(x, y);
    add(-x, std::nearbyint(y));
  }
  for (int i = 0; i < some; ++i)
    add(value_of<T>(static_cast<BitsOf<T>>(random())), value_of<T>(static_cast<BitsOf<T>>(random())));
  Bits edges;
  add_edges<T>(edges);
  for (const T y : {T{3}, T{0.25}, T{1e6}, T{1e6} + 1, std::ldexp(T{1}, std::numeric_limits<T>::digits) - 1})
    for (const T signed_y : {y, -y}) edges.push_back(word_of(signed_y));
  for (const std::uint64_t x : edges)
    for (const std::uint64_t y : edges) add(value_of<T>(x), value_of<T>(y));
  return pairs;
}

template <class T, class Wide>
std::vector<Measured> measure_pow(double bound) {
  const std::vector<Bits> inputs = pow_inputs<T>();
  std::vector<Measured> all;
  for (const Tape::Traits traits : all_traits) {
    Tape tape(traits);
    const Tape::Handle args[] = {tape.input(dtype_of<T>()), tape.input(dtype_of<T>())};
    const Bits got = tape.run(inputs, expand(tape, ScalarOp::pow, args));
    Measured m{ScalarOp::pow, traits, bound, 0, 0, 0, true, false, tape.instructions()};
    for (std::size_t i = 0; i < got.size(); ++i) {
      const T x = value_of<T>(inputs[0][i]), y = value_of<T>(inputs[1][i]), result = value_of<T>(got[i]);
      const Wide exact = std::pow(Wide{x}, Wide{y});
      const double error = ulps<T, Wide>(result, exact);
      if (!(error <= m.worst)) m.worst = error, m.worst_at = static_cast<double>(x);
      if (!(error <= bound)) {
        CAPTURE(x, y, exact, result);
        CHECK(error <= bound);
      }
      if (!std::isnan(result)) m.exact_limits &= std::signbit(result) == std::signbit(exact);
    }
    all.push_back(m);
  }
  return all;
}

}  // namespace

TEST_CASE("the expansions of pow keep their bounds and C's special values") {
  check(measure_pow<float, double>(1));
  check(measure_pow<double, long double>(2));
}

TEST_CASE("print the errors and instruction counts of all expansions", "[.table]") {
  for (const bool wide : {false, true}) {
    std::printf("%s\n| function | fused, scale | fused | neither |\n|---|---|---|---|\n", wide ? "float64" : "float32");
    auto all = wide ? measure_all<double, long double>() : measure_all<float, double>();
    for (const Measured& m : wide ? measure_pow<double, long double>(2) : measure_pow<float, double>(1))
      all.push_back(m);
    for (std::size_t i = 0; i < all.size(); i += std::size(all_traits)) {
      std::printf("| %s |", std::string(name_of(all[i].op)).c_str());
      for (std::size_t k = i; k < i + std::size(all_traits); ++k)
        std::printf(" %.2f ulp at %.9g, %d instr |", all[k].worst, all[k].worst_at, all[k].instructions);
      std::printf("\n");
    }
  }
}

TEST_CASE("the expansion of Philox is Philox") {
  std::mt19937_64 random(2);
  std::vector<Bits> inputs(3);
  for (Bits& column : inputs) {
    column = {0, ~0ull};
    for (int i = 0; i < 1000; ++i) column.push_back(random());
  }
  Tape tape({});
  const Tape::Handle args[] = {tape.input(DType::i64), tape.input(DType::i64), tape.input(DType::i64)};
  const Bits got = tape.run(inputs, expand(tape, ScalarOp::philox, args));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) wrong += got[i] != philox(inputs[0][i], inputs[1][i], inputs[2][i]);
  CHECK(wrong == 0);
}

#include "compiler/ir/dim.h"

#include <cmath>
#include <random>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using ir::Dim;

namespace {

const Dim n = Dim::symbol("n"), m = Dim::symbol("m");

}  // namespace

TEST_CASE("equal normal forms are equal dims") {
  CHECK(n * Dim(2) == n + n);
  CHECK(n + m == m + n);
  CHECK((n + Dim(1)) * (n - Dim(1)) == n * n - Dim(1));
  CHECK(n - n == Dim(0));
  CHECK((n - n).is(0));
  CHECK(n * Dim(0) == Dim(0));
  CHECK_FALSE(n == m);
  CHECK_FALSE(n == Dim::symbol("n"));  // another symbol of the same name
  CHECK((n * m).hash() == (m * n).hash());
  CHECK(n.as_symbol() != nullptr);
  CHECK((n + Dim(1)).as_symbol() == nullptr);
}

TEST_CASE("dims print readably") {
  CHECK(to_string(Dim(2) * n + Dim(1)) == "2*n + 1");
  CHECK(to_string(n - Dim(1)) == "n - 1");
  CHECK(to_string(n * m) == "n*m");
  CHECK(to_string(floordiv(n, Dim(2))) == "floordiv(n, 2)");
  CHECK(to_string(min(n, m)) == "min(n, m)");
  CHECK(to_string(isqrt(n * Dim(2)) * m) == "m*isqrt(2*n)");
  CHECK(to_string(ir::Shape{n, Dim(784)}) == "[n, 784]");
}

TEST_CASE("floordiv of dims") {
  CHECK(floordiv(Dim(-7), Dim(2)) == Dim(-4));
  CHECK(floordiv(n * Dim(6), Dim(3)) == n * Dim(2));
  CHECK(floordiv(n * Dim(6) + Dim(7), Dim(3)) == n * Dim(2) + Dim(2));
  CHECK(floordiv(n * Dim(4) + m, Dim(4)) == n + floordiv(m, Dim(4)));
  CHECK(floordiv(n, Dim(1)) == n);
  CHECK_FALSE(floordiv(n * m, m) == n);  // m may be 0
  const Dim positive = m + Dim(1);
  CHECK(floordiv(positive * Dim(3), positive) == Dim(3));
  CHECK_THROWS_AS(floordiv(Dim(1), Dim(0)), Error);
}

TEST_CASE("min and max of dims use what is known of symbols") {
  CHECK(min(n, n + Dim(1)) == n);
  CHECK(max(n, n + Dim(1)) == n + Dim(1));
  CHECK(max(n, Dim(0)) == n);
  CHECK(min(n, Dim(0)) == Dim(0));
  CHECK(min(n, m) == min(m, n));
  CHECK(max(n, Dim(1)).lower_bound() == 1);
}

TEST_CASE("lower bounds of dims") {
  CHECK(n.lower_bound() == 0);
  CHECK((n + Dim(3)).lower_bound() == 3);
  CHECK((n * m + Dim(2)).lower_bound() == 2);
  CHECK_FALSE((n - m).lower_bound().has_value());
  CHECK((n - Dim(1)).lower_bound() == -1);
  CHECK(floordiv(n + Dim(7), Dim(2)).lower_bound().value_or(-1) >= 0);
  CHECK(isqrt(n + Dim(10)).lower_bound() == 3);
  CHECK(isqrt(n - m).lower_bound() == 0);
}

TEST_CASE("exact quotients of dims") {
  CHECK(exact_quotient(n * m * Dim(6), m * Dim(2)) == n * Dim(3));
  CHECK(exact_quotient(n * m + m, m) == n + Dim(1));
  CHECK_FALSE(exact_quotient(n + Dim(1), Dim(2)).has_value());
  CHECK_FALSE(exact_quotient(n, m).has_value());
}

TEST_CASE("substitution in dims") {
  const Dim e = floordiv(n * Dim(2) + m, Dim(3)) + max(n, m) + isqrt(n * m + Dim(5));
  const auto five = [&](const ir::DimSymbol& s) {
    return s.id == n.as_symbol()->id ? std::optional(Dim(5)) : std::nullopt;
  };
  CHECK(e.substitute(five) == floordiv(m + Dim(10), Dim(3)) + max(Dim(5), m) + isqrt(m * Dim(5) + Dim(5)));
  const auto both = [&](const ir::DimSymbol& s) { return std::optional(Dim(s.id == n.as_symbol()->id ? 5 : 4)); };
  CHECK(e.substitute(both) == Dim(4 + 5 + 5));
  CHECK(e.symbols().size() == 2);
}

// A random expression is built twice: as a Dim, and as its value for given symbols.
TEST_CASE("dims have the value of the expression they came from") {
  std::mt19937 random(1);
  auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  for (int round = 0; round < 500; ++round) {
    const std::int64_t values[] = {pick(6), pick(6)};
    auto value_of = [&](const ir::DimSymbol& s) { return s.id == n.as_symbol()->id ? values[0] : values[1]; };
    auto floor_divide = [](std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); };
    std::vector<std::pair<Dim, std::int64_t>> made{
        {n, values[0]}, {m, values[1]}, {Dim(1), 1}, {Dim(-2), -2}, {Dim(3), 3}};
    for (int step = 0; step < 12; ++step) {
      const auto& [a, x] = made[static_cast<std::size_t>(pick(static_cast<int>(made.size())))];
      const auto& [b, y] = made[static_cast<std::size_t>(pick(static_cast<int>(made.size())))];
      if (std::abs(x) > 1000 || std::abs(y) > 1000) continue;
      const std::int64_t divisor = 1 + pick(5);
      std::pair<Dim, std::int64_t> next;
      switch (pick(7)) {
        case 0:
          next = {a + b, x + y};
          break;
        case 1:
          next = {a - b, x - y};
          break;
        case 2:
          next = {a * b, x * y};
          break;
        case 3:
          next = {floordiv(a, Dim(divisor)), floor_divide(x, divisor)};
          break;
        case 4:
          next = {min(a, b), std::min(x, y)};
          break;
        case 5:
          next = {isqrt(a), x < 0 ? 0 : static_cast<std::int64_t>(std::sqrt(static_cast<double>(x)))};
          break;
        default:
          next = {max(a, b), std::max(x, y)};
          break;
      }
      INFO(to_string(next.first) << " for n = " << values[0] << ", m = " << values[1]);
      REQUIRE(next.first.evaluate(value_of) == next.second);
      if (const auto low = next.first.lower_bound()) REQUIRE(*low <= next.second);
      REQUIRE(next.first.substitute([&](const ir::DimSymbol& s) { return std::optional(Dim(value_of(s))); }) ==
              Dim(next.second));
      made.push_back(next);
    }
  }
}

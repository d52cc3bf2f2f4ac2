#include "runtime/program/placement.h"

#include <numeric>
#include <random>

#include "runtime/program/fit.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

TEST_CASE("items that live at the same time never overlap") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Item> items(1 + random() % 60);
    std::int64_t sum = 0;
    std::vector<std::int64_t> live(60);
    for (Item& item : items) {
      item.first = static_cast<int>(random() % 50);
      item.last = item.first + static_cast<int>(random() % 10);
      item.bytes = static_cast<std::int64_t>(random() % 20) * 64;
      sum += item.bytes;
      for (int s = item.first; s <= item.last; ++s) live[static_cast<std::size_t>(s)] += item.bytes;
    }
    const Fit fit = best_fit(items);
    for (std::size_t i = 0; i < items.size(); ++i) {
      REQUIRE(fit.offsets[i] % 64 == 0);
      REQUIRE(fit.offsets[i] + items[i].bytes <= fit.total);
      for (std::size_t j = 0; j < i; ++j) {
        if (items[i].last < items[j].first || items[j].last < items[i].first) continue;
        const bool apart =
            fit.offsets[i] + items[i].bytes <= fit.offsets[j] || fit.offsets[j] + items[j].bytes <= fit.offsets[i];
        REQUIRE((apart || items[i].bytes == 0 || items[j].bytes == 0));
      }
    }
    REQUIRE(fit.total <= sum);
    REQUIRE(fit.total >= *std::max_element(live.begin(), live.end()));
  }
}

namespace {

// A chain t0 -> t1 -> ... of equal temporaries.
Make chain(int length) {
  Make m;
  const int n = m.axis(0, 0);
  int from = m.input("x", {n});
  for (int i = 0; i < length; ++i) {
    const int to = m.temporary("t" + std::to_string(i), {n});
    m.kernel(0, {from, to}, {n});
    from = to;
  }
  m.kernel(0, {from, m.output("y", {n})}, {n});
  m.entry("f");
  return m;
}

}  // namespace

TEST_CASE("a chain needs two buffers") {
  const Program p = chain(10).p;
  const Placement placed = place(p, {1000}, 1);
  REQUIRE(placed.arena_bytes == 2 * 4032);
  REQUIRE(placed.bytes[0] == 4000);
  REQUIRE(placed.offsets[0] == -1);
}

TEST_CASE("a buffer that keeps its contents is shared with nothing") {
  Make m = chain(4);
  m.p.buffers[1].keep = true;
  REQUIRE(place(m.p, {1000}, 1).arena_bytes == 3 * 4032);
}

TEST_CASE("an alias has the place of what it names") {
  Make m = chain(2);
  const int alias = m.temporary("alias", {0, m.constant(1)});
  m.p.buffers[static_cast<std::size_t>(alias)].alias_of = 1;
  m.kernel(0, {alias, m.output("z", {0})}, {0});
  const Placement placed = place(m.p, {1000, 1}, 1);
  REQUIRE(placed.offsets[static_cast<std::size_t>(alias)] == placed.offsets[1]);
  REQUIRE(placed.arena_bytes == 2 * 4032);
}

TEST_CASE("a workspace has a piece for every thread") {
  Make m = chain(0);
  const int w = m.buffer(Role::workspace, "w", {m.constant(10)});
  m.kernel(0, {0, w, 1}, {0});
  const Placement placed = place(m.p, {1, 10}, 3);
  REQUIRE(placed.bytes[static_cast<std::size_t>(w)] == 40);
  REQUIRE(placed.arena_bytes == 3 * 64);
}

TEST_CASE("more than the machine has is an error that names the largest buffers") {
  const Program p = chain(3).p;
  REQUIRE_THROWS_WITH(place(p, {std::int64_t{1} << 45}, 1), contains("the largest buffers are 't0'"));
  REQUIRE_THROWS_WITH(place(p, {std::int64_t{1} << 62}, 1), contains("buffer 'x' float32"));
  REQUIRE_THROWS_WITH(place(p, {-1}, 1), contains("negative"));
}

TEST_CASE("extents are evaluated in order, with their checks") {
  Make m;
  m.input("x", {0, 1});
  const int rows = m.axis(0, 0), columns = m.axis(0, 1), two = m.constant(2);
  const int half = m.extent(ExtentOp::floordiv, columns, two), area = m.extent(ExtentOp::mul, rows, columns);
  m.extent(ExtentOp::sub, area, half);
  m.extent(ExtentOp::max, rows, columns);
  m.p.checks.push_back({ExtentCheck::Kind::at_least, rows, two, "too few rows"});
  REQUIRE(evaluate_extents(m.p, {{{3, 5}}, {}, {}}) == std::vector<std::int64_t>{3, 5, 2, 2, 15, 13, 5});
  REQUIRE_THROWS_WITH(evaluate_extents(m.p, {{{1, 5}}, {}, {}}), Catch::Equals("too few rows: 1 is less than 2"));
  REQUIRE_THROWS_WITH(evaluate_extents(m.p, {{{std::int64_t{1} << 40, std::int64_t{1} << 40}}, {}, {}}),
                      contains("has no 64-bit value"));
  REQUIRE_THROWS_WITH(evaluate_extents(m.p, {{{1}}, {}, {}}), contains("input 0 has no axis 1"));
}

TEST_CASE("the integer square root is exact for all 64 bits, and 0 of what is negative") {
  Make m;
  m.p.inputs.push_back({"n", DType::i64, {}, true});
  const int n = m.extent(ExtentOp::input_value, 0);
  m.extent(ExtentOp::isqrt, n, n);
  const auto root = [&](std::int64_t of) { return evaluate_extents(m.p, {{{}}, {}, {of}})[1]; };
  for (const std::int64_t q :
       {std::int64_t{1}, std::int64_t{2}, std::int64_t{10}, std::int64_t{94906267}, std::int64_t{3037000499}}) {
    REQUIRE(root(q * q) == q);
    REQUIRE(root(q * q - 1) == q - 1);
  }
  REQUIRE(root(0) == 0);
  REQUIRE(root(INT64_MAX) == 3037000499);
  REQUIRE(root(-4) == 0);
}

TEST_CASE("floor division rounds down and refuses zero") {
  Make m;
  m.p.inputs.push_back({"n", DType::i64, {}, true});
  const int n = m.extent(ExtentOp::input_value, 0), d = m.constant(-2);
  m.extent(ExtentOp::floordiv, n, d);
  m.extent(ExtentOp::floordiv, d, n);
  REQUIRE(evaluate_extents(m.p, {{{}}, {}, {7}}) == std::vector<std::int64_t>{7, -2, -4, -1});
  REQUIRE_THROWS_WITH(evaluate_extents(m.p, {{{}}, {}, {0}}), contains("-2 / 0"));
}

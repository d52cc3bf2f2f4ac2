#include "runtime/library/library.h"

#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

TEST_CASE("unknown library calls are refused by name") {
  REQUIRE_THROWS_WITH(library::find("fft"), contains("no library call 'fft'"));
}

TEST_CASE("every library says whether it is there") {
  const auto rows = library::status();
  REQUIRE_FALSE(rows.empty());
  REQUIRE(rows[0].name == "OpenBLAS");
  REQUIRE(rows[0].available == !rows[0].version.empty());
}

TEST_CASE("OpenBLAS multiplies") {
  if (!library::status()[0].available) return;
  for (const bool transposed : {false, true}) {
    Make m;
    const int two = m.constant(2), three = m.constant(3);
    const int a = m.input("a", {two, three}), b = m.input("b", {three, two}), c = m.output("c", {two, two});
    LibraryStep s{"sgemm", {a, b, c}, {false, false, true}, {two, two, three, three, two, two}, {0, 0}, {2, 0}};
    if (transposed) {  // b as the transpose of itself
      s.integers = {0, 1};
      s.extents[4] = three;
    }
    m.step(s, "product");
    const executor::Runnable f(m.done(), std::vector<const void*>{});
    const auto r =
        f.call(std::vector{array<float>({1, 2, 3, 4, 5, 6}, {2, 3}), array<float>({1, 0, 0, 1, 1, 1}, {3, 2})}, {}, {});
    REQUIRE(values<float>(r.outputs[0]) ==
            (transposed ? std::vector<float>{2, 12, 8, 30} : std::vector<float>{8, 10, 20, 22}));
  }
}

TEST_CASE("sizes that OpenBLAS cannot count are a failure of the step") {
  if (!library::status()[0].available) return;
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), huge = m.constant(std::int64_t{1} << 40), c = m.output("c", {n});
  m.step(LibraryStep{"dgemm", {x, x, c}, {false, false, true}, {huge, n, n, n, n, n}, {0, 0}, {1, 0}}, "product");
  const executor::Runnable f(m.done(), std::vector<const void*>{});
  REQUIRE_THROWS_WITH(f.call(std::vector{array<float>({1}, {1})}, {}, {}),
                      contains("the library call dgemm failed with status 1099511627776"));
}

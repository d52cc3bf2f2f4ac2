#include "bench/harness/statistics.h"

#include "tests/support/catch.h"

using namespace bitale::bench;

TEST_CASE("statistics of a sample") {
  const Statistics s = statistics({4, 1, 3, 2});
  CHECK(s.mean == 2.5);
  CHECK(s.median == 2.5);
  CHECK(s.min == 1);
  CHECK(s.std == Approx(1.2909944487));
  CHECK(statistics({7}).std == 0);
  CHECK(median({9, 1, 5}) == 5);
}

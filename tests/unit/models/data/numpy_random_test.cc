#include "models/data/numpy_random.h"

#include "tests/support/catch.h"

using bitale::Array;
using bitale::models::NumpyRandom;

TEST_CASE("uniform numbers are those of numpy.random.RandomState") {
  NumpyRandom random(1);
  CHECK(random.uniform() == 0.417022004702574);
  CHECK(random.uniform() == 0.7203244934421581);
  CHECK(random.uniform() == 0.00011437481734488664);
}

TEST_CASE("normal numbers are those of numpy.random.RandomState") {
  NumpyRandom random(0);
  for (const double expected : {1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458})
    CHECK(random.normal() == Approx(expected).epsilon(1e-14));
  NumpyRandom other(123);
  for (const double expected : {-1.0856306033005612, 0.9973454465835858, 0.28297849805199204, -1.506294713918092})
    CHECK(other.normal() == Approx(expected).epsilon(1e-14));
}

TEST_CASE("an array is filled row by row") {
  NumpyRandom a(7), b(7);
  const Array values = a.uniform(-2, 3, {2, 2});
  for (int i = 0; i < 4; ++i) CHECK(values.at(i) == static_cast<float>(b.uniform(-2, 3)));
}

TEST_CASE("below() stays below") {
  NumpyRandom random(3);
  bool seen[10] = {};
  for (int i = 0; i < 1000; ++i) seen[random.below(10)] = true;
  for (const bool s : seen) CHECK(s);
}

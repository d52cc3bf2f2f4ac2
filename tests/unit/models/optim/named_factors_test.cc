#include "models/optim/named_factors.h"

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;

TEST_CASE("the last pattern that a name matches decides") {
  const NamedFactors factors = parse_factors("*=0.5,b*=2,b1=0,lstm.[UW]=3");
  CHECK(factor_of(factors, "W1") == 0.5);
  CHECK(factor_of(factors, "b2") == 2);
  CHECK(factor_of(factors, "b1") == 0);
  CHECK(factor_of(factors, "b10") == 2);
  CHECK(factor_of(factors, "lstm.U") == 3);
  CHECK(factor_of(factors, "lstm.b") == 0.5);
  CHECK(factor_of({}, "b1") == 1);
  CHECK(factor_of(parse_factors("b?=2"), "b10") == 1);
}

TEST_CASE("frozen names") {
  const NamedFactors frozen = parse_frozen("W1,b*");
  REQUIRE(frozen.size() == 2);
  CHECK(factor_of(frozen, "W1") == 0);
  CHECK(factor_of(frozen, "b3") == 0);
  CHECK(factor_of(frozen, "W2") == 1);
  CHECK(parse_frozen("").empty());
  for (const char* bad : {"W1,", ",W1", "W1=0", ","})
    CHECK_THROWS_WITH(parse_frozen(bad), contains("expected names of parameters, as in W1,b1"));
}

TEST_CASE("factors of some names only") {
  const NamedFactors all = parse_factors("W*=2,b1=0,b2=3,c?=4");
  const NamedFactors some = matching(all, {"W1", "b2"});
  REQUIRE(some.size() == 2);
  CHECK(some[0].pattern == "W*");
  CHECK(some[1].pattern == "b2");
  CHECK(some[1].factor == 3);
  CHECK(matching(all, {"V"}).empty());
}

TEST_CASE("factors that are none") {
  CHECK(parse_factors("").empty());
  for (const char* bad : {"b*", "b*=", "=2", "b*=two", "b*=2x", "b*=2,", "b*=2;W1=3"})
    CHECK_THROWS_WITH(parse_factors(bad), contains("expected a pattern of names and a factor, as in b*=2"));
  const std::vector<std::string> names = {"W1", "b1"};
  CHECK_NOTHROW(check(parse_factors("W*=2,b1=0"), names, "rates"));
  CHECK_THROWS_WITH(check(parse_factors("W1=2,q*=2"), names, "rates"),
                    contains("rates: no parameter is named 'q*'; there are: W1, b1."));
  CHECK_THROWS_WITH(check(parse_factors("W1=-1"), names, "rates"), contains("'W1' must not be negative, -1 was given"));
  CHECK_THROWS_WITH(check(parse_factors("W1=inf"), names, "rates"), contains("inf was given"));
  CHECK_THROWS_WITH(check(parse_factors("W1=nan"), names, "rates"), contains("nan was given"));
}

#include "bench/gpu/sass.h"

#include "tests/support/catch.h"

using namespace bitale::bench;

namespace {

// Of two functions; the second has a loop of 3 multiply-adds inside one of k inside one of tiles.
constexpr const char* assembly = R"(
	.section	.text.first,"ax",@progbits
.L_x_0:
        /*0000*/                   FFMA R1, R2, R3, R1 ;
        /*0010*/              @!P0 BRA `(.L_x_0) ;
	.section	.text.second,"ax",@progbits
        /*0000*/                   MOV R1, R2 ;
.L_x_1:
        /*0010*/                   MOV R1, R2 ;
.L_x_2:
        /*0020*/                   LDGSTS.E [R1], desc[UR4][R2.64] ;
.L_x_3:
        /*0030*/                   FFMA R1, R2, R3, R1 ;
        /*0040*/                   FFMA R1, R2, R3, R1 ;
        /*0050*/                   FFMA R1, R2, R3, R1 ;
        /*0060*/               @P1 BRA `(.L_x_3) ;
        /*0070*/               @P2 BRA `(.L_x_2) ;
        /*0080*/                   STG.E desc[UR4][R2.64], R1 ;
        /*0090*/                   BRA `(.L_x_1) ;
.L_x_4:
        /*00a0*/                   BRA `(.L_x_4);
)";

}  // namespace

TEST_CASE("the loop along k is found, and counted as often as it runs for a slice") {
  const auto once = main_loop(assembly, "second", 3);
  REQUIRE(once);
  CHECK(once->instructions == 4);
  CHECK(once->multiply_adds == 3);
  const auto twice = main_loop(assembly, "second", 6);
  REQUIRE(twice);
  CHECK(twice->instructions == 2 * 4 + 2);
  CHECK(twice->multiply_adds == 6);
  CHECK(main_loop(assembly, "first", 1)->share() == 0.5);
  CHECK_FALSE(main_loop(assembly, "third", 1));
}

#include "runtime/device/cpu.h"

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;

TEST_CASE("instruction sets have names and targets") {
  REQUIRE(to_string(Isa::v3) == "v3");
  REQUIRE(isa_from_text("v4") == Isa::v4);
  REQUIRE(target_of(Isa::v2) == "x86-64-v2");
  REQUIRE_THROWS_WITH(isa_from_text("avx"), contains("expected v2, v3 or v4"));
}

TEST_CASE("the default is what was asked for, else the best") {
  const std::string saved = flags().cpu;
  flags().cpu = "";
  REQUIRE(default_isa() == executable_isas().back());
  flags().cpu = "v2";
  REQUIRE(default_isa() == Isa::v2);
  if (executable_isas().back() != Isa::v4) {
    flags().cpu = "v4";
    REQUIRE_THROWS_WITH(default_isa(), contains("BITALE_CPU=v4"));
  }
  flags().cpu = saved;
}

TEST_CASE("caches have plausible sizes") {
  REQUIRE(cpu_info().l1d_bytes >= 16 << 10);
  REQUIRE(cpu_info().l2_bytes >= cpu_info().l1d_bytes);
  REQUIRE(cpu_info().l3_bytes >= 1 << 20);
  REQUIRE_FALSE(cpu_info().model.empty());
}

TEST_CASE("the peak is measured on every instruction set of this CPU") {
  for (const Isa isa : executable_isas()) REQUIRE(measure_fma_peak(isa, 1, 0.01) > 0.1);
}

// bitale bench-check: it agrees where a device computes what the CPU does, and not on a driver that computes nothing.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "compiler/codegen/cuda/nvrtc.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"

using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;

namespace {

nlohmann::json checked_on(const std::string& device, const std::string& cuda) {
  const Ran ran =
      run_bitale({"bench-check", "sae", "--step", "ae3", "--batch", "2", "--device", device}, {{"BITALE_CUDA", cuda}});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  return nlohmann::json::parse(ran.out);
}

}  // namespace

TEST_CASE("a network's functions agree with the CPU's, or it is said which result is off") {
  const auto good = checked_on("emulated", "");
  CHECK(good["agrees"] == true);
  CHECK_THAT(good["found"].get<std::string>(), contains("batch 2: loss "));
  CHECK(good["largest_error"].get<double>() < 1e-5);
  if (!bitale::codegen::cuda::Nvrtc::find()) return void(std::printf("[SKIP] NVRTC not found\n"));
  const auto bad = checked_on("cuda", BITALE_CUDA_STUB);
  CHECK(bad["agrees"] == false);
  CHECK_THAT(bad["found"].get<std::string>(), contains("more than 0.001"));
}

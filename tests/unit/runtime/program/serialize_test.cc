#include "runtime/program/serialize.h"

#include <random>

#include "runtime/base/error.h"
#include "runtime/program/format.h"
#include "tests/support/catch.h"
#include "tests/support/program_of_everything.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

void rejected(std::span<const std::uint8_t> bytes) { REQUIRE_THROWS_AS(deserialize(bytes, "test"), Error); }

}  // namespace

TEST_CASE("a program comes back from its bytes as it was") {
  const Program p = program_of_everything();
  verify(p);
  const auto bytes = serialize(p);
  const Program back = deserialize(bytes, "test");
  REQUIRE(to_string(back) == to_string(p));
  REQUIRE(serialize(back) == bytes);
  REQUIRE(back.blobs[0].bytes == p.blobs[0].bytes);
  REQUIRE(back.steps[0].origins[0] == SourceLine("model.cc", 7));
}

TEST_CASE("programs print everything they have") {
  const std::string text = to_string(program_of_everything());
  for (const char* part : {"e0 = value of input 0", "e1 = axis 1 of input 1", "%1 x: float32 [e0, e1] input 1",
                           "kernel @0 f(", "model.cc:7", "carry: ", "backwards", "isqrt(e0)", " bound, unless %",
                           "branch on", "blocked e1 by 32", "tile 4 x 8", "library sgemm", "check "})
    REQUIRE_THAT(text, contains(part));
}

TEST_CASE("a device's program comes back from its bytes, and prints what does its steps") {
  const Program p = program_of_a_device();
  verify(p);
  const auto bytes = serialize(p);
  const Program back = deserialize(bytes, "test");
  REQUIRE(to_string(back) == to_string(p));
  REQUIRE(serialize(back) == bytes);
  for (const char* part : {"code for sm_90: 4 bytes, 3 entries", "by @1 g", "1, 0.5) by @1 g",
                           "by cuBLASLt in TF32 where the operands are plain matrices of enough work, plus %6 all, "
                           "then relu, straight to "
                           "its operand, else finished by @0 f in workspace ",
                           "as one kernel @2 h: steps in groups of 1, barriers in an iteration: 2"})
    REQUIRE_THAT(to_string(p), contains(part));
  const auto payload = unseal(bytes, "test");
  for (std::size_t n = 0; n < payload.size(); ++n) rejected(seal(payload.first(n)));
}

TEST_CASE("a truncated file is an error at every length") {
  const auto bytes = serialize(program_of_everything());
  for (std::size_t n = 0; n < bytes.size(); ++n) rejected(std::span(bytes).first(n));
}

TEST_CASE("truncated content with a correct hash is an error at every length") {
  const auto bytes = serialize(program_of_everything());
  const auto payload = unseal(bytes, "test");
  for (std::size_t n = 0; n < payload.size(); ++n) rejected(seal(payload.first(n)));
}

TEST_CASE("any flipped bit is noticed") {
  auto bytes = serialize(program_of_everything());
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t at = random() % bytes.size();
    const auto bit = static_cast<std::uint8_t>(1u << (random() % 8));
    bytes[at] ^= bit;
    rejected(bytes);
    bytes[at] ^= bit;
  }
}

TEST_CASE("content changed under a correct hash is an error or another consistent program") {
  const auto bytes = serialize(GENERATE(false, true) ? program_of_a_device() : program_of_everything());
  const auto original = unseal(bytes, "test");
  std::vector<std::uint8_t> payload(original.begin(), original.end());
  std::mt19937 random(8);
  int accepted = 0;
  for (int i = 0; i < 6000; ++i) {
    std::vector<std::uint8_t> changed = payload;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      const std::size_t at = random() % changed.size();
      changed[at] = random() % 2 ? static_cast<std::uint8_t>(random())
                                 : static_cast<std::uint8_t>(changed[at] ^ (1u << (random() % 8)));
    }
    try {
      const Program p = deserialize(seal(changed), "test");
      verify(p);
      (void)to_string(p);
      ++accepted;
    } catch (const Error&) {
    }
  }
  REQUIRE(accepted > 0);
}

TEST_CASE("foreign and newer files are told apart") {
  auto bytes = serialize(program_of_everything());
  REQUIRE_THROWS_WITH(deserialize(std::vector<std::uint8_t>(100), "x.bit"),
                      Catch::Equals("x.bit: this is not a saved program"));
  auto newer = bytes;
  newer[8] = 13;
  REQUIRE_THROWS_WITH(deserialize(newer, "x.bit"), contains("saved in format 13"));
  auto other = bytes;
  other[12] = 77;
  REQUIRE_THROWS_WITH(deserialize(other, "x.bit"), contains("binary interface 77"));
  bytes.push_back(0);
  REQUIRE_THROWS_WITH(deserialize(bytes, "x.bit"), contains("truncated or extended"));
}

TEST_CASE("bodies nested without end are refused") {
  auto p = std::make_shared<Program>();
  for (int i = 0; i < 40; ++i) {
    auto outer = std::make_shared<Program>();
    outer->extents = {{ExtentOp::constant, 1, 0}};
    outer->steps.push_back({LoopStep{0, -1, -1, {}, p}, "", {}, -1});
    p = outer;
  }
  REQUIRE_THROWS_WITH(verify(*p), contains("nested deeper than 32"));
  REQUIRE_THROWS_WITH(deserialize(serialize(*p), "test"), contains("nested deeper than 32"));
}

#include "runtime/program/serialize.h"

#include <random>

#include "runtime/base/error.h"
#include "runtime/program/format.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

// One of everything.
Program everything() {
  Make m("everything");
  m.p.inputs.push_back({"steps", DType::i64, {}, true});
  m.buffer(Role::input, "steps", {}, DType::i64, 0);
  const int x = m.input("x", {1, 2}), trips = m.extent(ExtentOp::input_value, 0), n = m.axis(1, 1), same = m.axis(1, 0);
  REQUIRE(n == 1);
  REQUIRE(same == 2);
  m.p.inputs[1].dims = {trips, n};
  m.p.buffers[static_cast<std::size_t>(x)].dims = {trips, n};
  const int w = m.shared("w", {n}), wn = m.buffer(Role::update, "w next", {n}, DType::f32, 0);
  m.p.extents.push_back({ExtentOp::shared_axis, 0, 0});
  m.p.checks.push_back({ExtentCheck::Kind::equal, n, 3, "w has another length"});
  const int two = m.constant(2), constant = m.buffer(Role::constant, "c", {two}, DType::f32, 0);
  m.p.constants.push_back({{1, 2, 3, 4, 5, 6, 7, 8}});
  m.p.blobs.push_back({"x86-64-v3", {0xc3, 0x90, 0xc3}, {0, 2}});
  m.entry("f");
  m.entry("g");
  m.p.entries[0].structure = "abc";
  m.kernel(0, {w, constant, wn}, {n}, "update").origins = {SourceLine("model.cc", 7)};

  Make body("body");
  const int bn = body.extent(ExtentOp::outer, n), i = body.extent(ExtentOp::iteration),
            next_i = body.extent(ExtentOp::add, i, i);
  const int row = body.buffer(Role::input, "row", {bn}), h = body.buffer(Role::input, "h", {bn}),
            out = body.buffer(Role::output, "next", {bn});
  const int done = body.buffer(Role::output, "done", {}, DType::bool_);
  body.kernel(1, {row, h, out, done}, {bn, next_i}, "step", 2);
  const int last = m.output("last", {n}), all = m.output("all", {trips, n}),
            taken = m.temporary("taken", {}, DType::i64);
  m.step(LoopStep{trips,
                  done,
                  taken,
                  {{BindingKind::sequence, x, row, -1, -1, true},
                   {BindingKind::carry, w, h, out, last, false},
                   {BindingKind::stacked, -1, -1, out, all, false}},
                  body.body()},
         "loop");

  const int condition = m.temporary("condition", {}, DType::bool_), chosen = m.output("chosen", {n});
  m.kernel(0, {taken, condition}, {});
  m.step(CheckStep{condition, "must hold"}, "check");
  Make side("side");
  const int sn = side.extent(ExtentOp::outer, n), from = side.buffer(Role::input, "from", {sn}),
            to = side.buffer(Role::output, "to", {sn});
  side.step(CopyStep{from, to}, "copy");
  BranchStep branch;
  branch.condition = condition;
  branch.then = branch.otherwise = side.body();
  branch.then_bindings = {{w, from, false}, {chosen, to, true}};
  branch.otherwise_bindings = {{last, from, false}, {chosen, to, true}};
  m.step(branch, "branch");

  const int begin = m.constant(0), size = m.constant(0), piece = m.temporary("piece", {size}),
            blocked = m.output("blocked", {n});
  Make inner;
  inner.kernel(0, {w, piece}, {begin, size});
  inner.kernel(0, {piece, blocked}, {begin, size});
  m.step(BlockedStep{n, begin, size, 32, {piece}, inner.p.steps}, "blocked");

  ContractionStep c;
  c.m = {{trips, n, -1, {n}}};
  c.n = {{n, -1, two, {two}}};
  c.k = {{two, two, two, {-1}}};
  c.a = x;
  c.b = all;
  c.operands = {{m.output("product", {trips, n}), -1, true, true}};
  c.epilogue = 0;
  c.tile = {4, 8, 0, 1, 1};
  c.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(c, "contraction").flops = m.extent(ExtentOp::mul, trips, n);
  m.step(LibraryStep{"sgemm", {w, w, m.output("library", {n})}, {false, false, true}, {n, n}, {0, 1}, {1.0, 0.5}},
         "library");
  return m.p;
}

void rejected(std::span<const std::uint8_t> bytes) { REQUIRE_THROWS_AS(deserialize(bytes, "test"), Error); }

}  // namespace

TEST_CASE("a program comes back from its bytes as it was") {
  const Program p = everything();
  verify(p);
  const auto bytes = serialize(p);
  const Program back = deserialize(bytes, "test");
  REQUIRE(to_string(back) == to_string(p));
  REQUIRE(serialize(back) == bytes);
  REQUIRE(back.blobs[0].bytes == p.blobs[0].bytes);
  REQUIRE(back.steps[0].origins[0] == SourceLine("model.cc", 7));
}

TEST_CASE("programs print everything they have") {
  const std::string text = to_string(everything());
  for (const char* part :
       {"e0 = value of input 0", "e1 = axis 1 of input 1", "%1 x: float32 [e0, e1] input 1", "kernel @0 f(",
        "model.cc:7", "carry: ", "backwards", "branch on", "blocked e1 by 32", "tile 4 x 8", "library sgemm", "check "})
    REQUIRE_THAT(text, contains(part));
}

TEST_CASE("a truncated file is an error at every length") {
  const auto bytes = serialize(everything());
  for (std::size_t n = 0; n < bytes.size(); ++n) rejected(std::span(bytes).first(n));
}

TEST_CASE("truncated content with a correct hash is an error at every length") {
  const auto bytes = serialize(everything());
  const auto payload = unseal(bytes, "test");
  for (std::size_t n = 0; n < payload.size(); ++n) rejected(seal(payload.first(n)));
}

TEST_CASE("any flipped bit is noticed") {
  auto bytes = serialize(everything());
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
  const auto bytes = serialize(everything());
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
  auto bytes = serialize(everything());
  REQUIRE_THROWS_WITH(deserialize(std::vector<std::uint8_t>(100), "x.bit"),
                      Catch::Equals("x.bit: this is not a saved program"));
  auto newer = bytes;
  newer[8] = 9;
  REQUIRE_THROWS_WITH(deserialize(newer, "x.bit"), contains("saved in format 9"));
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

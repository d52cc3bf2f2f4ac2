// Which operands of contractions may have their packs kept.
#include "runtime/program/kept.h"

#include "runtime/base/error.h"
#include "runtime/program/serialize.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

// out[8, 8] = x * w, with w a Shared; w is buffer 1, x buffer 0.
Make product(bool keep_x, bool keep_w) {
  Make m;
  const int n = m.constant(8), one = m.constant(1);
  m.entry("leaf");
  ContractionStep s;
  s.a = m.input("x", {n, n});
  s.b = m.shared("w", {n, n});
  s.keep_a = keep_x;
  s.keep_b = keep_w;
  s.m = {{n, n, -1, {n}}};
  s.n = {{n, -1, one, {one}}};
  s.k = {{n, one, n, {-1}}};
  s.operands = {{m.output("out", {n, n}), -1, true, true}};
  s.epilogue = 0;
  s.tile = {4, 8, 0};
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(s, "product");
  return m;
}

}  // namespace

TEST_CASE("the pack of a Shared that nobody updates may be kept, as may that of its views") {
  Make m = product(false, true);
  const int view = m.temporary("view", {m.constant(64)});
  m.p.buffers[static_cast<std::size_t>(view)].alias_of = 1;
  REQUIRE(why_not_kept(m.p, 1).empty());
  REQUIRE(why_not_kept(m.p, view).empty());
  REQUIRE_NOTHROW(verify(m.p));
  const Program back = deserialize(serialize(m.p), "test");
  REQUIRE_THAT(to_string(back), contains("(%0 x + 0, %1 w + 0, pack kept)"));
}

TEST_CASE("packs of inputs and of Shareds that are updated may not be kept") {
  REQUIRE_THROWS_WITH(verify(product(true, false).p),
                      contains("keeps the pack of buffer %0 'x', but 'x' is neither a Shared nor a constant"));
  Make m = product(false, true);
  const int next = m.buffer(Role::update, "w next", {0, 0}, DType::f32, 0);
  m.step(CopyStep{0, next}, "copy");
  REQUIRE_THROWS_WITH(verify(m.p), contains("'w' is a Shared that the program updates"));
}

TEST_CASE("a blocked step keeps no packs") {
  Make m = product(false, true);
  const int rows = m.constant(8), begin = m.constant(0), size = m.constant(0);
  Make inner;
  inner.p.steps = std::move(m.p.steps);
  m.p.steps.clear();
  m.step(BlockedStep{rows, begin, size, 4, {}, inner.p.steps}, "blocked");
  REQUIRE_THROWS_WITH(verify(m.p), contains("it lies in a blocked step"));
}

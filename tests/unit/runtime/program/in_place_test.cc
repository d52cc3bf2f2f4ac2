// What stands in the way of writing an update over the old value.
#include "runtime/program/in_place.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

// new = f(w); y = f(new)
struct Update {
  Make m{"update"};
  int n = m.extent(ExtentOp::shared_axis, 0, 0), w = m.shared("w", {n}),
      next = m.buffer(Role::update, "new", {n}, DType::f32, 0), y = m.output("y", {n});
  Update() {
    m.entry("f");
    m.kernel(0, {w, next}, {n}, "first");
    m.kernel(0, {next, y}, {n}, "second");
  }
  void last_step_first() { std::rotate(m.p.steps.begin(), m.p.steps.end() - 1, m.p.steps.end()); }
  std::string why() const { return why_not_in_place(m.p, next); }
};

}  // namespace

TEST_CASE("an update whose old value nobody needs may be in place") {
  const Update u;
  CHECK(u.why().empty());
  CHECK(first_step_of(u.m.p, u.next) == 0);
  CHECK(buffer_of_shared(u.m.p, 0) == u.w);
  CHECK(buffer_of_shared(u.m.p, 1) == -1);
}

TEST_CASE("an old value that is read later stays") {
  Update u;
  const int other = u.m.output("other", {u.n});
  u.m.step(CopyStep{u.w, other}, "keep");
  CHECK(u.why() == "step 'keep' reads the old value after it has been written");
  u.last_step_first();
  CHECK(u.why().empty());
}

TEST_CASE("an old value that is returned as it is stays") {
  Update u;
  u.m.p.buffers[static_cast<std::size_t>(u.m.output("old", {u.n}))].alias_of = u.w;
  CHECK(u.why() == "the old value is also 'old'");
}

TEST_CASE("nothing may fail once an update has been written") {
  Update u;
  const int ok = u.m.temporary("ok", {}, DType::bool_);
  u.m.kernel(0, {u.y, ok}, {u.n}, "compare");
  u.m.step(CheckStep{ok, "no"}, "check");
  CHECK(u.why() == "step 'check' can fail after it has been written");
  u.last_step_first();
  CHECK(u.why().empty());
  Update v;
  v.m.step(LibraryStep{"scatter_add", {v.next}, {false}, {}, {}, {}}, "scatter");
  CHECK(v.why() == "step 'scatter' can fail after it has been written");
}

TEST_CASE("an update of other extents needs memory of its own") {
  Update u;
  u.m.p.buffers[static_cast<std::size_t>(u.next)].dims = {u.m.constant(3)};
  CHECK(u.why() == "its extents are not those of the old value");
  CHECK(why_not_in_place(u.m.p, u.y) == "it is not the new value of a Shared");
}

TEST_CASE("the verifier refuses what may not be in place") {
  Update u;
  u.m.p.buffers[static_cast<std::size_t>(u.next)].in_place = true;
  CHECK_NOTHROW(verify(u.m.p));
  CHECK_THAT(to_string(u.m.p), contains("%1 new: float32 [e0] update 0, in place"));
  u.m.step(CopyStep{u.w, u.m.output("other", {u.n})}, "keep");
  CHECK_THROWS_WITH(verify(u.m.p),
                    contains("buffer %1 'new' is updated in place, but step 'keep' reads the old value"));
}

namespace {

// t = f(x); y = f(t, z)
struct Call {
  Make m{"call"};
  int n = m.axis(0, 0), x = m.input("x", {n}), z = m.input("z", {n}), t = m.temporary("t", {n}), y = m.output("y", {n});
  Call() {
    m.entry("f");
    m.kernel(0, {x, t}, {n}, "first");
    m.kernel(0, {t, z, y}, {n}, "second");
  }
  OverInputs::Order order(int input) const { return OverInputs(m.p).order(y, input); }
};

}  // namespace

TEST_CASE("an output may be over an input that no later step touches") {
  Call c;
  CHECK(c.order(0) == OverInputs::Order::after);
  CHECK(c.order(1) == OverInputs::Order::same_step);
  CHECK(OverInputs(c.m.p).first_step(c.y) == 1);
  c.m.kernel(0, {c.x, c.m.output("other", {c.n})}, {c.n}, "third");
  CHECK(c.order(0) == OverInputs::Order::never);
  CHECK(c.order(1) == OverInputs::Order::same_step);
}

TEST_CASE("an input that is returned, also under another shape, stays") {
  Call c;
  const int view = c.m.temporary("view", {c.n}), old = c.m.output("old", {c.n});
  c.m.p.buffers[static_cast<std::size_t>(view)].alias_of = c.x;
  c.m.p.buffers[static_cast<std::size_t>(old)].alias_of = view;
  CHECK(c.order(0) == OverInputs::Order::never);
  CHECK(OverInputs(c.m.p).order(old, 1) == OverInputs::Order::never);  // has no memory of its own
}

TEST_CASE("the verifier asks for every output that is marked as over an input") {
  Call c;
  c.m.p.buffers[static_cast<std::size_t>(c.y)].over = {0, 1};
  CHECK_NOTHROW(verify(c.m.p));
  CHECK(to_string(c.m.p).find("output 0, may be over input 0, 1") != std::string::npos);
  c.m.kernel(0, {c.x, c.m.output("other", {c.n})}, {c.n}, "third");
  CHECK_THROWS_WITH(verify(c.m.p), contains("'y' may be over input 0, which is read after it has been written"));
  c.m.p.buffers[static_cast<std::size_t>(c.y)].over = {2};
  CHECK_THROWS_WITH(verify(c.m.p), contains("'y' may be over input 2, which is none"));
  c.m.p.buffers[static_cast<std::size_t>(c.y)].over = {};
  c.m.p.buffers[static_cast<std::size_t>(c.t)].over = {1};
  CHECK_THROWS_WITH(verify(c.m.p), contains("'t' may be over input 1, which is none or not for it"));
}

// Loops, branches and blocked steps with kernels written by hand.
#include "runtime/base/flags.h"
#include "runtime/executor/executor.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/kernels.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;
using executor::Runnable;

namespace {

LoopBinding binding(BindingKind kind, int outer_in, int inner_in, int inner_out, int outer_out,
                    bool backwards = false) {
  return {kind, outer_in, inner_in, inner_out, outer_out, backwards};
}
LoopBinding sequence(int outer, int inner, bool backwards = false) {
  return binding(BindingKind::sequence, outer, inner, -1, -1, backwards);
}
LoopBinding carry(int outer_in, int inner_in, int inner_out, int outer_out) {
  return binding(BindingKind::carry, outer_in, inner_in, inner_out, outer_out);
}
LoopBinding stacked(int inner, int outer, bool backwards = false) {
  return binding(BindingKind::stacked, -1, -1, inner, outer, backwards);
}

// h[i+1] = 2 * (h[i] + x[i]); all h are stacked. Rows of n elements, T trips.
struct Recurrence {
  Make m{"recurrence"};
  int trips = m.axis(0, 0), n = m.axis(0, 1);
  int xs = m.input("xs", {trips, n}), h0 = m.input("h0", {n});
  int last = m.output("last", {n}), hs = m.output("hs", {trips, n});
  Make body{"step"};
  int bn = body.extent(ExtentOp::outer, n);
  int x = body.buffer(Role::input, "x", {bn}), h = body.buffer(Role::input, "h", {bn});
  int t = body.temporary("t", {bn}), next = body.buffer(Role::output, "next", {bn});

  Recurrence() {
    m.entry("add");
    m.entry("twice");
    body.kernel(0, {x, h, t}, {bn}, "x + h");
    body.kernel(1, {t, next}, {bn}, "2 * (x + h)");
  }
  LoopStep& loop(std::vector<LoopBinding> bindings) {
    return std::get<LoopStep>(m.step(LoopStep{trips, -1, -1, std::move(bindings), body.body()}, "scan").node);
  }
  Runnable runnable() const { return Runnable(m.done(), {address(add_kernel), address(twice_kernel)}); }
};

Array rows(std::int64_t trips, std::int64_t n) {
  Array a(DType::f32, {trips, n});
  for (std::int64_t i = 0; i < trips * n; ++i) a.view<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 7);
  return a;
}

// All h after each step, for one column.
std::vector<float> expected(const Array& xs, std::int64_t column, float h, bool backwards) {
  const std::int64_t trips = xs.shape()[0], n = xs.shape()[1];
  std::vector<float> out(static_cast<std::size_t>(trips));
  for (std::int64_t i = 0; i < trips; ++i) {
    const std::int64_t row = backwards ? trips - 1 - i : i;
    h = 2 * (h + static_cast<float>(xs.at(row * n + column)));
    out[static_cast<std::size_t>(row)] = h;
  }
  return out;
}

void check_recurrence(const Runnable& f, bool backwards) {
  const bool saved = flags().guard;
  for (const bool guard : {false, true})
    for (const std::int64_t trips : {0, 1, 2, 40})
      for (const std::int64_t n : {3, 9001})
        for (const int threads : {1, 2, 3}) {
          flags().guard = guard;
          const Array xs = rows(trips, n), h0 = rows(1, n).reshaped({n});
          const auto r = f.call(std::vector{xs, h0}, {}, {.threads = threads});
          flags().guard = saved;
          for (const std::int64_t column : {std::int64_t{0}, std::int64_t{2}, n - 1}) {
            const auto all = expected(xs, column, static_cast<float>(h0.at(column)), backwards);
            const float last = trips == 0 ? static_cast<float>(h0.at(column)) : backwards ? all.front() : all.back();
            REQUIRE(r.outputs[0].at(column) == last);
            for (std::int64_t i = 0; i < trips; ++i)
              REQUIRE(r.outputs[1].at(i * n + column) == all[static_cast<std::size_t>(i)]);
          }
        }
}

}  // namespace

TEST_CASE("a loop of two steps with a sequence, a carry and a stacked output") {
  Recurrence r;
  r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs)});
  check_recurrence(r.runnable(), false);
}

TEST_CASE("a loop that goes backwards") {
  Recurrence r;
  r.loop({sequence(r.xs, r.x, true), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs, true)});
  check_recurrence(r.runnable(), true);
}

TEST_CASE("a carry updated in place is stacked by copies") {
  Recurrence r;
  r.body.p.buffers[static_cast<std::size_t>(r.next)].alias_of = r.h;
  r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs)});
  check_recurrence(r.runnable(), false);
}

namespace {

// out[i] = 2 * xs[i] in blocks of two rows, of which the carry counts the elements.
struct Doubling {
  Make m{"doubling"};
  int rows = m.axis(0, 0), n = m.axis(0, 1), one = m.constant(1), two = m.constant(2);
  int least = m.extent(ExtentOp::min, rows, two), block = m.extent(ExtentOp::max, least, one);
  int last = m.extent(ExtentOp::sub, block, one), all = m.extent(ExtentOp::add, rows, last);
  int trips = m.extent(ExtentOp::floordiv, all, block);
  int xs = m.input("xs", {rows, n}), out = m.output("out", {rows, n});
  Make body{"block"};
  int bb = body.extent(ExtentOp::outer, block), bn = body.extent(ExtentOp::outer, n);
  int elements = body.extent(ExtentOp::mul, bb, bn);
  int x = body.buffer(Role::input, "x", {bb, bn}), y = body.buffer(Role::output, "y", {bb, bn});

  LoopStep loop() {
    LoopBinding in = sequence(xs, x), to = stacked(y, out);
    in.blocks = to.blocks = true;
    return {trips, -1, -1, {in, to}, body.body()};
  }
};

}  // namespace

TEST_CASE("a loop goes over rows in blocks, of which the last ones may overlap") {
  Doubling d;
  d.m.entry("twice");
  d.body.kernel(0, {d.x, d.y}, {d.elements}, "2 * x");
  d.m.step(d.loop(), "blocks");
  const Runnable f(d.m.done(), {address(twice_kernel)});
  const bool saved = flags().guard;
  for (const bool guard : {false, true})
    for (const std::int64_t count : {0, 1, 2, 5, 6})
      for (const std::int64_t n : {0, 3, 9001})
        for (const int threads : {1, 2, 3}) {
          flags().guard = guard;
          const Array xs = rows(count, n);
          const auto r = f.call(std::vector{xs}, {}, {.threads = threads});
          flags().guard = saved;
          for (std::int64_t i = 0; i < xs.size(); ++i) REQUIRE(r.outputs[0].at(i) == 2 * xs.at(i));
        }
}

TEST_CASE("blocks that are none are refused") {
  const auto refused = [](auto change) {
    Doubling d;
    d.m.entry("twice");
    d.body.kernel(0, {d.x, d.y}, {d.elements}, "2 * x");
    LoopStep s = d.loop();
    change(d, s);
    d.m.step(std::move(s), "blocks");
    verify(d.m.p);
  };
  CHECK_NOTHROW(refused([](Doubling&, LoopStep&) {}));
  CHECK_THROWS_WITH(refused([](Doubling&, LoopStep& s) { s.bindings[0].backwards = true; }),
                    contains("or goes backwards"));
  CHECK_THROWS_WITH(refused([](Doubling& d, LoopStep& s) {
                      const int ended = d.m.input("ended", {}, DType::bool_);
                      s.ended = ended;
                    }),
                    contains("goes by blocks and may leave out iterations"));
  CHECK_THROWS_WITH(refused([](Doubling&, LoopStep& s) { s.bindings[0].kind = BindingKind::invariant; }),
                    contains("neither a sequence's nor stacked"));
  Doubling short_of_one;
  short_of_one.m.entry("twice");
  short_of_one.body.kernel(0, {short_of_one.x, short_of_one.y}, {short_of_one.elements}, "2 * x");
  LoopStep s = short_of_one.loop();
  s.trips = short_of_one.one;
  short_of_one.m.step(std::move(s), "blocks");
  const Runnable f(short_of_one.m.done(), {address(twice_kernel)});
  CHECK_NOTHROW(f.call(std::vector{rows(2, 3)}, {}, {.threads = 1}));
  CHECK_THROWS_WITH(f.call(std::vector{rows(3, 3)}, {}, {.threads = 1}), contains("is bound to 1 blocks"));
}

TEST_CASE("the rows of a loop are dealt to the threads") {
  for (const bool backwards : {false, true})
    for (const bool in_place : {false, true}) {
      Recurrence r;
      if (in_place) r.body.p.buffers[static_cast<std::size_t>(r.next)].alias_of = r.h;
      r.loop({sequence(r.xs, r.x, backwards), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs, backwards)})
          .rows = r.bn;
      check_recurrence(r.runnable(), backwards);
    }
}

namespace {

// a, out; n: out = a + the number of threads
int threads_kernel(Context*, void* const* p, const std::int64_t* e, int thread, int threads) {
  const auto [begin, end] = share(e[0], thread, threads);
  for (std::int64_t i = begin; i < end; ++i)
    static_cast<float*>(p[1])[i] = static_cast<const float*>(p[0])[i] + static_cast<float>(threads);
  return 0;
}

// The same, and it fails in the last thread's rows when they reach 50.
int fragile_kernel(Context* c, void* const* p, const std::int64_t* e, int thread, int threads) {
  threads_kernel(c, p, e, thread, threads);
  if (thread + 1 < threads || static_cast<float*>(p[1])[e[0] - 1] < 50) return 0;
  c->error_value = 7;
  c->error_limit = 5;
  return c->error = static_cast<int>(ErrorCode::index_out_of_range);
}

struct Counting {
  Make m{"counting"};
  int trips = m.axis(0, 0), n = m.axis(1, 0);
  int length = m.input("length", {trips}), h0 = m.input("h0", {n}), last = m.output("last", {n});
  Make body{"step"};
  int bn = body.extent(ExtentOp::outer, n);
  int h = body.buffer(Role::input, "h", {bn}), t = body.temporary("t", {bn}),
      next = body.buffer(Role::output, "next", {bn});

  Counting(bool by_rows, decltype(threads_kernel)* kernel) : kernel_(kernel) {
    body.kernel(m.entry("count"), {h, t}, {bn});
    body.step(CopyStep{t, next}, "copy");
    LoopStep s{trips, -1, -1, {carry(h0, h, next, last)}, body.body()};
    if (by_rows) s.rows = bn;
    m.step(std::move(s), "scan");
  }
  Array run(std::int64_t steps, std::int64_t rows, int threads) const {
    const Runnable f(m.done(), {address(kernel_)});
    return f
        .call(std::vector{Array::zeros(DType::f32, {steps}), Array::zeros(DType::f32, {rows})}, {},
              {.threads = threads})
        .outputs[0];
  }

 private:
  decltype(threads_kernel)* kernel_;
};

}  // namespace

// A step of these is so little that one thread would run it alone.
TEST_CASE("small steps are shared by rows where the loop is long and every thread gets some") {
  const auto threads_seen = [](bool by_rows, std::int64_t steps, std::int64_t rows, int threads) {
    const Array sums = Counting(by_rows, threads_kernel).run(steps, rows, threads);
    for (std::int64_t i = 1; i < rows; ++i) REQUIRE(sums.at(i) == sums.at(0));
    return sums.at(0) / static_cast<double>(steps);
  };
  REQUIRE(threads_seen(true, 400, 1000, 2) == 2);
  REQUIRE(threads_seen(true, 400, 1001, 3) == 3);
  REQUIRE(threads_seen(true, 400, 1000, 1) == 1);
  REQUIRE(threads_seen(true, 4, 1000, 2) == 1);
  REQUIRE(threads_seen(true, 40000, 7, 2) == 1);
  REQUIRE(threads_seen(false, 400, 1000, 2) == 1);
}

TEST_CASE("a kernel that fails for a thread's rows ends the loop of all") {
  for (const int threads : {1, 2, 3})
    REQUIRE_THROWS_WITH(Counting(true, fragile_kernel).run(400, 1000, threads), Catch::Contains("7"));
}

TEST_CASE("an output that is stacked twice and a carry that nobody reads") {
  Recurrence r;
  const int again = r.m.output("again", {r.trips, r.n});
  r.loop({stacked(r.next, r.hs), sequence(r.xs, r.x), carry(r.h0, r.h, r.next, -1), stacked(r.next, again)});
  r.m.kernel(0, {r.h0, r.h0, r.last}, {r.n});
  const Runnable f = r.runnable();
  const auto out = f.call(std::vector{rows(4, 5), rows(1, 5).reshaped({5})}, {}, {.threads = 2});
  REQUIRE(out.outputs[1].same_bits(out.outputs[2]));
  REQUIRE(out.outputs[1].at(15) == expected(rows(4, 5), 0, 0, false)[3]);
}

TEST_CASE("a carry alone alternates between two places") {
  for (const bool outer : {true, false}) {
    Recurrence r;
    r.m.p.outputs[1].dims = {r.n};
    r.m.p.buffers[static_cast<std::size_t>(r.hs)].dims = {r.n};
    r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, outer ? r.last : -1),
            carry(r.h0, r.body.buffer(Role::input, "h again", {r.bn}), r.next, r.hs)});
    std::get<LoopStep>(r.m.p.steps[0].node).body = r.body.body();
    if (!outer) r.m.kernel(0, {r.h0, r.h0, r.last}, {r.n});
    const Runnable f = r.runnable();
    for (const std::int64_t trips : {0, 1, 2, 5}) {
      const Array xs = rows(trips, 9000), h0 = rows(1, 9000).reshaped({9000});
      const auto out = f.call(std::vector{xs, h0}, {}, {.threads = 2});
      const float last = trips ? expected(xs, 3, 3, false).back() : 3;
      REQUIRE(out.outputs[1].at(3) == last);
      if (outer) REQUIRE(out.outputs[0].at(3) == last);
    }
  }
}

TEST_CASE("carries that pass on what others were, with and without places outside of the loop") {
  // h[i] = 2 * (h[i - 3] + x[i]), until it is 5 if there is such an end. Wanted are the last three and the last row.
  struct Case {
    bool stacked, outer, until, guard;
    std::int64_t n;
  };
  std::vector<Case> cases;
  const bool saved = flags().guard;
  for (const bool is_stacked : {false, true})
    for (const bool outer : {false, true})
      for (const bool until : {false, true})
        for (const bool guard : {false, true})
          for (const std::int64_t n : {3, 9000}) cases.push_back({is_stacked, outer, until, guard, n});
  for (const Case& c : cases) {
    INFO((c.stacked ? "stacked " : "") << (c.outer ? "outer " : "") << (c.until ? "until " : "")
                                       << (c.guard ? "guarded " : "") << c.n);
    Recurrence r;
    const int one = r.body.buffer(Role::input, "one", {r.bn}), two = r.body.buffer(Role::input, "two", {r.bn}),
              before = r.body.buffer(Role::input, "row before", {r.bn});
    const auto result = [&](const char* name) { return r.m.output(name, {r.n}); };
    const int last_two = result("last two"), last_three = result("last three"), last_row = result("last row");
    std::vector<LoopBinding> bindings{sequence(r.xs, r.x), carry(r.h0, r.h, two, last_three),
                                      carry(r.h0, one, r.next, c.outer ? r.last : -1), carry(r.h0, two, one, last_two),
                                      carry(r.h0, before, r.x, last_row)};
    if (c.stacked) bindings.push_back(stacked(r.next, r.hs));
    const int reached = r.m.entry("reached");
    int done = -1;
    if (c.until) {
      done = r.body.buffer(Role::output, "done", {}, DType::bool_);
      r.body.kernel(reached, {r.next, done}, {r.body.constant(5)});
    }
    r.loop(bindings).until = done;
    if (!c.outer) r.m.kernel(0, {r.h0, r.h0, r.last}, {r.n});
    if (!c.stacked) r.m.kernel(0, {r.xs, r.xs, r.hs}, {r.m.extent(ExtentOp::mul, r.trips, r.n)});
    const Runnable f(r.m.done(), {address(add_kernel), address(twice_kernel), address(reached_kernel)});
    for (const std::int64_t trips : {0, 1, 2, 3, 4, 5, 9})
      for (const int threads : {1, 2, 3}) {
        Array xs = rows(trips, c.n);
        for (std::int64_t i = 0; i < xs.size() && c.until; ++i)
          xs.view<float>()[static_cast<std::size_t>(i)] = 0.25F * static_cast<float>(1 + i / c.n);
        const Array h0 = rows(1, c.n).reshaped({c.n});
        flags().guard = c.guard;
        const auto out = f.call(std::vector{xs, h0}, {}, {.threads = threads}).outputs;
        flags().guard = saved;
        std::int64_t taken = 0;  // by the first column, which begins with 0
        for (float first[4] = {0, 0, 0, 0}; taken < trips && !(c.until && first[0] >= 5); ++taken) {
          const float next = 2 * (first[2] + static_cast<float>(xs.at(taken * c.n)));
          first[2] = first[1], first[1] = first[0], first[0] = next;
        }
        for (const std::int64_t column : {std::int64_t{0}, std::int64_t{2}, c.n - 1}) {
          std::vector<float> h(3, static_cast<float>(h0.at(column)));
          for (std::int64_t i = 0; i < taken; ++i) {
            h.push_back(2 * (h[h.size() - 3] + static_cast<float>(xs.at(i * c.n + column))));
            if (c.stacked) REQUIRE(out[1].at(i * c.n + column) == h.back());
          }
          if (c.outer) REQUIRE(out[0].at(column) == h.back());
          REQUIRE(out[2].at(column) == h[h.size() - 2]);
          REQUIRE(out[3].at(column) == h[h.size() - 3]);
          REQUIRE(out[4].at(column) == (taken ? xs : h0).at((taken ? taken - 1 : 0) * c.n + column));
        }
      }
  }
}

TEST_CASE("a loop ends when its condition is true") {
  for (const std::int64_t n : {1, 9000})
    for (const int threads : {1, 2}) {
      Recurrence r;
      const int ok = r.body.buffer(Role::output, "done", {}, DType::bool_), taken = r.m.output("taken", {}, DType::i64);
      r.body.kernel(r.m.entry("reached"), {r.next, ok}, {r.body.constant(20)});
      LoopStep& loop = r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs)});
      loop.until = ok;
      loop.trips_taken = taken;
      const Runnable f(r.m.done(), {address(add_kernel), address(twice_kernel), address(reached_kernel)});
      Array ones(DType::f32, {10, n});
      for (float& v : ones.view<float>()) v = 1;
      const auto out = f.call(std::vector{ones, Array::zeros(DType::f32, {n})}, {}, {.threads = threads});
      REQUIRE(out.outputs[2].at(0) == 4);  // 2, 6, 14, 30
      REQUIRE(out.outputs[0].at(n - 1) == 30);
      REQUIRE(out.outputs[1].at(3 * n) == 30);
      for (std::int64_t i = 4 * n; i < 10 * n; ++i) REQUIRE(out.outputs[1].at(i) == 0);
    }
}

TEST_CASE("a loop of unknown length ends with its carry in the outer buffer") {
  for (const std::int64_t n : {1, 9000})
    for (const int limit : {1, 5, 20, 60}) {
      Recurrence r;
      const int ok = r.body.buffer(Role::output, "done", {}, DType::bool_);
      r.body.kernel(r.m.entry("reached"), {r.next, ok}, {r.body.constant(limit)});
      r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last)}).until = ok;
      r.m.step(CopyStep{r.xs, r.hs}, "copy");
      const Runnable f(r.m.done(), {address(add_kernel), address(twice_kernel), address(reached_kernel)});
      Array ones(DType::f32, {10, n});
      for (float& v : ones.view<float>()) v = 1;
      float h = 0;
      do h = 2 * (h + 1);
      while (h < static_cast<float>(limit));
      for (const int threads : {1, 2})
        REQUIRE(
            f.call(std::vector{ones, Array::zeros(DType::f32, {n})}, {}, {.threads = threads}).outputs[0].at(n - 1) ==
            h);
    }
}

TEST_CASE("a loop runs the iterations between its bounds, and none if it has ended") {
  constexpr std::int64_t trips = 5;
  for (const bool backwards : {false, true})
    for (const bool in_place : {false, true}) {
      Recurrence r;
      if (in_place) r.body.p.buffers[static_cast<std::size_t>(r.next)].alias_of = r.h;
      const int first = r.m.input("first", {}, DType::i64), last = r.m.input("last", {}, DType::i64),
                ended = r.m.input("ended", {}, DType::bool_), taken = r.m.output("taken", {}, DType::i64);
      LoopStep& loop =
          r.loop({sequence(r.xs, r.x, backwards), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs, backwards)});
      loop.first = first;
      loop.last = last;
      loop.ended = ended;
      loop.trips_taken = taken;
      const Runnable f = r.runnable();
      for (const std::int64_t from : {-3, 0, 2, 5, 9})
        for (const std::int64_t to : {-1, 0, 1, 2, 4, 5, 100})
          for (const bool has_ended : {false, true})
            for (const std::int64_t n : {1, 9000})
              for (const int threads : {1, 2}) {
                const Array xs = rows(trips, n), h0 = rows(1, n).reshaped({n});
                const auto out =
                    f.call(std::vector{xs, h0, Array::scalar(from), Array::scalar(to), Array::scalar(has_ended)}, {},
                           {.threads = threads});
                auto h = static_cast<float>(h0.at(n - 1));
                std::int64_t run = 0;
                for (std::int64_t i = 0; i < trips; ++i) {
                  const bool runs = from <= i && i < to && !has_ended;
                  const std::int64_t at = (backwards ? trips - 1 - i : i) * n + n - 1;
                  if (runs) h = 2 * (h + static_cast<float>(xs.at(at)));
                  run += runs;
                  REQUIRE(out.outputs[1].at(at) == (runs ? h : 0));
                }
                REQUIRE(out.outputs[0].at(n - 1) == h);
                REQUIRE(out.outputs[2].at(0) == static_cast<double>(run));
              }
    }
}

TEST_CASE("a carry may be updated where it lies") {
  Make m;
  const int trips = m.axis(0, 0), n = m.axis(0, 1), xs = m.input("xs", {trips, n}), h0 = m.input("h0", {n});
  const int sum = m.temporary("sum", {n}), out = m.output("out", {n});
  m.entry("add");
  m.entry("twice");
  m.kernel(1, {h0, sum}, {n});
  Make body("body");
  const int bn = body.extent(ExtentOp::outer, n), x = body.buffer(Role::input, "x", {bn}),
            h = body.buffer(Role::input, "h", {bn});
  const int next = body.buffer(Role::output, "next", {bn});
  body.p.buffers[static_cast<std::size_t>(next)].alias_of = h;
  body.kernel(0, {x, h, next}, {bn});
  m.step(LoopStep{trips, -1, -1, {sequence(xs, x), carry(sum, h, next, sum)}, body.body()}, "loop");
  m.kernel(1, {sum, out}, {n});
  const Runnable f(m.done(), {address(add_kernel), address(twice_kernel)});
  for (const std::int64_t length : {2, 9000})
    for (const int threads : {1, 2}) {
      Array ones(DType::f32, {5, length});
      for (float& v : ones.view<float>()) v = 1;
      REQUIRE(
          f.call(std::vector{ones, rows(1, length).reshaped({length})}, {}, {.threads = threads}).outputs[0].at(1) ==
          14);
    }
}

TEST_CASE("the NaN guard sees the steps of a body") {
  const bool saved = flags().nan_guard;
  flags().nan_guard = true;
  Recurrence r;
  r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs)});
  const Runnable f = r.runnable();
  for (const std::int64_t n : {3, 9000})
    for (const int threads : {1, 2}) {
      Array xs = rows(4, n);
      REQUIRE_NOTHROW(f.call(std::vector{xs, Array::zeros(DType::f32, {n})}, {}, {.threads = threads}));
      xs.view<float>()[static_cast<std::size_t>(n)] = 3e38f;
      REQUIRE_THROWS_WITH(f.call(std::vector{xs, Array::zeros(DType::f32, {n})}, {}, {.threads = threads}),
                          contains("2 * (x + h): element 0 of the " + std::to_string(n) + " of 'next' is not finite"));
    }
  flags().nan_guard = saved;
}

TEST_CASE("a loop inside a loop sees both iterations") {
  // out[i][j] = i * columns + j, one element per inner iteration
  Make m;
  const int r = m.axis(0, 0), c = m.axis(0, 1), x = m.input("x", {r, c}), out = m.output("out", {r, c});
  (void)x;
  Make inner("inner");
  const int one = inner.constant(1), outer_row = inner.extent(ExtentOp::outer, 2),
            j = inner.extent(ExtentOp::iteration);
  const int at = inner.extent(ExtentOp::add, outer_row, j), cell = inner.buffer(Role::output, "cell", {one});
  inner.kernel(m.entry("count"), {cell}, {one, at});
  Make outer("outer");
  const int columns = outer.extent(ExtentOp::outer, c), i = outer.extent(ExtentOp::iteration),
            row_start = outer.extent(ExtentOp::mul, i, columns);
  REQUIRE(row_start == 2);
  const int one_outer = outer.constant(1);
  const int row = outer.buffer(Role::output, "row", {columns, one_outer});
  outer.step(LoopStep{columns, -1, -1, {stacked(cell, row)}, inner.body()}, "inner loop");
  m.step(LoopStep{r, -1, -1, {stacked(row, out)}, outer.body()}, "outer loop");
  const Runnable f(m.done(), {address(count_kernel)});
  for (const int threads : {1, 2}) {
    const auto result = f.call(std::vector{Array::zeros(DType::f32, {4, 5})}, {}, {.threads = threads});
    for (std::int64_t k = 0; k < 20; ++k) REQUIRE(result.outputs[0].at(k) == static_cast<double>(k));
  }
}

TEST_CASE("a failing check inside a loop stops it on all threads") {
  for (const std::int64_t n : {1, 9000})
    for (const int threads : {1, 2, 3}) {
      Recurrence r;
      const int ok = r.body.temporary("ok", {}, DType::bool_);
      r.body.kernel(r.m.entry("reached"), {r.x, ok}, {r.body.constant(1)});
      r.body.step(CheckStep{ok, "x must be positive"}, "check of x");
      r.loop({sequence(r.xs, r.x), carry(r.h0, r.h, r.next, r.last), stacked(r.next, r.hs)});
      const Runnable f(r.m.done(), {address(add_kernel), address(twice_kernel), address(reached_kernel)});
      Array xs(DType::f32, {4, n});
      for (float& v : xs.view<float>()) v = 1;
      REQUIRE_NOTHROW(f.call(std::vector{xs, Array::zeros(DType::f32, {n})}, {}, {.threads = threads}));
      xs.view<float>()[static_cast<std::size_t>(2 * n)] = -1;
      REQUIRE_THROWS_WITH(f.call(std::vector{xs, Array::zeros(DType::f32, {n})}, {}, {.threads = threads}),
                          Catch::Equals("check of x: x must be positive"));
    }
}

TEST_CASE("a branch runs the side that its condition says") {
  for (const std::int64_t n : {2, 9000})
    for (const int threads : {1, 2}) {
      Make m;
      const int e = m.axis(0, 0), x = m.input("x", {e}), c = m.input("c", {}, DType::bool_), y = m.output("y", {e});
      m.entry("twice");
      m.entry("add");
      Make then("then"), otherwise("otherwise");
      const int te = then.extent(ExtentOp::outer, e), tx = then.buffer(Role::input, "x", {te}),
                ty = then.buffer(Role::output, "y", {te});
      const int tt = then.temporary("t", {te});
      then.kernel(0, {tx, tt}, {te});
      then.kernel(0, {tt, ty}, {te});
      const int oe = otherwise.extent(ExtentOp::outer, e), ox = otherwise.buffer(Role::input, "x", {oe});
      const int oy = otherwise.buffer(Role::output, "y", {oe});
      otherwise.kernel(1, {ox, ox, oy}, {oe});
      BranchStep b;
      b.condition = c;
      b.then = then.body();
      b.otherwise = otherwise.body();
      b.then_bindings = {{x, tx, false}, {y, ty, true}};
      b.otherwise_bindings = {{x, ox, false}, {y, oy, true}};
      m.step(b, "cond");
      const Runnable f(m.done(), {address(twice_kernel), address(add_kernel)});
      const Array v = rows(1, n).reshaped({n});
      REQUIRE(f.call(std::vector{v, Array::scalar(true)}, {}, {.threads = threads}).outputs[0].at(1) == 4);
      REQUIRE(f.call(std::vector{v, Array::scalar(false)}, {}, {.threads = threads}).outputs[0].at(1) == 2);
    }
}

TEST_CASE("a blocked step runs its chain tile by tile") {
  // out[i] = 2 * i, counted and doubled in a local buffer of one tile
  Make m;
  const int n = m.axis(0, 0), x = m.input("x", {n}), out = m.output("out", {n});
  (void)x;
  const int begin = m.constant(0), size = m.constant(0), a = m.temporary("a", {size}), b = m.temporary("b", {size});
  m.entry("count");
  m.entry("twice");
  m.entry("put");
  Make steps;
  steps.kernel(0, {a}, {size, begin}, "count");
  steps.kernel(1, {a, b}, {size}, "twice");
  steps.kernel(2, {b, out}, {size, begin}, "put");
  m.step(BlockedStep{n, begin, size, 16, {a, b}, steps.p.steps}, "blocked");
  const Runnable f(m.done(), {address(count_kernel), address(twice_kernel), address(put_kernel)});
  const bool saved = flags().guard;
  for (const bool guard : {false, true})
    for (const std::int64_t extent : {0, 1, 16, 17, 100})
      for (const int threads : {1, 2, 3}) {
        flags().guard = guard;
        const auto r = f.call(std::vector{Array::zeros(DType::f32, {extent})}, {}, {.threads = threads});
        flags().guard = saved;
        for (std::int64_t i = 0; i < extent; ++i) REQUIRE(r.outputs[0].at(i) == static_cast<double>(2 * i));
      }
}

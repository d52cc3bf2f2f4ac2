#include "runtime/base/error.h"
#include "runtime/program/loop_kernel.h"
#include "runtime/program/program.h"
#include "tests/support/catch.h"
#include "tests/support/program_of_everything.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

// y = f(x) by way of t.
struct Chain {
  Make m{"chain"};
  int n = m.axis(0, 0), x = m.input("x", {n}), t = m.temporary("t", {n}), y = m.output("y", {n});
  Chain() {
    m.entry("f");
    m.kernel(0, {x, t}, {n}, "first");
    m.kernel(0, {t, y}, {n}, "second");
  }
  Buffer& buffer(int b) { return m.p.buffers[static_cast<std::size_t>(b)]; }
  KernelStep& kernel(std::size_t i) { return std::get<KernelStep>(m.p.steps[i].node); }
};

void fails(const Make& m, const std::string& why) { REQUIRE_THROWS_WITH(verify(m.p), contains(why)); }

}  // namespace

TEST_CASE("a consistent program passes, and a failure carries the text") {
  Chain c;
  REQUIRE_NOTHROW(verify(c.m.p));
  c.kernel(0).entry = 3;
  REQUIRE_THROWS_AS(verify(c.m.p), InternalError);
  fails(c.m, "program 'chain' is inconsistent: the kernel of step 'first' is entry 3, which does not exist");
  fails(c.m, "%1 t: float32 [e0] temporary");
}

TEST_CASE("what is read was written before") {
  Chain c;
  std::swap(c.m.p.steps[0], c.m.p.steps[1]);
  fails(c.m, "an argument of step 'second' reads buffer %1 't' before it is written");
  Chain unwritten;
  unwritten.m.p.steps.pop_back();
  fails(unwritten.m, "'y' is never written");
}

TEST_CASE("inputs, constants and Shareds are not written") {
  Chain c;
  c.kernel(1).buffers[1] = c.x;
  fails(c.m, "writes buffer %0 'x', which is not its to write");
}

TEST_CASE("slots, buffers and flags exist") {
  Chain c;
  c.kernel(0).extents[0] = 5;
  fails(c.m, "an argument is extent 5, which does not exist");
  Chain d;
  d.kernel(0).buffers[0] = -1;
  fails(d.m, "an argument is buffer -1, which does not exist");
  Chain e;
  e.kernel(0).writes.pop_back();
  fails(e.m, "step 'first' has 2 buffers and 1 write flags");
  Chain f;
  f.m.extent(ExtentOp::add, 0, 7);
  fails(f.m, "extent 1 depends on one that does not come before it");
  Chain g;
  g.m.axis(0, 1);
  fails(g.m, "extent 1 is axis 1 of input 0, which does not exist");
  Chain h;
  h.m.extent(ExtentOp::iteration);
  fails(h.m, "extent 1 is the iteration outside a loop's body");
}

TEST_CASE("aliases end and agree") {
  Chain c;
  c.buffer(c.t).alias_of = c.t;
  fails(c.m, "'t' is an alias of itself");
  Chain d;
  d.buffer(d.t).alias_of = d.y;
  d.buffer(d.t).storage = DType::i32;
  fails(d.m, "'t' is an alias of another dtype");
  Chain e;
  e.buffer(e.x).alias_of = e.t;
  fails(e.m, "is an alias, and neither a temporary, an output nor an update");
}

TEST_CASE("ports have their buffers") {
  Chain c;
  c.m.p.outputs.push_back({"z", DType::f32, {}, false});
  fails(c.m, "output 1 has 0 buffers");
  Chain d;
  d.buffer(d.y).index = 4;
  fails(d.m, "'y' is output 4, which does not exist");
  Chain e;
  e.m.p.inputs[0].dtype = DType::f64;
  fails(e.m, "input 0 have different dtypes");
  Chain f;
  f.m.p.blobs.push_back({"x86-64-v3", {1}, {}});
  fails(f.m, "the code for x86-64-v3 has 0 entries, expected 1");
}

TEST_CASE("a device's code has images, and launches that steps can make") {
  const auto with = [](std::vector<std::uint64_t> images, Launch launch) {
    Chain c;
    c.m.p.blobs.push_back({"sm_90", {1, 2, 3}, std::move(images), {{std::move(launch)}}});
    return c.m;
  };
  REQUIRE_NOTHROW(verify(with({0, 2}, {"f", 1, 32, 1, {}}).p));
  fails(with({}, {"f", 0, 32, 1, {}}), "the images of the code for sm_90 do not follow each other");
  fails(with({0, 2, 1}, {"f", 0, 32, 1, {}}), "the images of the code for sm_90 do not follow each other");
  fails(with({0, 4}, {"f", 0, 32, 1, {}}), "the images of the code for sm_90 do not follow each other");
  fails(with({0}, {"f", 1, 32, 1, {}}), "a launch of the code for sm_90 is of no image");
  fails(with({0}, {"f", 0, 2000, 1, {}}), "a launch of the code for sm_90 is not one");
  fails(with({0}, {"f", 0, 32, 0, {}}), "a launch of the code for sm_90 is not one");
  fails(with({0}, {"f", 0, 32, 1, {{-1, -1}}}), "an amount of work that is not one");
  fails(with({0}, {"f", 0, 32, 1, {{0, 40}}}), "extents");
  Chain c;
  c.m.p.blobs.push_back({"sm_90", {1}, {0}, {{}, {}}});
  fails(c.m, "the code for sm_90 has 2 entries, expected 1");
}

TEST_CASE("the kernel of a loop is launched together, with arguments and groups that there are") {
  const auto with = [](const auto& change) {
    Make m("kernel");
    m.p = program_of_a_device();
    for (Step& s : m.p.steps)
      if (auto* loop = std::get_if<LoopStep>(&s.node)) change(m.p, loop->kernel);
    return m;
  };
  using Kind = LoopKernel::Argument::Kind;
  REQUIRE_NOTHROW(verify(with([](Program&, LoopKernel&) {}).p));
  fails(with([](Program&, LoopKernel& k) { k.entry = 1; }), "the kernel of loop 'loop' is not launched together");
  fails(with([](Program&, LoopKernel& k) { k.entry = 3; }),
        "the kernel of step 'loop' is entry 3, which does not exist");
  fails(with([](Program&, LoopKernel& k) { k.arguments[0].index = 99; }), "an argument that does not exist");
  fails(with([](Program&, LoopKernel& k) { k.arguments[1].index = 9; }), "an argument that does not exist");
  fails(with([](Program&, LoopKernel& k) { k.arguments[2].kind = Kind::outer; }), "gives h 0 extents");
  fails(with([](Program&, LoopKernel& k) { k.groups.clear(); }), "groups that leave out steps");
  fails(with([](Program&, LoopKernel& k) { k.groups = {1, 1}; }), "groups of steps that are not there");
  fails(with([](Program&, LoopKernel& k) { k.by_rows = true; }), "goes by rows that the loop does not have");
  fails(with([](Program& p, LoopKernel& k) {
          k.clusters = true;
          p.blobs[0].launches[2][0].together.clear();
          p.blobs[0].launches[2][0].cluster = cluster_blocks;
        }),
        "has clusters and does not go by rows");
  fails(with([](Program&, LoopKernel& k) { k.clusters = true; }), "and its launch differ in clusters");
  fails(with([](Program& p, LoopKernel&) { p.blobs[0].launches[2][0].cluster = 8; }), "is not one");
  fails(with([](Program& p, LoopKernel&) { p.blobs[0].launches[1][0].cluster = 8; }), "is launched together");
  fails(with([](Program& p, LoopKernel&) { p.blobs[0].launches[2][0].together[0].per_block = 0; }),
        "a part of h is not one");
  fails(with([](Program& p, LoopKernel&) { p.blobs[0].launches[2][0].together[1].work[0].value = -1; }),
        "an amount of work that is not one");
  fails(with([](Program& p, LoopKernel&) { p.blobs[0].launches[1][0].together = {{}}; }), "is launched together");
}

TEST_CASE("a library that multiplies is the device's, and something finishes its product") {
  const auto with = [](bool on_device, const auto& change) {
    Make m("product");
    m.p = on_device ? program_of_a_device() : program_of_everything();
    for (Step& s : m.p.steps)
      if (auto* c = std::get_if<ContractionStep>(&s.node)) change(*c);
    return m;
  };
  REQUIRE_NOTHROW(verify(with(true, [](ContractionStep&) {}).p));
  REQUIRE_NOTHROW(verify(with(true, [](ContractionStep& c) { c.whole.finish = -1; }).p));
  fails(with(true, [](ContractionStep& c) { c.whole.finish = 9; }),
        "what finishes the product of step 'contraction' is entry 9, which does not exist");
  fails(with(true, [](ContractionStep& c) { c.candidate = ContractionCandidate::openblas; }),
        "contraction 'contraction' is of a library that is not a device's");
  fails(with(true, [](ContractionStep& c) { c.candidate = ContractionCandidate::generated; }),
        "what finishes contraction 'contraction' has no product");
  fails(with(true, [](ContractionStep& c) { c.accumulating = true; }), "accumulating contraction 'contraction' is of");
  fails(with(true, [](ContractionStep& c) { c.sliced = true; }), "sliced contraction 'contraction' is of");
  const auto straight = [&](const auto& change) {
    return with(true, [&](ContractionStep& c) {
      c.whole.finish = -1;
      change(c);
    });
  };
  fails(straight([](ContractionStep& c) { c.dtype = DType::f64; }), "has another dtype");
  fails(straight([](ContractionStep& c) { c.dtype = DType::f16; }), "is not in floating point that is computed with");
  fails(straight([](ContractionStep& c) { c.a_storage = DType::bf16; }), "has another dtype");
  fails(straight([](ContractionStep& c) {
          c.operands.insert(c.operands.begin(), {c.a, -1, true, false});
          for (auto* group : {&c.m, &c.n, &c.k})
            for (ContractionDim& d : *group) d.operands.push_back(-1);
        }),
        "nothing finishes the product of contraction 'contraction'");
  // A bias beside the result, of its dtype.
  constexpr const char* unfinished = "nothing finishes the product of contraction 'contraction'";
  REQUIRE_NOTHROW(verify(with(true, [](ContractionStep& c) { c.whole.relu = false; }).p));
  fails(with(true, [](ContractionStep& c) { c.whole.bias = false; }), unfinished);
  REQUIRE_NOTHROW(verify(with(true, [](ContractionStep& c) { c.whole.bias = c.whole.relu = false; }).p));
  fails(with(true, [](ContractionStep& c) { c.whole.rounds = true; }), unfinished);
  fails(with(true, [](ContractionStep& c) { c.operands[0].buffer = 0; }), unfinished);
  fails(with(true, [](ContractionStep& c) { c.operands[0] = c.operands[1]; }), unfinished);
  fails(with(true,
             [](ContractionStep& c) {
               c.whole.finish = -1;
               c.candidate = ContractionCandidate::generated;
             }),
        "what finishes contraction 'contraction' has no product");
  fails(with(false, [](ContractionStep& c) { c.candidate = ContractionCandidate::cublaslt; }),
        "contraction 'contraction' is of a library that is not the CPU's");
}

TEST_CASE("loops bind both sides, and sizes do not change with the iteration") {
  const auto loop = [](auto change) {
    Chain c;
    Make body("body");
    const int n = body.extent(ExtentOp::outer, c.n), i = body.extent(ExtentOp::iteration);
    const int h = body.buffer(Role::input, "h", {n}), next = body.buffer(Role::output, "next", {n});
    body.kernel(0, {h, next}, {i});
    const int last = c.m.output("last", {c.n});
    LoopStep s{c.n, -1, -1, {{BindingKind::carry, c.x, h, next, last, false}}, nullptr};
    change(c, body, s);
    if (!s.body) s.body = body.body();
    c.m.step(s, "loop");
    return c.m;
  };
  REQUIRE_NOTHROW(verify(loop([](Chain&, Make&, LoopStep&) {}).p));
  fails(loop([](Chain&, Make& b, LoopStep&) { b.p.buffers[1].dims[0] = 1; }),
        "the dim of a buffer is extent 1, which changes with the iteration");
  fails(loop([](Chain&, Make&, LoopStep& s) { s.bindings.clear(); }), "input 'h' of the body of 'loop' is not bound");
  fails(loop([](Chain&, Make&, LoopStep& s) { s.bindings[0].inner_out = -1; }), "a binding with the wrong sides");
  const auto bounded = [](Chain& c, LoopStep& s, DType bound, DType ended) {
    s.first = s.last = c.m.temporary("bound", {}, bound);
    s.ended = c.m.temporary("ended", {}, ended);
    c.m.kernel(0, {c.x, s.first}, {});
    c.m.kernel(0, {c.x, s.ended}, {});
  };
  REQUIRE_NOTHROW(verify(loop([&](Chain& c, Make&, LoopStep& s) { bounded(c, s, DType::i64, DType::bool_); }).p));
  fails(loop([&](Chain& c, Make&, LoopStep& s) { bounded(c, s, DType::i32, DType::bool_); }), "is not a int64 scalar");
  fails(loop([&](Chain& c, Make&, LoopStep& s) { bounded(c, s, DType::i64, DType::u8); }), "is not a bool scalar");
  fails(loop([&](Chain& c, Make&, LoopStep& s) { bounded(c, s, DType::i64, DType::bool_), s.last = -1; }),
        "loop 'loop' has one of two bounds");
  fails(loop([](Chain& c, Make&, LoopStep& s) { s.first = s.last = c.m.temporary("bound", {}, DType::i64); }),
        "a bound of step 'loop' reads buffer");
  fails(loop([](Chain&, Make& b, LoopStep&) { b.p.buffers[1].alias_of = -2; }), "is an alias of -2");
  fails(loop([](Chain& c, Make&, LoopStep& s) { s.bindings[0].outer_in = c.y, s.bindings[0].outer_out = c.y; }),
        "writes buffer %2 'y' while it reads it");
  fails(loop([](Chain&, Make& b, LoopStep&) { b.p.steps.clear(); }), "'next' is never written");
  fails(loop([](Chain&, Make& b, LoopStep&) { b.p.inputs.push_back({}); }), "a body has ports");
  // h is what next was two iterations ago, by way of h1.
  const auto passing = [](Chain& c, Make& b, LoopStep& s) {
    const int h1 = b.buffer(Role::input, "h1", {0});
    s.bindings.push_back({BindingKind::carry, c.x, h1, s.bindings[0].inner_out, -1, false});
    s.bindings[0].inner_out = h1;
  };
  REQUIRE_NOTHROW(verify(loop(passing).p));
  fails(
      loop([&](Chain& c, Make& b, LoopStep& s) { passing(c, b, s), s.bindings[1].inner_out = s.bindings[0].inner_in; }),
      "loop 'loop' passes carries on in a circle");
  fails(loop([&](Chain&, Make&, LoopStep& s) { s.bindings[0].inner_out = s.bindings[0].inner_in; }),
        "loop 'loop' passes carries on in a circle");
  fails(loop([&](Chain& c, Make& b, LoopStep& s) { passing(c, b, s), b.p.buffers.back().storage = DType::i32; }),
        "have different dtypes");
  fails(loop([&](Chain& c, Make& b, LoopStep& s) {
          passing(c, b, s);
          s.bindings[1].outer_out = c.m.temporary("last", {c.n});
          b.p.buffers[static_cast<std::size_t>(s.bindings[1].inner_out)].alias_of = s.bindings[1].inner_in;
        }),
        "loop 'loop' passes on 'h1', which is updated in place");
  fails(loop([](Chain&, Make& b, LoopStep& s) {
          b.p.buffers[static_cast<std::size_t>(s.bindings[0].inner_out)].storage = DType::i32,
          s.bindings[0].outer_out = -1;
        }),
        "loop 'loop' carries 'next' to 'h', which has another dtype");
  const auto in_place = [](Chain&, Make& b, LoopStep&) {
    b.p.buffers[1].alias_of = 0, std::get<KernelStep>(b.p.steps[0].node).buffers[1] = 0;
  };
  REQUIRE_NOTHROW(verify(loop(in_place).p));
  fails(loop([&](Chain& c, Make& b, LoopStep& s) { in_place(c, b, s), s.bindings[0].outer_out = -1; }),
        "updates a carry in place without an outer buffer");
}

TEST_CASE("a loop that is dealt by rows has them everywhere") {
  const auto loop = [](auto change) {
    Chain c;
    Make body("body");
    const int n = body.extent(ExtentOp::outer, c.n);
    const int h = body.buffer(Role::input, "h", {n}), t = body.temporary("t", {n}),
              next = body.buffer(Role::output, "next", {n});
    body.kernel(0, {h, t}, {n});
    body.step(CopyStep{t, next}, "copy");
    LoopStep s{c.n, -1, -1, {{BindingKind::carry, c.x, h, next, c.m.output("last", {c.n}), false}}, nullptr};
    s.rows = n;
    change(body, s);
    s.body = body.body();
    c.m.step(s, "loop");
    return c.m;
  };
  REQUIRE_NOTHROW(verify(loop([](Make&, LoopStep&) {}).p));
  fails(loop([](Make&, LoopStep& s) { s.rows = 99; }), "loop 'loop' deals rows of no slot");
  fails(loop([](Make& b, LoopStep& s) { s.rows = b.constant(4); }), "'t' has not the rows that loop 'loop' deals");
  fails(loop([](Make& b, LoopStep& s) {
          const int end = b.buffer(Role::output, "end", {}, DType::bool_);
          b.kernel(0, {b.p.steps.empty() ? 0 : 1, end}, {});
          s.until = end;
        }),
        "loop 'loop' deals rows to threads that would have to agree when it ends");
  fails(loop([](Make& b, LoopStep&) {
          const int ok = b.temporary("ok", {}, DType::bool_);
          b.kernel(0, {1, ok}, {});
          b.step(CheckStep{ok, "ok"}, "check");
        }),
        "'ok' has not the rows that loop 'loop' deals");
  fails(loop([](Make& b, LoopStep&) { b.step(BranchStep{}, "branch"); }), "branch");
}

TEST_CASE("what only one side of a branch writes is not written") {
  const auto branch = [](bool both) {
    Chain c;
    const int condition = c.m.input("c", {}, DType::bool_), z = c.m.output("z", {c.n});
    Make then("then"), otherwise("otherwise");
    const int n = then.extent(ExtentOp::outer, c.n), out = then.buffer(Role::output, "out", {n});
    then.kernel(0, {out}, {n});
    BranchStep b;
    b.condition = condition;
    b.then = then.body();
    b.otherwise = both ? then.body() : otherwise.body();
    b.then_bindings = {{z, out, true}};
    if (both) b.otherwise_bindings = b.then_bindings;
    c.m.step(b, "branch");
    return c.m;
  };
  REQUIRE_NOTHROW(verify(branch(true).p));
  fails(branch(false), "'z' is never written");
}

TEST_CASE("the tile of a blocked step stays inside it") {
  const auto blocked = [](auto change) {
    Chain c;
    const int begin = c.m.constant(0), size = c.m.constant(0), local = c.m.temporary("local", {size}),
              out = c.m.output("out", {c.n});
    Make inner;
    inner.kernel(0, {c.x, local}, {begin, size}, "in");
    inner.kernel(0, {local, out}, {begin, size}, "out");
    BlockedStep s{c.n, begin, size, 8, {local}, inner.p.steps};
    change(c, s, local, size);
    c.m.step(s, "blocked");
    return c.m;
  };
  REQUIRE_NOTHROW(verify(blocked([](Chain&, BlockedStep&, int, int) {}).p));
  fails(blocked([](Chain&, BlockedStep& s, int, int) { s.local.clear(); }), "which changes with a tile");
  fails(blocked([](Chain& c, BlockedStep&, int local, int) { c.m.kernel(0, {c.x, local}, {}, "other"); }),
        "'local' is local to 'blocked' and used by 'other'");
  fails(blocked([](Chain& c, BlockedStep&, int, int size) { c.kernel(0).extents[0] = size; }),
        "uses the tile of another step");
  fails(blocked([](Chain&, BlockedStep& s, int, int) { s.tile = 0; }), "has tiles of 0");
  fails(blocked([](Chain& c, BlockedStep& s, int, int) { s.steps.push_back({CheckStep{c.x, ""}, "", {}, -1}); }),
        "is neither a kernel");
  fails(blocked([](Chain&, BlockedStep& s, int, int) { s.begin = s.size; }), "is set by two blocked steps");
}

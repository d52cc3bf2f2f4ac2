#include "tests/support/program_of_everything.h"

#include "tests/unit/runtime/program/make.h"

namespace bitale::tests {

using namespace program;

Program program_of_everything() {
  Make m("everything");
  m.p.inputs.push_back({"steps", DType::i64, {}, true});
  m.buffer(Role::input, "steps", {}, DType::i64, 0);
  const int x = m.input("x", {1, 2}), trips = m.extent(ExtentOp::input_value, 0), n = m.axis(1, 1);
  m.axis(1, 0);
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
            next_i = body.extent(ExtentOp::add, i, i), root = body.extent(ExtentOp::isqrt, bn, bn);
  const int row = body.buffer(Role::input, "row", {bn}), h = body.buffer(Role::input, "h", {bn}),
            before = body.buffer(Role::input, "before", {bn}), out = body.buffer(Role::output, "next", {bn});
  const int done = body.buffer(Role::output, "done", {}, DType::bool_);
  body.kernel(1, {row, h, out, done}, {bn, next_i, root}, "step", 2);
  const int last = m.output("last", {n}), all = m.output("all", {trips, n}),
            taken = m.temporary("taken", {}, DType::i64);
  const int bound = m.temporary("bound", {}, DType::i64), ended = m.temporary("ended", {}, DType::bool_);
  m.kernel(0, {w, bound, ended}, {}, "bounds", 2);
  m.step(LoopStep{trips,
                  done,
                  taken,
                  {{BindingKind::sequence, x, row, -1, -1, true},
                   {BindingKind::carry, w, h, out, last, false},
                   {BindingKind::carry, w, before, h, -1, false},
                   {BindingKind::stacked, -1, -1, out, all, false}},
                  body.body(),
                  bound,
                  bound,
                  ended},
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
  c.tile = {4, 8, 0};
  c.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(c, "contraction").flops = m.extent(ExtentOp::mul, trips, n);
  m.step(LibraryStep{"sgemm", {w, w, m.output("library", {n})}, {false, false, true}, {n, n}, {0, 1}, {1.0, 0.5}},
         "library");
  return m.p;
}

Program program_of_a_device() {
  Program p = program_of_everything();
  p.entries.push_back({"h", "def"});
  p.blobs = {{"sm_90",
              {1, 2, 3, 4},
              {0, 3},
              {{{"f", 0, 256, 256, {{2, -1}}}},
               {{"g", 1, 32, 1, {{0, 0}}}},
               {{"h", 1, 64, 1, {}, 1, {{64, {{1, 0}}, 2}, {1, {{3, -1}}}}}}}}};
  for (Step& s : p.steps) {
    if (auto* loop = std::get_if<LoopStep>(&s.node)) {
      using Kind = LoopKernel::Argument::Kind;
      loop->kernel = {
          2,     {{Kind::outer, 0}, {Kind::own, 3}, {Kind::extent, 0}, {Kind::outer_extent, 0}, {Kind::bytes, 0}},
          {1},   false,
          false, 2,
          1};
    }
    if (auto* c = std::get_if<ContractionStep>(&s.node)) {
      c->candidate = ContractionCandidate::cublaslt;
      c->whole = {1, {0, 1}, 0, true, false, true, true};
      c->operands.insert(c->operands.begin(), {c->b, -1, true, false});  // the bias
      for (auto* group : {&c->m, &c->n, &c->k})
        for (ContractionDim& d : *group) d.operands.insert(d.operands.begin(), -1);
    }
    if (auto* l = std::get_if<LibraryStep>(&s.node)) l->entry = 1;
  }
  return p;
}

}  // namespace bitale::tests

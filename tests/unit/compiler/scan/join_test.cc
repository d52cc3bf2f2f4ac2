// Scans that become one, seen in graphs and by the interpreter.
#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/ops.h"
#include "compiler/scan/passes.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"
#include "tests/unit/compiler/scan/scans.h"
#include "tests/unit/compiler/values.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Dim;
using ir::Tensor;
using loops::Loop;

namespace {

const Dim steps = Dim::symbol("T");

Tensor f64(const std::string& name, ir::Shape shape) {
  ops::register_all();
  return ir::input(name, {DType::f64, std::move(shape)});
}

struct Options {
  bool backwards = false, keeps = true, stops = false;
  Tensor first{}, last{};  // bounds
};

// h' = tanh(h u + x_t), every h: of x [T, 2, 3].
struct Layer {
  Tensor x, h0, u;
  Loop loop{};

  Layer(const std::string& name, const Tensor& rows, const Options& o = {})
      : x(rows), h0(f64("h0" + name, {2, 3})), u(f64("u" + name, {3, 3})) {
    const Tensor row = Loop::placeholder("row", {DType::f64, {2, 3}}), h = Loop::placeholder("h", {DType::f64, {2, 3}});
    loop.name = name;
    loop.trips = rows.dim(0);
    loop.keeps = o.keeps;
    if (o.first) loop.bounds = {o.first, o.last};
    loop.sequences.push_back({rows, row, o.backwards});
    loop.carries.push_back({h0, h, ir::apply1(*ir::find_op("tanh"), {}, {ir::dot(h, u) + row})});
    loop.stacked.push_back({loop.carries[0].after, o.backwards});
    if (o.stops) {
      loop.stop = 1;
      const Tensor ended = Loop::placeholder("ended", {DType::bool_, {}});
      loop.carries.push_back({ir::zeros(DType::bool_, {}), ended, ir::less(4.0, ir::sum(h, {0, 1}))});
    }
  }
  Tensor states() const { return loop.build().stacked[0]; }
};

struct Joined {
  std::vector<Tensor> outputs;
  std::int64_t fewer = 0;
};
Joined joined(const std::vector<Tensor>& outputs) {
  rewrite::PassContext context;
  Joined j{loops::join_scans({{}, outputs}, context).outputs};
  j.fewer = context.rules_fired["scans-of-the-same-steps"];
  ir::verify({{}, j.outputs});
  return j;
}

// The pipeline up to the pass.
std::vector<Tensor> prepared(std::vector<Tensor> outputs) {
  rewrite::PassContext context;
  for (const rewrite::Pass& pass : driver::pipeline()) {
    if (pass.name == "join_scans") break;
    std::vector<rewrite::PassReport> reports;
    outputs = rewrite::run_pipeline({pass}, {{}, outputs}, context, reports).outputs;
  }
  return outputs;
}

void same_values(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (const std::int64_t n : {0, 1, 5}) {
    INFO(n << " steps");
    std::mt19937_64 random(1);
    ad::Bindings values;
    for (const ir::NodePtr& node : ir::topological(a)) {
      if (node->op().leaf != ir::Leaf::input) continue;
      Extents extents;
      for (const Dim& d : node->type().shape) extents.push_back(d.is_constant() ? d.value() : n);
      values.emplace_back(Tensor(node, 0), node->type().dtype == DType::i64 ? Array::scalar(std::int64_t{2})
                                                                            : draw(DType::f64, extents, -1, 1, random));
    }
    const std::vector<Array> expected = values_of(a, values), got = values_of(b, values);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].same_bits(expected[i]));
  }
}

}  // namespace

TEST_CASE("scans that run the same steps and carry other things become one") {
  const Tensor x = f64("x", {steps, 2, 3});
  const Layer a("a", x), b("b", x, {.backwards = true}), c("c", f64("y", {steps, 2, 3}));
  const std::vector<Tensor> outputs{a.states(), b.states(), c.states(), a.loop.build().last[0]};
  const Joined j = joined(outputs);
  CHECK(scans_in(outputs).size() == 3);
  REQUIRE(scans_in(j.outputs).size() == 1);
  CHECK(j.fewer == 2);
  const auto& p = scans_in(j.outputs)[0]->params_as<loops::ScanParams>();
  CHECK(p.carries == 3);
  CHECK(p.sequences == 3);  // x, x backwards, y
  CHECK(p.name == "a+b+c");
  same_values(outputs, j.outputs);
}

TEST_CASE("what joined scans read in the same way is read once, and what both carry is carried once") {
  const Tensor x = f64("x", {steps, 2, 3});
  const Layer a("a", x);
  Layer b = a;
  const Tensor sum = Loop::placeholder("sum", {DType::f64, {2, 3}});
  b.loop.carries.push_back({a.h0, sum, sum + b.loop.carries[0].before});  // begins with the same, and is another
  for (const bool swapped : {false, true}) {
    const std::vector<Tensor> outputs{(swapped ? b : a).states(), (swapped ? a : b).states(), b.loop.build().last[1]};
    const Joined j = joined(outputs);
    REQUIRE(scans_in(j.outputs).size() == 1);
    const auto& p = scans_in(j.outputs)[0]->params_as<loops::ScanParams>();
    CHECK(p.carries == 2);
    CHECK(p.sequences == 1);
    same_values(outputs, j.outputs);
  }
}

TEST_CASE("scans that begin with the same and carry other things have carries of their own") {
  Layer a("a", f64("x", {steps, 2, 3})), b("b", f64("y", {steps, 2, 3}));
  b.loop.carries[0].init = a.h0;
  const std::vector<Tensor> outputs{a.states(), b.states(), b.loop.build().last[0], a.loop.build().last[0]};
  const Joined j = joined(outputs);
  REQUIRE(scans_in(j.outputs).size() == 1);
  CHECK(scans_in(j.outputs)[0]->params_as<loops::ScanParams>().carries == 2);
  same_values(outputs, j.outputs);
}

TEST_CASE("scans that depend on each other stay apart, in any arrangement") {
  const Tensor x = f64("x", {steps, 2, 3}), z = f64("z", {Dim::symbol("U"), 2, 3});
  const Layer first("first", x), second("second", first.states());
  CHECK(joined({second.states()}).fewer == 0);
  CHECK(joined({second.states() + first.states()}).fewer == 0);
  // Two chains of two become one chain of two.
  const Layer below("below", x, {.backwards = true}), above("above", below.states());
  const std::vector<Tensor> chains{second.states(), above.states()};
  CHECK(scans_in(joined(chains).outputs).size() == 2);
  same_values(chains, joined(chains).outputs);
  // a comes before c, and d before b; were both a and b, and c and d one, each would come before the other.
  const auto along = [](const Tensor& to, const Tensor& from) {
    return to + ir::broadcast_to(ir::sum(from, {0, 1, 2}), to.shape());
  };
  const Layer a("a", x), d("d", z), b("b", along(x, d.states())), c("c", along(z, a.states()));
  const std::vector<Tensor> crossed{a.states(), b.states(), c.states(), d.states()};
  CHECK(joined(crossed).fewer == 0);
  same_values(crossed, joined(crossed).outputs);
}

TEST_CASE("scans that are not to run together") {
  const Tensor x = f64("x", {steps, 2, 3}), one = ir::input("one", {DType::i64, {}}),
               two = ir::input("two", {DType::i64, {}});
  const auto fewer = [&](const Options& o, const Options& p) {
    return joined({Layer("a", x, o).states(), Layer("b", x, p).states()}).fewer;
  };
  CHECK(fewer({}, {}) == 1);
  CHECK(fewer({.stops = true}, {.stops = true}) == 0);
  CHECK(fewer({}, {.stops = true}) == 0);
  CHECK(fewer({.keeps = false}, {.keeps = false}) == 0);
  CHECK(fewer({}, {.keeps = false}) == 0);
  CHECK(fewer({.first = one, .last = two}, {.first = one, .last = two}) == 1);
  CHECK(fewer({.first = one, .last = two}, {.first = one, .last = one}) == 0);
  CHECK(fewer({}, {.first = one, .last = two}) == 0);
  Layer a("a", x), b("b", x);
  a.loop.truncated = Dim(3);
  CHECK(joined({a.states(), b.states()}).fewer == 0);
  b.loop.truncated = Dim(3);
  CHECK(joined({a.states(), b.states()}).fewer == 1);
  CHECK(joined({Layer("a", x).states(), Layer("b", f64("z", {Dim::symbol("U"), 2, 3})).states()}).fewer == 0);
  // Weights of 1 MiB fit once.
  const auto weights = [&](Layer l, std::int64_t rows) {
    const Tensor outer = f64("weights", {rows, 1024}), inner = Loop::placeholder("weights", outer.type());
    l.loop.invariants.push_back({outer, inner});
    l.loop.carries[0].after = l.loop.carries[0].after + ir::broadcast_to(ir::sum(inner, {0, 1}), {2, 3});
    return l.loop.build().last[0];
  };
  CHECK(joined({weights(Layer("a", x), 60), weights(Layer("b", x), 60)}).fewer == 1);
  CHECK(joined({weights(Layer("a", x), 60), weights(Layer("b", x), 90)}).fewer == 0);
  // Scans of scans.
  const auto segments = [](const Layer& l) { return loops::segmented(l.loop, Dim(4)).stacked[0]; };
  CHECK(joined({segments(Layer("a", x)), segments(Layer("b", x))}).fewer == 0);
  a.loop.truncated = b.loop.truncated = {};
  for (Layer* l : {&a, &b}) {
    Loop outer{};
    outer.trips = steps;
    const Tensor h = Loop::placeholder("h", {DType::f64, {2, 3}});
    l->loop.carries[0].init = h;
    outer.carries.push_back({l->h0, h, l->loop.build().last[0]});
    l->loop = outer;
  }
  CHECK(joined({a.loop.build().last[0], b.loop.build().last[0]}).fewer == 0);
}

TEST_CASE("both directions of two layers, and of their gradients") {
  const Tensor x = f64("x", {steps, 2, 3});
  const auto layer = [](const std::string& name, const Tensor& rows, std::vector<Tensor>& wrt) {
    const Layer there(name, rows), back(name + " back", rows, {.backwards = true});
    wrt.insert(wrt.end(), {there.u, back.u});
    return there.states() + back.states();
  };
  std::vector<Tensor> wrt{x};
  const Tensor y = layer("second", layer("first", x, wrt), wrt);
  std::vector<Tensor> outputs = ad::grad(ir::sum(y * y, {0, 1, 2}), wrt);
  outputs.push_back(y);
  const std::vector<Tensor> before = prepared(outputs);
  CHECK(scans_in(before).size() == 8);
  const Joined j = joined(before);
  CHECK(scans_in(j.outputs).size() == 4);
  CHECK(j.fewer == 4);
  // Products of weights' gradients stay behind the loops: what is in a body feeds carries.
  for (const ir::NodePtr& n : scans_in(j.outputs)) {
    std::ptrdiff_t products = 0;
    for (const ir::NodePtr& m : ir::topological(n->params_as<loops::ScanParams>().body.outputs))
      products += m->op().name == "dot";
    CHECK(products == 2);
  }
  same_values(before, j.outputs);
}

TEST_CASE("a deep stack and its gradient are merged in one pass, level by level") {
  Tensor y = f64("x", {steps, 2, 3});
  std::vector<Tensor> wrt;
  constexpr std::size_t depth = 12;
  for (std::size_t i = 0; i < depth; ++i) {
    const Layer l(std::to_string(i), y);
    wrt.push_back(l.u);
    y = l.states();
  }
  std::vector<Tensor> outputs = ad::grad(ir::sum(y * y, {0, 1, 2}), wrt);
  outputs.push_back(y);
  rewrite::PassContext context;
  const std::vector<Tensor> merged = loops::merge_scans({{}, outputs}, context).outputs;
  CHECK(scans_in(merged).size() == 2 * depth);
  CHECK(context.rules_fired["scans-that-carry-the-same"] == std::ssize(scans_in(outputs)) - 2 * std::ssize(wrt));
  CHECK(joined(merged).fewer == 0);
}

TEST_CASE("very many scans of the same steps become one") {
  const Tensor x = f64("x", {steps, 2, 3});
  std::vector<Tensor> outputs;
  for (int i = 0; i < 300; ++i) outputs.push_back(Layer(std::to_string(i), x).states());
  const Joined j = joined(outputs);
  CHECK(scans_in(j.outputs).size() == 1);
  CHECK(j.fewer == 299);
}

TEST_CASE("of rows of which only the last ones are read, the loop keeps these") {
  const Layer a("a", f64("x", {steps, 2, 3}));
  const auto from = [](const Tensor& x, const Dim& start) {
    return ir::slice(x, {start, 0, 0}, {steps - start, 2, 3}, {1, 1, 1});
  };
  const auto last = [&](const Tensor& x, int k) { return from(x, ir::max(steps - Dim(k), Dim(0))); };
  const auto kept = [](const std::vector<Tensor>& outputs) {
    rewrite::PassContext context;
    const std::vector<Tensor> out = loops::last_rows({{}, outputs}, context).outputs;
    ir::verify({{}, out});
    same_values(outputs, out);
    return out;
  };
  const auto shape = [](const std::vector<Tensor>& outputs) {
    const auto& p = scans_in(outputs)[0]->params_as<loops::ScanParams>();
    return std::pair(p.carries, std::ssize(p.body.outputs) - p.carries);  // carries, stacked results
  };
  using Shape = std::pair<std::int64_t, std::int64_t>;
  const Tensor states = a.states(), first = a.loop.build().last[0];
  CHECK(shape(kept({last(states, 1)})) == Shape{1, 0});
  CHECK(shape(kept({from(states, ir::min(steps, ir::max(steps - Dim(1), Dim(0))))})) == Shape{1, 0});
  CHECK(shape(kept({last(states, 3), last(states, 2), first})) == Shape{3, 0});
  CHECK(shape(kept({last(states, 9)})) == Shape{1, 1});
  CHECK(shape(kept({last(states, 1), from(states, Dim(0))})) == Shape{1, 1});
  CHECK(shape(kept({last(states, 1), states})) == Shape{1, 1});
  // A row that is not carried becomes so.
  Layer b = a;
  b.loop.stacked[0].row = b.loop.carries[0].before * 2.0;
  CHECK(shape(kept({last(b.states(), 2)})) == Shape{3, 0});
  CHECK(shape(kept({last(b.states(), 2), ir::sum(last(b.states(), 1), {0})})) == Shape{3, 0});
  // Rows of steps that are left out are zero; those that are stacked backwards are others.
  Layer c = a;
  c.loop.stacked[0].backwards = true;
  CHECK(shape(kept({last(c.states(), 1)})) == Shape{1, 1});
  c = a;
  c.loop.bounds = Loop::Bounds{ir::input("one", {DType::i64, {}}), ir::input("two", {DType::i64, {}})};
  CHECK(shape(kept({last(c.states(), 1)})) == Shape{1, 1});
}

// The passes over scans, one at a time, seen in graphs and by the interpreter.
#include <algorithm>
#include <limits>
#include <ostream>

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

Tensor f64(const char* name, ir::Shape shape) {
  ops::register_all();
  return ir::input(name, {DType::f64, std::move(shape)});
}
Tensor step_number(const char* name) { return ir::input(name, {DType::i64, {}}); }

std::vector<Tensor> pushed_out(const std::vector<Tensor>& outputs) {
  rewrite::PassContext context;
  return loops::push_out({{}, outputs}, context).outputs;
}
std::vector<Tensor> merged(const std::vector<Tensor>& outputs) {
  rewrite::PassContext context;
  return loops::merge_scans({{}, outputs}, context).outputs;
}

// How many nodes of an op there are, outside of bodies and in the bodies of scans.
struct Count {
  std::ptrdiff_t outside = 0, inside = 0;
  bool operator==(const Count&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Count& c) {
  return out << c.outside << " outside, " << c.inside << " inside";
}
Count count(const std::vector<Tensor>& outputs, const std::string& op) {
  const auto in = [&](std::span<const Tensor> roots) {
    const std::vector<ir::NodePtr> nodes = ir::topological(roots);
    return std::count_if(nodes.begin(), nodes.end(), [&](const ir::NodePtr& n) { return n->op().name == op; });
  };
  Count c{in(outputs), 0};
  for (const ir::NodePtr& n : scans_in(outputs)) c.inside += in(n->params_as<loops::ScanParams>().body.outputs);
  return c;
}

// h' = h * 0.5 + x_t, with x [T, 2, 3].
struct Recurrence {
  Tensor x = f64("x", {Dim::symbol("T"), 2, 3}), h0 = f64("h0", {2, 3}), w = f64("w", {3, 3});
  Loop loop{};
  Tensor row = Loop::placeholder("row", {DType::f64, {2, 3}}), h = Loop::placeholder("h", {DType::f64, {2, 3}});

  Recurrence() {
    loop.trips = x.dim(0);
    loop.sequences.push_back({x, row, false});
    loop.carries.push_back({h0, h, h * 0.5 + row});
  }
};

}  // namespace

TEST_CASE("a sum of what is the same in all steps is added up before the loop") {
  Recurrence r;
  const Tensor w = Loop::placeholder("w", r.w.type());
  r.loop.invariants.push_back({r.w, w});
  r.loop.carries[0].after = r.h + ir::broadcast_to(ir::sum(w, {0}), {2, 3});
  const std::vector<Tensor> out = pushed_out(r.loop.build().all());
  CHECK(count(r.loop.build().all(), "sum") == Count{0, 1});
  CHECK(count(out, "sum") == Count{1, 0});
  // An index map is not worth it: its reader sees through it.
  r.loop.carries[0].after = r.h + ir::slice(w, {0, 0}, {2, 3}, {1, 1});
  CHECK(count(pushed_out(r.loop.build().all()), "slice") == Count{0, 1});
}

TEST_CASE("a gradient computes index maps again, and keeps sums") {
  Recurrence r;
  const Tensor doubled = ir::concat({r.h, r.row}, 0);
  r.loop.carries[0].after = ir::slice(ir::square(doubled), {1, 0}, {2, 3}, {1, 1});
  CHECK(loops::kept_bytes(r.loop).values == Dim(0));
  r.loop.carries[0].after = r.h * ir::broadcast_to(ir::sum(r.h * r.row, {0}), {2, 3});
  CHECK(loops::kept_bytes(r.loop).values == Dim(8 * 3));
}

TEST_CASE("scans are merged that run the same steps") {
  const Tensor one = step_number("one"), two = step_number("two");
  const auto scans = [](std::optional<Loop::Bounds> first, std::optional<Loop::Bounds> second) {
    Recurrence r;
    r.loop.bounds = std::move(first);
    std::vector<Tensor> all = r.loop.build().all();
    r.loop.stacked.push_back({r.h * r.h, false});
    r.loop.bounds = std::move(second);
    for (const Tensor& t : r.loop.build().all()) all.push_back(t);
    return scans_in(merged(all)).size();
  };
  CHECK(scans({}, {}) == 1);
  CHECK(scans(Loop::Bounds{one, two}, Loop::Bounds{one, two}) == 1);
  CHECK(scans(Loop::Bounds{one, two}, Loop::Bounds{two, two}) == 2);
  CHECK(scans({}, Loop::Bounds{one, two}) == 2);
}

TEST_CASE("a carry that ends a loop stays, and one that cannot does not") {
  for (const bool can : {true, false}) {
    Recurrence r;
    const Tensor ended = Loop::placeholder("ended", {DType::bool_, {}});
    const Tensor no = ir::zeros(DType::bool_, {});
    r.loop.carries.push_back({no, ended, can ? ir::less(4.0, ir::sum(r.h, {0, 1})) : ended});
    r.loop.stop = 1;
    const std::vector<Tensor> out = merged({r.loop.build().last[0]});
    const auto& p = scans_in(out)[0]->params_as<loops::ScanParams>();
    CHECK(p.carries == (can ? 2 : 1));
    CHECK(p.stop == (can ? 1 : -1));
  }
}

TEST_CASE("rows of steps that are left out are zero behind the loop, too") {
  const Tensor first = step_number("first"), last = step_number("last");
  std::mt19937_64 random(1);
  for (const bool backwards : {false, true})
    for (const bool by_carry : {false, true}) {
      Recurrence r;
      r.loop.sequences[0].backwards = backwards;
      r.loop.bounds = Loop::Bounds{first, last};
      if (by_carry) {
        const Tensor number = Loop::placeholder("number", {DType::i64, {}});
        const Tensor stop = Loop::placeholder("stop", {DType::bool_, {}});
        r.loop.sequences.push_back({ir::iota(DType::i64, {r.loop.trips}, 0), number, false});
        r.loop.stop = 1;
        r.loop.carries.push_back({ir::zeros(DType::bool_, {}), stop, ir::less_equal(2, number)});
      }
      const Tensor product = ir::dot(ir::transpose(r.row), r.h);       // of rows alone
      r.loop.stacked.push_back({product * 3.0 + product, backwards});  // and still
      r.loop.stacked.push_back({ir::dot(r.h, r.w), !backwards});       // of a row and a weight
      r.loop.stacked.push_back({ir::dot(r.row * r.h, r.w) + 1.0, false});
      const std::vector<Tensor> outputs = r.loop.build().all();
      const std::vector<Tensor> moved = pushed_out(outputs);
      CHECK(count(outputs, "dot") == Count{0, 3});
      CHECK(count(moved, "dot") == Count{3, 0});
      for (const auto& [from, to] : {std::pair(1, 3), std::pair(-2, 9), std::pair(2, 2), std::pair(4, 5)}) {
        INFO(from << " to " << to << (backwards ? ", backwards" : "") << (by_carry ? ", by a carry" : ""));
        Array x = draw(DType::f64, {5, 2, 3}, -1, 1, random);
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const std::int64_t t = backwards ? 4 - i / 6 : i / 6;
          if (t < from || t >= to || (by_carry && t > std::max(from, 2)))
            x.view<double>()[static_cast<std::size_t>(i)] = std::numeric_limits<double>::quiet_NaN();
        }
        const ad::Bindings values{{r.x, x},
                                  {r.h0, draw(DType::f64, {2, 3}, -1, 1, random)},
                                  {r.w, draw(DType::f64, {3, 3}, -1, 1, random)},
                                  {first, Array::scalar(std::int64_t{from})},
                                  {last, Array::scalar(std::int64_t{to})}};
        const std::vector<Array> expected = values_of(outputs, values), got = values_of(moved, values);
        for (std::size_t i = 0; i < got.size(); ++i) {
          for (std::int64_t k = 0; k < got[i].size(); ++k) CHECK(std::isfinite(expected[i].at(k)));
          CHECK(difference(expected[i], got[i], rewrite::RuleClass::stabilising) == "");
        }
      }
    }
}

// Draws and updates in the bodies of scans.
#include <set>

#include <bitale/bitale.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

std::set<double> distinct(const Array& a) {
  std::set<double> values;
  for (std::int64_t i = 0; i < a.size(); ++i) values.insert(a.at(i));
  return values;
}

Array filled(DType dtype, const Extents& shape, double value) {
  const Function f = function({}, {full(value, dtype, Shape(shape.begin(), shape.end()))});
  return f()[0];
}

}  // namespace

TEST_CASE("every step of a scan draws anew, and so does every call") {
  RandomStream random(7);
  const Dim steps("steps");
  const Tensor x = input("x", float64, {steps});
  const ScanResult r = scan({.sequences = {x}, .name = "noise"}, [&](const ScanStep& t) {
    return StepResult{.outputs = {t.row(0) + random.uniform({3}, float64), random.uniform({2}, float64)}};
  });
  const Function f = function({x}, {r.outputs[0], r.outputs[1]});
  const Array first = f(Array::zeros(float64, {5}))[0], second = f(Array::zeros(float64, {5}))[1];
  CHECK(distinct(first).size() == 15);
  const std::vector<Array> third = f(Array::zeros(float64, {5}));
  std::set<double> all = distinct(first);
  for (const Array& a : {second, third[0], third[1]}) all.merge(distinct(a));
  CHECK(all.size() == 15 + 10 + 15 + 10);
  CHECK(*all.begin() >= 0);
  CHECK(*all.rbegin() < 1);
  CHECK(f(Array::zeros(float64, {0}))[0].size() == 0);
}

TEST_CASE("nested scans draw anew in every pair of steps") {
  RandomStream random(7);
  const ScanResult r = scan({.steps = 4, .name = "outer"}, [&](const ScanStep&) {
    return StepResult{.outputs = {scan({.steps = 6, .name = "inner"}, [&](const ScanStep&) {
                                    return StepResult{.outputs = {random.uniform({2}, float64)}};
                                  }).outputs[0]}};
  });
  CHECK(distinct(function({}, {r.outputs[0]})()[0]).size() == 48);
}

TEST_CASE("the gradient of a step sees the draws of the step, whatever is kept") {
  for (const Checkpoint& checkpoint : {Checkpoint::all(), Checkpoint::none(), Checkpoint::every(3)}) {
    RandomStream random(3);
    const Tensor x = input("x", float64, {7, 4}), w = input("w", float64, {4});
    const ScanResult r =
        scan({.sequences = {x}, .carries = {zeros(float64, {4})}, .checkpoint = checkpoint, .name = "dropped"},
             [&](const ScanStep& t) {
               const Tensor kept = cast(random.bernoulli(0.5, {4}), float64);
               return StepResult{.carries = {t.carry(0) * 0.5 + kept * w * t.row(0)}, .outputs = {kept}};
             });
    const Tensor loss = sum(r.carries[0]);
    const Function f = function({x, w}, {r.outputs[0], grad(loss, x), grad(loss, w)});
    const Array ones = filled(float64, {7, 4}, 1), weights = filled(float64, {4}, 3);
    const std::vector<Array> out = f(ones, weights);
    const auto kept = out[0].view<double>(), dx = out[1].view<double>(), dw = out[2].view<double>();
    double drawn = 0;
    std::vector<double> expected(4, 0);
    for (std::size_t t = 0; t < 7; ++t)
      for (std::size_t i = 0; i < 4; ++i) {
        double later = 0, share = 1;  // what the step adds to this state and those after it
        for (std::size_t s = t; s < 7; ++s, share /= 2) later += share;
        CHECK(dx[4 * t + i] == Approx(kept[4 * t + i] * 3 * later));
        expected[i] += kept[4 * t + i] * later;
        drawn += kept[4 * t + i];
      }
    for (std::size_t i = 0; i < 4; ++i) CHECK(dw[i] == Approx(expected[i]));
    CHECK(drawn > 5);
    CHECK(drawn < 23);
  }
}

TEST_CASE("dropout in a recurrent step differs from step to step") {
  RandomStream random(5);
  const ScanResult r = scan({.steps = 50, .name = "dropout"}, [&](const ScanStep&) {
    return StepResult{.outputs = {dropout(ones(float32, {8}), 0.5, random)}};
  });
  const Array a = function({}, {r.outputs[0]})()[0];
  int differs = 0;
  for (std::int64_t i = 8; i < a.size(); ++i) differs += a.at(i) != a.at(i - 8) ? 1 : 0;
  CHECK(differs > 100);
  CHECK(differs < 300);
}

TEST_CASE("a Shared that a step updates is what the next step reads") {
  const Shared total("total", filled(float64, {2}, 10)), calls("calls", Array::zeros(int64, {}));
  const Tensor x = input("x", float64, {Dim("steps"), 2});
  const Tensor twice = total.tensor() * 2.0;  // written outside, read inside: of the step's value
  const ScanResult r = scan({.sequences = {x}, .name = "running"}, [&](const ScanStep& t) {
    return StepResult{.outputs = {twice, total.tensor()},
                      .updates = {{total, total + t.row(0)}, {calls, calls.tensor() + 1}}};
  });
  REQUIRE(r.updates.size() == 2);
  CHECK(r.last.empty());
  const Function f = function({x}, {r.outputs[0], r.outputs[1]}, {.updates = r.updates});
  const std::vector<Array> out = f(filled(float64, {3, 2}, 1));
  for (std::int64_t t = 0; t < 3; ++t) {
    CHECK(out[0].at(2 * t) == 20 + 2 * static_cast<double>(t));
    CHECK(out[1].at(2 * t + 1) == 10 + static_cast<double>(t));
  }
  CHECK(total.get().at(0) == 13);
  CHECK(calls.get().at(0) == 3);
  f(filled(float64, {2, 2}, 1));
  CHECK(total.get().at(1) == 15);
  f(Array::zeros(float64, {0, 2}));
  CHECK(total.get().at(1) == 15);
  CHECK(calls.get().at(0) == 5);
}

TEST_CASE("updates stop with the step that is the last one, and gradients go through them") {
  const Shared w("w", filled(float64, {}, 3));
  const Tensor x = input("x", float64, {5});
  // w_t+1 = w_t * 2 until w_t x_t > 20; the rows are w_t x_t.
  const ScanResult r = scan({.sequences = {x}, .name = "until"}, [&](const ScanStep& t) {
    const Tensor y = w.tensor() * t.row(0);
    return StepResult{.outputs = {y}, .until = y > 20.0, .updates = {{w, w.tensor() * 2.0}}};
  });
  const Function f = function({x}, {r.outputs[0], grad(sum(r.outputs[0]), w)}, {.updates = r.updates});
  const std::vector<Array> out = f(filled(float64, {5}, 2));  // 6, 12, 24
  CHECK(out[0].at(2) == 24);
  CHECK(out[0].at(3) == 0);
  CHECK(out[1].at(0) == 2 + 4 + 8);
  CHECK(w.get().at(0) == 24);
}

TEST_CASE("updates that do not fit are named with the scan") {
  const Shared w("w", Array::zeros(float64, {2}));
  const auto message = [&](const std::vector<std::pair<Shared, Tensor>>& updates) {
    return message_of([&] {
      scan({.steps = 3, .name = "mine"},
           [&](const ScanStep& t) { return StepResult{.outputs = {t.number()}, .updates = updates}; });
    });
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const std::string dtype = message({{w, ones(float32, {2})}}), twice = message({{w, w + 1.0}, {w, w + 2.0}}),
                    shape = message({{w, ones(float64, {3})}});
  for (const std::string& text : {dtype, twice, shape}) CHECK(has(text, "mine"));
  CHECK(has(dtype, "w is"));
  CHECK(has(dtype, "float32"));
  CHECK(has(twice, "w is updated twice in a step"));
  CHECK(has(shape, "must give it back in the type"));
}

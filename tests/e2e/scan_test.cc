// Scans as a user writes them, against the same graph with its steps written out.
#include <cmath>

#include <bitale/bitale.h>

#include "compiler/eval/eval.h"
#include "frontends/cpp/handles.h"
#include "tests/support/catch.h"
#include "tests/support/message_of.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

Tensor row_of(const Tensor& x, int i) {
  const Tensor row = slice(x, 0, i, i + 1);
  return squeeze(row, {0});
}

// h' = tanh(x_t w + h u), every state.
Tensor rnn(const Tensor& x, const Tensor& h0, const Tensor& w, const Tensor& u) {
  return scan({.sequences = {x}, .carries = {h0}, .name = "rnn"},
              [&](const ScanStep& t) { return StepResult{.carries = {tanh(dot(t.row(0), w) + dot(t.carry(0), u))}}; })
      .carries[0];
}

Tensor rnn_by_hand(const Tensor& x, const Tensor& h0, const Tensor& w, const Tensor& u, int steps) {
  std::vector<Tensor> states;
  Tensor h = h0;
  for (int i = 0; i < steps; ++i) states.push_back(h = tanh(dot(row_of(x, i), w) + dot(h, u)));
  return stack(states);
}

std::vector<Array> run(const Function& f, const std::vector<Array>& values) {
  const std::vector<Argument> arguments(values.begin(), values.end());
  return f.call(arguments);
}

void same(const std::vector<Array>& got, const std::vector<Array>& expected, double tolerance = 10) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i);
    CHECK(difference(got[i], expected[i], tolerance) == "");
  }
}

}  // namespace

TEST_CASE("a recurrence and its gradients equal the steps written out, for every length by one compilation") {
  const Dim steps("steps"), batch("batch");
  const Tensor x = input("x", float64, {steps, batch, 3}), h0 = input("h0", float64, {batch, 4});
  const Tensor w = input("w", float64, {3, 4}), u = input("u", float64, {4, 4});
  const Tensor states = rnn(x, h0, w, u);
  const Tensor cost = sum(states * states * states);
  const auto of = [&](const Tensor& c) { return grad(c, {x, h0, w, u}); };
  std::vector<Tensor> outputs = of(cost);
  outputs.push_back(states);
  const Function f = function({x, h0, w, u}, outputs, {.name = "rnn"});
  for (const int n : {1, 2, 7}) {
    const Tensor xn = input("x", float64, {n, 2, 3}), hn = input("h0", float64, {2, 4});
    const Tensor by_hand = rnn_by_hand(xn, hn, w, u, n);
    std::vector<Tensor> expected = grad(sum(by_hand * by_hand * by_hand), {xn, hn, w, u});
    expected.push_back(by_hand);
    const Function g = function({xn, hn, w, u}, expected);
    const std::vector<Array> values{random_array(float64, {n, 2, 3}, -1, 1, 1), random_array(float64, {2, 4}, -1, 1, 2),
                                    random_array(float64, {3, 4}, -1, 1, 3), random_array(float64, {4, 4}, -1, 1, 4)};
    same(run(f, values), run(g, values));
  }
  const std::vector<Array> none{random_array(float64, {0, 2, 3}, -1, 1, 1), random_array(float64, {2, 4}, -1, 1, 2),
                                random_array(float64, {3, 4}, -1, 1, 3), random_array(float64, {4, 4}, -1, 1, 4)};
  const std::vector<Array> r = run(f, none);
  CHECK(r[0].shape() == Extents{0, 2, 3});
  CHECK(r[4].shape() == Extents{0, 2, 4});
  for (const int i : {1, 2, 3})
    for (std::int64_t k = 0; k < r[static_cast<std::size_t>(i)].size(); ++k)
      CHECK(r[static_cast<std::size_t>(i)].at(k) == 0);
}

TEST_CASE("taps of sequences and carries") {
  const Tensor x = input("x", float64, {6}), y0 = input("y0", float64, {3});
  const ScanResult r = scan({.sequences = {{x, {-1, 1}}}, .carries = {{y0, {-3, -1}}}}, [&](const ScanStep& t) {
    return StepResult{.carries = {t.row(0, -1) + 10.0 * t.row(0, 1) + t.carry(0, -3) - t.carry(0, -1)}};
  });
  const Function f = function({x, y0}, {r.carries[0], r.last[0]});
  const std::vector<Array> out = f({1, 2, 3, 4, 5, 6}, {100, 200, 300});
  std::vector<double> y{100, 200, 300};
  for (int t = 0; t < 4; ++t) {  // 6 rows, less one at either end
    const double next = (t + 1) + 10.0 * (t + 3) + y[y.size() - 3] - y[y.size() - 1];
    y.push_back(next);
    CHECK(out[0].at(t) == next);
  }
  CHECK(out[1].at(0) == y.back());
}

TEST_CASE("going backwards, numbers of steps, and steps that count") {
  const Tensor x = input("x", float64, {5});
  const ScanResult r = scan({.sequences = {x}, .carries = {zeros(float64, {})}, .steps = Dim(3), .go_backwards = true},
                            [&](const ScanStep& t) {
                              const Tensor s = t.carry(0) * 10.0 + t.row(0);
                              return StepResult{.carries = {s}, .outputs = {t.number()}};
                            });
  const std::vector<Array> out = function({x}, {r.carries[0], r.outputs[0]})({1, 2, 3, 4, 5});
  CHECK(difference(out[0], Array::of<double>(std::vector<double>{5, 54, 543}, {3})) == "");
  CHECK(difference(out[1], Array::of<std::int64_t>(std::vector<std::int64_t>{0, 1, 2}, {3})) == "");
}

TEST_CASE("scans nest") {
  // Row sums of row sums, weighted: sum over i of (sum over j of x[i, j] w) ...
  const Tensor x = input("x", float64, {3, 4}), w = input("w", float64, {});
  const Tensor zero = zeros(float64, {});
  const Tensor total = foldl(
      [&](const Tensor& outer, const Tensor& row) {
        return outer * w + foldl([&](const Tensor& inner, const Tensor& v) { return inner * w + v * outer; }, row, w);
      },
      x, w);
  Tensor by_hand = w;
  for (int i = 0; i < 3; ++i) {
    Tensor inner = w;
    for (int j = 0; j < 4; ++j) inner = inner * w + row_of(row_of(x, i), j) * by_hand;
    by_hand = by_hand * w + inner;
  }
  const auto all = [&](const Tensor& y) {
    std::vector<Tensor> list{y};
    for (const Tensor& t : grad(y, {x, w})) list.push_back(t);
    for (const Tensor& t : grad(sum(list[1]) + list[2], {x, w})) list.push_back(t);
    return list;
  };
  const std::vector<Array> values{random_array(float64, {3, 4}, -1, 1, 1), random_array(float64, {}, 0.5, 1, 2)};
  same(run(function({x, w}, all(total)), values), run(function({x, w}, all(by_hand)), values), 100);
}

TEST_CASE("mistakes in scans are named with the scan and the line") {
  const Tensor x = input("x", float32, {3, 2}), s = input("s", float32, {});
  const auto nothing = [](const ScanStep&) { return StepResult{}; };
  CHECK(contains("scan 'a' at scan_test.cc").match(message_of([&] { scan({.name = "a"}, nothing); })));
  CHECK_THAT(message_of([&] { scan({.sequences = {s}}, nothing); }), contains("sequence 0 has no rows: s (float32[]"));
  CHECK_THAT(message_of([&] { scan({.sequences = {x}}, nothing); }), contains("neither carries nor outputs"));
  CHECK_THAT(message_of([&] { scan({.sequences = {x}, .carries = {s}}, nothing); }),
             contains("0 new carries, expected 1"));
  CHECK_THAT(message_of([&] { scan({.sequences = {x}, .carries = {{s, {1}}}}, nothing); }),
             contains("must be negative"));
  CHECK_THAT(message_of([&] {
               scan({.sequences = {x}, .carries = {s}},
                    [](const ScanStep& t) { return StepResult{.carries = {t.row(0)}}; });
             }),
             contains("carry 0 is s (float32[]"));
  CHECK_THAT(message_of([&] {
               scan({.sequences = {x}, .carries = {s}},
                    [](const ScanStep& t) { return StepResult{.carries = {t.carry(1)}}; });
             }),
             contains("asks for carry 1; there are 1"));
}

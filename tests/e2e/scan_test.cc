// Scans as a user writes them, against the same graph with its steps written out.
#include <cmath>

#include <bitale/bitale.h>

#include "compiler/eval/eval.h"
#include "frontends/cpp/handles.h"
#include "runtime/base/flags.h"
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

// How often a program's text, with the bodies in it, says something.
std::ptrdiff_t count_in(const Function& f, const std::string& what) {
  const std::string text = f.program_text();
  std::ptrdiff_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
  return count;
}
std::ptrdiff_t steps_of(const Function& f, const std::string& kind) { return count_in(f, ": " + kind + " "); }
std::ptrdiff_t loops_by_rows(const Function& f) { return count_in(f, "rows of the body dealt"); }
std::ptrdiff_t sliced(const Function& f) { return count_in(f, "the epilogue reads all slices"); }

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

TEST_CASE("scans of the same steps become one, with the same values and gradients for every length") {
  const Dim steps("steps");
  const Tensor x = input("x", float64, {steps, 2, 3}), h0 = input("h0", float64, {2, 4});
  const Tensor w = input("w", float64, {3, 4}), u = input("u", float64, {4, 4});
  const auto compiled = [&] {
    const Tensor back =
        scan({.sequences = {x}, .carries = {h0 * 0.5}, .go_backwards = true, .name = "back"}, [&](const ScanStep& t) {
          const Tensor next = tanh(dot(t.row(0), w) + dot(t.carry(0), transpose(u)));
          return StepResult{.carries = {next}, .outputs = {sum(next * t.carry(0))}};
        }).outputs[0];
    const Tensor y = rnn(x, h0, w, u);
    const Tensor cost = sum(y * y * y) + sum(back * back);
    std::vector<Tensor> outputs = grad(cost, {x, h0, w, u});
    const Tensor second = sum(square(outputs[0])) + sum(outputs[3] * u);
    for (const Tensor& t : grad(second, {x, h0, w, u})) outputs.push_back(t);
    outputs.insert(outputs.end(), {y, back});
    return function({x, h0, w, u}, outputs, {.name = "both"});
  };
  const std::string disabled = flags().disable;
  const Function joined = compiled();
  flags().disable = "scans-of-the-same-steps";
  const Function apart = compiled();
  flags().disable = disabled;
  CHECK(contains("rule scans-of-the-same-steps").match(joined.compile_report()));
  CHECK(steps_of(apart, "loop") == 10);
  CHECK(steps_of(joined, "loop") == 4);
  for (const std::int64_t n : {0, 1, 2, 7}) {
    const std::vector<Array> values{random_array(float64, {n, 2, 3}, -1, 1, 1), random_array(float64, {2, 4}, -1, 1, 2),
                                    random_array(float64, {3, 4}, -1, 1, 3), random_array(float64, {4, 4}, -1, 1, 4)};
    same(run(joined, values), run(apart, values));
  }
}

TEST_CASE("kernels of one shape in a loop are one, unless a product can take them along") {
  const Tensor x = input("x", float64, {Dim("n"), 3}), y = input("y", float64, {x.dim(0), 3});
  const Tensor h = input("h", float64, {3}), g = input("g", float64, {3}), u = input("u", float64, {3, 3}),
               v = input("v", float64, {3, 3});
  const auto of = [](const Tensor& rows, const Tensor& init, const std::function<Tensor(Tensor)>& step) {
    return scan({.sequences = {rows}, .carries = {init}},
                [&](const ScanStep& t) { return StepResult{.carries = {tanh(t.row(0) + step(t.carry(0)))}}; })
        .last[0];
  };
  const auto twice = [](const Tensor& t) { return t * 2.0; };
  const Function plain = function({x, y, h, g}, {of(x, h, twice), of(y, g, twice)});
  CHECK(steps_of(plain, "kernel") == 1);
  const Function products = function({x, y, h, g, u, v}, {of(x, h, [&](const Tensor& t) { return dot(t, u); }),
                                                          of(y, g, [&](const Tensor& t) { return dot(t, v); })});
  CHECK(steps_of(products, "kernel") == 0);
  CHECK(steps_of(products, "contraction") == 2);
  // Behind both products, what reads them.
  const auto two = [](const Tensor& rows, const Tensor& init, const Tensor& weights) {
    return scan({.sequences = {rows}, .carries = {init, init}},
                [&](const ScanStep& t) {
                  const Tensor p = dot(t.carry(0), weights);
                  return StepResult{.carries = {tanh(p + t.row(0)), t.carry(1) + p}};
                })
        .last[1];
  };
  const Function behind = function({x, y, h, g, u, v}, {two(x, h, u), two(y, g, v)});
  CHECK(steps_of(behind, "kernel") == 1);
  CHECK(steps_of(behind, "contraction") == 2);
}

namespace {

// Two layers of gates: products of the carries, slices, sums along a row, what gradients keep.
struct Gated {
  Dim steps{"steps"}, batch{"batch"};
  Tensor x = input("x", float32, {steps, batch, 5}), h0 = input("h0", float32, {batch, 24}),
         c0 = input("c0", float32, {batch, 24}), w = input("w", float32, {5, 72}), u = input("u", float32, {24, 72});
  Function f;

  explicit Gated(int threads) {
    const ScanResult r = scan({.sequences = {x}, .carries = {h0, c0}, .name = "gated"}, [&](const ScanStep& t) {
      const Tensor z = dot(t.row(0), w) + dot(t.carry(0), u);
      const auto gate = [&](int i) { return slice(z, 1, 24 * i, 24 * (i + 1)); };
      const Tensor c = sigmoid(gate(0)) * t.carry(1) + sigmoid(gate(1)) * tanh(gate(2));
      const Tensor h = tanh(c) / (1.0F + sum(square(c), {1}, true));
      return StepResult{.carries = {h, c}};
    });
    std::vector<Tensor> outputs = grad(sum(square(r.carries[0])) + sum(r.last[1]), {x, h0, c0, w, u});
    outputs.push_back(r.carries[0]);
    f = function({x, h0, c0, w, u}, outputs, {.name = "gated", .threads = threads});
  }
  std::vector<Array> call(std::int64_t n, std::int64_t rows) const {
    return run(f, {random_array(float32, {n, rows, 5}, -1, 1, 1), random_array(float32, {rows, 24}, -1, 1, 2),
                   random_array(float32, {rows, 24}, -1, 1, 3), random_array(float32, {5, 72}, -1, 1, 4),
                   random_array(float32, {24, 72}, -1, 1, 5)});
  }
};

}  // namespace

TEST_CASE("threads go through a loop on their own, each with some rows of the batch") {
  const Gated alone(1), two(2), three(3);
  CHECK(loops_by_rows(two.f) == 2);
  for (const std::int64_t rows : {1, 8, 13, 64})
    for (const std::int64_t steps : {0, 1, 60}) {
      INFO(rows << " rows, " << steps << " steps");
      const std::vector<Array> expected = alone.call(steps, rows);
      same(two.call(steps, rows), expected);
      same(three.call(steps, rows), expected);
    }
}

namespace {

// A step with `gates` slices of a product, each `width` wide, one behind the other.
std::vector<Tensor> gated_step(const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& u, int gates,
                               int width) {
  const Tensor z = dot(h, u) + x;
  Tensor next = c * 0.5;
  for (int i = 0; i < gates; ++i) {
    const Tensor gate = slice(z, 1, width * i, width * (i + 1));
    next = i % 2 == 0 ? next + sigmoid(gate) : next * tanh(gate);
  }
  return {tanh(next) * sigmoid(slice(z, 1, 0, width)), next};
}

}  // namespace

TEST_CASE("the gates of a step are the epilogue of their product") {
  const int steps = 3;
  for (const bool checked : {false, true})
    for (const int threads : {1, 2, 3})
      for (const int gates : {2, 3, 4})
        for (const int width : {1, 5, 16, 32, 48, 67}) {
          if (checked && (threads == 3 || width > 16)) continue;  // slow, and the same
          INFO(gates << " gates of " << width << ", " << threads << " threads" << (checked ? ", checked" : ""));
          const Dim batch("batch");
          const Tensor x = input("x", float64, {steps, batch, gates * width});
          const Tensor h0 = input("h0", float64, {batch, width}), c0 = input("c0", float64, {batch, width});
          const Tensor u = input("u", float64, {width, gates * width});
          const ScanResult r = scan({.sequences = {x}, .carries = {h0, c0}}, [&](const ScanStep& t) {
            return StepResult{.carries = gated_step(t.row(0), t.carry(0), t.carry(1), u, gates, width)};
          });
          std::vector<Tensor> outputs = grad(sum(square(r.last[0])) + sum(r.carries[1]), {x, h0, c0, u});
          outputs.push_back(r.carries[0]);
          const Function f = function({x, h0, c0, u}, outputs, {.threads = threads, .check = checked});
          CHECK(sliced(f) == (width > 1 ? 1 : 0));

          std::vector<Tensor> h, c;
          for (int i = 0; i < steps; ++i) {
            const auto next = gated_step(row_of(x, i), i > 0 ? h.back() : h0, i > 0 ? c.back() : c0, u, gates, width);
            h.push_back(next[0]);
            c.push_back(next[1]);
          }
          std::vector<Tensor> by_hand = grad(sum(square(h.back())) + sum(stack(c)), {x, h0, c0, u});
          by_hand.push_back(stack(h));
          const Function g = function({x, h0, c0, u}, by_hand, {.threads = 1});
          for (const std::int64_t rows : {1, 7, 40}) {
            const std::vector<Array> values{random_array(float64, {steps, rows, gates * width}, -1, 1, 1),
                                            random_array(float64, {rows, width}, -1, 1, 2),
                                            random_array(float64, {rows, width}, -1, 1, 3),
                                            random_array(float64, {width, gates * width}, -1, 1, 4)};
            same(run(f, values), run(g, values), 100);
          }
        }
}

TEST_CASE("slices that are no equal pieces, or that others read, are no epilogue") {
  const Dim steps("steps"), batch("batch");
  const Tensor x = input("x", float32, {steps, batch, 24}), h0 = input("h0", float32, {batch, 8});
  const Tensor u = input("u", float32, {8, 24});
  const auto is_sliced = [&](const auto& body) {
    const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
      return StepResult{.carries = {body(dot(t.carry(0), u) + t.row(0), t.carry(0))}};
    });
    return sliced(function({x, h0, u}, {r.last[0]})) == 1;
  };
  CHECK(is_sliced([](const Tensor& z, const Tensor& h) { return h + tanh(slice(z, 1, 8, 16)) * slice(z, 1, 16, 24); }));
  CHECK_FALSE(is_sliced([](const Tensor& z, const Tensor&) { return tanh(slice(z, 1, 8, 16)) * slice(z, 1, 7, 15); }));
  CHECK_FALSE(is_sliced([](const Tensor& z, const Tensor& h) { return h * sum(z, {1}, true) + slice(z, 1, 8, 16); }));
  CHECK_FALSE(is_sliced([](const Tensor& z, const Tensor&) { return tanh(slice(z, 1, 0, 24, 3)); }));
}

TEST_CASE("a loop whose rows need each other is not dealt by rows") {
  const Dim steps("steps"), batch("batch");
  const Tensor x = input("x", float32, {steps, batch, 16}), h0 = input("h0", float32, {batch, 16});
  const Tensor u = input("u", float32, {16, 16});
  const auto by_rows = [&](const auto& body) {
    const ScanResult r = scan({.sequences = {x}, .carries = {h0}},
                              [&](const ScanStep& t) { return StepResult{.carries = {body(t.row(0), t.carry(0))}}; });
    return loops_by_rows(function({x, h0, u}, {r.last[0]}, {.unused_inputs = true})) == 1;
  };
  CHECK(by_rows([&](const Tensor& a, const Tensor& h) { return tanh(a + dot(h, u)); }));
  CHECK(by_rows([&](const Tensor& a, const Tensor& h) { return tanh(h) * (a + mean(h, {1}, true)); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) { return tanh(h) * mean(a, {0}, true); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) { return tanh(a + h) - mean(h, {0}, true); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) { return tanh(a + dot(h, u)) - mean(h, {0}, true); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) { return a + dot(dot(h, transpose(h, {1, 0})), h); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) { return a + flip(h, {0}); }));
  CHECK_FALSE(by_rows([&](const Tensor& a, const Tensor& h) {
    return a * 0.5F + reshape(transpose(reshape(h, {batch, 4, 4}), {1, 0, 2}), {batch, 16});
  }));
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

TEST_CASE("a step with far taps copies nothing") {
  const Dim n("n");
  const Tensor x = input("x", float64, {n, 3}), y0 = input("y0", float64, {5, 3});
  const auto step = [](const Tensor& row, const Tensor& far, const Tensor& near) {
    return tanh(row + 0.5 * far - 0.25 * near);
  };
  const ScanResult r = scan({.sequences = {x}, .carries = {{y0, {-5, -1}}}}, [&](const ScanStep& t) {
    return StepResult{.carries = {step(t.row(0), t.carry(0, -5), t.carry(0, -1))}};
  });
  const auto with_gradients = [&](const Tensor& last, const Tensor& all) {
    std::vector<Tensor> out{last};
    if (all) out.push_back(all);
    for (const Tensor& t : grad(sum(square(last)) + (all ? sum(all) : zeros(float64, {})), {x, y0})) out.push_back(t);
    return out;
  };
  const Function last = function({x, y0}, {r.last[0]}), both = function({x, y0}, {r.carries[0], r.last[0]}),
                 gradients = function({x, y0}, with_gradients(r.last[0], r.carries[0]));
  for (const Function* f : {&last, &both}) CHECK(steps_of(*f, "copy") == 0);
  for (const int steps : {1, 2, 5, 6, 13}) {
    const Tensor xs = input("x", float64, {steps, 3}), ys = input("y0", float64, {5, 3});
    std::vector<Tensor> y;
    for (int k = 0; k < 5; ++k) y.push_back(row_of(ys, k));
    for (int t = 0; t < steps; ++t) y.push_back(step(row_of(xs, t), y[y.size() - 5], y.back()));
    const Tensor all = stack({y.begin() + 5, y.end()});
    std::vector<Tensor> expected{y.back(), all};
    for (const Tensor& t : grad(sum(square(y.back())) + sum(all), {xs, ys})) expected.push_back(t);
    const std::vector<Array> values{random_array(float64, {steps, 3}, -1, 1, 1),
                                    random_array(float64, {5, 3}, -1, 1, 2)};
    const std::vector<Array> by_hand = run(function({xs, ys}, expected), values);
    same(run(last, values), {by_hand[0]});
    same(run(both, values), {by_hand[1], by_hand[0]});
    same(run(gradients, values), by_hand);
  }
}

TEST_CASE("the last rows of a scan are read without storing the others") {
  const Dim n("n");
  const Tensor x = input("x", float64, {n, 16}), h0 = input("h0", float64, {16});
  const Tensor u = input("u", float64, {16, 16});
  const ScanResult r = scan({.sequences = {x}, .carries = {h0}}, [&](const ScanStep& t) {
    const Tensor next = tanh(t.row(0) + dot(t.carry(0), u));
    return StepResult{.carries = {next}, .outputs = {dot(next, u), next * t.row(0)}};
  });
  const std::vector<Tensor> outputs{subtensor(r.carries[0], {-1}), slice(r.carries[0], 0, {-3, {}}),
                                    subtensor(r.outputs[1], {-1}), r.last[0]};
  const Function last = function({x, h0, u}, outputs);
  std::vector<Tensor> whole = outputs;
  whole.push_back(r.carries[0]);
  whole.push_back(r.outputs[1]);
  const Function all = function({x, h0, u}, whole);
  for (const std::int64_t steps : {1, 2, 3, 4, 50}) {
    const std::vector<Array> values{random_array(float64, {steps, 16}, -1, 1, 1), random_array(float64, {16}, -1, 1, 2),
                                    random_array(float64, {16, 16}, -1, 1, 3)};
    std::vector<Array> expected = run(all, values);
    CHECK(expected[1].shape() == Extents{std::min<std::int64_t>(steps, 3), 16});
    expected.resize(4);
    same(run(last, values), expected);
  }
  CHECK(contains("rule last-rows").match(last.compile_report()));
  const auto planned = [&](std::int64_t steps) {
    const std::vector<Argument> arguments{Array::zeros(float64, {steps, 16}), Array::zeros(float64, {16}),
                                          Array::zeros(float64, {16, 16})};
    return last.planned_memory(arguments).total();
  };
  CHECK(planned(1000) == planned(10));
  CHECK_THAT(message_of([&] {
               last(Array::zeros(float64, {0, 16}), Array::zeros(float64, {16}), Array::zeros(float64, {16, 16}));
             }),
             contains("0"));
}

TEST_CASE("carries that change places, and one that is the row before") {
  const Tensor x = input("x", float64, {Dim("n")}), a = input("a", float64, {}), b = input("b", float64, {});
  const ScanResult r = scan({.sequences = {x}, .carries = {a, b, b, a}}, [&](const ScanStep& t) {
    return StepResult{.carries = {t.carry(1), t.carry(0), t.row(0), t.carry(2) + t.carry(0)}};
  });
  const Function f = function({x, a, b}, {r.last[0], r.last[1], r.last[2], r.last[3], r.carries[3]});
  for (const std::vector<double>& xs : {std::vector<double>{}, {7}, {7, 8}, {7, 8, 9}}) {
    const auto n = static_cast<std::int64_t>(xs.size());
    double c[4] = {1, 2, 2, 1};
    const std::vector<Array> out = f(Array::of<double>(xs, {n}), 1.0, 2.0);
    for (std::int64_t t = 0; t < n; ++t) {
      const double next[4] = {c[1], c[0], xs[static_cast<std::size_t>(t)], c[2] + c[0]};
      std::copy_n(next, 4, c);
      CHECK(out[4].at(t) == c[3]);
    }
    for (std::size_t k = 0; k < 4; ++k) CHECK(out[k].at(0) == c[k]);
  }
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

TEST_CASE("products that leave a loop read rows in the order of its steps") {
  const Tensor x = input("x", float64, {4, 2, 2}), h = input("h", float64, {2, 2});
  for (const bool backwards : {false, true}) {
    const ScanResult r = scan({.sequences = {x}, .carries = {h}, .go_backwards = backwards}, [&](const ScanStep& t) {
      return StepResult{.carries = {t.carry(0) * 0.5 + t.row(0)}, .outputs = {dot(t.row(0), t.carry(0))}};
    });
    std::vector<Tensor> products;
    Tensor state = h;
    for (int t = 0; t < 4; ++t) {
      const Tensor row = row_of(x, backwards ? 3 - t : t);
      products.push_back(dot(row, state));
      state = state * 0.5 + row;
    }
    const Array xs = random_array(float64, {4, 2, 2}, -1, 1, 1), hs = random_array(float64, {2, 2}, -1, 1, 2);
    const Tensor by_hand = stack(products);
    const auto with_gradients = [&](const Tensor& y) {
      std::vector<Tensor> all{y};
      for (const Tensor& t : grad(sum(square(y)), {x, h})) all.push_back(t);
      return function({x, h}, all);
    };
    same(with_gradients(r.outputs[0])(xs, hs), with_gradients(by_hand)(xs, hs));
  }
}

TEST_CASE("truncated gradients go back through the last steps alone") {
  const Dim n("n");
  const Tensor x = input("x", float64, {n, 2}), h = input("h", float64, {2}), w = input("w", float64, {2});
  const auto gradients = [&](std::optional<Dim> last, bool backwards) {
    const ScanResult r =
        scan({.sequences = {x}, .carries = {h}, .go_backwards = backwards, .truncate_gradient = last},
             [&](const ScanStep& t) { return StepResult{.carries = {tanh(t.carry(0) * w + t.row(0))}}; });
    return function({x, h, w}, grad(sum(r.last[0] * r.last[0]) + sum(r.carries[0]), {x, h, w}));
  };
  const Array xs = random_array(float64, {5, 2}, -1, 1, 1), hs = random_array(float64, {2}, -1, 1, 2),
              ws = random_array(float64, {2}, -1, 1, 3);
  for (const bool backwards : {false, true}) {
    const std::vector<Array> whole = gradients({}, backwards)(xs, hs, ws);
    same(gradients(Dim(5), backwards)(xs, hs, ws), whole);
    same(gradients(Dim(9), backwards)(xs, hs, ws), whole);
    // What two steps give from where the third leaves off.
    const std::vector<Array> last = gradients(Dim(2), backwards)(xs, hs, ws);
    const Tensor rows = input("rows", float64, {5, 2});
    Tensor state = h, early = zeros(float64, {});
    std::vector<Tensor> states;
    for (int t = 0; t < 5; ++t) {
      if (t == 3) state = stop_gradient(state);
      state = tanh(state * w + row_of(rows, backwards ? 4 - t : t));
      states.push_back(t < 3 ? stop_gradient(state) : state);
    }
    const Tensor cost = sum(state * state) + sum(stack(states));
    const std::vector<Tensor> by_hand = grad(cost, {rows, h, w});
    const std::vector<Array> expected = function({rows, h, w}, by_hand)(xs, hs, ws);
    same(last, expected);
  }
}

TEST_CASE("gradients that keep less are the same") {
  const Dim n("n");
  const Tensor x = input("x", float64, {n, 2}), h = input("h", float64, {2}), w = input("w", float64, {2, 2});
  const auto gradients = [&](const Checkpoint& checkpoint, bool backwards) {
    const ScanResult r = scan({.sequences = {x}, .carries = {h}, .go_backwards = backwards, .checkpoint = checkpoint},
                              [&](const ScanStep& t) {
                                const Tensor next = tanh(dot(t.carry(0), w) + t.row(0));
                                return StepResult{.carries = {next}, .outputs = {next * t.row(0)}};
                              });
    std::vector<Tensor> all{r.last[0], r.carries[0], r.outputs[0]};
    const Tensor cost = sum(square(r.last[0])) + sum(r.carries[0]) + sum(square(r.outputs[0]));
    for (const Tensor& t : grad(cost, {x, h, w})) all.push_back(t);
    for (const Tensor& t : grad(sum(square(all[5])) + sum(all[3]), {x, h, w})) all.push_back(t);
    return function({x, h, w}, all);
  };
  for (const bool backwards : {false, true})
    for (const std::int64_t steps : {0, 1, 4, 7, 12}) {
      INFO(steps);
      const Array xs = random_array(float64, {steps, 2}, -1, 1, 1), hs = random_array(float64, {2}, -1, 1, 2),
                  ws = random_array(float64, {2, 2}, -1, 1, 3);
      const std::vector<Array> plain = gradients(Checkpoint::all(), backwards)(xs, hs, ws);
      for (const Checkpoint& c :
           {Checkpoint::none(), Checkpoint::every(1), Checkpoint::every(4), Checkpoint::every(20)})
        same(gradients(c, backwards)(xs, hs, ws), plain);
    }
}

TEST_CASE("the gradient of ten thousand steps within 64 MiB") {
  constexpr std::int64_t steps = 10000, width = 256;
  const Tensor x = input("x", float32, {steps, 1}), w = input("w", float32, {width});
  const auto planned = [&](const Checkpoint& checkpoint) {
    const Tensor last =
        scan({.sequences = {x}, .carries = {zeros(float32, {16, width})}, .checkpoint = checkpoint},
             [&](const ScanStep& t) { return StepResult{.carries = {tanh(t.carry(0) * w + t.row(0))}}; })
            .last[0];
    const Function f = function({x, w}, {grad(sum(last), w)});
    const std::vector<Argument> arguments{Array::zeros(float32, {steps, 1}), Array::zeros(float32, {width})};
    return f.planned_memory(arguments).total();
  };
  const std::int64_t all = planned(Checkpoint::all()), none = planned(Checkpoint::none()),
                     sqrt = planned(Checkpoint::sqrt()), budget = planned(Checkpoint::budget(64 << 20));
  std::printf("| keeps | all | carries | square root | 64 MiB |\n| MiB | %.1f | %.1f | %.1f | %.1f |\n",
              all / 1048576.0, none / 1048576.0, sqrt / 1048576.0, budget / 1048576.0);
  CHECK(none <= all);
  CHECK(sqrt < budget);
  CHECK(budget < 64 << 20);
  CHECK(all > 256 << 20);
  CHECK_THAT(message_of([&] { planned(Checkpoint::budget(1 << 10)); }), contains("needs at least"));
}

TEST_CASE("a step can be the last one") {
  const Tensor x = input("x", float64, {6}), limit = input("limit", float64, {});
  const auto counted = [&](const Checkpoint& checkpoint) {
    return scan({.sequences = {x}, .carries = {zeros(float64, {})}, .checkpoint = checkpoint}, [&](const ScanStep& t) {
      const Tensor s = t.carry(0) + square(t.row(0));
      return StepResult{.carries = {s}, .outputs = {1.0 / s}, .until = s > limit};
    });
  };
  const ScanResult r = counted(Checkpoint::all());
  const Function f = function({x, limit}, {r.carries[0], r.last[0], r.outputs[0], r.steps});
  const Tensor cost = r.last[0] * 2.0 + sum(r.outputs[0]);
  const ScanResult segments = counted(Checkpoint::every(4));
  const Function g = function({x, limit}, {grad(cost, x), grad(segments.last[0] * 2.0 + sum(segments.outputs[0]), x)});
  for (const auto& [bound, steps] : {std::pair(-1.0, 1), std::pair(13.0, 3), std::pair(1000.0, 6)}) {
    const std::vector<Array> out = f({1, 2, 3, 4, 5, 6}, bound), d = g({1, 2, 3, 4, 5, 6}, bound);
    CHECK(out[3].at(0) == steps);
    std::vector<double> sums{0};
    for (int t = 0; t < 6; ++t) {
      if (t < steps) sums.push_back(sums.back() + (t + 1) * (t + 1));
      CHECK(out[0].at(t) == (t < steps ? sums.back() : 0));
      CHECK(out[2].at(t) == (t < steps ? 1 / sums.back() : 0));
    }
    CHECK(out[1].at(0) == sums.back());
    for (int t = 0; t < 6; ++t) {
      double slope = t < steps ? 2 : 0;
      for (int k = t; k < steps; ++k)
        slope -= 1 / (sums[static_cast<std::size_t>(k) + 1] * sums[static_cast<std::size_t>(k) + 1]);
      CHECK(d[0].at(t) == Approx(slope * 2 * (t + 1)));
      CHECK(d[1].at(t) == Approx(slope * 2 * (t + 1)));
    }
  }
  CHECK(contains("until").match(f.program_text()));
  // Products that leave the loop give zeros for steps that do not count, too.
  const Tensor w = input("w", float64, {2, 2});
  const ScanResult products = scan({.sequences = {x}, .carries = {zeros(float64, {2})}}, [&](const ScanStep& t) {
    const Tensor s = t.carry(0) + t.row(0);
    return StepResult{.carries = {s}, .outputs = {dot(s, w) + 1.0}, .until = sum(s) > 5.0};
  });
  const std::vector<Array> p =
      function({x, w}, {products.outputs[0], products.steps})({1, 2, 3, 4, 5, 6}, Array::zeros(float64, {2, 2}));
  CHECK(p[1].at(0) == 2);
  for (int k = 0; k < 12; ++k) CHECK(p[0].at(k) == (k < 4 ? 1 : 0));
  CHECK_THAT(message_of([&] {
               scan({.sequences = {x}},
                    [](const ScanStep& t) { return StepResult{.outputs = {t.row(0)}, .until = t.row(0)}; });
             }),
             contains("must be said by a bool scalar"));
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

TEST_CASE("cond computes one side, and so do its derivatives") {
  const Tensor c = input("c", boolean, {}), x = input("x", float64, {3}), w = input("w", float64, {3});
  const Tensor shared = exp(x);
  const std::vector<Tensor> y = cond(
      c, [&] { return std::vector<Tensor>{shared * w, sum(x)}; },
      [&] { return std::vector<Tensor>{log(w), sum(w * w)}; }, "sides");
  const Tensor cost = sum(y[0]) * y[1];
  std::vector<Tensor> outputs{y[0], y[1]};
  for (const Tensor& t : grad(cost, {x, w})) outputs.push_back(t);
  for (const Tensor& t : grad(sum(outputs[2]) + sum(outputs[3]), {x, w})) outputs.push_back(t);
  const Function f = function({c, x, w}, outputs);
  const auto plain = [&](const std::vector<Tensor>& sides) {
    const Tensor total = sum(sides[0]) * sides[1];
    std::vector<Tensor> all{sides[0], sides[1]};
    const GradOptions zero{.zero_if_disconnected = true};
    for (const Tensor& t : grad(total, {x, w}, zero)) all.push_back(t);
    for (const Tensor& t : grad(sum(all[2]) + sum(all[3]), {x, w}, zero)) all.push_back(t);
    return function({x, w}, all, {.unused_inputs = true});
  };
  const Array xs = random_array(float64, {3}, -1, 1, 1), ws = random_array(float64, {3}, 0.5, 1, 2);
  same(f(true, xs, ws), plain({shared * w, sum(x)})(xs, ws));
  same(f(false, xs, ws), plain({log(w), sum(w * w)})(xs, ws));
  // log of a negative number is not computed where it is not asked for, and its NaN reaches nothing.
  const Array negative = random_array(float64, {3}, -1, -0.5, 2);
  const std::vector<Array> r = f(true, xs, negative);
  for (const Array& a : r)
    for (std::int64_t i = 0; i < a.size(); ++i) CHECK(std::isfinite(a.at(i)));
}

TEST_CASE("conds in scans, and scans in conds") {
  const Tensor x = input("x", float64, {5}), limit = input("limit", float64, {});
  const ScanResult r = scan({.sequences = {x}, .carries = {zeros(float64, {})}}, [&](const ScanStep& t) {
    const Tensor s = t.carry(0) + t.row(0);
    return StepResult{.carries = {cond(s > limit, [&] { return s * 0.5; }, [&] { return s + 1.0; })}};
  });
  const Tensor y = cond(
      limit > 0.0, [&] { return foldl([](const Tensor& a, const Tensor& b) { return a * b; }, x, limit); },
      [&] { return sum(x); });
  const Function f = function({x, limit}, {r.carries[0], y, grad(sum(r.carries[0]), x), grad(y, x)});
  const std::vector<Array> out = f({1, 2, 3, 4, 5}, 4.0);
  double s = 0, product = 4;
  std::vector<double> halves;
  for (int t = 0; t < 5; ++t) {
    s += t + 1;
    product *= t + 1;
    halves.push_back(s > 4 ? 0.5 : 1);
    s = s > 4 ? s * 0.5 : s + 1;
    CHECK(out[0].at(t) == s);
  }
  CHECK(out[1].at(0) == product);
  for (int t = 0; t < 5; ++t) {
    double slope = 0, along = 1;
    for (int k = t; k < 5; ++k) slope += along *= halves[static_cast<std::size_t>(k)];
    CHECK(out[2].at(t) == Approx(slope));
    CHECK(out[3].at(t) == Approx(product / (t + 1)));
  }
}

TEST_CASE("mistakes in conds") {
  const Tensor x = input("x", float32, {3}), c = input("c", boolean, {});
  const auto one = [&] { return x; };
  CHECK_THAT(message_of([&] { cond(x > 0.0, one, one); }),
             contains("the condition must be a bool scalar, not bool[3]"));
  CHECK_THAT(message_of([&] { cond(c, one, [&] { return sum(x); }); }),
             contains("result 0 is float32[3] on one side and float32[] on the other"));
  CHECK_THAT(message_of([&] {
               cond(c, Branch([&] { return std::vector<Tensor>{x, x}; }),
                    Branch([&] { return std::vector<Tensor>{x}; }));
             }),
             contains("one side gives 2 results and the other one 1"));
}

TEST_CASE("the operations of a loop are those of its steps") {
  const Tensor x = input("x", float32, {Dim("T"), 16, 8}), u = input("u", float32, {8, 8});
  const Tensor h =
      foldl([&](const Tensor& a, const Tensor& row) { return tanh(row + dot(a, u)); }, x, zeros(float32, {16, 8}));
  const std::vector<Argument> a{Array::zeros(float32, {5, 16, 8}), Array::zeros(float32, {8, 8})};
  CHECK(function({x, u}, {h}).flops(a) == 2 * 5 * 16 * 8 * 8);
}

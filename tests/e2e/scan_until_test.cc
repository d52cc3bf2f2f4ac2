// Scans that end early: values and derivatives against the steps that count written out, and how many steps are run.
#include <atomic>
#include <cmath>
#include <limits>

#include <bitale/bitale.h>
#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// h' = tanh(h w + x_t), and a product that feeds no carry; step `end` is the last one that counts.
struct Network {
  Tensor x, h0, w, end = input("end", int64, {});

  explicit Network(const Dim& steps)
      : x(input("x", float64, {steps, 2, 3})), h0(input("h0", float64, {2, 3})), w(input("w", float64, {3, 3})) {}

  Tensor next(const Tensor& h, const Tensor& row) const { return tanh(dot(h, w) + row); }
  Tensor output(const Tensor& h, const Tensor& row) const { return dot(h * h, w) * row + 1.0; }

  std::vector<Tensor> scanned(bool backwards, const Checkpoint& checkpoint) const {
    const ScanResult r = scan(
        {.sequences = {x}, .carries = {h0}, .go_backwards = backwards, .checkpoint = checkpoint, .name = "network"},
        [&](const ScanStep& t) {
          const Tensor h = next(t.carry(0), t.row(0));
          return StepResult{.carries = {h}, .outputs = {output(h, t.row(0))}, .until = t.number() >= end};
        });
    return {r.last[0], r.carries[0], r.outputs[0]};
  }

  // `count` steps of all.
  std::vector<Tensor> written_out(bool backwards, int count, int all) const {
    Tensor h = h0;
    std::vector<Tensor> states, outputs;
    for (int t = 0; t < all; ++t) {
      if (t >= count) {
        states.push_back(zeros(float64, {2, 3}));
        outputs.push_back(zeros(float64, {2, 3}));
        continue;
      }
      const int i = backwards ? all - 1 - t : t;
      const Tensor row = squeeze(slice(x, 0, i, i + 1), {0});
      states.push_back(h = next(h, row));
      outputs.push_back(output(h, row));
    }
    return {h, stack(states), stack(outputs)};
  }

  // The results, their gradients, and the gradients of those.
  Function derivatives(const std::vector<Tensor>& results, const FunctionOptions& options) const {
    const auto cost = [](const std::vector<Tensor>& list) {
      Tensor total = zeros(float64, {});
      for (const Tensor& t : list) total = total + sum(t * t * t);
      return total;
    };
    const GradOptions zero{.zero_if_disconnected = true};
    std::vector<Tensor> all = results;
    const std::vector<Tensor> first = grad(cost(results), {x, h0, w}, zero),
                              second = grad(cost(first), {x, h0, w}, zero);
    all.insert(all.end(), first.begin(), first.end());
    all.insert(all.end(), second.begin(), second.end());
    return function({x, h0, w, end}, all, options);
  }
};

Array values(const Extents& shape, std::uint64_t seed) { return random_array(float64, shape, -1, 1, seed); }

void same(const std::vector<Array>& got, const std::vector<Array>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i);
    CHECK(difference(got[i], expected[i], 100) == "");
  }
}

constexpr int trips = 6;

void agree(const Checkpoint& checkpoint) {
  const Array h0 = values({2, 3}, 2), w = values({3, 3}, 3);
  for (const bool backwards : {false, true}) {
    const Network of_any_length(Dim("steps")), of_six{Dim(trips)};
    const std::vector<Tensor> scanned = of_any_length.scanned(backwards, checkpoint);
    const Function optimised = of_any_length.derivatives(scanned, {.threads = 2}),
                   plain = of_any_length.derivatives(scanned, {.threads = 1, .level = 0});
    for (const std::int64_t end : {0, 1, 3, 100}) {
      INFO("backwards " << backwards << ", end " << end);
      const Array x = values({trips, 2, 3}, 1);
      const int count = static_cast<int>(std::min<std::int64_t>(end + 1, trips));
      const std::vector<Array> expected =
          of_six.derivatives(of_six.written_out(backwards, count, trips), {.unused_inputs = true})(x, h0, w, end);
      same(optimised(x, h0, w, end), expected);
      same(plain(x, h0, w, end), expected);
      // What nobody looks at may be anything.
      Array ragged = x.clone();
      for (std::int64_t i = 0; i < ragged.size(); ++i) {
        const std::int64_t row = i / 6, step = backwards ? trips - 1 - row : row;
        if (step >= count)
          ragged.view<double>()[static_cast<std::size_t>(i)] = std::numeric_limits<double>::quiet_NaN();
      }
      same(optimised(ragged, h0, w, end), expected);
    }
    const std::vector<Array> none = optimised(values({0, 2, 3}, 1), h0, w, std::int64_t{2});
    CHECK(difference(none[0], h0) == "");
    for (std::int64_t i = 0; i < 9; ++i) CHECK(none[5].at(i) == 0);
  }
}

}  // namespace

TEST_CASE("derivatives of a scan that ends early are those of the steps that count") { agree(Checkpoint::all()); }
TEST_CASE("the same where carries alone are kept", "[part0]") { agree(Checkpoint::none()); }
TEST_CASE("the same where segments are kept", "[part1]") {
  agree(Checkpoint::every(1));
  agree(Checkpoint::every(4));
}

namespace {

// Passes its operand on, twice it, and counts its calls; so does its derivative.
CustomOp counting(const std::string& name, std::atomic<int>& forward, std::atomic<int>& backward) {
  return callback_op({
      .name = name,
      .type = [](const std::vector<Tensor>& x) { return std::vector<ResultType>{{x[0].dtype(), x[0].shape()}}; },
      .run =
          [&forward](const std::vector<Array>& x, std::vector<Array>& y) {
            ++forward;
            for (std::int64_t i = 0; i < x[0].size(); ++i)
              y[0].view<double>()[static_cast<std::size_t>(i)] = 2 * x[0].at(i);
          },
      .vjp =
          [name, &backward](const std::vector<Tensor>&, const std::vector<Tensor>&, const std::vector<Tensor>& dy) {
            return std::vector<Tensor>{counting("gradient of " + name, backward, backward)({dy[0]})};
          },
  });
}

}  // namespace

TEST_CASE("a gradient runs the steps that count and no others") {
  std::atomic<int> forward = 0, backward = 0;
  const CustomOp twice = counting("twice", forward, backward);
  const Tensor x = input("x", float64, {Dim("steps"), 4}), w = input("w", float64, {4, 4});
  const Tensor end = input("end", int64, {});
  for (const bool segments : {false, true}) {
    const ScanResult r = scan({.sequences = {x},
                               .carries = {zeros(float64, {4})},
                               .checkpoint = segments ? Checkpoint::every(5) : Checkpoint::all()},
                              [&](const ScanStep& t) {
                                const Tensor h = tanh(dot(twice({t.carry(0)}), w) + t.row(0));
                                return StepResult{.carries = {h}, .until = t.number() >= end};
                              });
    for (const int threads : {1, 2}) {
      const Function f = function({x, w, end}, grad(sum(r.last[0]) + sum(r.carries[0]), {x, w}), {.threads = threads});
      for (const int last : {0, 1, 7, 100}) {
        forward = backward = 0;
        const std::vector<Array> g = f(values({20, 4}, 1), values({4, 4}, 2), last);
        const int count = std::min(last + 1, 20);
        INFO(last << (segments ? " in segments" : ""));
        CHECK(backward == count);
        CHECK(forward == (segments ? 2 : 1) * count);
        for (std::int64_t i = count * 4; i < 80; ++i) CHECK(g[0].at(i) == 0);
      }
    }
  }
}

TEST_CASE("the gradient of a weight of a scan that ends early is one contraction behind the loop") {
  const Network n(Dim("steps"));
  const std::vector<Tensor> r = n.scanned(false, Checkpoint::all());
  const Function f = function({n.x, n.h0, n.w, n.end}, {grad(sum(r[0]), n.w)}, {.level = 2});
  const std::string text = f.program_text();
  // The forward loop multiplies once, the reverse loop once; the third product is behind them.
  std::size_t products = 0, at_the_end = 0;
  for (std::size_t at = text.find(": contraction"); at != std::string::npos; at = text.find(": contraction", at + 1)) {
    ++products;
    at_the_end = at;
  }
  INFO(text);
  CHECK(products == 3);
  CHECK(text.rfind(": loop ") < at_the_end);
  CHECK(text.rfind("\n  ", at_the_end) + 3 == text.find_last_of(' ', at_the_end - 1) + 1);
}

TEST_CASE("each element of a batch ends at its own step, in derivatives, too") {
  const Tensor x = input("x", float64, {3, trips}), limit = input("limit", float64, {3});
  const auto one = [](const Tensor& row, const Tensor& most) {
    const ScanResult r = scan({.sequences = {row}, .carries = {zeros(float64, {})}}, [&](const ScanStep& t) {
      const Tensor s = t.carry(0) + square(t.row(0));
      return StepResult{.carries = {s}, .outputs = {1.0 / s}, .until = s > most};
    });
    return std::vector<Tensor>{r.last[0] * 2.0 + sum(r.outputs[0] * r.carries[0]), r.outputs[0]};
  };
  const auto all = [](const std::vector<Tensor>& y, const Tensor& of) {
    std::vector<Tensor> list = y;
    list.push_back(grad(sum(square(y[0])) + sum(y[1]), of));
    list.push_back(grad(sum(square(list.back())), of));
    return list;
  };
  // The gradient of the batch, the batch of gradients (whose bounds differ), and one element after the other.
  const std::vector<Tensor> batch =
      vmap([&](const std::vector<Tensor>& row) { return one(row[0], row[1]); }, {x, limit});
  const std::vector<Tensor> gradients =
      vmap([&](const std::vector<Tensor>& row) { return all(one(row[0], row[1]), row[0]); }, {x, limit});
  std::vector<Tensor> first, second;
  for (int i = 0; i < 3; ++i) {
    const auto row = [&](const Tensor& t) { return squeeze(slice(t, 0, i, i + 1), {0}); };
    const std::vector<Tensor> y = one(row(x), row(limit));
    first.push_back(y[0]);
    second.push_back(y[1]);
  }
  const std::vector<Array> arguments{values({3, trips}, 5), Array::of<double>(std::vector<double>{0.01, 0.7, 50}, {3})};
  const auto run = [&](const std::vector<Tensor>& outputs) {
    return function({x, limit}, outputs, {.threads = 2})(arguments[0], arguments[1]);
  };
  const std::vector<Array> expected = run(all({stack(first), stack(second)}, x));
  same(run(all(batch, x)), expected);
  same(run(gradients), expected);
}

TEST_CASE("jacobians of a scan that ends early") {
  const Network n{Dim(trips)};
  const Function scanned = function({n.x, n.h0, n.w, n.end}, {jacobian(n.scanned(false, Checkpoint::all())[2], n.w)});
  for (const std::int64_t end : {0, 2}) {
    const Function by_hand =
        function({n.x, n.h0, n.w, n.end}, {jacobian(n.written_out(false, static_cast<int>(end) + 1, trips)[2], n.w)},
                 {.unused_inputs = true});
    const Array x = values({trips, 2, 3}, 1), h0 = values({2, 3}, 2), w = values({3, 3}, 3);
    same(scanned(x, h0, w, end), by_hand(x, h0, w, end));
  }
}

TEST_CASE("truncated gradients of a scan that ends early") {
  const Tensor x = input("x", float64, {trips}), w = input("w", float64, {}), end = input("end", int64, {});
  const ScanResult r =
      scan({.sequences = {x}, .carries = {zeros(float64, {})}, .truncate_gradient = Dim(4)}, [&](const ScanStep& t) {
        return StepResult{.carries = {tanh(t.carry(0) * w + t.row(0))}, .until = t.number() >= end};
      });
  const Function f = function({x, w, end}, grad(r.last[0] * r.last[0], {x, w}));
  for (const int last : {1, 3, 100}) {
    Tensor h = zeros(float64, {});
    for (int t = 0; t < std::min(last + 1, trips); ++t) {
      if (t == 2) h = stop_gradient(h);  // derivatives go back through steps 2 to 5 of the six that there are
      Tensor row = squeeze(slice(x, 0, t, t + 1), {0});
      h = t < 2 ? stop_gradient(tanh(h * w + row)) : tanh(h * w + row);
    }
    const Function g =
        function({x, w, end}, grad(h * h, {x, w}, {.zero_if_disconnected = true}), {.unused_inputs = true});
    same(f(values({trips}, 1), 0.7, last), g(values({trips}, 1), 0.7, last));
  }
}

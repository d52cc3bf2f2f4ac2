// Each recurrent layer against its steps written out, gate by gate.
#include "models/layers/recurrent.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::difference;
using bitale::tests::random_array;

namespace {

constexpr int inputs = 3, hidden = 4;

Shared parameter(const std::string& name, const Extents& shape, std::uint64_t seed) {
  return {name, random_array(float64, shape, -1, 1, seed)};
}

// A layer, and a step of it in the words of its paper.
struct Case {
  std::string name;
  std::vector<Shared> parameters;
  Recurrent layer;
  std::size_t states;
  std::function<std::vector<Tensor>(const Tensor& x, const std::vector<Tensor>& before)> step;
};

Tensor gate(const Tensor& p, int k) { return slice(p, p.rank() - 1, k * hidden, (k + 1) * hidden); }

// The pre-activation of gate k.
Tensor linear(const Tensor& x, const Tensor& h, const Shared& w, const Shared& u, const Shared& b, int k) {
  return dot(x, gate(w, k)) + dot(h, gate(u, k)) + gate(b, k);
}

Case rnn(int in = inputs) {
  const Rnn p{parameter("w", {in, hidden}, 1), parameter("u", {hidden, hidden}, 2), parameter("b", {hidden}, 3)};
  return {"rnn",
          {p.w, p.u, p.b},
          [p](const Tensor& x, const Tensor& m) { return states(p, x, m); },
          1,
          [p](const Tensor& x, const std::vector<Tensor>& s) {
            return std::vector{tanh(linear(x, s[0], p.w, p.u, p.b, 0))};
          }};
}

Case gru() {
  const Gru p{parameter("w", {inputs, 3 * hidden}, 1), parameter("u", {hidden, 3 * hidden}, 2),
              parameter("b", {3 * hidden}, 3), parameter("reset_b", {hidden}, 4)};
  return {"gru",
          {p.w, p.u, p.b, p.reset_b},
          [p](const Tensor& x, const Tensor& m) { return states(p, x, m); },
          1,
          [p](const Tensor& x, const std::vector<Tensor>& s) {
            const Tensor r = sigmoid(linear(x, s[0], p.w, p.u, p.b, 0));
            const Tensor z = sigmoid(linear(x, s[0], p.w, p.u, p.b, 1));
            const Tensor n = tanh(dot(x, gate(p.w, 2)) + gate(p.b, 2) + r * (dot(s[0], gate(p.u, 2)) + p.reset_b));
            return std::vector{n + z * (s[0] - n)};
          }};
}

template <class Layer>
Layer gates() {
  return {parameter("w", {inputs, 4 * hidden}, 1), parameter("u", {hidden, 4 * hidden}, 2),
          parameter("b", {4 * hidden}, 3)};
}

Case lstm() {
  const auto p = gates<Lstm>();
  return {"lstm",
          {p.w, p.u, p.b},
          [p](const Tensor& x, const Tensor& m) { return states(p, x, m); },
          2,
          [p](const Tensor& x, const std::vector<Tensor>& s) {
            const auto a = [&](int k) { return linear(x, s[0], p.w, p.u, p.b, k); };
            const Tensor c = sigmoid(a(1)) * s[1] + sigmoid(a(0)) * tanh(a(3));
            return std::vector{sigmoid(a(2)) * tanh(c), c};
          }};
}

Case peephole_lstm() {
  const Lstm g = gates<Lstm>();
  const PeepholeLstm p{g.w, g.u, g.b, parameter("peep", {3 * hidden}, 4)};
  return {"peephole lstm",
          {p.w, p.u, p.b, p.peep},
          [p](const Tensor& x, const Tensor& m) { return states(p, x, m); },
          2,
          [p](const Tensor& x, const std::vector<Tensor>& s) {
            const auto a = [&](int k) { return linear(x, s[0], p.w, p.u, p.b, k); };
            const Tensor i = sigmoid(a(0) + gate(p.peep, 0) * s[1]), f = sigmoid(a(1) + gate(p.peep, 1) * s[1]);
            const Tensor c = f * s[1] + i * tanh(a(3));
            return std::vector{sigmoid(a(2) + gate(p.peep, 2) * c) * tanh(c), c};
          }};
}

Tensor normalised(const Tensor& y, double epsilon) {
  const Tensor centred = y - mean(y, {-1}, true);
  return centred / sqrt(mean(square(centred), {-1}, true) + epsilon);
}

Case normalised_lstm() {
  const Lstm g = gates<Lstm>();
  const NormalisedLstm p{g.w,
                         g.u,
                         g.b,
                         parameter("scale_x", {4 * hidden}, 4),
                         parameter("scale_h", {4 * hidden}, 5),
                         parameter("scale_c", {hidden}, 6),
                         parameter("shift_c", {hidden}, 7),
                         0.01};
  return {"normalised lstm",
          {p.w, p.u, p.b, p.scale_x, p.scale_h, p.scale_c, p.shift_c},
          [p](const Tensor& x, const Tensor& m) { return states(p, x, m); },
          2,
          [p](const Tensor& x, const std::vector<Tensor>& s) {
            const Tensor all = normalised(dot(x, p.w), p.epsilon) * p.scale_x +
                               normalised(dot(s[0], p.u), p.epsilon) * p.scale_h + p.b;
            const Tensor c = sigmoid(gate(all, 1)) * s[1] + sigmoid(gate(all, 0)) * tanh(gate(all, 3));
            return std::vector{sigmoid(gate(all, 2)) * tanh(normalised(c, p.epsilon) * p.scale_c + p.shift_c), c};
          }};
}

std::vector<Case> cases() { return {rnn(), gru(), lstm(), peephole_lstm(), normalised_lstm()}; }

Tensor row(const Tensor& x, int t) { return squeeze(slice(x, 0, t, t + 1), {0}); }

// The steps of a case one after the other; where the mask is 0 the states stay.
Tensor by_hand(const Case& c, const Tensor& x, const Tensor& mask, int steps, int batch) {
  std::vector<Tensor> before(c.states, zeros(float64, {batch, hidden})), rows;
  for (int t = 0; t < steps; ++t) {
    std::vector<Tensor> after = c.step(row(x, t), before);
    if (mask)
      for (std::size_t i = 0; i < after.size(); ++i)
        after[i] = where(expand_dims(row(mask, t), 1) > 0.0, after[i], before[i]);
    before = after;
    rows.push_back(before[0]);
  }
  return stack(rows);
}

// The states, and the gradients of a cost that weights all of them differently, in x and the parameters.
std::vector<Tensor> values_and_gradients(const Tensor& states, const Tensor& x, const std::vector<Shared>& parameters) {
  std::vector<Tensor> wrt{x}, out{states};
  wrt.insert(wrt.end(), parameters.begin(), parameters.end());
  for (const Tensor& g : grad(sum(states * states * states - states), wrt)) out.push_back(g);
  return out;
}

Array mask_of(const std::vector<int>& lengths, int steps) {
  Array mask(float64, {steps, static_cast<std::int64_t>(lengths.size())});
  for (int t = 0; t < steps; ++t)
    for (std::size_t b = 0; b < lengths.size(); ++b)
      mask.view<double>()[static_cast<std::size_t>(t) * lengths.size() + b] = t < lengths[b] ? 1 : 0;
  return mask;
}

void check_same(const std::vector<Array>& got, const std::vector<Array>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i);
    CHECK(difference(got[i], expected[i], 100) == "");
  }
}

}  // namespace

TEST_CASE("recurrent layers equal their steps written out, values and gradients, with masks and without") {
  constexpr int batch = 3;
  for (const Case& c : cases()) {
    for (const bool masked : {false, true}) {
      const Tensor x = input("x", float64, {Dim("T"), Dim("B"), inputs});
      const Tensor mask = masked ? input("mask", float64, {x.dim(0), x.dim(1)}) : Tensor();
      const auto with_mask = [&](const Tensor& y, const Tensor& m) {
        return masked ? std::vector{y, m} : std::vector{y};
      };
      const Function f = function(with_mask(x, mask), values_and_gradients(c.layer(x, mask), x, c.parameters));
      for (const int steps : {1, 2, 6}) {
        INFO(c.name << ", " << steps << " steps" << (masked ? ", masked" : ""));
        const Tensor y = input("x", float64, {steps, batch, inputs});
        const Tensor m = masked ? input("mask", float64, {steps, batch}) : Tensor();
        const Function g =
            function(with_mask(y, m), values_and_gradients(by_hand(c, y, m, steps, batch), y, c.parameters));
        std::vector<Argument> arguments{random_array(float64, {steps, batch, inputs}, -1, 1, 9)};
        if (masked) arguments.emplace_back(mask_of({steps, 1, steps / 2}, steps));
        check_same(f.call(arguments), g.call(arguments));
      }
    }
  }
}

TEST_CASE("no steps give no states, and gradients of zero") {
  for (const Case& c : cases()) {
    INFO(c.name);
    const Tensor x = input("x", float64, {Dim("T"), Dim("B"), inputs});
    const Function f = function({x}, values_and_gradients(c.layer(x, {}), x, c.parameters));
    const std::vector<Array> out = f(Array::zeros(float64, {0, 2, inputs}));
    CHECK(out[0].shape() == Extents{0, 2, hidden});
    for (std::size_t i = 2; i < out.size(); ++i)
      for (std::int64_t k = 0; k < out[i].size(); ++k) CHECK(out[i].at(k) == 0);
  }
}

TEST_CASE("a padded step leaves the state, and what stands there does not matter") {
  for (const Case& c : cases()) {
    INFO(c.name);
    const Tensor x = input("x", float64, {4, 2, inputs}), mask = input("mask", float64, {4, 2});
    const Function f = function({x, mask}, {c.layer(x, mask)});
    Array values = random_array(float64, {4, 2, inputs}, -1, 1, 9);
    const Array before = f(values, mask_of({4, 2}, 4))[0];
    for (int t = 2; t < 4; ++t) values.view<double>()[static_cast<std::size_t>((t * 2 + 1) * inputs)] = 1e3;
    CHECK(f(values, mask_of({4, 2}, 4))[0].same_bits(before));
    for (int k = 0; k < hidden; ++k) CHECK(before.at((3 * 2 + 1) * hidden + k) == before.at((1 * 2 + 1) * hidden + k));
  }
}

TEST_CASE("an initial state is where a second part of a sequence continues") {
  const Lstm p = gates<Lstm>();
  const Rnn r{parameter("w", {inputs, hidden}, 1), parameter("u", {hidden, hidden}, 2), parameter("b", {hidden}, 3)};
  const Tensor x = input("x", float64, {5, 2, inputs});
  const Tensor whole = states(r, x), first = states(r, slice(x, 0, 0, 2));
  const Tensor second = states(r, slice(x, 0, 2, 5), {}, row(first, 1));
  const std::vector<Array> out =
      function({x}, {whole, concatenate({first, second})})(random_array(float64, {5, 2, inputs}, -1, 1, 9));
  CHECK(difference(out[1], out[0], 10) == "");

  const Tensor h = input("h", float64, {2, hidden}), c = input("c", float64, {2, hidden});
  const Tensor one = states(p, slice(x, 0, 0, 1), {}, {h, c});
  const Tensor expected = lstm().step(row(x, 0), {h, c})[0];
  const std::vector<Array> step = function({x, h, c}, {row(one, 0), expected})(
      random_array(float64, {5, 2, inputs}, -1, 1, 9), random_array(float64, {2, hidden}, -1, 1, 10),
      random_array(float64, {2, hidden}, -1, 1, 11));
  CHECK(difference(step[0], step[1], 10) == "");
}

TEST_CASE("the backward half of a bidirectional layer reads every sequence from its own end") {
  constexpr int steps = 5, batch = 2, features = 2 * hidden;
  const Case there = lstm(), back = gru();
  const Tensor x = input("x", float64, {Dim("T"), Dim("B"), inputs}),
               mask = input("mask", float64, {x.dim(0), x.dim(1)});
  const Array values = random_array(float64, {steps, batch, inputs}, -1, 1, 9);
  const Array both =
      function({x, mask}, {bidirectional(there.layer, back.layer, x, mask)})(values, mask_of({5, 3}, 5))[0];
  CHECK(both.shape() == Extents{steps, batch, features});
  const Array forward = function({x, mask}, {there.layer(x, mask)})(values, mask_of({5, 3}, 5))[0];
  const std::vector<int> lengths{5, 3};
  for (int b = 0; b < batch; ++b) {
    const int length = lengths[static_cast<std::size_t>(b)];
    Array reversed(float64, {length, 1, inputs});  // this sequence alone, from its end
    for (int t = 0; t < length; ++t)
      for (int k = 0; k < inputs; ++k)
        reversed.view<double>()[static_cast<std::size_t>(t * inputs + k)] =
            values.at(((length - 1 - t) * batch + b) * inputs + k);
    const Array backward = function({x}, {back.layer(x, {})})(reversed)[0];
    for (int t = 0; t < steps; ++t) {
      for (int k = 0; k < hidden; ++k) {
        CHECK(both.at((t * batch + b) * features + k) == forward.at((t * batch + b) * hidden + k));
        const double expected = t < length ? backward.at((length - 1 - t) * hidden + k) : 0;
        CHECK(both.at((t * batch + b) * features + hidden + k) == Approx(expected).margin(1e-12));
      }
    }
  }
}

TEST_CASE("stacked layers, and their gradients") {
  const Case first = lstm(), second = rnn(hidden);
  const Recurrent layers[] = {first.layer, second.layer};
  std::vector<Shared> parameters = first.parameters;
  parameters.insert(parameters.end(), second.parameters.begin(), second.parameters.end());
  const Tensor x = input("x", float64, {4, 2, inputs}), mask = constant(mask_of({4, 2}, 4));
  const Tensor expected = by_hand(second, by_hand(first, x, mask, 4, 2), mask, 4, 2);
  const Array values = random_array(float64, {4, 2, inputs}, -1, 1, 9);
  check_same(function({x}, values_and_gradients(stacked(layers, x, mask), x, parameters))(values),
             function({x}, values_and_gradients(expected, x, parameters))(values));
}

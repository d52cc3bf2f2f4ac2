#include "models/layers/recurrent.h"

#include <string>

namespace bitale::models {
namespace {

// What a step of a layer sees: the row of its input, the states before it, and the mask.
struct Step {
  const ScanStep& scan;
  Tensor mask;  // [B, 1], or none

  const Tensor& row() const { return scan.row(0); }
  const Tensor& state(int i) const { return scan.carry(i); }
  // The new value of state i, or where a sequence has ended its old one.
  Tensor held(int i, const Tensor& value) const { return mask ? mask * value + (1.0 - mask) * state(i) : value; }
};
using Cell = std::function<std::vector<Tensor>(const Step& t)>;  // the states after a step; the first is h

// The values of state 0 after every row of x, which the cell sees. States without an initial value are zeros [B, h].
Tensor unroll(const std::string& name, const Tensor& x, const Tensor& mask, const std::vector<Tensor>& initial,
              const Dim& h, const Cell& cell) {
  ScanOptions options{.sequences = {x}, .name = name};
  if (mask) options.sequences.emplace_back(mask);
  for (const Tensor& state : initial) options.carries.emplace_back(state ? state : zeros(x.dtype(), {x.dim(1), h}));
  const auto body = [&](const ScanStep& t) {
    return StepResult{.carries = cell({t, mask ? expand_dims(t.row(1), 1) : Tensor()})};
  };
  return scan(options, body).carries[0];
}

Dim width(const Shared& u) { return u.tensor().dim(0); }

}  // namespace

Tensor states(const Rnn& p, const Tensor& x, const Tensor& mask, const Tensor& h) {
  return unroll("rnn", dot(x, p.w) + p.b, mask, {h}, width(p.u),
                [&](const Step& t) { return std::vector{t.held(0, tanh(t.row() + dot(t.state(0), p.u)))}; });
}

Tensor states(const Gru& p, const Tensor& x, const Tensor& mask, const Tensor& h) {
  return unroll("gru", dot(x, p.w) + p.b, mask, {h}, width(p.u), [&](const Step& t) {
    const std::vector<Tensor> in = split(t.row(), 3, 1), back = split(dot(t.state(0), p.u), 3, 1);
    const Tensor r = sigmoid(in[0] + back[0]), z = sigmoid(in[1] + back[1]);
    const Tensor n = tanh(in[2] + r * (back[2] + p.reset_b));
    return std::vector{t.held(0, (1.0 - z) * n + z * t.state(0))};
  });
}

Tensor states(const Lstm& p, const Tensor& x, const Tensor& mask, const LstmState& initial) {
  return unroll("lstm", dot(x, p.w) + p.b, mask, {initial.h, initial.c}, width(p.u), [&](const Step& t) {
    const std::vector<Tensor> gates = split(t.row() + dot(t.state(0), p.u), 4, 1);
    const Tensor i = sigmoid(gates[0]), f = sigmoid(gates[1]), o = sigmoid(gates[2]), g = tanh(gates[3]);
    const Tensor c = t.held(1, f * t.state(1) + i * g);
    return std::vector{t.held(0, o * tanh(c)), c};
  });
}

Tensor states(const PeepholeLstm& p, const Tensor& x, const Tensor& mask, const LstmState& initial) {
  return unroll("peephole_lstm", dot(x, p.w) + p.b, mask, {initial.h, initial.c}, width(p.u), [&](const Step& t) {
    const std::vector<Tensor> gates = split(t.row() + dot(t.state(0), p.u), 4, 1), peep = split(p.peep, 3);
    const Tensor i = sigmoid(gates[0] + peep[0] * t.state(1)), f = sigmoid(gates[1] + peep[1] * t.state(1));
    const Tensor c = t.held(1, f * t.state(1) + i * tanh(gates[3]));
    const Tensor o = sigmoid(gates[2] + peep[2] * c);
    return std::vector{t.held(0, o * tanh(c)), c};
  });
}

Tensor states(const NormalisedLstm& p, const Tensor& x, const Tensor& mask, const LstmState& initial) {
  const auto norm = [&](const Tensor& y) { return standardise(y, {-1}, p.epsilon); };
  const Tensor in = norm(dot(x, p.w)) * p.scale_x + p.b;
  return unroll("normalised_lstm", in, mask, {initial.h, initial.c}, width(p.u), [&](const Step& t) {
    const std::vector<Tensor> gates = split(t.row() + norm(dot(t.state(0), p.u)) * p.scale_h, 4, 1);
    const Tensor i = sigmoid(gates[0]), f = sigmoid(gates[1]), o = sigmoid(gates[2]), g = tanh(gates[3]);
    const Tensor c = t.held(1, f * t.state(1) + i * g);
    return std::vector{t.held(0, o * tanh(norm(c) * p.scale_c + p.shift_c)), c};
  });
}

Tensor bidirectional(const Recurrent& forward, const Recurrent& backward, const Tensor& x, const Tensor& mask) {
  const Tensor from_the_end = backward(flip(x, {0}), mask ? flip(mask, {0}) : Tensor());
  return concatenate({forward(x, mask), flip(from_the_end, {0})}, 2);
}

Tensor stacked(std::span<const Recurrent> layers, const Tensor& x, const Tensor& mask) {
  Tensor states = x;
  for (const Recurrent& layer : layers) states = layer(states, mask);
  return states;
}

}  // namespace bitale::models

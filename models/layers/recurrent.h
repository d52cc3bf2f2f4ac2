// Recurrent layers: from sequences [T, B, in] to the states after every step, [T, B, h].
//
// T and B may be symbolic, and any may be 0. All tensors of a layer have one floating-point dtype. A mask [T, B] of
// that dtype is 1 where a sequence goes on and 0 where it has ended: such a step leaves the state as it was. Without a
// mask (Tensor()) every step counts. Without an initial state (Tensor()) it is zero.
#pragma once

#include <functional>
#include <span>

#include <bitale/bitale.h>

namespace bitale::models {

// h' = tanh(x w + h u + b).
struct Rnn {
  Shared w, u, b;  // [in, h], [h, h], [h]
};
Tensor states(const Rnn& p, const Tensor& x, const Tensor& mask = {}, const Tensor& h = {});

// PyTorch's variant, which resets the state behind its product. Columns of w, u and b: r, z, n.
//   r, z = sigmoid(x w + h u + b);  n = tanh(x w_n + b_n + r (h u_n + reset_b));  h' = (1 - z) n + z h
// PyTorch's b_hh is part of b where that makes no difference, that is for r and z.
struct Gru {
  Shared w, u, b;  // [in, 3h], [h, 3h], [3h]
  Shared reset_b;  // [h]
};
Tensor states(const Gru& p, const Tensor& x, const Tensor& mask = {}, const Tensor& h = {});

struct LstmState {
  Tensor h{}, c{};
};

// Columns of w, u and b: i, f, o, g.
//   i, f, o = sigmoid(x w + h u + b);  g = tanh(x w_g + h u_g + b_g);  c' = f c + i g;  h' = o tanh(c')
struct Lstm {
  Shared w, u, b;  // [in, 4h], [h, 4h], [4h]
};
Tensor states(const Lstm& p, const Tensor& x, const Tensor& mask = {}, const LstmState& initial = {});

// Gates that see the cell: i and f see c, o sees c' (Gers, Schmidhuber 2000).
//   i, f = sigmoid(x w + h u + b + peep c);  o = sigmoid(x w_o + h u_o + b_o + peep_o c')
struct PeepholeLstm {
  Shared w, u, b;  // [in, 4h], [h, 4h], [4h]
  Shared peep;     // [3h]: i, f, o
};
Tensor states(const PeepholeLstm& p, const Tensor& x, const Tensor& mask = {}, const LstmState& initial = {});

// Layer normalisation of both products, each over the four gates together, and of the cell (Ba, Kiros, Hinton 2016).
//   gates = norm(x w) scale_x + norm(h u) scale_h + b;  h' = o tanh(norm(c') scale_c + shift_c)
struct NormalisedLstm {
  Shared w, u, b;           // [in, 4h], [h, 4h], [4h]
  Shared scale_x, scale_h;  // [4h]
  Shared scale_c, shift_c;  // [h]
  double epsilon = 1e-5;
};
Tensor states(const NormalisedLstm& p, const Tensor& x, const Tensor& mask = {}, const LstmState& initial = {});

// ---- of layers ----

// A layer, or several made one: x and mask to states. A lambda over states() is one.
using Recurrent = std::function<Tensor(const Tensor& x, const Tensor& mask)>;

// [T, B, forward's + backward's features]. `backward` reads every sequence from its last element to its first: the
// padded steps behind the end come first and leave its initial state as it is. Its states stand at the steps that they
// were computed at; at padded steps that is the initial state, where `forward` holds its last one.
Tensor bidirectional(const Recurrent& forward, const Recurrent& backward, const Tensor& x, const Tensor& mask = {});

// Each layer reads the states of the one before it.
Tensor stacked(std::span<const Recurrent> layers, const Tensor& x, const Tensor& mask = {});

}  // namespace bitale::models

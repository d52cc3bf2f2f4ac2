// dropout, embedding, attention: compositions.
#include <cmath>
#include <limits>

#include "ops/api/elementwise.h"
#include "ops/api/index.h"
#include "ops/api/random.h"
#include "ops/nn/composite.h"

namespace bitale::ops {

using ir::integers;
using ir::OpDef;
using ir::sample;
using ir::Sample;
using ir::uniform;

extern const OpDef dropout_op, embedding_op, attention_op;

const OpDef dropout_op{
    .name = "dropout",
    .doc = "dropout(x, rate, stream): 0 with probability rate, else x / (1 - rate); rate 0 (a number) draws nothing",
    .composite = true,
    .samples =
        [] {
          const auto state = integers({2}, -1e15, 1e15);
          return std::vector<Sample>{
              sample("number", {uniform({4, 5}), state}, [](auto x) { return dropout(x[0], 0.3, x[1], 2); }),
              sample("tensor", {uniform({4, 5}), state, {{}, 0.2, 0.8, std::nullopt, false}},
                     [](auto x) { return dropout(x[0], x[2], x[1], 2); }),
              sample("all", {uniform({4}), state}, [](auto x) { return dropout(x[0], 1.0, x[1], 2); }),
              sample("nothing", {uniform({4}), state}, [](auto x) { return dropout(x[0], 0, x[1], 2); })};
        },
};

// A selection, not a product: what is dropped is 0, also if it is infinite or NaN. The rate has no derivative.
Tensor dropout(const Tensor& x, const Operand& rate, const Tensor& state, std::int64_t draw_id, SourceLine line) {
  const Tensor f = as_float("dropout", x, line);
  if (const Tensor* t = rate.tensor()) {
    const Tensor r = stop_gradient(as_float("dropout", *t, line), line);
    const Tensor kept = random_bernoulli(state, draw_id, sub(1, r, line), f.shape(), line);
    const Tensor scale = cast(div(1, sub(1, r, line), line), f.dtype(), line);
    return where(kept, mul(f, scale, line), 0, line);
  }
  const auto* real = std::get_if<double>(&rate.value);
  const auto* whole = std::get_if<std::int64_t>(&rate.value);
  if (!real && !whole) fail("dropout", "the rate must be a number", {f}, line);
  const double r = real ? *real : static_cast<double>(*whole);
  if (!(r >= 0 && r <= 1)) fail("dropout", "the rate must be in [0, 1], got " + std::to_string(r), {f}, line);
  if (r == 0) return f;
  if (r == 1) return zeros_like(f);
  const Tensor kept = random_bernoulli(state, draw_id, 1 - r, f.shape(), line);
  return where(kept, mul(f, 1 / (1 - r), line), 0, line);
}

const OpDef embedding_op{
    .name = "embedding",
    .doc = "embedding(table, ids, padding): rows of table; for ids that are padding, zeros and no gradient",
    .composite = true,
    .samples =
        [] {
          const auto ids = [](const Tensor& t) { return mod(t, 5); };
          return std::vector<Sample>{sample("rows", {uniform({5, 3}), integers({7}, 0, 100)},
                                            [=](auto x) { return embedding(x[0], ids(x[1])); }),
                                     sample("padding", {uniform({5, 3}), integers({4, 4}, 0, 100)},
                                            [=](auto x) { return embedding(x[0], ids(x[1]), 2); }),
                                     sample("outside", {uniform({5}), integers({4}, -9, -9)},
                                            [](auto x) { return embedding(x[0], x[1], -9); })};
        },
};

Tensor embedding(const Tensor& table, const Tensor& ids, std::optional<std::int64_t> padding, SourceLine line) {
  ir::require_operand("embedding", table, line);
  ir::require_operand("embedding", ids, line);
  if (table.rank() < 1 || !is_integer(ids.dtype()))
    fail("embedding", "a table [n, ...] and integer ids are needed", {table, ids}, line);
  if (!padding) return gather(table, ids, 0, line);
  const Tensor is_padding = equal(ids, *padding, line), rows = gather(table, where(is_padding, 0, ids, line), 0, line);
  Shape shape = ids.shape();
  shape.resize(static_cast<std::size_t>(rows.rank()), Dim(1));
  return where(reshape(is_padding, shape, line), 0, rows, line);
}

const OpDef attention_op{
    .name = "attention",
    .doc = "attention(queries, keys, values, mask): softmax(queries keys^T / sqrt(d)) values over the last two axes",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample("matrices", {uniform({3, 4}), uniform({5, 4}), uniform({5, 2})},
                     [](auto x) { return attention(x[0], x[1], x[2]); }),
              sample("batches", {uniform({2, 3, 4}), uniform({2, 5, 4}), uniform({2, 5, 2})},
                     [](auto x) { return attention(x[0], x[1], x[2]); }),
              sample("masked", {uniform({2, 3, 4}), uniform({2, 5, 4}), uniform({2, 5, 2}), ir::booleans({3, 5})},
                     [](auto x) { return attention(x[0], x[1], x[2], x[3]); })};
        },
};

// A score that is masked is the lowest number, not -infinity: a row of these alone has a softmax.
Tensor attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask, SourceLine line) {
  const Tensor q = as_float("attention", queries, line), k = as_float("attention", keys, line),
               v = as_float("attention", values, line);
  const int rank = q.rank();
  if (rank < 2 || k.rank() != rank || v.rank() != rank)
    fail("attention", "queries, keys and values must be [..., length, d] with equal axes before", {q, k, v}, line);
  ir::DotParams scores{.batch_a = {}, .batch_b = {}, .sum_a = {rank - 1}, .sum_b = {rank - 1}};
  for (int a = 0; a < rank - 2; ++a) scores.batch_a.push_back(a);
  scores.batch_b = scores.batch_a;
  ir::DotParams weighted{scores.batch_a, scores.batch_b, {rank - 1}, {rank - 2}};
  const Tensor width = sqrt(cast(ir::extent(q.shape().back(), line), q.dtype(), line), line);
  Tensor s = dot_general(div(q, width, line), k, scores, line);
  if (mask) s = where(mask, s, -largest_of(s.dtype()), line);
  return dot_general(softmax(s, -1, line), v, weighted, line);
}

}  // namespace bitale::ops

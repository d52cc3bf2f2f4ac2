// Random orders and choices, in terms of other draws.
#include "compiler/prim/samples.h"
#include "ops/api/checks.h"
#include "ops/api/elementwise.h"
#include "ops/api/index.h"
#include "ops/api/reduce.h"
#include "ops/random/random.h"

namespace bitale::ops {

using ir::OpDef;
using ir::Sample;
using ir::SampleInput;

extern const OpDef random_permutation_op, random_choice_op;

namespace {

SampleInput weights_input() { return {.shape = {7}, .low = 0.1, .high = 1, .differentiable = false}; }

[[noreturn]] void fail(const std::string& what, SourceLine line) {
  throw Error("random_choice: " + what + (line ? "; at " + to_string(line) : ""));
}

Dim count_of(const Shape& shape) {
  Dim count = 1;
  for (const Dim& d : shape) count = count * d;
  return count;
}

// A uniform number times the sum of the weights lies below the running sum of the one that is chosen. It is less than
// the whole sum, as a product with a number below 1 is, rounded too.
Tensor by_weights(const Tensor& state, std::int64_t draw_id, const Tensor& weights, const Shape& shape,
                  SourceLine line) {
  const Tensor sums = cumsum(weights, 0, false, line);
  const Tensor total = ir::max(sums, {0}, line);
  return searchsorted(sums, ir::mul(random_uniform(state, draw_id, shape, DType::f64, line), total, line), true, line);
}

// The largest of log(weight) + Gumbel noise, in order: the first is drawn by the weights, the next by those that are
// left (Efraimidis and Spirakis 2006, in logarithms).
Tensor without_replacement(const Tensor& state, std::int64_t draw_id, const Tensor& weights, const Dim& count,
                           SourceLine line) {
  const Tensor noise = random_gumbel(state, draw_id, weights.shape(), DType::f64, line);
  return topk(ir::add(log(weights, line), noise, line), count, -1, true, line).second;
}

Tensor first(const Tensor& x, const Dim& count, SourceLine line) {
  Shape extents = x.shape();
  extents.back() = count;
  return ir::slice(x, Shape(extents.size(), Dim(0)), extents, std::vector<std::int64_t>(extents.size(), 1), line);
}

// One result of `shape` for each state.
Shape of_states(const Tensor& state, const Shape& shape) {
  Shape whole(state.shape().begin(), state.shape().end() - (state.rank() > 0 ? 1 : 0));
  whole.insert(whole.end(), shape.begin(), shape.end());
  return whole;
}

}  // namespace

const OpDef random_permutation_op{
    .name = "random_permutation",
    .doc = "RandomStream::permutation(n): 0 ... n-1 in random order, int64; shuffle(x, axis) takes rows by it",
    .composite = true,
    .samples =
        [] {
          const auto rows = [](auto x) { return gather(x[1], random_permutation(x[0], 1, x[1].dim(0))); };
          return std::vector<Sample>{
              ir::sample("vector", {state_input({2})}, [](auto x) { return random_permutation(x[0], 1, 9); }),
              ir::sample("shuffled rows", {state_input({2}), ir::uniform({5, 3})}, rows)};
        },
};

// 53 bits per element: two are equal, and then stay in order, with probability n^2 / 2^54.
Tensor random_permutation(const Tensor& state, std::int64_t draw_id, const Dim& n, SourceLine line) {
  ir::require_operand("random_permutation", state, line);
  return argsort(random_uniform(state, draw_id, {n}, DType::f64, line), -1, false, line);
}

const OpDef random_choice_op{
    .name = "random_choice",
    .doc =
        "RandomStream::choice(n or weights, shape, replace): positions below n, uniform or in proportion to weights, "
        "int64; without replacement each at most once, weights that are left deciding; what has weight 0 comes last",
    .composite = true,
    .samples =
        [] {
          const auto uniform = [](bool replace) {
            return [=](auto x) { return random_choice(x[0], 1, 7, {2, 3}, replace); };
          };
          const auto weighted = [](bool replace) {
            return [=](auto x) { return random_choice(x[0], 1, x[1], {2, 2}, replace); };
          };
          return std::vector<Sample>{ir::sample("uniform", {state_input({2})}, uniform(true)),
                                     ir::sample("uniform, once", {state_input({2})}, uniform(false)),
                                     ir::sample("weights", {state_input({2}), weights_input()}, weighted(true)),
                                     ir::sample("weights, once", {state_input({2}), weights_input()}, weighted(false))};
        },
};

Tensor random_choice(const Tensor& state, std::int64_t draw_id, const Dim& n, Shape shape, bool replace,
                     SourceLine line) {
  ir::require_operand("random_choice", state, line);
  if (replace) return random_integers(state, draw_id, 0, ir::extent(n, line), std::move(shape), DType::i64, line);
  const Dim count = count_of(shape);
  if (count.is_constant() && n.is_constant() && count.value() > n.value())
    fail(to_string(count) + " different ones of " + to_string(n) + " are asked for", line);
  return reshape(first(random_permutation(state, draw_id, n, line), count, line), of_states(state, shape), line);
}

Tensor random_choice(const Tensor& state, std::int64_t draw_id, const Tensor& weights, Shape shape, bool replace,
                     SourceLine line) {
  ir::require_operand("random_choice", state, line);
  ir::require_operand("random_choice", weights, line);
  if (weights.rank() != 1) fail("weights must have rank 1; operands: " + describe(weights), line);
  const Dim n = weights.dim(0), count = count_of(shape);
  const Tensor w = stop_gradient(cast(weights, DType::f64, line), line);
  if (replace) return by_weights(state, draw_id, w, shape, line);
  if (count.is_constant() && n.is_constant() && count.value() > n.value())
    fail(to_string(count) + " different ones of " + to_string(n) + " are asked for; operands: " + describe(weights),
         line);
  return reshape(without_replacement(state, draw_id, w, count, line), of_states(state, shape), line);
}

}  // namespace bitale::ops

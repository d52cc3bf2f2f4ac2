// Distributions that are written in terms of other draws.
#include "ops/api/checks.h"
#include "ops/api/elementwise.h"
#include "ops/api/nn.h"
#include "ops/api/reduce.h"
#include "ops/random/random.h"

namespace bitale::ops {

using ir::OpDef;
using ir::Sample;
using ir::SampleInput;

extern const OpDef random_located_op, random_gumbel_op, random_chi2_op, random_beta_op, random_dirichlet_op,
    random_categorical_op;

namespace {

SampleInput parameter_input(Extents shape, double low, double high) {
  return {.shape = std::move(shape), .low = low, .high = high, .differentiable = false};
}

// A parameter with the dtype and shape of the draw.
Tensor like_draw(const Tensor& draw, const Operand& p, SourceLine line) {
  const Operand operands[] = {p, draw};
  const DType dtypes[] = {draw.dtype(), draw.dtype()};
  const Tensor x = broadcast_operands(random_located_op, operands, dtypes, line)[0];
  if (x.rank() != draw.rank())
    throw Error("random_located: a parameter has more axes than the draw; operands: " + describe(*p.tensor()) + ", " +
                describe(draw) + (line ? "; at " + to_string(line) : ""));
  return x;
}

Tensor axis_to_end(const Tensor& x, int axis, SourceLine line) {
  std::vector<std::int64_t> axes;
  for (int k = 0; k < x.rank(); ++k)
    if (k != axis) axes.push_back(k);
  axes.push_back(axis);
  return axis == x.rank() - 1 ? x : transpose(x, axes, line);
}

}  // namespace

const OpDef random_located_op{
    .name = "random_located",
    .doc = "draws with a location and a scale: location + scale * standard draw, differentiable in both",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              {"normal",
               {state_input({2}), {{3, 1}, -2, 2}, {{4}, 0.5, 2}},
               [](std::span<const Tensor> x) {
                 return std::vector{random_located(random_normal(x[0], 1, {3, 4}, x[1].dtype()), x[1], x[2])};
               }},
              {"uniform", {state_input({2}), {{}, -2, 2}}, [](std::span<const Tensor> x) {
                 return std::vector{random_between(random_uniform(x[0], 1, {5}, x[1].dtype()), x[1], 3)};
               }}};
        },
};

Tensor random_located(const Tensor& draw, const Operand& location, const Operand& scale, SourceLine line) {
  return add(like_draw(draw, location, line), mul(like_draw(draw, scale, line), draw, line), line);
}

Tensor random_between(const Tensor& draw, const Operand& low, const Operand& high, SourceLine line) {
  const Tensor from = like_draw(draw, low, line);
  return add(from, mul(sub(like_draw(draw, high, line), from, line), draw, line), line);
}

const OpDef random_gumbel_op{
    .name = "random_gumbel",
    .doc = "RandomStream::gumbel(location, scale, shape, dtype): Gumbel, distribution exp(-exp(-x))",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{{"matrix", {state_input({2})}, [](std::span<const Tensor> x) {
                                        return std::vector{random_gumbel(x[0], 1, {3, 4})};
                                      }}};
        },
};

Tensor random_gumbel(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype, SourceLine line) {
  return neg(log(random_exponential(state, draw_id, std::move(shape), dtype, line), line), line);
}

// The comparison is of 53-bit numbers, so that float32 probabilities are kept exactly.
Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, const Tensor& p, Shape shape, SourceLine line) {
  const Tensor chance = parameter(random_bernoulli_op, state, shape, p, DType::f64, line);
  return less(random_uniform(state, draw_id, std::move(shape), DType::f64, line), chance, line);
}

const OpDef random_chi2_op{
    .name = "random_chi2",
    .doc = "RandomStream::chi2(degrees, shape, dtype): chi-square: the sum of squares of so many normal draws",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              {"vector",
               {state_input({2}), parameter_input({6}, 1, 5)},
               [](std::span<const Tensor> x) { return std::vector{random_chi2(x[0], 1, x[1], {6}, x[1].dtype())}; },
               100}};
        },
};

Tensor random_chi2(const Tensor& state, std::int64_t draw_id, const Operand& degrees, Shape shape, DType dtype,
                   SourceLine line) {
  const Tensor half = mul(parameter(random_chi2_op, state, shape, degrees, dtype, line), 0.5, line);
  return mul(random_gamma(state, draw_id, half, std::move(shape), dtype, line), 2.0, line);
}

const OpDef random_beta_op{
    .name = "random_beta",
    .doc = "RandomStream::beta(a, b, shape, dtype): density x^(a-1) (1-x)^(b-1) / B(a, b); no derivatives",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{{"vector",
                                      {state_input({2}), parameter_input({6}, 0.5, 3), parameter_input({}, 0.5, 3)},
                                      [](std::span<const Tensor> x) {
                                        return std::vector{random_beta(x[0], 1, x[1], x[2], {6}, x[1].dtype())};
                                      },
                                      100}};
        },
};

// X / (X + Y) of two gamma draws, from their logarithms: small a and b do not give 0 / 0.
Tensor random_beta(const Tensor& state, std::int64_t draw_id, const Operand& a, const Operand& b, Shape shape,
                   DType dtype, SourceLine line) {
  const Tensor x = random_log_gamma(state, draw_id, a, shape, dtype, line),
               y = random_log_gamma(state, draw_id + gamma_ids, b, std::move(shape), dtype, line);
  return sigmoid(sub(x, y, line), line);
}

const OpDef random_dirichlet_op{
    .name = "random_dirichlet",
    .doc = "RandomStream::dirichlet(alpha, shape, dtype): points of the simplex along a new last axis; no derivatives",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{{"rows",
                                      {state_input({2}), parameter_input({4}, 0.5, 3)},
                                      [](std::span<const Tensor> x) {
                                        return std::vector{random_dirichlet(x[0], 1, x[1], {3}, x[1].dtype())};
                                      },
                                      100}};
        },
};

// Gamma draws over their sum, from their logarithms.
Tensor random_dirichlet(const Tensor& state, std::int64_t draw_id, const Tensor& alpha, Shape shape, DType dtype,
                        SourceLine line) {
  ir::require_operand("random_dirichlet", alpha, line);
  if (alpha.rank() == 0)
    throw Error("random_dirichlet: alpha must have an axis; operands: " + describe(alpha) +
                (line ? "; at " + to_string(line) : ""));
  shape.push_back(alpha.shape().back());
  return softmax(random_log_gamma(state, draw_id, alpha, std::move(shape), dtype, line), -1, line);
}

const OpDef random_categorical_op{
    .name = "random_categorical",
    .doc = "RandomStream::categorical(logits, shape, axis): positions with probability softmax(logits), int64",
    .composite = true,
    .samples =
        [] {
          const auto build = [](Shape shape, int axis) {
            return
                [=](std::span<const Tensor> x) { return std::vector{random_categorical(x[0], 1, x[1], shape, axis)}; };
          };
          return std::vector<Sample>{{"rows", {state_input({2}), parameter_input({5, 3}, -2, 2)}, build({5}, -1)},
                                     {"columns", {state_input({2}), parameter_input({3, 5}, -2, 2)}, build({2, 5}, 0)},
                                     {"many of one", {state_input({2}), parameter_input({4}, -2, 2)}, build({6}, 0)}};
        },
};

// The maximum of logits + Gumbel noise (Gumbel 1954) is where the logits' softmax is drawn.
Tensor random_categorical(const Tensor& state, std::int64_t draw_id, const Tensor& logits, Shape shape, int axis,
                          SourceLine line) {
  ir::require_operand("random_categorical", logits, line);
  const Operand operand = logits;
  const DType dtype = ir::float_dtype({&operand, 1});
  const Tensor last = axis_to_end(logits, normal_axis("random_categorical", axis, logits.rank(), line), line);
  shape.push_back(last.shape().back());
  const Tensor scores = parameter(random_categorical_op, state, shape, last, dtype, line);
  const Tensor noisy = add(scores, random_gumbel(state, draw_id, std::move(shape), dtype, line), line);
  return ir::argmax(noisy, {noisy.rank() - 1}, line);
}

}  // namespace bitale::ops

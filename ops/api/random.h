// Random draws: Philox 4x32-10. `state` is int64[2] (key, counter); draw_id tells the draws of one function apart.
//
// Parameters are numbers or tensors that broadcast to `shape`, the shape of the result; they are cast to its dtype.
#pragma once

#include "ops/api/names.h"

namespace bitale::ops {

// ---- standard draws ----
Tensor random_uniform(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                      SourceLine line = {});  // [0, 1)
Tensor random_normal(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                     SourceLine line = {});
Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, double p, Shape shape,
                        SourceLine line = {});  // bool
Tensor random_exponential(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                          SourceLine line = {});
Tensor random_laplace(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                      SourceLine line = {});
Tensor random_logistic(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                       SourceLine line = {});
Tensor random_cauchy(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                     SourceLine line = {});
Tensor random_gumbel(const Tensor& state, std::int64_t draw_id, Shape shape, DType dtype = DType::f32,
                     SourceLine line = {});

// ---- draws with parameters ----
// location + scale * draw, of the draw's dtype and shape: the parameters of normal, uniform, laplace, logistic, cauchy,
// gumbel and exponential draws. Differentiable in both.
Tensor random_located(const Tensor& draw, const Operand& location, const Operand& scale, SourceLine line = {});
// low + (high - low) * draw.
Tensor random_between(const Tensor& draw, const Operand& low, const Operand& high, SourceLine line = {});
// A draw that takes several ids takes those from draw_id on; how many is said here.
inline constexpr int gamma_tries = 8, gamma_ids = 2 * gamma_tries + 1;
inline constexpr int poisson_tries = 16, poisson_ids = poisson_tries + 1;
inline constexpr int binomial_tries = 18, binomial_ids = binomial_tries + 1;
inline constexpr int truncated_normal_tries = 24, truncated_normal_ids = 2 * truncated_normal_tries;

// true with probability p; a p that is a tensor is compared in float64.
Tensor random_bernoulli(const Tensor& state, std::int64_t draw_id, const Tensor& p, Shape shape, SourceLine line = {});
// Uniform whole numbers in [low, high), of any integer dtype; low where that is empty.
Tensor random_integers(const Tensor& state, std::int64_t draw_id, const Operand& low, const Operand& high, Shape shape,
                       DType dtype = DType::i64, SourceLine line = {});
// Standard normal, of which only what is in [low, high] is taken. NaN where low > high. No derivatives.
Tensor random_truncated_normal(const Tensor& state, std::int64_t draw_id, const Operand& low, const Operand& high,
                               Shape shape, DType dtype = DType::f32, SourceLine line = {});  // truncated_normal_ids
// Density x^(a-1) exp(-x) / Gamma(a), and its logarithm; 0 where a is 0, NaN where it is negative. No derivatives.
Tensor random_gamma(const Tensor& state, std::int64_t draw_id, const Operand& a, Shape shape, DType dtype = DType::f32,
                    SourceLine line = {});  // gamma_ids
Tensor random_log_gamma(const Tensor& state, std::int64_t draw_id, const Operand& a, Shape shape,
                        DType dtype = DType::f32, SourceLine line = {});  // gamma_ids
Tensor random_chi2(const Tensor& state, std::int64_t draw_id, const Operand& degrees, Shape shape,
                   DType dtype = DType::f32, SourceLine line = {});  // gamma_ids
Tensor random_beta(const Tensor& state, std::int64_t draw_id, const Operand& a, const Operand& b, Shape shape,
                   DType dtype = DType::f32, SourceLine line = {});  // 2 * gamma_ids
// Points of the simplex along the last axis of alpha, of shape [shape..., alpha's last extent].
Tensor random_dirichlet(const Tensor& state, std::int64_t draw_id, const Tensor& alpha, Shape shape,
                        DType dtype = DType::f32, SourceLine line = {});  // gamma_ids
// int64 counts of events; 0 where the rate is 0, NaN or negative.
Tensor random_poisson(const Tensor& state, std::int64_t draw_id, const Operand& rate, Shape shape,
                      SourceLine line = {});  // poisson_ids
// int64 counts of successes with probability p, in [0, 1], among trials, rounded down; no trials below 1 or for NaN.
Tensor random_binomial(const Tensor& state, std::int64_t draw_id, const Operand& trials, const Operand& p, Shape shape,
                       SourceLine line = {});  // binomial_ids
// int64 positions along `axis` of logits (the maximum of logits plus Gumbel noise); the other axes broadcast to shape.
Tensor random_categorical(const Tensor& state, std::int64_t draw_id, const Tensor& logits, Shape shape, int axis = -1,
                          SourceLine line = {});

// ---- orders and choices ----
Tensor random_permutation(const Tensor& state, std::int64_t draw_id, const Dim& n, SourceLine line = {});  // int64 [n]
// int64 positions below n, or in proportion to weights [n] (no derivative); each at most once without replacement.
Tensor random_choice(const Tensor& state, std::int64_t draw_id, const Dim& n, Shape shape, bool replace = true,
                     SourceLine line = {});
Tensor random_choice(const Tensor& state, std::int64_t draw_id, const Tensor& weights, Shape shape, bool replace = true,
                     SourceLine line = {});

}  // namespace bitale::ops

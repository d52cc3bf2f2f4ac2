// Losses of a prediction against a target of its shape: compositions that fuse into one kernel with what is around
// them.
#include "ops/api/elementwise.h"
#include "ops/api/reduce.h"
#include "ops/nn/composite.h"

namespace bitale::ops {

using ir::binary_samples;
using ir::OpDef;
using ir::sample;
using ir::Sample;
using ir::uniform;

extern const OpDef binary_cross_entropy_op, binary_cross_entropy_with_logits_op, hinge_op, huber_op, smooth_l1_op,
    mean_squared_error_op, mean_absolute_error_op, kl_divergence_op;

const OpDef binary_cross_entropy_op{
    .name = "binary_cross_entropy",
    .doc = "binary_cross_entropy(p, t): -t log p - (1 - t) log(1 - p); a term of weight 0 is 0, also at p = 0 and 1",
    .composite = true,
    .samples =
        binary_samples([](const Tensor& p, const Tensor& t) { return binary_cross_entropy(p, t); }, 0.05, 0.95, 0, 1),
};

Tensor binary_cross_entropy(const Operand& probabilities, const Operand& targets, SourceLine line) {
  const auto [p, t] = as_floats(binary_cross_entropy_op, probabilities, targets, line);
  const Tensor one = strong_mul(t, log(p, line), line),
               other = strong_mul(sub(1, t, line), log(sub(1, p, line), line), line);
  return neg(add(one, other, line), line);
}

const OpDef binary_cross_entropy_with_logits_op{
    .name = "binary_cross_entropy_with_logits",
    .doc = "binary_cross_entropy_with_logits(x, t): binary_cross_entropy(sigmoid(x), t), exact for any x",
    .composite = true,
    .samples = binary_samples([](const Tensor& x, const Tensor& t) { return binary_cross_entropy_with_logits(x, t); },
                              -5, 5, 0, 1),
};

// Both terms are of one sign: neither cancels the other, however large x is. Smooth at 0, unlike forms with max(x, 0).
Tensor binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets, SourceLine line) {
  const auto [x, t] = as_floats(binary_cross_entropy_with_logits_op, logits, targets, line);
  return add(mul(t, softplus(neg(x, line), line), line), mul(sub(1, t, line), softplus(x, line), line), line);
}

const OpDef hinge_op{
    .name = "hinge",
    .doc = "hinge(scores, targets, margin): max(0, margin - target * score); targets are -1 and 1",
    .composite = true,
    .samples = binary_samples([](const Tensor& x, const Tensor& t) { return hinge(x, t, 0.7); }),
};

Tensor hinge(const Operand& scores, const Operand& targets, double margin, SourceLine line) {
  const auto [x, t] = as_floats(hinge_op, scores, targets, line);
  return relu(sub(margin, mul(t, x, line), line), line);
}

const OpDef huber_op{
    .name = "huber",
    .doc = "huber(x, target, delta): d^2 / 2 of the difference d up to |d| = delta, delta (|d| - delta / 2) beyond",
    .composite = true,
    .samples = binary_samples([](const Tensor& x, const Tensor& t) { return huber(x, t, 1.5); }),
};

Tensor huber(const Operand& x, const Operand& target, double delta, SourceLine line) {
  const auto [a, b] = as_floats(huber_op, x, target, line);
  if (!(delta > 0)) fail("huber", "delta must be above 0", {a, b}, line);
  const Tensor d = sub(a, b, line), size = abs(d, line);
  return where(less_equal(size, delta, line), mul(square(d, line), 0.5, line),
               sub(mul(size, delta, line), 0.5 * delta * delta, line), line);
}

const OpDef smooth_l1_op{
    .name = "smooth_l1",
    .doc = "smooth_l1(x, target, beta): huber with delta = beta, over beta; |x - target| with beta 0",
    .composite = true,
    .samples = binary_samples([](const Tensor& x, const Tensor& t) { return smooth_l1(x, t, 0.8); }),
};

Tensor smooth_l1(const Operand& x, const Operand& target, double beta, SourceLine line) {
  const auto [a, b] = as_floats(smooth_l1_op, x, target, line);
  if (!(beta >= 0)) fail("smooth_l1", "beta must not be negative", {a, b}, line);
  return beta == 0 ? abs(sub(a, b, line), line) : mul(huber(a, b, beta, line), 1 / beta, line);
}

namespace {

std::function<std::vector<Sample>()> mean_samples(Tensor (*f)(const Operand&, const Operand&, Axes, SourceLine)) {
  return [f] {
    return std::vector<Sample>{
        sample("all", {uniform({3, 4}), uniform({3, 4})}, [f](auto x) { return f(x[0], x[1], {}, {}); }),
        sample("rows", {uniform({3, 4}), uniform({4})}, [f](auto x) { return f(x[0], x[1], {-1}, {}); })};
  };
}

}  // namespace

const OpDef mean_squared_error_op{
    .name = "mean_squared_error",
    .doc = "mean_squared_error(x, target, axes): mean of (x - target)^2",
    .composite = true,
    .samples = mean_samples(mean_squared_error),
};

Tensor mean_squared_error(const Operand& x, const Operand& target, Axes axes, SourceLine line) {
  const auto [a, b] = as_floats(mean_squared_error_op, x, target, line);
  return mean(square(sub(a, b, line), line), std::move(axes), false, line);
}

const OpDef mean_absolute_error_op{
    .name = "mean_absolute_error",
    .doc = "mean_absolute_error(x, target, axes): mean of |x - target|",
    .composite = true,
    .samples = mean_samples(mean_absolute_error),
};

Tensor mean_absolute_error(const Operand& x, const Operand& target, Axes axes, SourceLine line) {
  const auto [a, b] = as_floats(mean_absolute_error_op, x, target, line);
  return mean(abs(sub(a, b, line), line), std::move(axes), false, line);
}

const OpDef kl_divergence_op{
    .name = "kl_divergence",
    .doc = "kl_divergence(p, q, axis): sum of p (log p - log q) along an axis; 0 where p is 0",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis) {
            return [axis](std::span<const Tensor> x) { return kl_divergence(x[0], x[1], axis); };
          };
          return std::vector<Sample>{
              sample("rows", {uniform({3, 4}, 0.1, 1), uniform({3, 4}, 0.1, 1)}, build(-1)),
              sample("columns, broadcast", {uniform({3, 4}, 0.1, 1), uniform({3, 1}, 0.1, 1)}, build(0))};
        },
};

Tensor kl_divergence(const Operand& p, const Operand& q, int axis, SourceLine line) {
  const auto [a, b] = as_floats(kl_divergence_op, p, q, line);
  const int along = normal_axis("kl_divergence", axis, a.rank(), line);
  return sum(strong_mul(a, sub(log(a, line), log(b, line), line), line), {along}, false, line);
}

}  // namespace bitale::ops

// Softmax, losses, normalisation, dropout, embedding, attention.
//
// Losses give one value per element or row: how they are summed or averaged is yours, mean(cross_entropy(logits, y)).
// An empty scale, shift or mask (Tensor()) is left out.
#pragma once

#include <cstdint>
#include <optional>

#include <bitale/random.h>
#include <bitale/tensor.h>

namespace bitale {

Tensor softmax(const Tensor& x, int axis = -1, Where at = Where::current());
Tensor log_softmax(const Tensor& x, int axis = -1, Where at = Where::current());

// ---- classification ----
struct LabelOptions {
  int axis = -1;                                            // the axis of the classes
  double label_smoothing = 0;                               // this part of the target is spread over all classes evenly
  std::optional<std::int64_t> ignore_index = std::nullopt;  // rows with this label have loss 0 and no gradient
};
// targets: integer labels, [n] for logits [n, c] (in general the logits' shape without `axis`); or probabilities of the
// logits' whole shape. Result: without `axis`. A label that is out of range fails the call.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const LabelOptions& options = {},
                     Where at = Where::current());
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const LabelOptions& options = {},
                Where at = Where::current());
Tensor categorical_cross_entropy(const Tensor& probabilities, const Tensor& targets, const LabelOptions& options = {},
                                 Where at = Where::current());
// max(0, margin + highest other score - score of the label).
Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, double margin = 1, int axis = -1,
                        Where at = Where::current());

// ---- elementwise losses ----
Tensor binary_cross_entropy(const Operand& probabilities, const Operand& targets, Where at = Where::current());
Tensor binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets, Where at = Where::current());
Tensor hinge(const Operand& scores, const Operand& targets, double margin = 1,
             Where at = Where::current());  // targets are -1 and 1
Tensor huber(const Operand& x, const Operand& target, double delta = 1, Where at = Where::current());
Tensor smooth_l1(const Operand& x, const Operand& target, double beta = 1, Where at = Where::current());

// ---- over axes ----
Tensor mean_squared_error(const Operand& x, const Operand& target, const Axes& axes = {}, Where at = Where::current());
Tensor mean_absolute_error(const Operand& x, const Operand& target, const Axes& axes = {}, Where at = Where::current());
// sum p (log p - log q); 0 where p is 0.
Tensor kl_divergence(const Operand& p, const Operand& q, int axis = -1, Where at = Where::current());
Tensor cosine_similarity(const Operand& a, const Operand& b, int axis = -1, double epsilon = 1e-8,
                         Where at = Where::current());
Tensor l2_normalize(const Tensor& x, const Axes& axes = {-1}, double epsilon = 1e-12, Where at = Where::current());

// ---- normalisation ----
// (x - mean) / sqrt(variance + epsilon) over the axes.
Tensor standardise(const Tensor& x, const Axes& axes, double epsilon = 1e-5, Where at = Where::current());
// standardise * scale + shift, which have the extents of the axes.
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Axes& axes = {-1},
                  double epsilon = 1e-5, Where at = Where::current());
Tensor rms_norm(const Tensor& x, const Tensor& scale, const Axes& axes = {-1}, double epsilon = 1e-5,
                Where at = Where::current());
// x [n, c, ...]; scale and shift [c].
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift, double epsilon = 1e-5,
                  Where at = Where::current());
Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon = 1e-5,
                     Where at = Where::current());

// In training, over all axes but `axis`; scale, shift and statistics have its extent. The running statistics, moved by
// `momentum` towards the batch's, are for the updates of a function:
//   const BatchNorm b = batch_norm(x, scale, shift, mean, variance);
//   function({x}, {loss of b.y}, {.updates = {{mean, b.running_mean}, {variance, b.running_variance}}})
struct BatchNorm {
  Tensor y, mean, variance;               // the batch's; variance divides by the count
  Tensor running_mean, running_variance;  // the batch's variance enters divided by count - 1
};
struct BatchNormOptions {
  int axis = 1;
  double epsilon = 1e-5, momentum = 0.1;
};
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                     const Tensor& running_variance, const BatchNormOptions& options = {}, Where at = Where::current());
Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& mean,
                            const Tensor& variance, const BatchNormOptions& options = {}, Where at = Where::current());

// ---- dropout, embedding, attention ----
// 0 with probability rate, else x / (1 - rate). For inference, leave it out. A rate that is the number 0 draws nothing.
Tensor dropout(const Tensor& x, const Operand& rate, RandomStream& stream, Where at = Where::current());
// Rows of table [n, ...]; zeros, and no gradient, for ids that are `padding`.
Tensor embedding(const Tensor& table, const Tensor& ids, std::optional<std::int64_t> padding = std::nullopt,
                 Where at = Where::current());
// softmax(queries keys^T / sqrt(d)) values over the last two axes, [..., length, d]; nothing is attended to where mask
// (bool, broadcast to [..., queries, keys]) is false.
Tensor attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask = {},
                 Where at = Where::current());

}  // namespace bitale

// Softmax, losses, normalisation, dropout, embedding.
//
// Losses give one value per element or row: how they are summed or averaged is the user's (mean(cross_entropy(...))).
// Axes may be negative: those count from the end.
#pragma once

#include <optional>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

Tensor softmax(const Tensor& x, int axis = -1, SourceLine line = {});
Tensor log_softmax(const Tensor& x, int axis = -1, SourceLine line = {});

// ---- classification ----
struct LabelOptions {
  int axis = -1;                                            // the axis of the classes
  double label_smoothing = 0;                               // this part of the target is spread over all classes evenly
  std::optional<std::int64_t> ignore_index = std::nullopt;  // rows with this label have loss 0 and no gradient
};
// targets: integer labels, of the shape of log_probabilities without `axis`; or probabilities of its whole shape, of
// which those that are 0 count nothing, also against a logarithm of 0. Result: without `axis`. A label in [-n, 0)
// counts from the end; one outside is a data error, unless it is ignore_index.
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const LabelOptions& options = {},
                SourceLine line = {});
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const LabelOptions& options = {},
                     SourceLine line = {});  // nll_loss of log_softmax
Tensor categorical_cross_entropy(const Tensor& probabilities, const Tensor& targets, const LabelOptions& options = {},
                                 SourceLine line = {});  // nll_loss of log
// max(0, margin + highest other score - score of the label) (Crammer and Singer 2001); integer labels.
Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, double margin = 1, int axis = -1,
                        SourceLine line = {});

// ---- elementwise ----
// Targets in [0, 1]. At p = 0 or 1 what has weight 0 counts nothing.
Tensor binary_cross_entropy(const Operand& probabilities, const Operand& targets, SourceLine line = {});
Tensor binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets, SourceLine line = {});
Tensor hinge(const Operand& scores, const Operand& targets, double margin = 1, SourceLine line = {});  // targets -1, 1
// d^2/2 up to |d| = delta, a line beyond; smooth_l1 is huber / beta, and |d| with beta 0.
Tensor huber(const Operand& x, const Operand& target, double delta = 1, SourceLine line = {});
Tensor smooth_l1(const Operand& x, const Operand& target, double beta = 1, SourceLine line = {});

// ---- over axes ----
// Means of squares and of magnitudes of x - target over axes (none: all).
Tensor mean_squared_error(const Operand& x, const Operand& target, Axes axes = {}, SourceLine line = {});
Tensor mean_absolute_error(const Operand& x, const Operand& target, Axes axes = {}, SourceLine line = {});
// sum p (log p - log q) along the axis; 0 where p is 0.
Tensor kl_divergence(const Operand& p, const Operand& q, int axis = -1, SourceLine line = {});
// Both norms are taken as epsilon if they are below it.
Tensor cosine_similarity(const Operand& a, const Operand& b, int axis = -1, double epsilon = 1e-8,
                         SourceLine line = {});
Tensor l2_normalize(const Tensor& x, Axes axes = {-1}, double epsilon = 1e-12, SourceLine line = {});

// ---- normalisation ----
// (x - mean) / sqrt(variance + epsilon) over the axes, of the variance that divides by the count.
Tensor standardise(const Tensor& x, Axes axes, double epsilon = 1e-5, SourceLine line = {});
// standardise * scale + shift. An empty scale or shift is left out; they have the extents of the axes.
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, Axes axes = {-1}, double epsilon = 1e-5,
                  SourceLine line = {});
Tensor rms_norm(const Tensor& x, const Tensor& scale, Axes axes = {-1}, double epsilon = 1e-5, SourceLine line = {});
// x [n, c, ...]: over each group of c / groups channels, or each channel, and everything behind; scale and shift [c].
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift, double epsilon = 1e-5,
                  SourceLine line = {});
Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon = 1e-5,
                     SourceLine line = {});
// All axes but `axis` are one batch; scale, shift, mean and variance have its extent.
struct BatchNorm {
  Tensor y, mean, variance;               // variance divides by the count, as y does
  Tensor running_mean, running_variance;  // moved by `momentum` towards the batch's (variance: by count - 1)
};
struct BatchNormOptions {
  int axis = 1;
  double epsilon = 1e-5, momentum = 0.1;
};
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                     const Tensor& running_variance, const BatchNormOptions& options = {}, SourceLine line = {});
Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& mean,
                            const Tensor& variance, const BatchNormOptions& options = {}, SourceLine line = {});

// ---- dropout, embedding ----
// 0 with probability rate, else x / (1 - rate). A rate of 0 that is a number gives x and draws nothing.
Tensor dropout(const Tensor& x, const Operand& rate, const Tensor& state, std::int64_t draw_id, SourceLine line = {});
// Rows of table [n, ...]; for ids that are `padding`, zeros, and no gradient.
Tensor embedding(const Tensor& table, const Tensor& ids, std::optional<std::int64_t> padding = std::nullopt,
                 SourceLine line = {});
// softmax(queries keys^T / sqrt(d)) values over the last two axes, [..., length, d], with equal axes before these.
// Where `mask` (bool, broadcast to [..., queries, keys]; may be empty) is false, nothing is attended to; a query that
// may attend to nothing gets the mean of the values.
Tensor attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask = {},
                 SourceLine line = {});

}  // namespace bitale::ops

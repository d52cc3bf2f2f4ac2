#include "ops/api/nn.h"

#include <bitale/nn.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

namespace {

ir::Tensor optional(const Tensor& t) { return t ? Access::in(t) : ir::Tensor(); }
ops::LabelOptions in(const LabelOptions& o) { return {o.axis, o.label_smoothing, o.ignore_index}; }
ops::BatchNormOptions in(const BatchNormOptions& o) { return {o.axis, o.epsilon, o.momentum}; }

}  // namespace

Tensor softmax(const Tensor& x, int axis, Where at) { return Access::out(ops::softmax(Access::in(x), axis, at)); }
Tensor log_softmax(const Tensor& x, int axis, Where at) {
  return Access::out(ops::log_softmax(Access::in(x), axis, at));
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const LabelOptions& options, Where at) {
  return Access::out(ops::cross_entropy(Access::in(logits), Access::in(targets), in(options), at));
}
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const LabelOptions& options, Where at) {
  return Access::out(ops::nll_loss(Access::in(log_probabilities), Access::in(targets), in(options), at));
}
Tensor categorical_cross_entropy(const Tensor& probabilities, const Tensor& targets, const LabelOptions& options,
                                 Where at) {
  return Access::out(ops::categorical_cross_entropy(Access::in(probabilities), Access::in(targets), in(options), at));
}
Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, double margin, int axis, Where at) {
  return Access::out(ops::multiclass_hinge(Access::in(scores), Access::in(labels), margin, axis, at));
}

Tensor binary_cross_entropy(const Operand& probabilities, const Operand& targets, Where at) {
  return Access::out(ops::binary_cross_entropy(Access::in(probabilities), Access::in(targets), at));
}
Tensor binary_cross_entropy_with_logits(const Operand& logits, const Operand& targets, Where at) {
  return Access::out(ops::binary_cross_entropy_with_logits(Access::in(logits), Access::in(targets), at));
}
Tensor hinge(const Operand& scores, const Operand& targets, double margin, Where at) {
  return Access::out(ops::hinge(Access::in(scores), Access::in(targets), margin, at));
}
Tensor huber(const Operand& x, const Operand& target, double delta, Where at) {
  return Access::out(ops::huber(Access::in(x), Access::in(target), delta, at));
}
Tensor smooth_l1(const Operand& x, const Operand& target, double beta, Where at) {
  return Access::out(ops::smooth_l1(Access::in(x), Access::in(target), beta, at));
}

Tensor mean_squared_error(const Operand& x, const Operand& target, const Axes& axes, Where at) {
  return Access::out(ops::mean_squared_error(Access::in(x), Access::in(target), axes, at));
}
Tensor mean_absolute_error(const Operand& x, const Operand& target, const Axes& axes, Where at) {
  return Access::out(ops::mean_absolute_error(Access::in(x), Access::in(target), axes, at));
}
Tensor kl_divergence(const Operand& p, const Operand& q, int axis, Where at) {
  return Access::out(ops::kl_divergence(Access::in(p), Access::in(q), axis, at));
}
Tensor cosine_similarity(const Operand& a, const Operand& b, int axis, double epsilon, Where at) {
  return Access::out(ops::cosine_similarity(Access::in(a), Access::in(b), axis, epsilon, at));
}
Tensor l2_normalize(const Tensor& x, const Axes& axes, double epsilon, Where at) {
  return Access::out(ops::l2_normalize(Access::in(x), axes, epsilon, at));
}

Tensor standardise(const Tensor& x, const Axes& axes, double epsilon, Where at) {
  return Access::out(ops::standardise(Access::in(x), axes, epsilon, at));
}
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Axes& axes, double epsilon,
                  Where at) {
  return Access::out(ops::layer_norm(Access::in(x), optional(scale), optional(shift), axes, epsilon, at));
}
Tensor rms_norm(const Tensor& x, const Tensor& scale, const Axes& axes, double epsilon, Where at) {
  return Access::out(ops::rms_norm(Access::in(x), optional(scale), axes, epsilon, at));
}
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift, double epsilon,
                  Where at) {
  return Access::out(ops::group_norm(Access::in(x), groups, optional(scale), optional(shift), epsilon, at));
}
Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon, Where at) {
  return Access::out(ops::instance_norm(Access::in(x), optional(scale), optional(shift), epsilon, at));
}
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                     const Tensor& running_variance, const BatchNormOptions& options, Where at) {
  const ops::BatchNorm b =
      ops::batch_norm(Access::in(x), optional(scale), optional(shift), Access::in(running_mean, "running_mean"),
                      Access::in(running_variance, "running_variance"), in(options), at);
  return {Access::out(b.y), Access::out(b.mean), Access::out(b.variance), Access::out(b.running_mean),
          Access::out(b.running_variance)};
}
Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& mean,
                            const Tensor& variance, const BatchNormOptions& options, Where at) {
  return Access::out(ops::batch_norm_inference(Access::in(x), optional(scale), optional(shift),
                                               Access::in(mean, "mean"), Access::in(variance, "variance"), in(options),
                                               at));
}

Tensor dropout(const Tensor& x, const Operand& rate, RandomStream& stream, Where at) {
  return Access::out(
      ops::dropout(Access::in(x), Access::in(rate), Access::in(stream.step_state()), stream.take(1), at));
}
Tensor embedding(const Tensor& table, const Tensor& ids, std::optional<std::int64_t> padding, Where at) {
  return Access::out(ops::embedding(Access::in(table), Access::in(ids), padding, at));
}
Tensor attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const Tensor& mask, Where at) {
  return Access::out(ops::attention(Access::in(queries), Access::in(keys), Access::in(values), optional(mask), at));
}

}  // namespace bitale

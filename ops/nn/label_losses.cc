// Losses against labels: nll_loss, cross_entropy, categorical_cross_entropy, multiclass_hinge.
//
// Compositions. The gradient of cross_entropy in the logits is dy * (softmax(logits) - one_hot(labels)) through the
// rules of log_softmax and pick; a softmax whose logarithm is taken, before or behind pick, becomes log_softmax
// (rules.cc).
#include <limits>

#include "ops/api/elementwise.h"
#include "ops/api/index.h"
#include "ops/api/reduce.h"
#include "ops/nn/composite.h"

namespace bitale::ops {

using ir::integers;
using ir::OpDef;
using ir::sample;
using ir::Sample;
using ir::uniform;

extern const OpDef nll_loss_op, cross_entropy_op, categorical_cross_entropy_op, multiclass_hinge_op;

namespace {

// -log p of the labels' classes; classes are the last axis of log_p.
Tensor loss_of_labels(const char* op, const Tensor& log_p, const Tensor& labels, const LabelOptions& options,
                      SourceLine line) {
  if (labels.rank() != log_p.rank() - 1) fail(op, "there must be one label per row", {log_p, labels}, line);
  const bool ignores = options.ignore_index.has_value();
  const Tensor ignored = ignores ? equal(labels, *options.ignore_index, line) : Tensor();
  const Tensor picked = pick(log_p, ignores ? where(ignored, 0, labels, line) : labels, line);
  Tensor loss = neg(picked, line);
  if (options.label_smoothing != 0)
    loss = sub(mul(loss, 1 - options.label_smoothing, line),
               mul(mean(log_p, {-1}, false, line), options.label_smoothing, line), line);
  return ignores ? where(ignored, 0, loss, line) : loss;
}

// -sum of targets * log p.
Tensor loss_of_probabilities(const char* op, const Tensor& log_p, const Tensor& targets, const LabelOptions& options,
                             SourceLine line) {
  if (targets.rank() != log_p.rank())
    fail(op, "targets must be integers, one per row, or probabilities of the first operand's shape", {log_p, targets},
         line);
  if (options.ignore_index) fail(op, "ignore_index is for integer labels", {log_p, targets}, line);
  const Tensor loss = neg(sum(strong_mul(targets, log_p, line), {-1}, false, line), line);
  if (options.label_smoothing == 0) return loss;
  return sub(mul(loss, 1 - options.label_smoothing, line),
             mul(mean(log_p, {-1}, false, line), options.label_smoothing, line), line);
}

Tensor label_loss(const char* op, const Tensor& log_probabilities, const Tensor& targets, const LabelOptions& options,
                  SourceLine line) {
  ir::require_operand(op, targets, line);
  if (options.label_smoothing < 0 || options.label_smoothing > 1)
    fail(op, "label_smoothing must be in [0, 1]", {log_probabilities, targets}, line);
  const int axis = normal_axis(op, options.axis, log_probabilities.rank(), line);
  const Tensor log_p = axis_to_end(log_probabilities, axis, line);
  if (is_integer(targets.dtype())) return loss_of_labels(op, log_p, targets, options, line);
  const bool aligned = is_floating(targets.dtype()) && targets.rank() == log_p.rank();
  return loss_of_probabilities(op, log_p, aligned ? axis_to_end(targets, axis, line) : targets, options, line);
}

using Loss = Tensor (*)(const Tensor&, const Tensor&, const LabelOptions&, SourceLine);

std::function<std::vector<Sample>()> label_samples(Loss loss, double low, double high) {
  return [=] {
    const auto labelled = [loss](std::int64_t classes, LabelOptions options) {
      return [=](std::span<const Tensor> x) { return loss(x[0], sample_labels(x[1], classes), options, {}); };
    };
    const auto ignoring = [loss](std::span<const Tensor> x) { return loss(x[0], x[1], {.ignore_index = -7}, {}); };
    const auto dense = [loss](LabelOptions options) {
      return [=](std::span<const Tensor> x) { return loss(x[0], x[1], options, {}); };
    };
    return std::vector<Sample>{
        sample("rows", {uniform({4, 3}, low, high), integers({4}, -100, 100)}, labelled(3, {})),
        sample("axis and smoothing", {uniform({2, 5, 3}, low, high), integers({2, 3}, -100, 100, DType::i32)},
               labelled(5, {.axis = 1, .label_smoothing = 0.1})),
        sample("one row", {uniform({6}, low, high), integers({}, 0, 100)}, labelled(6, {})),
        sample("ignored", {uniform({5, 3}, low, high), integers({5}, -7, -7)}, ignoring),
        sample("probabilities", {uniform({4, 3}, low, high), uniform({4, 3}, 0, 1)}, dense({})),
        sample("probabilities, axis and smoothing", {uniform({3, 4}, low, high), uniform({3, 4}, 0, 1)},
               dense({.axis = 0, .label_smoothing = 0.2})),
    };
  };
}

}  // namespace

Tensor sample_labels(const Tensor& integers, std::int64_t classes) {
  const Tensor i = cast(integers, DType::i64);
  return where(equal(mod(i, 3), 0), mod(i, classes) - classes, mod(i, classes));
}

const OpDef nll_loss_op{
    .name = "nll_loss",
    .doc = "nll_loss(log_probabilities, targets, options): -log p of integer labels, or -sum of probabilities * log p",
    .composite = true,
    .samples = label_samples(nll_loss, -3, -0.1),
};

Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const LabelOptions& options, SourceLine line) {
  return label_loss("nll_loss", as_float("nll_loss", log_probabilities, line), targets, options, line);
}

const OpDef cross_entropy_op{
    .name = "cross_entropy",
    .doc = "cross_entropy(logits, targets, options): nll_loss of log_softmax, without overflow",
    .composite = true,
    .samples = label_samples(cross_entropy, -3, 3),
};

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const LabelOptions& options, SourceLine line) {
  const Tensor x = as_float("cross_entropy", logits, line);
  return label_loss("cross_entropy", log_softmax(x, options.axis, line), targets, options, line);
}

const OpDef categorical_cross_entropy_op{
    .name = "categorical_cross_entropy",
    .doc =
        "categorical_cross_entropy(probabilities, targets, options): nll_loss of log; of a softmax it is as exact as "
        "cross_entropy",
    .composite = true,
    .samples = label_samples(categorical_cross_entropy, 0.1, 1),
};

Tensor categorical_cross_entropy(const Tensor& probabilities, const Tensor& targets, const LabelOptions& options,
                                 SourceLine line) {
  const Tensor p = as_float("categorical_cross_entropy", probabilities, line);
  return label_loss("categorical_cross_entropy", log(p, line), targets, options, line);
}

const OpDef multiclass_hinge_op{
    .name = "multiclass_hinge",
    .doc = "multiclass_hinge(scores, labels, margin, axis): max(0, margin + highest other score - score of the label)",
    .composite = true,
    .samples =
        [] {
          const auto build = [](std::int64_t classes, double margin, int axis) {
            return [=](std::span<const Tensor> x) {
              return multiclass_hinge(x[0], sample_labels(x[1], classes), margin, axis);
            };
          };
          return std::vector<Sample>{
              sample("rows", {uniform({5, 3}, -2, 2), integers({5}, -100, 100)}, build(3, 1, -1)),
              sample("axis", {uniform({2, 4, 3}, -2, 2), integers({2, 3}, -100, 100)}, build(4, 0.5, 1))};
        },
};

Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, double margin, int axis, SourceLine line) {
  constexpr const char* op = "multiclass_hinge";
  const Tensor given = as_float(op, scores, line);
  const Tensor x = axis_to_end(given, normal_axis(op, axis, given.rank(), line), line);
  ir::require_operand(op, labels, line);
  if (!is_integer(labels.dtype()) || labels.rank() != x.rank() - 1)
    fail(op, "there must be one integer label per row", {scores, labels}, line);
  const Dim classes = x.shape().back();
  const Tensor i = cast(labels, DType::i64, line),
               row = where(less(i, 0, line), add(i, extent(classes, line), line), i, line);
  const Tensor is_label = one_hot(row, classes, DType::bool_, line);
  const Tensor other = where(is_label, -std::numeric_limits<double>::infinity(), x, line);
  const Tensor distance = sub(max(other, {-1}, false, line), pick(x, labels, line), line);
  return relu(add(distance, margin, line), line);
}

}  // namespace bitale::ops

// Lengths and statistics taken out: cosine_similarity, l2_normalize, rms_norm, layer_norm, group_norm, instance_norm,
// batch_norm. Compositions on standardise and reductions.
#include "ops/api/elementwise.h"
#include "ops/api/reduce.h"
#include "ops/nn/composite.h"

namespace bitale::ops {

using ir::OpDef;
using ir::sample;
using ir::Sample;
using ir::uniform;

extern const OpDef cosine_similarity_op, l2_normalize_op, rms_norm_op, layer_norm_op, group_norm_op, instance_norm_op,
    batch_norm_op, batch_norm_inference_op;

namespace {

// A parameter with the extents of x's `axes`, in their order, repeated along the others.
Tensor along(const char* op, const Tensor& parameter, const Tensor& x, const Axes& axes, SourceLine line) {
  ir::require_operand(op, parameter, line);
  if (parameter.rank() != static_cast<int>(axes.size()))
    fail(op, "parameters must have the extents of the axes", {parameter, x}, line);
  Shape shape(static_cast<std::size_t>(x.rank()), Dim(1));
  for (std::size_t k = 0; k < axes.size(); ++k)
    shape[static_cast<std::size_t>(axes[k])] = parameter.dim(static_cast<int>(k));
  return reshape(cast(parameter, x.dtype(), line), shape, line);
}

// y * scale + shift, each left out if it is empty.
Tensor scaled(const char* op, Tensor y, const Tensor& scale, const Tensor& shift, const Axes& axes, SourceLine line) {
  if (scale) y = mul(y, along(op, scale, y, axes, line), line);
  if (shift) y = add(y, along(op, shift, y, axes, line), line);
  return y;
}

// The euclidean norm along the axes, kept; at least epsilon. Where it is less, its derivative is 0.
Tensor norm(const Tensor& x, const Axes& axes, double epsilon, SourceLine line) {
  return maximum(epsilon, sqrt(sum(square(x, line), axes, true, line), line), line);
}

Tensor inverse_deviation(const Tensor& variance, double epsilon, SourceLine line) {
  return div(1, sqrt(add(variance, epsilon, line), line), line);
}

}  // namespace

const OpDef cosine_similarity_op{
    .name = "cosine_similarity",
    .doc = "cosine_similarity(a, b, axis, epsilon): a . b over both norms, each at least epsilon",
    .composite = true,
    .samples =
        [] {
          const auto build = [](int axis) {
            return [axis](std::span<const Tensor> x) { return cosine_similarity(x[0], x[1], axis); };
          };
          return std::vector<Sample>{sample("rows", {uniform({3, 4}), uniform({3, 4})}, build(-1)),
                                     sample("columns, broadcast", {uniform({3, 4}), uniform({3, 1})}, build(0))};
        },
};

Tensor cosine_similarity(const Operand& a, const Operand& b, int axis, double epsilon, SourceLine line) {
  const auto [x, y] = as_floats(cosine_similarity_op, a, b, line);
  const Axes axes{normal_axis("cosine_similarity", axis, x.rank(), line)};
  const Tensor product = sum(mul(x, y, line), axes, true, line),
               lengths = mul(norm(x, axes, epsilon, line), norm(y, axes, epsilon, line), line);
  return sum(div(product, lengths, line), axes, false, line);
}

const OpDef l2_normalize_op{
    .name = "l2_normalize",
    .doc = "l2_normalize(x, axes, epsilon): x over its euclidean norm along the axes, which counts as at least epsilon",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample("rows", {uniform({3, 4})}, [](auto x) { return l2_normalize(x[0]); }),
              sample("two axes", {uniform({2, 3, 4})}, [](auto x) { return l2_normalize(x[0], {0, 2}); })};
        },
};

Tensor l2_normalize(const Tensor& x, Axes axes, double epsilon, SourceLine line) {
  const Tensor f = as_float("l2_normalize", x, line);
  axes = normal_axes("l2_normalize", f, std::move(axes), line);
  return div(f, norm(f, axes, epsilon, line), line);
}

const OpDef rms_norm_op{
    .name = "rms_norm",
    .doc = "rms_norm(x, scale, axes, epsilon): x / sqrt(mean(x^2) + epsilon) * scale",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample("rows", {uniform({3, 4}), uniform({4})}, [](auto x) { return rms_norm(x[0], x[1]); }),
              sample("two axes", {uniform({2, 3, 4}), uniform({3, 4})},
                     [](auto x) { return rms_norm(x[0], x[1], {-2, -1}, 0.1); }),
              sample("no scale", {uniform({3, 4})}, [](auto x) { return rms_norm(x[0], {}, {0}); })};
        },
};

Tensor rms_norm(const Tensor& x, const Tensor& scale, Axes axes, double epsilon, SourceLine line) {
  const Tensor f = as_float("rms_norm", x, line);
  axes = normal_axes("rms_norm", f, std::move(axes), line);
  const Tensor inverse = inverse_deviation(mean(square(f, line), axes, true, line), epsilon, line);
  return scaled("rms_norm", mul(f, inverse, line), scale, {}, axes, line);
}

const OpDef layer_norm_op{
    .name = "layer_norm",
    .doc = "layer_norm(x, scale, shift, axes, epsilon): standardise over the axes, * scale + shift",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample(
                  "rows", {uniform({3, 4}), uniform({4}), uniform({4})},
                  [](auto x) { return layer_norm(x[0], x[1], x[2]); }, 10),
              sample("two axes", {uniform({2, 3, 4}), uniform({3, 4}), uniform({3, 4})},
                     [](auto x) { return layer_norm(x[0], x[1], x[2], {-2, -1}, 0.1); }),
              sample("no parameters", {uniform({3, 4})}, [](auto x) { return layer_norm(x[0], {}, {}, {0}); }, 10)};
        },
};

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, Axes axes, double epsilon,
                  SourceLine line) {
  const Tensor f = as_float("layer_norm", x, line);
  axes = normal_axes("layer_norm", f, std::move(axes), line);
  return scaled("layer_norm", standardise(f, axes, epsilon, line), scale, shift, axes, line);
}

const OpDef group_norm_op{
    .name = "group_norm",
    .doc = "group_norm(x, groups, scale, shift, epsilon): standardise each image over each group of its channels",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{sample(
                                         "images", {uniform({2, 4, 3, 2}), uniform({4}), uniform({4})},
                                         [](auto x) { return group_norm(x[0], 2, x[1], x[2]); }, 10),
                                     sample("one channel a group", {uniform({2, 3, 5})},
                                            [](auto x) { return group_norm(x[0], 3, {}, {}, 0.1); })};
        },
};

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale, const Tensor& shift, double epsilon,
                  SourceLine line) {
  constexpr const char* op = "group_norm";
  const Tensor f = as_float(op, x, line);
  if (f.rank() < 2) fail(op, "images must be [n, c, ...]", {f}, line);
  const Dim channels = f.dim(1);
  if (groups < 1 || (channels.is_constant() && channels.value() % groups != 0))
    fail(op, std::to_string(groups) + " groups do not divide the channels", {f}, line);
  Shape shape{f.dim(0), Dim(groups), floordiv(channels, Dim(groups))};
  Axes axes{2};
  for (int a = 2; a < f.rank(); ++a) {
    shape.push_back(f.dim(a));
    axes.push_back(a + 1);
  }
  const Tensor y = reshape(standardise(reshape(f, shape, line), axes, epsilon, line), f.shape(), line);
  return scaled(op, y, scale, shift, {1}, line);
}

const OpDef instance_norm_op{
    .name = "instance_norm",
    .doc = "instance_norm(x, scale, shift, epsilon): standardise each channel of each image",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{sample(
              "images", {uniform({2, 3, 4, 2}), uniform({3}), uniform({3})},
              [](auto x) { return instance_norm(x[0], x[1], x[2]); }, 10)};
        },
};

Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon, SourceLine line) {
  constexpr const char* op = "instance_norm";
  const Tensor f = as_float(op, x, line);
  if (f.rank() < 3) fail(op, "images must be [n, c, ...] with axes behind the channels", {f}, line);
  Axes axes;
  for (int a = 2; a < f.rank(); ++a) axes.push_back(a);
  return scaled(op, standardise(f, axes, epsilon, line), scale, shift, {1}, line);
}

const OpDef batch_norm_op{
    .name = "batch_norm",
    .doc =
        "batch_norm(x, scale, shift, running_mean, running_variance, options): standardise each channel over the "
        "batch; gives its statistics and the running ones moved by momentum",
    .composite = true,
    .samples =
        [] {
          const auto build = [](BatchNormOptions options) {
            return [options](std::span<const Tensor> x) {
              const BatchNorm b = batch_norm(x[0], x[1], x[2], x[3], x[4], options);
              return std::vector{b.y, b.mean, b.variance, b.running_mean, b.running_variance};
            };
          };
          const auto channel = [](std::int64_t c) { return uniform({c}, 0.5, 1.5); };
          return std::vector<Sample>{
              {"images", {uniform({4, 3, 2, 2}), channel(3), channel(3), channel(3), channel(3)}, build({}), 10},
              {"rows",
               {uniform({5, 4}), channel(4), channel(4), channel(4), channel(4)},
               build({.axis = -1, .epsilon = 0.1, .momentum = 0.5})}};
        },
};

BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                     const Tensor& running_variance, const BatchNormOptions& options, SourceLine line) {
  constexpr const char* op = "batch_norm";
  const Tensor f = as_float(op, x, line);
  const int channel = normal_axis(op, options.axis, f.rank(), line);
  Axes axes;
  Dim count(1);
  for (int a = 0; a < f.rank(); ++a) {
    if (a == channel) continue;
    axes.push_back(a);
    count = count * f.dim(a);
  }
  if (axes.empty()) fail(op, "there is no axis beside the channels", {f}, line);
  const Standardised statistics = standardised(f, axes, options.epsilon, line);
  BatchNorm b;
  b.y = scaled(op, statistics.y, scale, shift, {channel}, line);
  b.mean = statistics.mean;
  b.variance = statistics.variance;
  const auto moved = [&](const Tensor& running, const Tensor& batch) {
    ir::require_operand(op, running, line);
    const Tensor to = cast(batch, running.dtype(), line);
    return add(running, mul(sub(to, running, line), options.momentum, line), line);
  };
  const Tensor n = cast(ir::extent(count, line), f.dtype(), line);
  b.running_mean = moved(running_mean, b.mean);
  b.running_variance = moved(running_variance, mul(b.variance, div(n, maximum(sub(n, 1, line), 1, line), line), line));
  return b;
}

const OpDef batch_norm_inference_op{
    .name = "batch_norm_inference",
    .doc =
        "batch_norm_inference(x, scale, shift, mean, variance, options): (x - mean) / sqrt(variance + epsilon) * "
        "scale + shift for each channel",
    .composite = true,
    .samples =
        [] {
          const auto channel = [] { return uniform({3}, 0.5, 1.5); };
          return std::vector<Sample>{sample("images",
                                            {uniform({2, 3, 2, 2}), channel(), channel(), channel(), channel()},
                                            [](auto x) { return batch_norm_inference(x[0], x[1], x[2], x[3], x[4]); })};
        },
};

Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& mean,
                            const Tensor& variance, const BatchNormOptions& options, SourceLine line) {
  constexpr const char* op = "batch_norm_inference";
  const Tensor f = as_float(op, x, line);
  const Axes axes{normal_axis(op, options.axis, f.rank(), line)};
  Tensor factor = inverse_deviation(along(op, variance, f, axes, line), options.epsilon, line);
  if (scale) factor = mul(factor, along(op, scale, f, axes, line), line);
  const Tensor y = mul(sub(f, along(op, mean, f, axes, line), line), factor, line);
  return shift ? add(y, along(op, shift, f, axes, line), line) : y;
}

}  // namespace bitale::ops

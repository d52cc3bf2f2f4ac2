#include "ops/conv/lrn.h"

#include <cmath>

#include "ops/conv/window.h"

namespace bitale::ops {

using namespace ir;

namespace {

std::vector<std::int64_t> normalised_axes(const Tensor& x, bool within_channel) {
  if (!within_channel) return {1};
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

std::vector<Sample> samples() {
  struct Case {
    const char* name;
    Extents shape;
    LrnOptions options;
  };
  const std::vector<Case> cases{
      {"as in AlexNet", {2, 7, 2, 2}, {.alpha = 0.3}},
      {"as in Caffe", {2, 4, 3}, {.size = 3, .alpha = 2, .beta = 0.75, .k = 1, .divide_alpha = true}},
      {"even window", {1, 5, 3}, {.size = 4, .alpha = 0.5, .beta = 0.25, .k = 1}},
      {"half", {3, 4}, {.size = 3, .alpha = 1, .beta = 0.5, .k = 1}},
      {"whole", {1, 4, 2}, {.size = 3, .alpha = 1, .beta = 1, .k = 0.5}},
      {"any power", {1, 4, 2}, {.size = 5, .alpha = 0.7, .beta = 1.3, .k = 1.5}},
      {"within channels", {1, 2, 4, 3}, {.size = 3, .alpha = 2, .k = 1, .divide_alpha = true, .within_channel = true}},
  };
  std::vector<Sample> out;
  for (const Case& c : cases)
    out.push_back(
        {c.name, {{c.shape}}, [c](std::span<const Tensor> in) { return std::vector{lrn(in[0], c.options)}; }});
  return out;
}

}  // namespace

// y = x / (k + a * s)^beta with s the sum of squares over the window around each element. Written out, so that the sum
// becomes part of the kernel that reads it, and the gradient is a second sum over windows, of one tensor: time and
// graph do not grow with the window's square.
const OpDef lrn_op{
    .name = "lrn",
    .doc =
        "lrn(images, {size, alpha, beta, k, divide_alpha, within_channel}): x / (k + alpha * s)^beta, s the sum of "
        "squares over the nearest channels, or places in the same channel",
    .composite = true,
    .samples = samples,
};

Tensor lrn(const Tensor& x, const LrnOptions& o, SourceLine line) {
  const WindowOp op{"lrn", 0, line};
  require_operand(op.name, x, line);
  const int least = o.within_channel ? 3 : 2;
  if (x.rank() < least || !is_floating(x.dtype()))
    op.fail(std::string("x must be a float tensor [n, c") + (o.within_channel ? ", spatial...]" : ", ...]") + ", got " +
            describe(x));
  if (o.size < 1) op.fail("size must be at least 1, got " + std::to_string(o.size));
  if (!(o.k > 0)) op.fail("k must be positive, got " + std::to_string(o.k));
  if (!(o.alpha >= 0)) op.fail("alpha must not be negative, got " + std::to_string(o.alpha));
  const auto axes = normalised_axes(x, o.within_channel);
  const double count = std::pow(static_cast<double>(o.size), static_cast<double>(axes.size()));
  const double alpha = o.divide_alpha ? o.alpha / count : o.alpha;
  const Tensor squares = window_sum(square(x, line), {axes, o.size / 2, (o.size - 1) / 2}, line);
  return times_power(x, add(mul(squares, alpha, line), o.k, line), -o.beta, line);
}

}  // namespace bitale::ops

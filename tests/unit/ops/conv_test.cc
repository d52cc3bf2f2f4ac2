#include "ops/conv/conv.h"

#include <cmath>
#include <limits>

#include "ops/conv/lrn.h"
#include "ops/conv/pool.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

const std::vector<const ir::OpDef*> convolutions{&conv_op, &conv_backward_data_op, &conv_backward_filters_op};
const std::vector<const ir::OpDef*> pools{
    &max_pool_op,         &max_pool_index_op, &max_pool_gather_op,       &max_pool_backward_op,     &max_pool_all_op,
    &max_pool_all_sum_op, &average_pool_op,   &average_pool_backward_op, &max_pool_all_backward_op, &window_sum_op,
    &times_power_op};

Tensor image(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return ir::input("x", {DType::f32, {n, c, h, w}});
}

Array array(std::vector<double> values, Extents shape) { return Array::of<double>(values, std::move(shape)); }

}  // namespace

TEST_CASE("convolutions: bodies agree with references") {
  for (const auto* op : convolutions) tests::check_value(*op);
}

TEST_CASE("convolutions: derivatives agree with differences") {
  for (const auto* op : convolutions) tests::check_derivatives(*op);
}

TEST_CASE("convolutions: batching agrees with a loop") {
  for (const auto* op : convolutions) tests::check_batching(*op);
}

TEST_CASE("pooling: bodies agree with references") {
  for (const auto* op : pools) tests::check_value(*op);
}

TEST_CASE("pooling: derivatives agree with differences") {
  for (const auto* op : pools) tests::check_derivatives(*op);
}

TEST_CASE("pooling: batching agrees with a loop") {
  for (const auto* op : pools) tests::check_batching(*op);
}

TEST_CASE("conv2d on numbers") {
  const Array x = array({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3}), w = array({1, 0, 0, 2}, {1, 1, 2, 2});
  const auto build = [](bool flip) {
    return [flip](std::span<const Tensor> in) { return std::vector{conv2d(in[0], in[1], {.flip = flip})}; };
  };
  const std::vector<Array> in{x, w};
  tests::check_close(tests::run(build(false), in)[0], array({11, 14, 20, 23}, {1, 1, 2, 2}), 0);
  tests::check_close(tests::run(build(true), in)[0], array({7, 10, 16, 19}, {1, 1, 2, 2}), 0);
}

TEST_CASE("conv2d gives symbolic extents") {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  const Tensor x = ir::input("x", {DType::f32, {n, 3, h, 32}}), w = ir::input("w", {DType::f32, {8, 3, 5, 5}});
  const Tensor y = conv2d(x, w, {.stride = {2, 2}, .padding = {2, 2, 2, 2}});
  CHECK(y.shape() == Shape{n, 8, floordiv(h - 1, 2) + 1, 16});
}

TEST_CASE("disjoint covering windows need no accumulation") {
  const auto overlapping = [](std::int64_t k, std::int64_t stride, std::int64_t size) {
    const Tensor w = ir::input("w", {DType::f32, {1, 1, k, k}});
    const std::int64_t positions = (size - k) / stride + 1;
    const Tensor dx = conv_backward_data(image(1, 1, positions, positions), w, {size, size}, {.stride = {stride}});
    return dx.node().op().contraction(dx.node()).overlapping;
  };
  CHECK_FALSE(overlapping(1, 1, 5));
  CHECK_FALSE(overlapping(2, 2, 6));
  CHECK(overlapping(2, 2, 7));
  CHECK(overlapping(1, 2, 5));
  CHECK(overlapping(3, 1, 5));
}

TEST_CASE("convolutions reject what does not fit") {
  const Tensor w = ir::input("w", {DType::f32, {4, 3, 3, 3}});
  CHECK_THROWS_WITH(conv2d(image(1, 2, 8, 8), w), contains("channels"));
  CHECK_THROWS_WITH(conv2d(image(1, 3, 2, 8), w), contains("larger than"));
  CHECK_THROWS_WITH(conv2d(image(1, 3, 8, 8), w, {.stride = {0, 1}}), contains("strides"));
  CHECK_THROWS_WITH(conv2d(image(1, 3, 8, 8), w, {.dilation = {1, 0}}), contains("dilations"));
  CHECK_THROWS_WITH(conv2d(image(1, 9, 8, 8), w, {.groups = 3}), contains("multiple of the groups"));
  CHECK_THROWS_WITH(conv2d(image(1, 3, 8, 8), w, {.groups = 0}), contains("group"));
  CHECK_THROWS_WITH(conv2d(image(1, 3, 8, 8), w, {.padding = {0, 0, -1, 0}}), contains("negative"));
  CHECK_THROWS_WITH(conv2d(ir::input("x", {DType::f32, {3, 8, 8}}), w), contains("rank 4"));
  CHECK_THROWS_WITH(conv2d(ir::input("x", {DType::f64, {1, 3, 8, 8}}), w), contains("one dtype"));
  CHECK_THROWS_WITH(conv2d(ir::input("x", {DType::i32, {1, 3, 8, 8}}), w), contains("float"));
  CHECK_THROWS_WITH(conv_backward_data(image(1, 4, 5, 6), w, {8, 8}), contains("extents"));
  CHECK_THROWS_WITH(conv_backward_filters(image(2, 3, 8, 8), image(1, 4, 6, 6), {3, 3}), contains("as many images"));
}

TEST_CASE("a window larger than a symbolic image is found at run time") {
  const Dim h = Dim::symbol("h");
  const Tensor x = ir::input("x", {DType::f64, {1, 1, h, 4}}), w = ir::input("w", {DType::f64, {1, 1, 3, 3}});
  const Tensor y = conv2d(x, w);
  const Tensor outputs[] = {y};
  const eval::Binding bindings[] = {{x, Array::zeros(DType::f64, {1, 1, 2, 4})},
                                    {w, Array::zeros(DType::f64, {1, 1, 3, 3})}};
  CHECK_THROWS_AS(eval::evaluate(outputs, bindings), Error);
}

TEST_CASE("max_pool takes the first maximum, a NaN first of all, and never padding") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto index = [](Array x, const PoolOptions& options, bool reference) {
    const Array in[] = {std::move(x)};
    return tests::run(
        [&](std::span<const Tensor> t) {
          return std::vector{max_pool_index(t[0], pool_params({"max_pool2d", 2, {}}, t[0], options))};
        },
        in, reference)[0];
  };
  const auto i32 = [](std::vector<std::int32_t> v, Extents shape) {
    return Array::of<std::int32_t>(v, std::move(shape));
  };
  for (const bool reference : {false, true}) {
    CHECK(index(array({1, 2, 2, 1}, {1, 1, 2, 2}), {}, reference).same_bits(i32({1}, {1, 1, 1, 1})));
    CHECK(index(array({1, nan, 3, nan}, {1, 1, 2, 2}), {}, reference).same_bits(i32({1}, {1, 1, 1, 1})));
    CHECK(index(array({-inf}, {1, 1, 1, 1}), {.padding = {1, 0, 1, 0}}, reference).same_bits(i32({3}, {1, 1, 1, 1})));
    CHECK(index(array({-inf, -inf}, {1, 1, 1, 2}), {.window = {2, 3}, .stride = {1, 1}, .padding = {1, 0, 1, 0}},
                reference)
              .same_bits(i32({4}, {1, 1, 1, 1})));
  }
}

TEST_CASE("the gradient of max_pool goes to the first maximum, and is an index map where windows tile") {
  const Tensor x = ir::input("x", {DType::f64, {1, 1, 2, 2}}), dy = ir::input("dy", {DType::f64, {1, 1, 1, 1}});
  const Tensor y = max_pool2d(x);
  const std::vector<Tensor> dys{dy};
  const Tensor dx = max_pool_op.vjp({y.node(), dys})[0];
  CHECK(dx.node().op().name != "max_pool_backward");
  const Tensor outputs[] = {dx};
  const eval::Binding bindings[] = {{x, array({1, 2, 2, 1}, {1, 1, 2, 2})}, {dy, array({5}, {1, 1, 1, 1})}};
  tests::check_close(eval::evaluate(outputs, bindings)[0], array({0, 5, 0, 0}, {1, 1, 2, 2}), 0);
}

TEST_CASE("pooling gives the extents of Caffe and PyTorch") {
  const auto shape = [](std::int64_t h, const PoolOptions& options) {
    return max_pool2d(image(1, 1, h, h), options).dim(2);
  };
  CHECK(shape(7, {.window = {3}, .stride = {2}}) == Dim(3));
  CHECK(shape(8, {.window = {3}, .stride = {2}}) == Dim(3));
  CHECK(shape(8, {.window = {3}, .stride = {2}, .ceil = true}) == Dim(4));
  CHECK(shape(9, {.window = {3}}) == Dim(3));
  CHECK(shape(3, {.window = {2, 2}, .padding = {1, 1, 1, 1}, .ceil = true}) ==
        Dim(2));  // no window begins in the trailing padding
  CHECK(shape(112, {.window = {3}, .stride = {2}, .padding = 1}) == Dim(56));
}

TEST_CASE("average_pool divides by the image's elements, or by those of image and padding") {
  const Array x = array({2, 4, 6, 8}, {1, 1, 2, 2});
  const Array in[] = {x};
  const auto pool = [&](bool count_padding) {
    return tests::run(
        [&](std::span<const Tensor> t) {
          return std::vector{average_pool2d(
              t[0], {.window = {2, 2}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .count_padding = count_padding})};
        },
        in)[0];
  };
  tests::check_close(pool(false), array({2, 4, 6, 8}, {1, 1, 2, 2}), 0);
  tests::check_close(pool(true), array({0.5, 1, 1.5, 2}, {1, 1, 2, 2}), 0);
}

TEST_CASE("pooling rejects what does not fit") {
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 1, 4)), contains("larger than"));
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 4, 4), {.stride = {1, 0}}), contains("strides"));
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 4, 4), {.window = {0, 1}}), contains("empty"));
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 4, 4), {.padding = {2, 0, 0, 0}}), contains("smaller than the window"));
  CHECK_THROWS_WITH(average_pool2d(image(1, 1, 4, 4), {.padding = {-1, 0, 0, 0}}), contains("negative"));
  CHECK_THROWS_WITH(max_pool2d(ir::input("x", {DType::f32, {4, 4}})),
                    contains("images must have rank 4, [n, c, h, w]"));
  CHECK_THROWS_WITH(max_pool2d(ir::input("x", {DType::i32, {1, 1, 4, 4}})), contains("float"));
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 0, 4), {.padding = {1, 1, 0, 0}}), contains("larger than"));
}

TEST_CASE("padding by rule gives the extents of TensorFlow, ONNX and NumPy") {
  const auto extent = [](std::int64_t size, std::int64_t k, std::int64_t stride, Padding padding) {
    const Tensor x = ir::input("x", {DType::f32, {1, 1, size}}), w = ir::input("w", {DType::f32, {1, 1, k}});
    return conv1d(x, w, {.stride = {stride}, .padding = std::move(padding)}).dim(2);
  };
  for (const std::int64_t k : {1, 2, 3, 4, 5})
    for (const std::int64_t stride : {1, 2, 3})
      for (const std::int64_t size : {5, 6, 7}) {
        INFO(size << " by " << k << ", stride " << stride);
        CHECK(extent(size, k, stride, Padding::same) == Dim((size + stride - 1) / stride));
        CHECK(extent(size, k, stride, Padding::causal) == Dim((size - 1) / stride + 1));
        CHECK(extent(size, k, stride, Padding::full) == Dim((size + k - 2) / stride + 1));
        CHECK(extent(size, k, stride, Padding::valid) == Dim((size - k) / stride + 1));
      }
}

TEST_CASE("padding same gives the smaller half first, and simple symbolic extents") {
  const Array x = array({1, 2, 3, 4}, {1, 1, 4}), w = array({1, 10, 100, 1000}, {1, 1, 4});
  const std::vector<Array> in{x, w};
  const auto y = tests::run(
      [](std::span<const Tensor> t) { return std::vector{conv1d(t[0], t[1], {.padding = Padding::same})}; }, in)[0];
  tests::check_close(y, array({3210, 4321, 432, 43}, {1, 1, 4}), 0);
  const Dim h = Dim::symbol("h");
  const auto extent = [&](std::int64_t k, std::int64_t stride) {
    return conv1d(ir::input("x", {DType::f32, {1, 1, h}}), ir::input("w", {DType::f32, {1, 1, k}}),
                  {.stride = {stride}, .padding = Padding::same})
        .dim(2);
  };
  CHECK(extent(4, 1) == h);
  CHECK(extent(3, 2) == ceildiv(h, 2));
  CHECK(extent(5, 4) == ceildiv(h, 4));
}

TEST_CASE("numbers of padding are for all sides, per axis, or before and after each axis") {
  const Tensor w = ir::input("w", {DType::f32, {1, 1, 3, 3}});
  const auto shape = [&](Padding padding) {
    const Tensor y = conv2d(image(1, 1, 8, 8), w, {.padding = std::move(padding)});
    return Shape{y.dim(2), y.dim(3)};
  };
  CHECK(shape(1) == Shape{8, 8});
  CHECK(shape({1, 2}) == Shape{8, 10});
  CHECK(shape({1, 0, 2, 1}) == Shape{7, 9});
  CHECK_THROWS_WITH(shape({1, 2, 3}), contains("padding must have 1, 2 or 4 entries"));
}

TEST_CASE("causal convolution does not look ahead") {
  const Array w = array({1, 10, 100}, {1, 1, 3});
  const std::vector<Array> in{array({1, 0, 0, 0}, {1, 1, 4}), w};
  const auto y = tests::run(
      [](std::span<const Tensor> t) { return std::vector{conv1d(t[0], t[1], {.padding = Padding::causal})}; }, in)[0];
  tests::check_close(y, array({100, 10, 1, 0}, {1, 1, 4}), 0);
}

TEST_CASE("transposed convolution has the extents that a convolution takes back") {
  const Dim h = Dim::symbol("h");
  const Tensor x = ir::input("x", {DType::f32, {1, 2, h}}), w = ir::input("w", {DType::f32, {2, 3, 4}});
  const auto back = [&](const ConvTransposeOptions& o) {
    const Tensor y = conv_transpose1d(x, w, o);
    CHECK(y.dim(1) == Dim(3));
    const Tensor z = conv1d(y, w, {o.stride, o.dilation, o.padding});
    CHECK(z.dim(2) == h);
    return y.dim(2);
  };
  CHECK(back({}) == h + 3);
  CHECK(back({.stride = {3}, .dilation = {2}}) == h * 3 + 4);
  CHECK(back({.stride = {2}, .padding = {1, 2}, .output_padding = {1}}) == h * 2);
  CHECK(back({.stride = {2}, .padding = Padding::same}) == h * 2);
  CHECK(back({.padding = Padding::full}) == h - 3);
  CHECK(back({.stride = {2}, .padding = Padding::causal, .output_padding = {1}}) == h * 2);
}

TEST_CASE("transposed convolution rejects what does not fit") {
  const Tensor w = ir::input("w", {DType::f32, {2, 3, 3, 3}});
  CHECK_THROWS_WITH(conv_transpose2d(image(1, 2, 4, 4), w, {.stride = {2}, .output_padding = {2, 0}}),
                    contains("output_padding must be at least 0 and smaller than the stride"));
  CHECK_THROWS_WITH(
      conv_transpose2d(image(1, 2, 4, 4), w, {.stride = {2}, .padding = Padding::same, .output_padding = {1}}),
      contains("output_padding does not go with padding `same`"));
  CHECK_THROWS_WITH(conv_transpose2d(image(1, 2, 1, 1), w, {.padding = 2}), contains("takes away more than there is"));
  CHECK_THROWS_WITH(conv_transpose2d(image(1, 3, 4, 4), w), contains("channels"));
  CHECK_THROWS_WITH(conv_transpose1d(image(1, 2, 4, 4), w), contains("conv_transpose1d: images must have rank 3"));
}

TEST_CASE("builders name themselves and what they take") {
  const Tensor x = ir::input("x", {DType::f32, {1, 2, 9}});
  CHECK_THROWS_WITH(conv2d(x, x), contains("conv2d: images must have rank 4, [n, c, h, w], got x"));
  CHECK_THROWS_WITH(conv3d(image(1, 1, 2, 2), x), contains("conv3d: images must have rank 5, [n, c, d, h, w]"));
  CHECK_THROWS_WITH(conv1d(x, image(1, 1, 2, 2)), contains("conv1d: filters must have rank 3"));
  CHECK_THROWS_WITH(conv1d(x, x, {.stride = {1, 2}}), contains("conv1d: stride must have 1 or 1 entries, got 2"));
  CHECK_THROWS_WITH(conv1d({}, x), contains("conv1d: an operand is an empty Tensor"));
  CHECK_THROWS_WITH(max_pool3d(x), contains("max_pool3d: images must have rank 5"));
  CHECK_THROWS_WITH(global_max_pool(ir::input("x", {DType::f32, {2, 3}})), contains("global_max_pool: images must be"));
}

TEST_CASE("max_pool sends its gradient to the first maximum, or to all") {
  const Array x = array({1, 3, 3, 0, 3, 1}, {1, 1, 6});
  const auto gradient = [&](bool all) {
    const Tensor t = ir::input("x", {DType::f64, {1, 1, 6}});
    const Tensor y = max_pool1d(t, {.window = {3}, .stride = {2}, .padding = {1, 0}, .all_maxima = all});
    const std::vector<Tensor> dys{ir::constant(array({1, 10, 100}, {1, 1, 3}))};
    const Tensor outputs[] = {y.node().op().vjp({y.node(), dys})[0]};
    const eval::Binding bindings[] = {{t, x}};
    return eval::evaluate(outputs, bindings)[0];
  };
  tests::check_close(gradient(false), array({0, 11, 0, 0, 100, 0}, {1, 1, 6}), 0);
  tests::check_close(gradient(true), array({0, 11, 10, 0, 100, 0}, {1, 1, 6}), 0);
}

TEST_CASE("global pooling keeps the axes") {
  const Array x = array({1, 2, 3, 6, 5, 4, 3, 8}, {1, 2, 2, 2});
  const Array in[] = {x};
  const auto y = tests::run(
      [](std::span<const Tensor> t) { return std::vector{global_average_pool(t[0]), global_max_pool(t[0])}; }, in);
  tests::check_close(y[0], array({3, 5}, {1, 2, 1, 1}), 0);
  tests::check_close(y[1], array({6, 8}, {1, 2, 1, 1}), 0);
}

TEST_CASE("unfold gives im2col's columns, and fold counts how often each element is in them") {
  const Array in[] = {array({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3}), array(std::vector<double>(16, 1), {1, 4, 4})};
  const auto y = tests::run(
      [](std::span<const Tensor> t) {
        return std::vector{unfold(t[0], {.window = {2}}), fold(t[1], {3, 3}, {.window = {2}})};
      },
      in);
  tests::check_close(y[0], array({1, 2, 4, 5, 2, 3, 5, 6, 4, 5, 7, 8, 5, 6, 8, 9}, {1, 4, 4}), 0);
  tests::check_close(y[1], array({1, 2, 1, 2, 4, 2, 1, 2, 1}, {1, 1, 3, 3}), 0);
  const Tensor columns = ir::input("columns", {DType::f32, {1, 6, 4}});
  CHECK_THROWS_WITH(fold(columns, {3, 3}, {.window = {2}}), contains("fold: the columns' axis 1 must be a multiple"));
  CHECK_THROWS_WITH(unfold(columns, {.window = {5}}), contains("larger than the (padded) input"));
}

TEST_CASE("lrn has the constants of the frameworks") {
  const Array in[] = {array({1, 2, 3}, {1, 3})};
  const auto y = [&](const LrnOptions& o) {
    return tests::run([&](std::span<const Tensor> t) { return std::vector{lrn(t[0], o)}; }, in)[0];
  };
  // Sums of squares of three channels: 5, 14, 13.
  tests::check_close(y({.size = 3, .alpha = 1, .beta = 0.5, .k = 2}),
                     array({1 / std::sqrt(7.0), 2 / 4.0, 3 / std::sqrt(15.0)}, {1, 3}), 1e-14);
  tests::check_close(y({.size = 3, .alpha = 3, .beta = 0.5, .k = 2, .divide_alpha = true}),
                     array({1 / std::sqrt(7.0), 2 / 4.0, 3 / std::sqrt(15.0)}, {1, 3}), 1e-14);
  tests::check_close(y({.size = 3, .alpha = 1, .beta = 0.75, .k = 2}),
                     array({std::pow(7.0, -0.75), 2.0 / 8, 3 * std::pow(15.0, -0.75)}, {1, 3}), 1e-14);
  tests::check_close(y({.size = 3, .alpha = 1, .beta = -2, .k = 2}), array({49, 512, 675}, {1, 3}), 1e-13);
}

TEST_CASE("lrn rejects what it cannot normalise") {
  const Tensor x = image(1, 4, 3, 3);
  CHECK_THROWS_WITH(lrn(x, {.size = 0}), contains("lrn: size must be at least 1"));
  CHECK_THROWS_WITH(lrn(x, {.k = 0}), contains("k must be positive"));
  CHECK_THROWS_WITH(lrn(x, {.alpha = -1}), contains("alpha must not be negative"));
  CHECK_THROWS_WITH(lrn(ir::input("x", {DType::f32, {3}})), contains("[n, c, ...]"));
  CHECK_THROWS_WITH(lrn(ir::input("x", {DType::f32, {3, 2}}), {.within_channel = true}),
                    contains("[n, c, spatial...]"));
}

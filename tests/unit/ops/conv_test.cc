#include "ops/conv/conv2d.h"
#include "ops/conv/pool2d.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/unit/ops/op_check.h"

using namespace bitale;
using namespace bitale::ops;
using tests::contains;

namespace {

const std::vector<const ir::OpDef*> convolutions{&conv2d_op, &conv2d_backward_data_op, &conv2d_backward_filters_op};
const std::vector<const ir::OpDef*> pools{&max_pool2d_op,          &max_pool2d_index_op, &max_pool2d_gather_op,
                                          &max_pool2d_backward_op, &average_pool2d_op,   &average_pool2d_backward_op};

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
    const Tensor dx =
        conv2d_backward_data(image(1, 1, positions, positions), w, size, size, {.stride = {stride, stride}});
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
  CHECK_THROWS_WITH(conv2d_backward_data(image(1, 4, 5, 6), w, 8, 8), contains("extents"));
  CHECK_THROWS_WITH(conv2d_backward_filters(image(2, 3, 8, 8), image(1, 4, 6, 6), 3, 3), contains("as many images"));
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

TEST_CASE("max_pool2d takes the first maximum, a NaN first of all, and never padding") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto index = [](Array x, const Pool2dOptions& options, bool reference) {
    const Array in[] = {std::move(x)};
    return tests::run(
        [&](std::span<const Tensor> t) {
          return std::vector{max_pool2d_index(t[0], pool2d_params("", t[0], options, {}))};
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

TEST_CASE("the gradient of max_pool2d goes to the first maximum, and is an index map where windows tile") {
  const Tensor x = ir::input("x", {DType::f64, {1, 1, 2, 2}}), dy = ir::input("dy", {DType::f64, {1, 1, 1, 1}});
  const Tensor y = max_pool2d(x);
  const std::vector<Tensor> dys{dy};
  const Tensor dx = max_pool2d_op.vjp({y.node(), dys})[0];
  CHECK(dx.node().op().name != "max_pool2d_backward");
  const Tensor outputs[] = {dx};
  const eval::Binding bindings[] = {{x, array({1, 2, 2, 1}, {1, 1, 2, 2})}, {dy, array({5}, {1, 1, 1, 1})}};
  tests::check_close(eval::evaluate(outputs, bindings)[0], array({0, 5, 0, 0}, {1, 1, 2, 2}), 0);
}

TEST_CASE("pooling gives the extents of Caffe and PyTorch") {
  const auto shape = [](std::int64_t h, const Pool2dOptions& options) {
    return max_pool2d(image(1, 1, h, h), options).dim(2);
  };
  CHECK(shape(7, {.window = {3, 3}}) == Dim(3));
  CHECK(shape(8, {.window = {3, 3}}) == Dim(3));
  CHECK(shape(8, {.window = {3, 3}, .ceil = true}) == Dim(4));
  CHECK(shape(3, {.window = {2, 2}, .padding = {1, 1, 1, 1}, .ceil = true}) ==
        Dim(2));  // no window begins in the trailing padding
  CHECK(shape(112, {.window = {3, 3}, .padding = {1, 1, 1, 1}}) == Dim(56));
}

TEST_CASE("average_pool2d divides by the image's elements, or by those of image and padding") {
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
  CHECK_THROWS_WITH(max_pool2d(ir::input("x", {DType::f32, {4, 4}})), contains("[N, C, H, W]"));
  CHECK_THROWS_WITH(max_pool2d(ir::input("x", {DType::i32, {1, 1, 4, 4}})), contains("float"));
  CHECK_THROWS_WITH(max_pool2d(image(1, 1, 0, 4), {.padding = {1, 1, 0, 0}}), contains("larger than"));
}

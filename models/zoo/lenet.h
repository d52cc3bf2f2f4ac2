// LeNet as the 2015 study of deep-learning software ran it: conv 5x5 to 20, conv 5x5 to 50, dense 500, dense 10.
//
// A stage is a convolution without padding, 2x2 max pooling, a bias per channel and tanh; then dense + ReLU, dense, and
// the mean of -log softmax at the label. Images [batch, 784], labels [batch] int32 from 0 to 9.
#pragma once

#include "models/zoo/models.h"

namespace bitale::models {

struct LeNetOptions {
  // What follows a convolution. The values agree, the cost does not: before pooling there are four times the elements.
  enum class StageOrder : std::uint8_t { pool_bias_tanh, bias_pool_tanh, bias_tanh_pool };
  enum class LastLayer : std::uint8_t { zero, random };

  std::int64_t conv2_filters = 50;  // 50 or 52
  bool flip = true;                 // convolutions rotate their filters by 180 degrees
  StageOrder stage_order = StageOrder::pool_bias_tanh;
  LastLayer last_layer = LastLayer::zero;
  bool dense_biases = true;
  std::optional<std::int64_t> batch{};  // a constant instead of the symbol "batch"
  std::uint32_t seed = 23455;
  DType dtype = float32;  // or other floats
};

// Inputs x, y. Parameters W4, W3, W2, W1, b4, b3, b2, b1 (without b4 and b3 if the dense layers have no biases):
// weights uniform within sqrt(6 / (fan_in + fan_out)) from one generator in the order W1, W2, W3, W4, biases zero.
BuiltModel lenet(const LeNetOptions& options = {});

// The row of all_models().
BuiltModel build_lenet(const BuildOptions& options);

}  // namespace bitale::models

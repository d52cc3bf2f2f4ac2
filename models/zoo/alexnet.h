// AlexNet as the 2015 study of deep-learning software ran it: five convolutions, three dense layers.
//
//   conv1 11x11 stride 4 to 96, ReLU, pool, LRN;  conv2 5x5 to 256, ReLU, pool, LRN;  conv3 and conv4 3x3 to 384, ReLU;
//   conv5 3x3 to 256, ReLU, pool;  dense 4096, ReLU, dropout, twice;  dense to the classes, softmax
//
// Every pool is the maximum over 3x3 with stride 2, the convolutions behind the first keep the extents, and filters are
// not rotated. A convolution in g groups cuts the input channels into g parts and convolves each with filters of its
// own. The loss is the mean of -log softmax at the label. Images [batch, 3, size, size], labels [batch] int64.
#pragma once

#include <array>

#include "models/zoo/models.h"

namespace bitale::models {

struct AlexNetOptions {
  enum class Round : std::uint8_t { floor, ceil };
  enum class LrnPosition : std::uint8_t { after_pool, before_pool };

  std::array<std::int64_t, 4> groups = {2, 1, 2, 2};  // of conv2 to conv5
  bool normalised = true;                             // with the two LRN layers
  std::int64_t input_size = 224, conv1_pad = 3;
  Round conv1_round = Round::floor;  // ceil: a last window of conv1 may end beyond the padding, on zeros
  Round pool_round = Round::floor;   // ceil: that of a pool beyond its image
  LrnPosition lrn_position = LrnPosition::after_pool;
  Lrn lrn{};                    // Theano's constants; Caffe and Torch have k = 1 and divide alpha
  bool dropout_scaled = false;  // training divides what it keeps by 1/2, and inference leaves it as it is
  // Weights have the deviation sqrt(2 / fan-in), with which signals keep their size. With the study's, what conv2 to
  // conv5 say fades behind their biases of 0.1, and rounding decides which of a pool's elements is the maximum:
  // programs that are both right differ by 1 % in the gradients of the first layers.
  bool scaled_weights = false;
  std::optional<std::int64_t> batch{};  // a constant instead of the symbol "batch"
  std::uint32_t seed = 23455;
  DType dtype = float32;  // or other floats

  // For tests.
  std::int64_t classes = 1000;
  std::int64_t shrink = 1;  // layers have this part of their channels and units
  bool zero_parameters = false;
};

// "exact"; "no_lrn"; "no_lrn_no_groups". Error if it is another word.
AlexNetOptions alexnet_variant(const std::string& name);

// Parameters W1, b1 to W8, b8, layer after layer; of a convolution in several groups W2_0, b2_0, W2_1, b2_1. Weights
// are normal, with deviation 0.01, of the two dense layers of 4096 0.005, drawn in this order from one generator;
// biases are 0.1 in conv2, conv4 and these two, else 0.
//
// `training_loss` and `training_logits` keep each unit of these two with probability 1/2, unscaled, `loss` and `logits`
// halve them instead.
BuiltModel alexnet(const AlexNetOptions& options = {});

// The rows of all_models(). Images of the sample are normal with deviation 0.1.
BuiltModel build_alexnet(const BuildOptions& options);
std::vector<Array> sample_alexnet(std::int64_t batch, std::int64_t steps, std::uint32_t seed);

}  // namespace bitale::models

// The stacked autoencoder of the 2015 study of deep-learning software, after Theano's tutorial.
//
// Encoder i makes h_i = sigmoid(h_{i-1} W_i + b_i) of the layer below, h_0 being a digit of 784 pixels. Each is trained
// as half of an autoencoder, one after another, by steps "ae1", "ae2"...: from the raw images through the encoders
// below, which stay as they are, h_i is decoded to z = sigmoid(h_i W_i^T + c_i), and the loss is the squared error of z
// to h_{i-1}. The last step "se" trains all encoders and a classifier softmax(h_n V + v) together, by the mean of
// -log p[label]. All steps read the same Shared variables. Images [batch, 784], labels [batch] int32 (of "se" alone).
#pragma once

#include "models/zoo/models.h"

namespace bitale::models {

struct SaeOptions {
  // Of the squared error: the sum over a row, on average over the batch; that over the row's width; half of it.
  enum class Scale : std::uint8_t { sum, mean, half_sum };
  enum class Reconstruction : std::uint8_t { squared, cross_entropy };

  std::vector<std::int64_t> widths = {784, 400, 200, 100};  // of the images, then of each encoder
  bool tied = true;  // decoders have the encoders' weights; else weights D_i [w_i, w_{i-1}] of their own
  bool backward_all =
      false;  // steps "ae2"... also ask for the gradients of the encoders below (the target is constant)
  Scale scale = Scale::sum;
  Reconstruction reconstruction = Reconstruction::squared;
  // Of each encoder: training sets this part of what it encodes to zero; the target stays whole. Empty: none.
  std::vector<double> corruption{};
  bool random_last_layer = false;       // V is zero otherwise
  std::optional<std::int64_t> batch{};  // a constant instead of the symbol "batch"
  std::uint32_t seed = 89677;
  DType dtype = float32;  // or other floats
};

// "small": 784-400-200-100; "large": 784-800-1000-2000. Error if it is another word.
SaeOptions sae_variant(const std::string& name);

// The model is the step "se", with parameters W1, b1, W2, b2..., V, v; `before` holds the others, with W_i, (D_i,) b_i,
// c_i, behind those of the encoders below with backward_all. From one generator, in this order: W1, W2..., uniform
// within 4 sqrt(6 / (n + m)), then D1, D2... within the same bounds, then V within sqrt(6 / (n + 10)); biases are zero.
BuiltModel sae(const SaeOptions& options = {});

// The row of all_models().
BuiltModel build_sae(const BuildOptions& options);

}  // namespace bitale::models

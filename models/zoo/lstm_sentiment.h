// The LSTM of the 2015 study of deep-learning software, which is that of Theano's tutorial: is a review positive?
//
// Word embedding, one LSTM layer (models/layers/recurrent.h) whose state stays at padded steps, the mean of its states
// over the words of each sequence, dropout of one half, a softmax classifier, and the mean of -log(p[label] + 1e-8).
// Inputs ids [T, B] int64, mask [T, B] float32 (1, and 0 where a sequence has ended) and labels [B] int64, as Batches
// makes them (models/data/batches.h); T and B are symbolic. A network in float64 has a mask in float64. A sequence
// without words has no mean: its loss is NaN.
//
// Other cells of models/layers/recurrent.h can take the LSTM's place, and several layers that of one.
#pragma once

#include "models/layers/initial.h"
#include "models/zoo/models.h"

namespace bitale::models {

struct LstmSentimentOptions {
  enum class Cell : std::uint8_t { lstm, normalised_lstm, gru };
  enum class Loss : std::uint8_t { offset, fused };

  Cell cell = Cell::lstm;
  std::int64_t layers = 1;                 // each reads the states of the one before it
  std::int64_t hidden = 128;               // width of the embedding and of the states
  std::int64_t vocabulary = 10000;         // ids are below it
  Blocks ortho_blocks = Blocks::repeated;  // of W and of U, a block per gate; the tutorial's are independent
  double forget_offset = 0;                // initial value of b at the forget gates, which a GRU has not
  Loss loss = Loss::offset;                // fused: -log p[label] from the logits, without the 1e-8
  std::optional<std::int64_t> batch{};     // a constant instead of the symbol "batch"
  std::uint32_t seed = 123;
  DType dtype = float32;  // or other floats
};

// "plain": the study's; "layer_normalised": the same with Cell::normalised_lstm; "gru2": two GRU layers of 200. Error
// if it is another word.
LstmSentimentOptions lstm_variant(const std::string& name);

// Parameters Wemb, W, U, b, U2, b2, and behind b what else the cell has: scale_x, scale_h, scale_c, shift_c or reset_b.
// With several layers, the names of theirs begin with "layer1_", "layer2_"... From one generator, in this order: Wemb
// is 0.01 times uniform in [0, 1), W and U are orthogonal blocks side by side, U2 is 0.01 times normal; scales are one,
// biases and shifts zero.
//
// `loss` and `logits` are those of the study's timing runs: dropout is off, which halves the mean of the states.
// `training_loss` and `training_logits` keep each element with probability 1/2, unscaled.
BuiltModel lstm_sentiment(const LstmSentimentOptions& options = {});

// The rows of all_models(). The sample is `batch` sequences of `steps` random words.
BuiltModel build_lstm(const BuildOptions& options);
std::vector<Array> sample_lstm(std::int64_t batch, std::int64_t steps, std::uint32_t seed);

}  // namespace bitale::models

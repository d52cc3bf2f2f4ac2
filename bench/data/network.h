// Training steps to load pictures for.
#pragma once

#include <string>

#include "bench/data/loading.h"
#include "models/zoo/models.h"

namespace bitale::bench {

// A convolutional network of a few layers for pictures of any size [batch, 3, side, side] and 1000 classes: what is
// trained where no model is named.
models::BuiltModel small_network(std::int64_t side);

// A step of plain gradient descent on the model, of which the inputs are pictures and labels. Compiles.
Step training_step(const models::BuiltModel& model, int threads);

}  // namespace bitale::bench

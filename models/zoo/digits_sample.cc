#include "models/zoo/digits_sample.h"

#include "models/data/mnist.h"
#include "models/data/numpy_random.h"

namespace bitale::models {

std::vector<Array> sample_digits(std::int64_t batch, std::int64_t, std::uint32_t seed) {
  constexpr std::int32_t classes = 10;
  NumpyRandom random(seed);
  Array images = random.uniform(0, 1, {batch, digit_pixels});
  Array labels(int32, {batch});
  for (std::int32_t& label : labels.view<std::int32_t>()) label = random.below(classes);
  return {images, labels};
}

}  // namespace bitale::models

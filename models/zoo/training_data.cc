#include "models/zoo/training_data.h"

#include "models/zoo/digits_data.h"
#include "models/zoo/reviews_data.h"

namespace bitale::models {

std::unique_ptr<TrainingData> load_training_data(const ModelRow& model, const std::optional<std::string>& dir,
                                                 const TrainOptions& options) {
  if (model.sequences()) return std::make_unique<ReviewsData>(load_reviews(dir), options);
  return std::make_unique<DigitsData>(load_mnist(dir), options);
}

}  // namespace bitale::models

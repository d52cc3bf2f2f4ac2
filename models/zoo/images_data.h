// Pictures to train on: another crop of each, mirrored or not, in every epoch.
#pragma once

#include "models/data/image_batches.h"
#include "models/zoo/training_data.h"

namespace bitale::models {

// What a model that reads pictures takes, as its sample says: images [batch, 3, crop, crop] and labels [batch].
struct PictureInput {
  std::int64_t crop = 0;
  DType labels = DType::i32;
};
// Nothing of a model that does not.
std::optional<PictureInput> picture_input(const ModelRow& model);

// The sets that there are to train on, to hold out, and to test with; the last two may lack.
struct PictureSets {
  std::unique_ptr<ImageSet> train, held_out, test;
};

// In `dir`, or without it in $BITALE_DATA: subfolders `train` and `val`, and maybe `test`, each of which open_images()
// takes; else `dir` itself is what there is to train on.
PictureSets open_picture_sets(const std::optional<std::string>& dir);

// Arguments: images float32, pixels from 0 to 255 less the mean, the channels blue, green and red as in networks of
// Caffe; labels. The mean is that which lies with the set to train on, else ImageNet's of each channel. Pictures of
// folders are scaled to a shorter side of 256 first (or of the crop, if that is larger), those of databases are taken
// as they are. If nothing is held out, a twentieth of what there is to train on is, always the same; the centre of
// pictures is measured.
class ImagesData : public TrainingData {
 public:
  // Of the options: batch, seed, loader_threads, prefetch. Error if a part would have no pictures.
  ImagesData(PictureSets sets, const PictureInput& input, const TrainOptions& options);

  std::string source() const override { return source_; }
  std::int64_t size() const override { return batches_->pictures(); }
  bool has_test() const override { return sets_.test != nullptr; }
  void start(std::int64_t epoch, std::int64_t done) override;
  Examples next() override;
  void each(Part part, const std::function<void(const Examples& batch)>& use) const override;
  std::vector<std::pair<std::string, std::int64_t>> facts() const override;

 private:
  ImageBatchOptions options_for(const ImageSet& set) const;
  Examples examples(const ImageBatch& batch) const;

  PictureSets sets_;
  PictureInput input_;
  TrainOptions options_;
  MeanPicture mean_;
  std::string source_;
  std::vector<std::int64_t> kept_back_;  // of the set to train on, where none is there to hold out
  std::optional<ImageBatches> batches_;
};

}  // namespace bitale::models

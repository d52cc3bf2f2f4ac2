#include "models/zoo/images_data.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

#include "models/data/image_database.h"
#include "models/data/split_mix.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t picture_rank = 4, usual_side = 256;
constexpr double held_out_share = 0.05;
constexpr std::uint64_t held_out_seed = 123;
const MeanPicture imagenet_mean{{1, 1}, {123, 117, 104}};  // as Caffe's networks have it

std::string folder_of(const std::optional<std::string>& dir) {
  if (dir) return *dir;
  if (!flags().data.empty()) return flags().data;
  throw Error("there are no pictures: none are bundled; name a folder or a database (--data, or $BITALE_DATA).");
}

std::unique_ptr<ImageSet> open_part(const fs::path& folder, const char* part) {
  std::error_code failure;
  return fs::is_directory(folder / part, failure) ? open_images(folder / part) : nullptr;
}

// Some pictures of a set, always the same, and the others; both in the order of the set.
std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> split(std::int64_t count) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  SplitMix(held_out_seed).shuffle(all);
  const auto border = all.begin() + static_cast<std::ptrdiff_t>(held_out_share * static_cast<double>(count));
  std::pair parts(std::vector<std::int64_t>(all.begin(), border), std::vector<std::int64_t>(border, all.end()));
  std::sort(parts.first.begin(), parts.first.end());
  std::sort(parts.second.begin(), parts.second.end());
  return parts;
}

}  // namespace

std::optional<PictureInput> picture_input(const ModelRow& model) {
  if (model.reads != ModelRow::Reads::images) return std::nullopt;
  const std::vector<Array> sample = model.sample(1, 1, 0);
  const Extents& shape = sample.front().shape();
  if (shape.size() != picture_rank || shape[1] != picture_channels || shape[2] != shape[3]) return std::nullopt;
  return PictureInput{shape[2], sample.back().dtype()};
}

PictureSets open_picture_sets(const std::optional<std::string>& dir) {
  const fs::path folder = folder_of(dir);
  PictureSets sets;
  if (!is_database(folder)) {
    sets.train = open_part(folder, "train");
    sets.held_out = open_part(folder, "val");
    if (sets.train && sets.held_out) {
      sets.test = open_part(folder, "test");
      return sets;
    }
  }
  return {open_images(folder), nullptr, nullptr};
}

ImagesData::ImagesData(PictureSets sets, const PictureInput& input, const TrainOptions& options)
    : sets_(std::move(sets)), input_(input), options_(options), mean_(sets_.train->mean().value_or(imagenet_mean)) {
  std::vector<std::int64_t> used;
  std::int64_t held_out = sets_.held_out ? sets_.held_out->count() : 0;
  if (!sets_.held_out) {
    std::tie(kept_back_, used) = split(sets_.train->count());
    held_out = static_cast<std::int64_t>(kept_back_.size());
    if (held_out == 0)
      throw Error(
          fmt::format("'{}' has {} pictures, of which none would be held out; 20 are the least, or folders "
                      "'train' and 'val'.",
                      sets_.train->source(), sets_.train->count()));
  }
  ImageBatchOptions training = options_for(*sets_.train);
  training.seed = static_cast<std::uint64_t>(options.seed);
  training.batch = options.batch;
  training.augment = true;
  batches_.emplace(*sets_.train, training, std::move(used));
  source_ = fmt::format("{}; {} pictures to train on, {} held out", sets_.train->source(), size(), held_out);
  if (sets_.test) source_ += fmt::format(", {} to test with", sets_.test->count());
}

// To measure with; training differs in some.
ImageBatchOptions ImagesData::options_for(const ImageSet& set) const {
  ImageBatchOptions o;
  o.batch = options_.batch;
  o.crop = input_.crop;
  if (!set.scaled()) o.read = {std::max(usual_side, input_.crop), Fit::shorter};
  o.augment = false;
  o.mean = mean_;
  o.blue_first = true;
  o.threads = options_.loader_threads;
  o.prefetch = options_.prefetch;
  return o;
}

Examples ImagesData::examples(const ImageBatch& batch) const {
  const Array labels = input_.labels == batch.labels.dtype() ? batch.labels : batch.labels.cast(input_.labels);
  return {{batch.images, labels}, batch.labels.size()};
}

void ImagesData::start(std::int64_t epoch, std::int64_t done) { batches_->start(epoch, done / options_.batch); }

Examples ImagesData::next() {
  const std::optional<ImageBatch> batch = batches_->next();
  BITALE_ASSERT(batch, "the epoch is not over");
  return examples(*batch);
}

void ImagesData::each(Part part, const std::function<void(const Examples& batch)>& use) const {
  const bool held_out = part == Part::held_out;
  if (!held_out && !sets_.test) return;
  const ImageSet& set = !held_out ? *sets_.test : sets_.held_out ? *sets_.held_out : *sets_.train;
  ImageBatches batches(set, options_for(set), held_out ? kept_back_ : std::vector<std::int64_t>());
  batches.start(0);
  while (const std::optional<ImageBatch> batch = batches.next()) use(examples(*batch));
}

std::vector<std::pair<std::string, std::int64_t>> ImagesData::facts() const {
  return {{"pictures", size()},
          {"pictures_held_out", sets_.held_out ? sets_.held_out->count() : std::ssize(kept_back_)}};
}

}  // namespace bitale::models

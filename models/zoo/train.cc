#include "models/zoo/train.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "models/data/split_mix.h"
#include "models/optim/sgd.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr std::int64_t evaluation_batch = 500;
constexpr const char* checkpoint_kind = "bitale training checkpoint 1";

constexpr std::int64_t side = 28;
static_assert(side * side == digit_pixels);

// A copy of an image moved down and to the right, with paper where it was not.
void copy_moved(const float* from, float* to, std::int64_t down, std::int64_t right) {
  std::fill_n(to, digit_pixels, 0.0f);
  const std::int64_t first = std::max<std::int64_t>(right, 0), last = std::min(side + right, side);
  for (std::int64_t row = std::max<std::int64_t>(down, 0); row < std::min(side + down, side); ++row)
    std::copy(from + (row - down) * side + first - right, from + (row - down) * side + last - right,
              to + row * side + first);
}

std::vector<Argument> evaluation_arguments(const Digits& digits, std::int64_t begin, std::int64_t end) {
  const auto images = std::span(digits.images)
                          .subspan(static_cast<std::size_t>(begin * digit_pixels),
                                   static_cast<std::size_t>((end - begin) * digit_pixels));
  const auto labels =
      std::span(digits.labels).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return {Array::of(images, {end - begin, digit_pixels}), Array::of(labels, {end - begin})};
}

// Results are {mean loss, right answers} of the batch.
void add(Score& score, const std::vector<Array>& results, std::int64_t examples) {
  score.loss_sum += results[0].at(0) * static_cast<double>(examples);
  score.right += static_cast<std::int64_t>(results[1].at(0));
  score.examples += examples;
}

Tensor right_answers(const BuiltModel& model) { return sum(cast(equal(argmax(model.logits), model.inputs[1]), int64)); }

Array scalar(double value) { return Array::scalar(static_cast<float>(value)); }

// ---- metadata: numbers as text that reads back to the same bits ----

std::string number_text(std::int64_t value) { return std::to_string(value); }

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class T>
T number(const NamedArrays& checkpoint, const char* key, const std::string& file) {
  const std::string& text = checkpoint.text(key, file);
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = failure == std::errc{} && end == text.data() + text.size() && value >= T{};
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
  if (!good)
    throw Error(fmt::format("'{}': the metadata '{}' is '{}', which is not a usable number.", file, key, text));
  return value;
}

Score score_of(const NamedArrays& checkpoint, const std::string& prefix, const std::string& file) {
  return {number<double>(checkpoint, (prefix + ".loss_sum").c_str(), file),
          number<std::int64_t>(checkpoint, (prefix + ".right").c_str(), file),
          number<std::int64_t>(checkpoint, (prefix + ".examples").c_str(), file)};
}

void put(NamedArrays& checkpoint, const std::string& prefix, const Score& score) {
  checkpoint.metadata[prefix + ".loss_sum"] = number_text(score.loss_sum);
  checkpoint.metadata[prefix + ".right"] = number_text(score.right);
  checkpoint.metadata[prefix + ".examples"] = number_text(score.examples);
}

void require_same(std::int64_t ours, const NamedArrays& checkpoint, const char* key, const std::string& file) {
  const auto theirs = number<std::int64_t>(checkpoint, key, file);
  if (theirs != ours) {
    throw Error(fmt::format("'{}' was trained with {} {}, and {} is asked for now: it cannot be continued this way.",
                            file, key, theirs, ours));
  }
}

void check(const TrainOptions& o, const Digits& train, const Digits& test) {
  if (o.batch < 1) throw Error(fmt::format("the batch must be at least 1, {} was given.", o.batch));
  if (!(o.learning_rate > 0) || !std::isfinite(o.learning_rate))
    throw Error(fmt::format("the learning rate must be positive, {} was given.", o.learning_rate));
  if (!(o.decay > 0 && o.decay <= 1))
    throw Error(fmt::format("the decay of the learning rate is more than 0 and at most 1, {} was given.", o.decay));
  if (o.shift < 0 || o.shift >= side)
    throw Error(fmt::format("digits can be moved by 0 to {} pixels, not {}.", side - 1, o.shift));
  if (train.count == 0 || test.count == 0) throw Error("there are no digits to train on, or none to test with.");
}

}  // namespace

Trainer::Trainer(const ModelRow& row, const Digits& train, const Digits& test, const TrainOptions& options)
    : digits_(train),
      held_out_(test),
      options_(options),
      model_(row.build({.seed = options.seed})),
      learning_rate_("learning_rate", scalar(options.learning_rate)) {
  check(options, train, test);
  const Updates updates =
      sgd(model_.loss, model_.parameters,
          {.learning_rate = learning_rate_, .momentum = options.momentum, .weight_decay = options.weight_decay});
  velocities_ = updates.state;
  const std::vector<Tensor> results = {model_.loss, right_answers(model_)};
  train_ = function(model_.inputs, results,
                    {.updates = updates.updates, .name = model_.name + "_train", .threads = options.threads});
  evaluate_ = function(model_.inputs, results, {.name = model_.name + "_evaluate", .threads = options.threads});
}

double Trainer::learning_rate() const {
  return options_.learning_rate * std::pow(options_.decay, static_cast<double>(epoch_));
}

void Trainer::shuffle() {
  order_.resize(static_cast<std::size_t>(digits_.count));
  std::iota(order_.begin(), order_.end(), 0);
  SplitMix(options_.seed, epoch_).shuffle(order_);
  learning_rate_.set(scalar(learning_rate()));
}

std::vector<Argument> Trainer::training_batch(std::int64_t begin, std::int64_t end) const {
  Array images(float32, {end - begin, digit_pixels}), labels(int32, {end - begin});
  float* image = images.view<float>().data();
  std::int32_t* label = labels.view<std::int32_t>().data();
  const std::uint64_t epoch_seed = SplitMix(options_.seed, epoch_).next();
  for (std::int64_t i = begin; i < end; ++i, image += digit_pixels) {
    const std::int64_t row = order_[static_cast<std::size_t>(i)];
    SplitMix numbers(epoch_seed, row);
    const std::int64_t down = numbers.within(options_.shift), right = numbers.within(options_.shift);
    copy_moved(digits_.images.data() + row * digit_pixels, image, down, right);
    *label++ = digits_.labels[static_cast<std::size_t>(row)];
  }
  return {images, labels};
}

void Trainer::step() {
  if (order_.empty()) shuffle();
  const std::int64_t begin = seen_.examples, end = std::min(begin + options_.batch, digits_.count);
  add(seen_, train_.call(training_batch(begin, end)), end - begin);
  if (end < digits_.count) return;
  last_ = seen_;
  seen_ = {};
  order_.clear();
  ++epoch_;
}

Score Trainer::evaluate() const {
  Score score;
  for (std::int64_t begin = 0; begin < held_out_.count; begin += evaluation_batch) {
    const std::int64_t end = std::min(begin + evaluation_batch, held_out_.count);
    add(score, evaluate_.call(evaluation_arguments(held_out_, begin, end)), end - begin);
  }
  return score;
}

std::vector<Shared> Trainer::variables() const {
  std::vector<Shared> all = model_.parameters;
  all.insert(all.end(), velocities_.begin(), velocities_.end());
  return all;
}

NamedArrays Trainer::checkpoint() const {
  NamedArrays out;
  for (const Shared& variable : variables()) out.arrays.emplace_back(variable.name(), variable.get());
  out.metadata = {{"kind", checkpoint_kind},
                  {"model", model_.name},
                  {"variant", model_.variant},
                  {"digits", number_text(digits_.count)},
                  {"seed", number_text(static_cast<std::int64_t>(options_.seed))},
                  {"batch", number_text(options_.batch)},
                  {"learning_rate", number_text(options_.learning_rate)},
                  {"decay", number_text(options_.decay)},
                  {"momentum", number_text(options_.momentum)},
                  {"weight_decay", number_text(options_.weight_decay)},
                  {"shift", number_text(options_.shift)},
                  {"epoch", number_text(epoch_)}};
  put(out, "epoch_under_way", seen_);
  put(out, "last_epoch", last_);
  return out;
}

void Trainer::restore(const NamedArrays& checkpoint, const std::string& file) {
  options_of(checkpoint, file);
  if (const std::string& theirs = checkpoint.text("model", file); theirs != model_.name)
    throw Error(fmt::format("'{}' is a checkpoint of '{}', not of '{}'.", file, theirs, model_.name));
  require_same(digits_.count, checkpoint, "digits", file);
  require_same(options_.batch, checkpoint, "batch", file);
  require_same(options_.seed, checkpoint, "seed", file);
  const auto epoch = number<std::int64_t>(checkpoint, "epoch", file);
  const Score seen = score_of(checkpoint, "epoch_under_way", file), last = score_of(checkpoint, "last_epoch", file);
  if (seen.examples >= digits_.count || seen.examples % options_.batch != 0)
    throw Error(fmt::format("'{}' claims {} examples of an epoch of {}, in batches of {}.", file, seen.examples,
                            digits_.count, options_.batch));
  std::vector<Array> values;
  for (const Shared& variable : variables())
    values.push_back(checkpoint.array(variable.name(), variable.dtype(), variable.get().shape(), file));

  for (std::size_t i = 0; i < values.size(); ++i) variables()[i].set(values[i]);
  epoch_ = epoch;
  seen_ = seen;
  last_ = last;
  order_.clear();
}

TrainOptions options_of(const NamedArrays& checkpoint, const std::string& file) {
  const auto kind = checkpoint.metadata.find("kind");
  if (kind == checkpoint.metadata.end() || kind->second != checkpoint_kind)
    throw Error(fmt::format("'{}' is a safetensors file, but not a checkpoint of `bitale train`.", file));
  TrainOptions options;
  options.batch = number<std::int64_t>(checkpoint, "batch", file);
  options.learning_rate = number<double>(checkpoint, "learning_rate", file);
  options.decay = number<double>(checkpoint, "decay", file);
  options.momentum = number<double>(checkpoint, "momentum", file);
  options.weight_decay = number<double>(checkpoint, "weight_decay", file);
  options.shift = number<std::int64_t>(checkpoint, "shift", file);
  const auto seed = number<std::int64_t>(checkpoint, "seed", file);
  if (seed > std::numeric_limits<std::uint32_t>::max())
    throw Error(fmt::format("'{}': the seed {} does not fit in 32 bits.", file, seed));
  options.seed = static_cast<std::uint32_t>(seed);
  return options;
}

}  // namespace bitale::models

#include "models/zoo/train_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "models/data/vocabulary.h"
#include "models/optim/optimizer.h"
#include "models/zoo/metadata.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Options = TrainOptions;
using Of = TrainOptionRow::Of;

constexpr const char* checkpoint_kind = "bitale training checkpoint 1";

bool known_optimizer(const std::string& name) {
  const auto all = all_optimizers();
  return std::any_of(all.begin(), all.end(), [&](const OptimizerRow& row) { return name == row.name; });
}

const TrainOptionRow rows[] = {
    {.name = "batch",
     .help = "examples per step",
     .member = &Options::batch,
     .range = "at least 1",
     .good = [](const Options& o) { return o.batch >= 1; },
     .fixed = true},
    {.name = "optimizer",
     .help = "sgd, adadelta, rmsprop or adam",
     .member = &Options::optimizer,
     .range = "sgd, adadelta, rmsprop or adam",
     .good = [](const Options& o) { return known_optimizer(o.optimizer); },
     .fixed = true,
     .may_lack = true},
    {.name = "learning_rate",
     .help = "of the first epoch",
     .member = &Options::learning_rate,
     .range = "positive",
     .good = [](const Options& o) { return o.learning_rate > 0 && std::isfinite(o.learning_rate); }},
    {.name = "decay",
     .help = "factor of the learning rate per epoch",
     .member = &Options::decay,
     .range = "more than 0 and at most 1",
     .good = [](const Options& o) { return o.decay > 0 && o.decay <= 1; }},
    {.name = "momentum",
     .help = "of sgd",
     .member = &Options::momentum,
     .range = "at least 0 and less than 1",
     .good = [](const Options& o) { return o.momentum >= 0 && o.momentum < 1; }},
    {.name = "weight_decay",
     .help = "times a parameter is added to its gradient",
     .member = &Options::weight_decay,
     .range = "0 or positive",
     .good = [](const Options& o) { return o.weight_decay >= 0 && std::isfinite(o.weight_decay); }},
    {.name = "patience",
     .help = "stop after so many epochs that do no better on the held-out examples, 0: never; the best are kept",
     .member = &Options::patience,
     .range = "0 or positive",
     .good = [](const Options& o) { return o.patience >= 0; },
     .may_lack = true},
    {.name = "seed",
     .help = "of initial values and shuffling",
     .member = &Options::seed,
     .range = "a number of 32 bits",
     .good = [](const Options& o) { return o.seed >= 0 && o.seed <= std::numeric_limits<std::uint32_t>::max(); },
     .fixed = true},
    {.name = "shift",
     .help = "pixels that training digits are moved by, at random",
     .member = &Options::shift,
     .range = "0 to 27 pixels",
     .good = [](const Options& o) { return o.shift >= 0 && o.shift <= 27; },
     .of = Of::digits},
    {.name = "hidden",
     .help = "width of the embedding and of the state",
     .member = &Options::hidden,
     .range = "at least 1",
     .good = [](const Options& o) { return o.hidden >= 1; },
     .of = Of::words,
     .fixed = true},
    {.name = "vocabulary",
     .help = "ids of words, those of padding and of unknown words included",
     .member = &Options::vocabulary,
     .range = "more than 2",
     .good = [](const Options& o) { return o.vocabulary > first_word_id; },
     .of = Of::words,
     .fixed = true},
    {.name = "max_length",
     .help = "leave out reviews of so many words or more; 0: none",
     .member = &Options::max_length,
     .range = "0 or positive",
     .good = [](const Options& o) { return o.max_length >= 0; },
     .of = Of::words,
     .fixed = true},
    {.name = "window",
     .help = "sort the reviews of so many batches by length, so that less is padding; 0: none",
     .member = &Options::window,
     .range = "0 or positive",
     .good = [](const Options& o) { return o.window >= 0; },
     .of = Of::words,
     .fixed = true},
};

std::string spelled(const char* name, char gap) {
  std::string text = name;
  std::replace(text.begin(), text.end(), '_', gap);
  return text;
}

template <class T>
T read(const NamedArrays& checkpoint, const char* name, const std::string& file) {
  if constexpr (std::is_same_v<T, std::string>) {
    return checkpoint.text(name, file);
  } else {
    return number<T>(checkpoint, name, file);
  }
}

}  // namespace

TrainOptions default_options(const ModelRow& model) {
  TrainOptions o;
  if (!model.sequences()) return o;
  o.batch = model.batch;
  o.optimizer = "adadelta";
  o.learning_rate = find_optimizer(o.optimizer).learning_rate;
  o.decay = 1;
  o.momentum = 0;
  o.patience = 10;
  return o;
}

std::int64_t default_epochs(const ModelRow& model) { return model.sequences() ? 100 : 10; }

bool TrainOptionRow::concerns(const ModelRow& model) const {
  return of == Of::all || (of == Of::words) == model.sequences();
}

std::string TrainOptionRow::flag() const { return "--" + spelled(name, '-'); }

TrainValue TrainOptionRow::get(const TrainOptions& options) const {
  return std::visit([&](auto m) { return TrainValue(options.*m); }, member);
}

void TrainOptionRow::set(TrainOptions& options, const TrainValue& value) const {
  std::visit(
      [&](auto m) {
        using T = std::remove_reference_t<decltype(options.*m)>;
        options.*m = std::get<T>(value);
      },
      member);
}

std::span<const TrainOptionRow> train_option_rows() { return rows; }

std::string to_text(const TrainValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  return number_text(std::get<std::int64_t>(value));
}

void check(const ModelRow& model, const TrainOptions& options) {
  for (const TrainOptionRow& row : rows) {
    if (row.concerns(model) && !row.good(options)) {
      throw Error(fmt::format("the {} must be {}, {} was given.", spelled(row.name, ' '), row.range,
                              to_text(row.get(options))));
    }
  }
  if (options.momentum > 0 && !find_optimizer(options.optimizer).momentum)
    throw Error(fmt::format("{} takes no momentum, {} was given.", options.optimizer, options.momentum));
}

void require_fixed(const ModelRow& model, const TrainOptions& ours, const TrainOptions& theirs,
                   const std::string& file) {
  for (const TrainOptionRow& row : rows) {
    if (!row.concerns(model) || !row.fixed || row.get(ours) == row.get(theirs)) continue;
    throw Error(fmt::format("'{}' was trained with {} {}, and {} is asked for now: it cannot be continued this way.",
                            file, row.name, to_text(row.get(theirs)), to_text(row.get(ours))));
  }
}

void put(NamedArrays& checkpoint, const ModelRow& model, const TrainOptions& options) {
  checkpoint.metadata["kind"] = checkpoint_kind;
  checkpoint.metadata["model"] = model.name;
  for (const TrainOptionRow& row : rows)
    if (row.concerns(model)) checkpoint.metadata[row.name] = to_text(row.get(options));
}

TrainOptions options_of(const ModelRow& model, const NamedArrays& checkpoint, const std::string& file) {
  const auto kind = checkpoint.metadata.find("kind");
  if (kind == checkpoint.metadata.end() || kind->second != checkpoint_kind)
    throw Error(fmt::format("'{}' is a safetensors file, but not a checkpoint of `bitale train`.", file));
  if (const std::string& theirs = checkpoint.text("model", file); theirs != model.name)
    throw Error(fmt::format("'{}' is a checkpoint of '{}', not of '{}'.", file, theirs, model.name));
  TrainOptions options = default_options(model);
  for (const TrainOptionRow& row : rows) {
    if (!row.concerns(model) || (row.may_lack && !checkpoint.metadata.contains(row.name))) continue;
    std::visit(
        [&](auto m) {
          using T = std::remove_reference_t<decltype(options.*m)>;
          options.*m = read<T>(checkpoint, row.name, file);
        },
        row.member);
  }
  return options;
}

}  // namespace bitale::models

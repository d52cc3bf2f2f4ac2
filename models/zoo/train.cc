#include "models/zoo/train.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "models/optim/optimizer.h"
#include "models/zoo/metadata.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr const char* best_prefix = "best.";

// Results are {mean loss, right answers} of the batch.
void add(Score& score, const std::vector<Array>& results, std::int64_t examples) {
  score.loss_sum += results[0].at(0) * static_cast<double>(examples);
  score.right += static_cast<std::int64_t>(results[1].at(0));
  score.examples += examples;
}

Tensor right_answers(const Tensor& logits, const Tensor& labels) {
  return sum(cast(equal(argmax(logits), labels), int64));
}

Array scalar(double value) { return Array::scalar(static_cast<float>(value)); }

BuiltModel built(const ModelRow& row, const TrainOptions& options) {
  check(row, options);
  BuildOptions build{.seed = static_cast<std::uint32_t>(options.seed)};
  if (row.sequences()) {
    build.hidden = options.hidden;
    build.vocabulary = options.vocabulary;
  }
  return row.build(build);
}

std::vector<Array> values_of(const std::vector<Shared>& variables) {
  std::vector<Array> values;
  for (const Shared& variable : variables) values.push_back(variable.get());
  return values;
}

void set(const std::vector<Shared>& variables, const std::vector<Array>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) Shared(variables[i]).set(values[i]);
}

// The values of `variables` under their names, behind a prefix.
std::vector<Array> read(const NamedArrays& checkpoint, const std::vector<Shared>& variables, const std::string& prefix,
                        const std::string& file) {
  std::vector<Array> values;
  for (const Shared& v : variables)
    values.push_back(checkpoint.array(prefix + v.name(), v.dtype(), v.get().shape(), file));
  return values;
}

}  // namespace

Trainer::Trainer(const ModelRow& row, std::unique_ptr<TrainingData> data, const TrainOptions& options)
    : row_(row),
      options_(options),
      data_(std::move(data)),
      model_(built(row, options)),
      learning_rate_("learning_rate", scalar(options.learning_rate)) {
  const Updates updates =
      find_optimizer(options.optimizer)
          .step(model_.training_loss, model_.parameters,
                {.learning_rate = learning_rate_, .momentum = options.momentum, .weight_decay = options.weight_decay});
  optimizer_state_ = updates.state;
  const Tensor labels = model_.inputs.back();
  train_ = function(model_.inputs, {model_.training_loss, right_answers(model_.training_logits, labels)},
                    {.updates = updates.updates, .name = model_.name + "_train", .threads = options.threads});
  evaluate_ = function(model_.inputs, {model_.loss, right_answers(model_.logits, labels)},
                       {.name = model_.name + "_evaluate", .threads = options.threads});
}

double Trainer::learning_rate() const {
  return options_.learning_rate * std::pow(options_.decay, static_cast<double>(epoch_));
}

void Trainer::step() {
  if (!epoch_started_) {
    data_->start(epoch_, seen_.examples);
    learning_rate_.set(scalar(learning_rate()));
    epoch_started_ = true;
  }
  const Examples batch = data_->next();
  add(seen_, train_.call(batch.arguments), batch.count);
  if (seen_.examples < data_->size()) return;
  last_ = std::exchange(seen_, {});
  epoch_started_ = false;
  ++epoch_;
}

Score Trainer::evaluate(TrainingData::Part part) const {
  Score score;
  data_->each(part, [&](const Examples& batch) { add(score, evaluate_.call(batch.arguments), batch.count); });
  return score;
}

void Trainer::note(const Score& held_out) {
  if (options_.patience > 0 && (!best_ || held_out.better_than(best_->score)))
    best_ = {epoch_, held_out, values_of(model_.parameters)};
}

bool Trainer::out_of_patience() const { return best_ && epoch_ - best_->epoch >= options_.patience; }

void Trainer::use_best() {
  if (best_) set(model_.parameters, best_->values);
}

std::vector<Shared> Trainer::variables() const {
  std::vector<Shared> all = model_.parameters;
  all.insert(all.end(), optimizer_state_.begin(), optimizer_state_.end());
  all.insert(all.end(), model_.random_states.begin(), model_.random_states.end());
  return all;
}

NamedArrays Trainer::checkpoint() const {
  NamedArrays out;
  for (const Shared& variable : variables()) out.arrays.emplace_back(variable.name(), variable.get());
  put(out, row_, options_);
  out.metadata["variant"] = model_.variant;
  for (const auto& [name, value] : data_->facts()) out.metadata[name] = number_text(value);
  out.metadata["epoch"] = number_text(epoch_);
  put(out, "epoch_under_way", seen_);
  put(out, "last_epoch", last_);
  if (best_) {
    for (std::size_t i = 0; i < best_->values.size(); ++i)
      out.arrays.emplace_back(best_prefix + model_.parameters[i].name(), best_->values[i]);
    out.metadata["best_epoch"] = number_text(best_->epoch);
    put(out, "best_held_out", best_->score);
  }
  return out;
}

void Trainer::restore(const NamedArrays& checkpoint, const std::string& file) {
  require_fixed(row_, options_, options_of(row_, checkpoint, file), file);
  for (const auto& [name, value] : data_->facts()) require_same(value, checkpoint, name, file);
  const auto epoch = number<std::int64_t>(checkpoint, "epoch", file);
  const Score seen = score_of(checkpoint, "epoch_under_way", file), last = score_of(checkpoint, "last_epoch", file);
  if (seen.examples >= data_->size() || seen.examples % options_.batch != 0)
    throw Error(fmt::format("'{}' claims {} examples of an epoch of {}, in batches of {}.", file, seen.examples,
                            data_->size(), options_.batch));
  const std::vector<Array> values = read(checkpoint, variables(), "", file);
  std::optional<Best> best;
  if (options_.patience > 0 && checkpoint.metadata.contains("best_epoch")) {
    best = {number<std::int64_t>(checkpoint, "best_epoch", file), score_of(checkpoint, "best_held_out", file),
            read(checkpoint, model_.parameters, best_prefix, file)};
  }

  set(variables(), values);
  epoch_ = epoch;
  seen_ = seen;
  last_ = last;
  best_ = std::move(best);
  epoch_started_ = false;
}

}  // namespace bitale::models

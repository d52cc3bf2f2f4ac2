#include "models/zoo/train.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "models/optim/named_factors.h"
#include "models/optim/optimizer.h"
#include "models/zoo/metadata.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

constexpr const char* best_prefix = "best.";

// Results are {mean loss, right answers} of the batch, or the loss alone.
void add(Score& score, const std::vector<Array>& results, std::int64_t examples) {
  score.loss_sum += results[0].at(0) * static_cast<double>(examples);
  if (results.size() > 1) score.right += static_cast<std::int64_t>(results[1].at(0));
  score.examples += examples;
}

Tensor right_answers(const Tensor& logits, const Tensor& labels) {
  return sum(cast(equal(argmax(logits), labels), int64));
}

Array scalar(double value) { return Array::scalar(static_cast<float>(value)); }

BuiltModel built(const ModelRow& row, const TrainOptions& options) {
  check(row, options);
  BuildOptions build{.variant = options.variant, .seed = static_cast<std::uint32_t>(options.seed)};
  if (row.sequences()) {
    if (options.hidden > 0) build.hidden = options.hidden;
    build.vocabulary = options.vocabulary;
  }
  return row.build(build);
}

void append_new(std::vector<Shared>& to, const std::vector<Shared>& more) {
  for (const Shared& variable : more)
    if (std::none_of(to.begin(), to.end(), [&](const Shared& v) { return v.name() == variable.name(); }))
      to.push_back(variable);
}

std::vector<Array> values_of(const std::vector<Shared>& variables) {
  std::vector<Array> values;
  for (const Shared& variable : variables) values.push_back(variable.get());
  return values;
}

void set(const std::vector<Shared>& variables, const std::vector<Array>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) Shared(variables[i]).set(values[i]);
}

void set_zero(const std::vector<Shared>& variables) {
  for (Shared variable : variables) variable.set(Array::zeros(variable.dtype(), variable.get().shape()));
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
  if (options_.pretrain_epochs > 0)
    for (const BuiltModel& step : model_.before) add_phase(step, options_.pretrain_learning_rate);
  add_phase(model_, options_.learning_rate);
  check_names();
  for (Phase& phase : phases_) compile(phase);
}

void Trainer::add_phase(const BuiltModel& model, double learning_rate) {
  RateSchedule schedule = schedule_of(options_, steps_per_epoch());
  schedule.base = learning_rate;
  phases_.push_back(
      {.model = model, .schedule = std::move(schedule), .optimizer_state = {}, .train = {}, .evaluate = {}});
}

// That patterns of names match something that some phase trains: one phase's optimizer sees its own parameters alone.
void Trainer::check_names() const {
  std::vector<std::string> names;
  for (const Shared& parameter : parameters()) names.push_back(parameter.name());
  const OptimizerOptions optimizer = optimizer_options_of(options_);
  models::check(optimizer.rates, names, fmt::format("{}, rates", options_.optimizer));
  models::check(optimizer.decays, names, fmt::format("{}, factors of the weight decay", options_.optimizer));
}

void Trainer::compile(Phase& phase) {
  const BuiltModel& model = phase.model;
  OptimizerOptions optimizer = optimizer_options_of(options_);
  optimizer.learning_rate = learning_rate_;
  optimizer.rates = matching(optimizer.rates, phase.names());
  optimizer.decays = matching(optimizer.decays, phase.names());
  const Updates updates = find_optimizer(options_.optimizer).step(model.training_loss, model.parameters, optimizer);
  phase.optimizer_state = updates.state;

  std::vector<Tensor> training = {model.training_loss}, evaluation = {model.loss};
  if (&phase == &phases_.back()) {
    training.push_back(right_answers(model.training_logits, model.inputs.back()));
    evaluation.push_back(right_answers(model.logits, model.inputs.back()));
  }
  const std::string name = model.step.empty() ? model.name : model.name + "_" + model.step;
  phase.train = function(model.inputs, training,
                         {.updates = updates.updates,
                          .name = name + "_train",
                          .device = options_.device,
                          .threads = options_.threads,
                          .conv = options_.conv,
                          .tf32 = options_.tf32});
  phase.evaluate = function(model.inputs, evaluation,
                            {.name = name + "_evaluate",
                             .device = options_.device,
                             .threads = options_.threads,
                             .conv = options_.conv,
                             .tf32 = options_.tf32});
}

std::vector<std::string> Trainer::Phase::names() const {
  std::vector<std::string> names;
  for (const Shared& parameter : model.parameters) names.push_back(parameter.name());
  return names;
}

// Labels come last, and pre-training takes none.
std::span<const Argument> Trainer::Phase::arguments(const Examples& batch) const {
  return std::span(batch.arguments).first(model.inputs.size());
}

double Trainer::compile_seconds() const {
  double seconds = 0;
  for (const Phase& phase : phases_) seconds += phase.train.compile_seconds() + phase.evaluate.compile_seconds();
  return seconds;
}

std::int64_t Trainer::steps_per_epoch() const { return (data_->size() + options_.batch - 1) / options_.batch; }

std::int64_t Trainer::iteration() const { return epoch_ * steps_per_epoch() + seen_.examples / options_.batch; }

double Trainer::learning_rate() const { return models::learning_rate(under_way().schedule, iteration()); }

void Trainer::next_phase() {
  BITALE_ASSERT(pretraining() && seen_.examples == 0, "a phase ends between epochs, and not the last one");
  ++phase_;
  epoch_ = 0;
  last_ = {};
  epoch_started_ = false;
}

void Trainer::step() {
  if (!epoch_started_) {
    // Every epoch of the run has an order of its own.
    data_->start(static_cast<std::int64_t>(phase_) * options_.pretrain_epochs + epoch_, seen_.examples);
    epoch_started_ = true;
  }
  if (const double rate = learning_rate(); rate_set_ != rate) {
    learning_rate_.set(scalar(rate));
    rate_set_ = rate;
  }
  const Examples batch = data_->next();
  add(seen_, under_way().train.call(under_way().arguments(batch)), batch.count);
  if (seen_.examples < data_->size()) return;
  last_ = std::exchange(seen_, {});
  epoch_started_ = false;
  ++epoch_;
}

Score Trainer::evaluate(TrainingData::Part part) const {
  Score score;
  const Phase& phase = under_way();
  data_->each(part,
              [&](const Examples& batch) { add(score, phase.evaluate.call(phase.arguments(batch)), batch.count); });
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

std::vector<Shared> Trainer::parameters() const {
  std::vector<Shared> all = model_.parameters;
  for (const Phase& phase : phases_) append_new(all, phase.model.parameters);
  return all;
}

// What a checkpoint in this phase holds: of what optimizers keep, that of this phase alone, since the earlier ones are
// over and the later ones begin with zeros.
std::vector<Shared> Trainer::variables(const Phase& of) const {
  std::vector<Shared> all = parameters();
  all.insert(all.end(), of.optimizer_state.begin(), of.optimizer_state.end());
  for (const Phase& phase : phases_) append_new(all, phase.model.random_states);
  return all;
}

NamedArrays Trainer::checkpoint() const {
  NamedArrays out;
  for (const Shared& variable : variables(under_way())) out.arrays.emplace_back(variable.name(), variable.get());
  put(out, row_, options_);
  out.metadata["network"] = model_.variant;
  for (const auto& [name, value] : data_->facts()) out.metadata[name] = number_text(value);
  if (!row_.steps.empty()) out.metadata["phase"] = phase();
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

std::size_t Trainer::phase_of(const NamedArrays& checkpoint, const std::string& file) const {
  if (row_.steps.empty()) return 0;
  const std::string& name = checkpoint.text("phase", file);
  const auto found =
      std::find_if(phases_.begin(), phases_.end(), [&](const Phase& phase) { return phase.model.step == name; });
  if (found == phases_.end())
    throw Error(fmt::format("'{}' is in the phase '{}', which this run has not.", file, name));
  return static_cast<std::size_t>(found - phases_.begin());
}

void Trainer::require_thawed(const Phase& phase, const TrainOptions& theirs, const std::string& file) const {
  const NamedFactors rates = optimizer_options_of(theirs).rates;
  const std::vector<Shared>& state = phase.optimizer_state;
  for (const Shared& parameter : phase.model.parameters) {
    const bool has_state = std::any_of(state.begin(), state.end(), [&](const Shared& s) {
      return s.name().substr(0, s.name().rfind('.')) == parameter.name();
    });
    if (has_state && factor_of(rates, parameter.name()) == 0) {
      throw Error(
          fmt::format("in '{}', {} is frozen, so that {} knows nothing of its gradients: it cannot be trained "
                      "from there on.",
                      file, parameter.name(), options_.optimizer));
    }
  }
}

void Trainer::restore(const NamedArrays& checkpoint, const std::string& file) {
  const TrainOptions theirs = options_of(row_, checkpoint, file);
  require_fixed(row_, options_, theirs, file);
  const std::size_t at = phase_of(checkpoint, file);
  require_thawed(phases_[at], theirs, file);
  for (const auto& [name, value] : data_->facts()) require_same(value, checkpoint, name, file);
  const auto epoch = number<std::int64_t>(checkpoint, "epoch", file);
  const Score seen = score_of(checkpoint, "epoch_under_way", file), last = score_of(checkpoint, "last_epoch", file);
  if (seen.examples >= data_->size() || seen.examples % options_.batch != 0)
    throw Error(fmt::format("'{}' claims {} examples of an epoch of {}, in batches of {}.", file, seen.examples,
                            data_->size(), options_.batch));
  if (at + 1 < phases_.size() &&
      (seen.examples > 0 ? epoch >= options_.pretrain_epochs : epoch > options_.pretrain_epochs))
    throw Error(fmt::format("'{}' claims more than the {} epochs that the phase {} has.", file,
                            options_.pretrain_epochs, phases_[at].model.step));
  const std::vector<Array> values = read(checkpoint, variables(phases_[at]), "", file);
  std::optional<Best> best;
  if (options_.patience > 0 && checkpoint.metadata.contains("best_epoch")) {
    best = {number<std::int64_t>(checkpoint, "best_epoch", file), score_of(checkpoint, "best_held_out", file),
            read(checkpoint, model_.parameters, best_prefix, file)};
  }

  set(variables(phases_[at]), values);
  for (std::size_t later = at + 1; later < phases_.size(); ++later) set_zero(phases_[later].optimizer_state);
  phase_ = at;
  epoch_ = epoch;
  seen_ = seen;
  last_ = last;
  best_ = std::move(best);
  epoch_started_ = false;
}

}  // namespace bitale::models

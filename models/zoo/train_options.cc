#include "models/zoo/train_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "models/data/vocabulary.h"
#include "models/optim/named_factors.h"
#include "models/zoo/metadata.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

using Options = TrainOptions;
using Of = TrainOptionRow::Of;

constexpr const char* checkpoint_kind = "bitale training checkpoint 1";

template <class Row>
bool has(std::span<const Row> all, const std::string& name) {
  return std::any_of(all.begin(), all.end(), [&](const Row& row) { return name == row.name; });
}

template <class Read>
bool reads(const Read& read, const std::string& text) {
  try {
    read(text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// "inv, b (1 + gamma i)^-power; ..."
std::string policy_formulas() {
  std::string all;
  for (const RatePolicyRow& row : all_rate_policies())
    all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", row.name, row.formula);
  return all;
}

// Not before the models and the policies, whose names are in the texts.
const std::vector<TrainOptionRow>& rows() {
  static const std::vector<TrainOptionRow> list = {
      {.name = "variant",
       .help = "which network: " + variant_names(),
       .member = &Options::variant,
       .range = "one that the model has",  // which check() knows
       .good = [](const Options& o) { return !o.variant.empty(); },
       .of = Of::variants,
       .fixed = true,
       .may_lack = true},
      {.name = "batch",
       .help = "examples per step",
       .member = &Options::batch,
       .range = "at least 1",
       .good = [](const Options& o) { return o.batch >= 1; },
       .fixed = true},
      {.name = "optimizer",
       .help = optimizer_names(),
       .member = &Options::optimizer,
       .range = "one of " + optimizer_names(),
       .good = [](const Options& o) { return has(all_optimizers(), o.optimizer); },
       .fixed = true,
       .may_lack = true},
      {.name = "learning_rate",
       .help = "b, which the policy changes from step to step",
       .member = &Options::learning_rate,
       .range = "positive",
       .good = [](const Options& o) { return o.learning_rate > 0 && std::isfinite(o.learning_rate); }},
      {.name = "pretrain_epochs",
       .help = "of each layer, before all are trained together; 0: none",
       .member = &Options::pretrain_epochs,
       .range = "0 to 1000000",
       .good = [](const Options& o) { return o.pretrain_epochs >= 0 && o.pretrain_epochs <= 1000000; },
       .of = Of::steps,
       .fixed = true},
      {.name = "pretrain_learning_rate",
       .help = "b while single layers are trained",
       .member = &Options::pretrain_learning_rate,
       .range = "positive",
       .good = [](const Options& o) { return o.pretrain_learning_rate > 0 && std::isfinite(o.pretrain_learning_rate); },
       .of = Of::steps},
      {.name = "policy",
       .help = "of the learning rate at step i of the run: " + policy_formulas(),
       .member = &Options::policy,
       .range = "one of " + rate_policy_names(),
       .good = [](const Options& o) { return has(all_rate_policies(), o.policy); },
       .may_lack = true},
      {.name = "gamma",
       .help = "of policies",
       .member = &Options::gamma,
       .range = "a number",
       .good = [](const Options& o) { return std::isfinite(o.gamma); },
       .may_lack = true},
      {.name = "power",
       .help = "of policies",
       .member = &Options::power,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.power >= 0 && std::isfinite(o.power); },
       .may_lack = true},
      {.name = "step_size",
       .help = "of policies, in steps of the run; 0: those of an epoch",
       .member = &Options::step_size,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.step_size >= 0; },
       .may_lack = true},
      {.name = "milestones",
       .help = "of multistep: steps of the run, as in 1000,2500",
       .member = &Options::milestones,
       .range = "steps of the run, each after the one before, as in 1000,2500",
       .good = [](const Options& o) { return reads(parse_milestones, o.milestones); },
       .may_lack = true},
      {.name = "max_iterations",
       .help = "of poly: steps of the run",
       .member = &Options::max_iterations,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.max_iterations >= 0; },
       .may_lack = true},
      {.name = "momentum",
       .help = "of sgd and nesterov",
       .member = &Options::momentum,
       .range = "at least 0 and less than 1",
       .good = [](const Options& o) { return o.momentum >= 0 && o.momentum < 1; }},
      {.name = "weight_decay",
       .help = "times a parameter is added to its gradient (adamw: to what is subtracted)",
       .member = &Options::weight_decay,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.weight_decay >= 0 && std::isfinite(o.weight_decay); }},
      {.name = "clip_value",
       .help = "bound of every element of the gradients; 0: none",
       .member = &Options::clip_value,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.clip_value >= 0 && std::isfinite(o.clip_value); },
       .may_lack = true},
      {.name = "clip_norm",
       .help = "bound of the L2 norm of all gradients together, before weight decay; 0: none",
       .member = &Options::clip_norm,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.clip_norm >= 0 && std::isfinite(o.clip_norm); },
       .may_lack = true},
      {.name = "rate",
       .help = "multiples of the learning rate by parameters' names, as in 'b*=2,W1=0.5'",
       .member = &Options::rate,
       .range = "patterns of names with factors from 0 on, as in b*=2,W1=0.5",
       .good = [](const Options& o) { return reads(parse_factors, o.rate); },
       .may_lack = true},
      {.name = "decay_scale",
       .help = "multiples of the weight decay by parameters' names, as in 'b*=0'",
       .member = &Options::decay_scale,
       .range = "patterns of names with factors from 0 on, as in b*=0",
       .good = [](const Options& o) { return reads(parse_factors, o.decay_scale); },
       .may_lack = true},
      {.name = "freeze",
       .help = "parameters that are not trained, as in 'W1,b*': no gradient is computed for them",
       .member = &Options::freeze,
       .range = "names of parameters, as in W1,b*",
       .good = [](const Options& o) { return reads(parse_frozen, o.freeze); },
       .may_lack = true},
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
       .help = "width of the embedding and of the state; 0: the variant's, 128, of gru2 200",
       .member = &Options::hidden,
       .range = "0 or positive",
       .good = [](const Options& o) { return o.hidden >= 0; },
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
  return list;
}

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
    return number<T>(checkpoint, name, file, Sign::any);  // check() says what may be negative
  }
}

const TrainOptionRow& row_of(const std::string& name) {
  return *std::find_if(rows().begin(), rows().end(), [&](const TrainOptionRow& row) { return name == row.name; });
}

}  // namespace

namespace {

// AlexNet's (Krizhevsky, Sutskever, Hinton 2012), as Caffe wrote them down.
TrainOptions image_options(const ModelRow& model) {
  TrainOptions o;
  o.batch = model.batch;
  o.learning_rate = 0.01;
  o.weight_decay = 0.0005;
  o.gamma = 0.1;
  o.step_size = 100000;
  o.rate = "b*=2";
  o.decay_scale = "b*=0";
  return o;
}

// Theano's tutorial takes 0.001 for layers and 0.1 for all of them, with one digit per step and no momentum. The same
// for each digit: a batch's gradient is a mean, and momentum m makes 1 / (1 - m) of it in the end.
TrainOptions sae_options() {
  TrainOptions o;
  const double per_digit = static_cast<double>(o.batch) * (1 - o.momentum);
  o.learning_rate = 0.1 * per_digit;
  o.pretrain_epochs = 15;
  o.pretrain_learning_rate = 0.001 * per_digit;
  use_policy(o, "fixed");
  o.shift = 0;
  o.seed = 89677;
  return o;
}

// Of Theano's tutorial on reviews.
TrainOptions word_options(const ModelRow& model) {
  TrainOptions o;
  o.batch = model.batch;
  o.optimizer = "adadelta";
  o.learning_rate = find_optimizer(o.optimizer).learning_rate;
  use_policy(o, "fixed");
  o.momentum = 0;
  o.patience = 10;
  return o;
}

TrainOptions own_options(const ModelRow& model) {
  if (!model.steps.empty()) return sae_options();
  if (model.reads == ModelRow::Reads::images) return image_options(model);
  return model.sequences() ? word_options(model) : TrainOptions();
}

}  // namespace

TrainOptions default_options(const ModelRow& model) {
  TrainOptions o = own_options(model);
  if (!model.variants.empty()) o.variant = model.variants.front();
  return o;
}

void use_policy(TrainOptions& options, const std::string& policy) {
  options.policy = policy;
  options.gamma = options.power = 0;
  options.step_size = options.max_iterations = 0;
  options.milestones.clear();
  for (const RateParameter& p : find_rate_policy(policy).parameters) {
    const TrainOptionRow& row = row_of(p.name);
    if (std::holds_alternative<double>(row.get(options))) row.set(options, p.initial);
    if (std::holds_alternative<std::int64_t>(row.get(options))) row.set(options, static_cast<std::int64_t>(p.initial));
  }
}

RateSchedule schedule_of(const TrainOptions& options, std::int64_t steps_per_epoch) {
  return {.policy = options.policy,
          .base = options.learning_rate,
          .gamma = options.gamma,
          .power = options.power,
          .step_size = options.step_size > 0 ? options.step_size : steps_per_epoch,
          .max_iterations = options.max_iterations,
          .milestones = parse_milestones(options.milestones)};
}

OptimizerOptions optimizer_options_of(const TrainOptions& options) {
  NamedFactors rates = parse_factors(options.rate);
  const NamedFactors frozen = parse_frozen(options.freeze);
  rates.insert(rates.end(), frozen.begin(), frozen.end());
  return {.momentum = options.momentum,
          .weight_decay = options.weight_decay,
          .clip_value = options.clip_value,
          .clip_norm = options.clip_norm,
          .rates = rates,
          .decays = parse_factors(options.decay_scale)};
}

std::int64_t default_epochs(const ModelRow& model) { return model.sequences() ? 100 : 10; }

std::string TrainOptionRow::whose() const {
  switch (of) {
    case Of::all:
      break;
    case Of::digits:
      return "models that read digits";
    case Of::words:
      return "models that read words";
    case Of::variants:
      return "models that have several";
    case Of::steps:
      return "models that are trained layer by layer";
  }
  return "";
}

bool TrainOptionRow::concerns(const ModelRow& model) const {
  if (of == Of::variants) return !model.variants.empty();
  if (of == Of::steps) return !model.steps.empty();
  return of == Of::all || model.reads == (of == Of::words ? ModelRow::Reads::words : ModelRow::Reads::digits);
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

std::span<const TrainOptionRow> train_option_rows() { return rows(); }

std::string to_text(const TrainValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  return number_text(std::get<std::int64_t>(value));
}

void check(const ModelRow& model, const TrainOptions& options) {
  check_variant(model, options.variant);
  for (const TrainOptionRow& row : rows()) {
    if (row.concerns(model) && !row.good(options)) {
      throw Error(fmt::format("the {} must be {}, {} was given.", spelled(row.name, ' '), row.range,
                              to_text(row.get(options))));
    }
  }
  if (options.momentum > 0 && !find_optimizer(options.optimizer).momentum)
    throw Error(fmt::format("{} takes no momentum, {} was given.", options.optimizer, options.momentum));
  check(schedule_of(options, 1));
}

void require_fixed(const ModelRow& model, const TrainOptions& ours, const TrainOptions& theirs,
                   const std::string& file) {
  for (const TrainOptionRow& row : rows()) {
    if (!row.concerns(model) || !row.fixed || row.get(ours) == row.get(theirs)) continue;
    throw Error(fmt::format("'{}' was trained with {} {}, and {} is asked for now: it cannot be continued this way.",
                            file, row.name, to_text(row.get(theirs)), to_text(row.get(ours))));
  }
}

void put(NamedArrays& checkpoint, const ModelRow& model, const TrainOptions& options) {
  checkpoint.metadata["kind"] = checkpoint_kind;
  checkpoint.metadata["model"] = model.name;
  for (const TrainOptionRow& row : rows())
    if (row.concerns(model)) checkpoint.metadata[row.name] = to_text(row.get(options));
}

TrainOptions options_of(const ModelRow& model, const NamedArrays& checkpoint, const std::string& file) {
  const auto kind = checkpoint.metadata.find("kind");
  if (kind == checkpoint.metadata.end() || kind->second != checkpoint_kind)
    throw Error(fmt::format("'{}' is a safetensors file, but not a checkpoint of `bitale train`.", file));
  if (const std::string& theirs = checkpoint.text("model", file); theirs != model.name)
    throw Error(fmt::format("'{}' is a checkpoint of '{}', not of '{}'.", file, theirs, model.name));
  TrainOptions options = default_options(model);
  for (const TrainOptionRow& row : rows()) {
    if (!row.concerns(model) || (row.may_lack && !checkpoint.metadata.contains(row.name))) continue;
    std::visit(
        [&](auto m) {
          using T = std::remove_reference_t<decltype(options.*m)>;
          options.*m = read<T>(checkpoint, row.name, file);
        },
        row.member);
  }
  // Of a run of the first variant, where this key described the network.
  if (!checkpoint.metadata.contains("network")) options.variant = default_options(model).variant;
  // Of a run that had a factor per epoch and no policies.
  if (!checkpoint.metadata.contains("policy") && checkpoint.metadata.contains("decay")) {
    use_policy(options, "step");
    options.gamma = number<double>(checkpoint, "decay", file);
  }
  try {
    check(model, options);
  } catch (const Error& e) {
    throw Error(fmt::format("'{}': {}", file, e.what()));
  }
  return options;
}

}  // namespace bitale::models

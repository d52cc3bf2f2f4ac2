#include "bench/study/subject.h"

#include <optional>

#include "models/data/batches.h"
#include "models/data/study_lengths.h"

namespace bitale::bench {
namespace {

constexpr std::uint32_t data_seed = 1;

FunctionOptions function_options(const SubjectOptions& options, const char* part) {
  return {.name = options.model + "_" + part,
          .threads = options.threads,
          .isa = options.isa,
          .unused_inputs = true,
          .conv = options.conv};
}

SampleBatch sample_batch(const std::vector<Array>& arrays, std::int64_t size, std::int64_t steps) {
  return {arrays, {arrays.begin(), arrays.end()}, size, steps};
}

std::vector<SampleBatch> epoch_of_the_study(const SubjectOptions& options) {
  const std::vector<models::Sequence> sequences = models::random_sequences(models::study_lengths(), data_seed);
  models::Batches batches(sequences, {.batch = options.batch, .partial = options.include_remainder});
  std::vector<SampleBatch> epoch;
  while (const std::optional<models::Batch> batch = batches.next()) {
    epoch.push_back(sample_batch({batch->ids, batch->mask, batch->labels},
                                 static_cast<std::int64_t>(batch->sequences.size()), batch->ids.shape()[0]));
  }
  return epoch;
}

}  // namespace

std::vector<std::string> to_arguments(const SubjectOptions& options) {
  std::vector<std::string> words = {options.model, "--batch", std::to_string(options.batch), "--threads",
                                    std::to_string(options.threads)};
  if (!options.isa.empty()) words.insert(words.end(), {"--isa", options.isa});
  if (options.conv != ConvAlgorithm::automatic) words.insert(words.end(), {"--conv", to_string(options.conv)});
  if (options.constant_batch) words.emplace_back("--constant-batch");
  if (options.random_last_layer) words.insert(words.end(), {"--last-layer", "random"});
  if (options.input_gradient) words.emplace_back("--input-gradient");
  if (!options.loss_in_forward) words.emplace_back("--no-loss");
  if (options.batch_steps > 0) words.insert(words.end(), {"--batch-steps", std::to_string(options.batch_steps)});
  if (options.include_remainder) words.emplace_back("--include-remainder");
  if (options.dropout) words.emplace_back("--dropout");
  return words;
}

models::BuiltModel build(const SubjectOptions& options) {
  models::BuildOptions build_options;
  if (options.constant_batch) build_options.batch = options.batch;
  build_options.random_last_layer = options.random_last_layer;
  return models::find_model(options.model).build(build_options);
}

Function compile_forward(const models::BuiltModel& model, const SubjectOptions& options) {
  const Tensor& loss = options.dropout ? model.training_loss : model.loss;
  const Tensor& logits = options.dropout ? model.training_logits : model.logits;
  return function(model.inputs, {options.loss_in_forward ? loss : logits}, function_options(options, "forward"));
}

Function compile_gradient(const models::BuiltModel& model, const SubjectOptions& options) {
  std::vector<Tensor> wrt = model.parameter_tensors();
  if (options.input_gradient) wrt.push_back(model.inputs.front());
  const Tensor& loss = options.dropout ? model.training_loss : model.loss;
  return function(model.inputs, grad(loss, wrt), function_options(options, "gradient"));
}

std::vector<SampleBatch> sample(const SubjectOptions& options) {
  const models::ModelRow& row = models::find_model(options.model);
  if (row.sequences && options.batch_steps == 0) return epoch_of_the_study(options);
  return {sample_batch(row.sample(options.batch, options.batch_steps, data_seed), options.batch, options.batch_steps)};
}

Work work_of(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches) {
  Work sum;
  for (const SampleBatch& batch : batches) {
    sum.forward_gflop += model.forward_gflop(batch.size, batch.steps);
    sum.gradient_gflop += model.gradient_gflop(batch.size, batch.steps);
    if (options.input_gradient)
      sum.gradient_gflop += 2 * static_cast<double>(batch.size) * model.first_layer_macs * 1e-9;
  }
  const auto count = static_cast<double>(batches.size());
  return {sum.forward_gflop / count, sum.gradient_gflop / count};
}

}  // namespace bitale::bench

#include "bench/study/subject.h"

#include <map>
#include <optional>
#include <utility>

#include "models/data/batches.h"
#include "models/data/study_lengths.h"

namespace bitale::bench {
namespace {

constexpr std::uint32_t data_seed = 1;

SampleBatch sample_batch(std::vector<Array> arrays, std::int64_t size, std::int64_t steps, DType dtype) {
  for (Array& array : arrays)
    if (is_floating(array.dtype()) && array.dtype() != dtype) array = array.cast(dtype);
  return {arrays, {arrays.begin(), arrays.end()}, size, steps};
}

std::vector<SampleBatch> epoch_of_the_study(const SubjectOptions& options) {
  const std::vector<models::Sequence> sequences = models::random_sequences(models::study_lengths(), data_seed);
  models::Batches batches(sequences, {.batch = options.batch, .partial = options.include_remainder});
  std::vector<SampleBatch> epoch;
  while (const std::optional<models::Batch> batch = batches.next()) {
    epoch.push_back(sample_batch({batch->ids, batch->mask, batch->labels},
                                 static_cast<std::int64_t>(batch->sequences.size()), batch->ids.shape()[0],
                                 options.dtype));
  }
  return epoch;
}

const Tensor& loss_of(const models::BuiltModel& model, const SubjectOptions& options) {
  return options.dropout.value_or(false) ? model.training_loss : model.loss;
}

}  // namespace

FunctionOptions function_options(const SubjectOptions& options, const char* part) {
  return {.name = options.model + "_" + (options.step.empty() ? "" : options.step + "_") + part,
          .device = options.device,
          .threads = options.threads,
          .isa = options.isa,
          .unused_inputs = true,
          .conv = options.conv,
          .tf32 = options.tf32};
}

std::vector<Tensor> forward_outputs(const models::BuiltModel& model, const SubjectOptions& options) {
  if (options.loss_in_forward) return {loss_of(model, options)};
  return {options.dropout.value_or(false) ? model.training_logits : model.logits};
}

std::vector<Tensor> gradient_outputs(const models::BuiltModel& model, const SubjectOptions& options) {
  std::vector<Tensor> wrt = model.parameter_tensors();
  if (options.input_gradient) wrt.push_back(model.data);
  return grad(loss_of(model, options), wrt);
}

std::vector<std::string> to_arguments(const SubjectOptions& options) {
  std::vector<std::string> words = {options.model, "--batch", std::to_string(options.batch), "--threads",
                                    std::to_string(options.threads)};
  if (!options.variant.empty()) words.insert(words.end(), {"--variant", options.variant});
  if (!options.step.empty()) words.insert(words.end(), {"--step", options.step});
  if (options.device != "cpu") words.insert(words.end(), {"--device", options.device});
  if (options.tf32) words.emplace_back("--tf32");
  if (!options.isa.empty()) words.insert(words.end(), {"--isa", options.isa});
  if (options.conv != ConvAlgorithm::automatic) words.insert(words.end(), {"--conv", to_string(options.conv)});
  if (options.constant_batch) words.emplace_back("--constant-batch");
  if (options.random_last_layer) words.insert(words.end(), {"--last-layer", "random"});
  if (options.scaled_weights) words.emplace_back("--scaled-weights");
  if (options.input_gradient) words.emplace_back("--input-gradient");
  if (!options.loss_in_forward) words.emplace_back("--no-loss");
  if (options.batch_steps > 0) words.insert(words.end(), {"--batch-steps", std::to_string(options.batch_steps)});
  if (options.include_remainder) words.emplace_back("--include-remainder");
  if (options.dtype != float32) words.insert(words.end(), {"--dtype", std::string(name_of(options.dtype))});
  if (options.dropout) words.emplace_back(*options.dropout ? "--dropout" : "--no-dropout");
  return words;
}

models::BuiltModel build(const SubjectOptions& options, bool graph_only) {
  models::BuildOptions build_options{.variant = options.variant, .graph_only = graph_only};
  if (options.constant_batch) build_options.batch = options.batch;
  build_options.random_last_layer = options.random_last_layer;
  build_options.scaled_weights = options.scaled_weights;
  build_options.dtype = options.dtype;
  return models::step_of(models::find_model(options.model).build(build_options), options.step);
}

Function compile_forward(const models::BuiltModel& model, const SubjectOptions& options) {
  return function(model.inputs, forward_outputs(model, options), function_options(options, "forward"));
}

Function compile_gradient(const models::BuiltModel& model, const SubjectOptions& options) {
  return function(model.inputs, gradient_outputs(model, options), function_options(options, "gradient"));
}

namespace {

// Copies arrays to a device's memory, where they stay as long as nobody writes to them.
class Mover {
 public:
  explicit Mover(std::string device) : device_(std::move(device)) {}

  Array moved(const Array& array) {
    const auto [at, fresh] = functions_.try_emplace({array.dtype(), array.rank()});
    if (fresh) {
      Shape shape;
      for (int axis = 0; axis < array.rank(); ++axis) shape.emplace_back(Dim("n" + std::to_string(axis)));
      const Tensor x = input("x", array.dtype(), shape);
      at->second = function({x}, {x}, {.name = "move", .device = device_});
    }
    return at->second(array)[0];
  }

 private:
  std::string device_;
  std::map<std::pair<DType, int>, Function> functions_;
};

bool has_own_memory(const std::string& device) { return device.starts_with("cuda"); }

std::vector<SampleBatch> on_host(const SubjectOptions& options) {
  const models::ModelRow& row = models::find_model(options.model);
  if (row.sequences() && options.batch_steps == 0) return epoch_of_the_study(options);
  std::vector<Array> arrays = row.sample(options.batch, options.batch_steps, data_seed);
  // An autoencoder reads no labels.
  arrays.resize(build(options, true).inputs.size());
  return {sample_batch(arrays, options.batch, options.batch_steps, options.dtype)};
}

}  // namespace

std::vector<SampleBatch> sample(const SubjectOptions& options) {
  std::vector<SampleBatch> batches = on_host(options);
  if (!has_own_memory(options.device)) return batches;
  Mover mover(options.device);
  for (SampleBatch& batch : batches) {
    for (Array& array : batch.arrays) array = mover.moved(array);
    batch.arguments.assign(batch.arrays.begin(), batch.arrays.end());
  }
  return batches;
}

Work work_of(const models::BuiltModel& model, const SubjectOptions& options, std::span<const SampleBatch> batches) {
  const std::vector<Tensor> forward = forward_outputs(model, options), gradient = gradient_outputs(model, options);
  Work sum;
  for (const SampleBatch& batch : batches) {
    std::vector<Extents> shapes;
    for (const Array& array : batch.arrays) shapes.push_back(array.shape());
    sum.forward_gflop += flops(model.inputs, forward, shapes) * 1e-9;
    sum.gradient_gflop += flops(model.inputs, gradient, shapes) * 1e-9;
  }
  const auto count = static_cast<double>(batches.size());
  return {sum.forward_gflop / count, sum.gradient_gflop / count};
}

}  // namespace bitale::bench

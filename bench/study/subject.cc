#include "bench/study/subject.h"

namespace bitale::bench {
namespace {

constexpr std::uint32_t data_seed = 1;

FunctionOptions function_options(const SubjectOptions& options, const char* part) {
  return {.name = options.model + "_" + part, .threads = options.threads, .isa = options.isa, .unused_inputs = true};
}

}  // namespace

std::vector<std::string> to_arguments(const SubjectOptions& options) {
  std::vector<std::string> words = {options.model, "--batch", std::to_string(options.batch), "--threads",
                                    std::to_string(options.threads)};
  if (!options.isa.empty()) words.insert(words.end(), {"--isa", options.isa});
  if (options.constant_batch) words.emplace_back("--constant-batch");
  if (options.random_last_layer) words.insert(words.end(), {"--last-layer", "random"});
  if (options.input_gradient) words.emplace_back("--input-gradient");
  if (!options.loss_in_forward) words.emplace_back("--no-loss");
  return words;
}

models::BuiltModel build(const SubjectOptions& options) {
  models::BuildOptions build_options;
  if (options.constant_batch) build_options.batch = options.batch;
  build_options.random_last_layer = options.random_last_layer;
  return models::find_model(options.model).build(build_options);
}

Function compile_forward(const models::BuiltModel& model, const SubjectOptions& options) {
  return function(model.inputs, {options.loss_in_forward ? model.loss : model.logits},
                  function_options(options, "forward"));
}

Function compile_gradient(const models::BuiltModel& model, const SubjectOptions& options) {
  std::vector<Tensor> wrt = model.parameter_tensors();
  if (options.input_gradient) wrt.push_back(model.inputs.front());
  return function(model.inputs, grad(model.loss, wrt), function_options(options, "gradient"));
}

std::vector<Argument> sample(const SubjectOptions& options) {
  const std::vector<Array> arrays = models::find_model(options.model).sample(options.batch, 0, data_seed);
  return {arrays.begin(), arrays.end()};
}

double gradient_gflop(const models::BuiltModel& model, const SubjectOptions& options) {
  const double first_layer = 2 * static_cast<double>(options.batch) * model.first_layer_macs * 1e-9;
  return model.gradient_gflop(options.batch) + (options.input_gradient ? first_layer : 0);
}

}  // namespace bitale::bench

#include "bench/study/arguments.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/harness/options.h"
#include "frontends/cpp/command.h"

namespace bitale::bench {

void add_subject_options(CLI::App& app, SubjectOptions& options) {
  app.add_option("model", options.model, "one of: " + models::model_names())->required();
  app.add_option("--variant", options.variant,
                 "of networks that have several (the first; " + models::variant_names() + ")");
  app.add_option("--step", options.step,
                 "of networks that are trained in several (all, one after another; " + models::step_names() + ")");
  app.add_option("--batch", options.batch, "examples per call (that of the study)")->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  app.add_option("--isa", options.isa, "instruction set: v2, v3, v4 (the best that this CPU executes)");
  app.add_option_function<std::string>(
         "--dtype", [&options](const std::string& name) { options.dtype = *dtype_from_name(name); },
         "of parameters and data: float32, float64, float16 or bfloat16 (float32)")
      ->check(CLI::IsMember(std::vector<std::string>{"float32", "float64", "float16", "bfloat16"}));
  add_conv_option(app, options.conv);
  add_device_option(app, options.device);
  add_tf32_option(app, options.tf32);
  app.add_flag("--constant-batch", options.constant_batch, "compile for this batch alone");
  app.add_option_function<std::string>(
         "--last-layer", [&options](const std::string& v) { options.random_last_layer = v == "random"; },
         "initial values of the last layer: zero or random (zero)")
      ->check(CLI::IsMember(std::vector<std::string>{"zero", "random"}));
  app.add_flag("--scaled-weights", options.scaled_weights,
               "initial values that keep signals large, for comparing numbers (alexnet)");
  app.add_flag("--input-gradient", options.input_gradient, "the gradient is also that of the data");
  app.add_flag("!--no-loss", options.loss_in_forward, "the forward function ends at the logits");
  app.add_option("--batch-steps", options.batch_steps,
                 "of sequences: one batch of so many steps instead of the study's epoch")
      ->check(CLI::PositiveNumber);
  app.add_flag("--include-remainder", options.include_remainder,
               "of sequences: also those of the epoch that do not fill a batch");
  app.add_flag_function(
      "--dropout,!--no-dropout", [&options](std::int64_t on) { options.dropout = on > 0; },
      "of networks that have it: it is switched on, off (as in the study)");
}

void finish_subject_options(SubjectOptions& options) {
  check_tf32("bitale bench", options.device, options.tf32);
  const models::ModelRow& row = models::find_model(options.model);
  models::check_variant(row, options.variant);
  models::check_step(row, options.step);
  if (options.batch == 0) options.batch = row.batch;
  if (!options.isa.empty()) executable_isa(options.isa);
  const auto refuse = [&](const std::string& what) { throw UsageError("bitale bench: " + what); };
  const char* for_sequences = row.sequences()             ? nullptr
                              : options.batch_steps > 0   ? "--batch-steps"
                              : options.include_remainder ? "--include-remainder"
                                                          : nullptr;
  if (for_sequences) refuse(fmt::format("{} has no sequences, and takes no {}.", row.name, for_sequences));
  if (options.batch_steps > 0 && options.include_remainder)
    refuse("--include-remainder is for the epoch, and --batch-steps asks for one batch.");
  if (options.random_last_layer && !row.zero_last_layer) {
    refuse(fmt::format("--last-layer is for networks whose last layer starts at zero, which that of {} does not.",
                       row.name));
  }
  if (options.scaled_weights && !row.fading_weights) {
    refuse(fmt::format("--scaled-weights is for networks whose own let signals fade, which those of {} do not.",
                       row.name));
  }
  if (options.input_gradient && row.sequences())
    refuse(fmt::format("--input-gradient: the inputs of {} are words, which have none.", row.name));
  if (options.dropout && !row.dropout) refuse(fmt::format("{0} has no dropout, and takes no --dropout.", row.name));
  if (row.dropout && !options.dropout) options.dropout = row.timed_with_dropout;
}

}  // namespace bitale::bench

#include "bench/study/arguments.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/harness/options.h"
#include "frontends/cpp/command.h"

namespace bitale::bench {

void add_subject_options(CLI::App& app, SubjectOptions& options) {
  app.add_option("model", options.model, "one of: " + models::model_names())->required();
  app.add_option("--batch", options.batch, "examples per call (that of the study)")->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  app.add_option("--isa", options.isa, "instruction set: v2, v3, v4 (the best that this CPU executes)");
  add_conv_option(app, options.conv);
  app.add_flag("--constant-batch", options.constant_batch, "compile for this batch alone");
  app.add_option_function<std::string>(
         "--last-layer", [&options](const std::string& v) { options.random_last_layer = v == "random"; },
         "initial values of the last layer: zero or random (zero)")
      ->check(CLI::IsMember(std::vector<std::string>{"zero", "random"}));
  app.add_flag("--input-gradient", options.input_gradient, "the gradient is also that of the data");
  app.add_flag("!--no-loss", options.loss_in_forward, "the forward function ends at the logits");
  app.add_option("--batch-steps", options.batch_steps,
                 "of sequences: one batch of so many steps instead of the study's epoch")
      ->check(CLI::PositiveNumber);
  app.add_flag("--include-remainder", options.include_remainder,
               "of sequences: also those of the epoch that do not fill a batch");
  app.add_flag("--dropout", options.dropout, "of networks that have it: it is switched on");
}

void finish_subject_options(SubjectOptions& options) {
  const models::ModelRow& row = models::find_model(options.model);
  if (options.batch == 0) options.batch = row.batch;
  if (!options.isa.empty()) executable_isa(options.isa);
  if (row.sequences) {
    if (options.batch_steps > 0 && options.include_remainder)
      throw UsageError("bitale bench: --include-remainder is for the epoch, and --batch-steps asks for one batch.");
    if (options.random_last_layer) {
      throw UsageError(
          fmt::format("bitale bench: --last-layer is for networks whose last layer starts at zero, which "
                      "that of {} does not.",
                      row.name));
    }
    if (options.input_gradient)
      throw UsageError(
          fmt::format("bitale bench: --input-gradient: the inputs of {} are words, which have none.", row.name));
    return;
  }
  const char* given = options.batch_steps > 0     ? "--batch-steps"
                      : options.include_remainder ? "--include-remainder"
                      : options.dropout           ? "--dropout"
                                                  : nullptr;
  if (given)
    throw UsageError(
        fmt::format("bitale bench: {} has no sequences and no dropout, and takes no {}.", row.name, given));
}

}  // namespace bitale::bench

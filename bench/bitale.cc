// The `bitale` program: a list of commands, each of which lives where its code lives.

#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compile_time/graphs_command.h"
#include "bench/conv/commands.h"
#include "bench/data/data_command.h"
#include "bench/gemm/commands.h"
#include "bench/gpu/commands.h"
#include "bench/harness/process.h"
#include "bench/micro/contraction_leaves.h"
#include "bench/micro/loops_command.h"
#include "bench/study/commands.h"
#include "bench/study/plan/worker.h"
#include "frontends/cpp/command.h"
#include "frontends/cpp/commands.h"
#include "models/zoo/commands.h"
#include "runtime/base/version.h"

namespace bitale {
namespace {

int print_version(std::span<const std::string>) {
  std::printf("bitale %s\n", version());
  return 0;
}

// What else than a network can be measured.
const Command subjects[] = {
    {"conv", "the convolutions of a network, layer by layer, by every algorithm", bench::bench_conv_command},
    {"gpu", "what a network would cost on a GPU, by a model", bench::bench_gpu_command},
    {"data", "what loading pictures costs a training step", bench::bench_data_command},
    {"gemm", "matrix products against OpenBLAS", bench::bench_gemm_command},
    {"graphs", "the compilation of graphs of many nodes", bench::bench_graphs_command},
    {"loops", "a step of a loop, and what it costs beside its body", bench::bench_loops_command},
    {"leaves", "the micro-kernels and packing routines of contractions alone", bench::bench_leaves_command},
};

int bench_command(std::span<const std::string> arguments) {
  for (const Command& subject : subjects)
    if (!arguments.empty() && arguments[0] == subject.name) return subject.run(arguments.subspan(1));
  return bench::bench_model_command(arguments);
}

const Command commands[] = {
    {"train", "train a network, on MNIST or on reviews", models::train_command},
    {"bench",
     "measure a network, matrix products (gemm), the loading of pictures (data), large graphs (graphs), "
     "steps of loops (loops) or micro-kernels (leaves)",
     bench_command},
    {"data", "make a database of pictures to train on (convert), or look at one (info)", models::data_command},
    {"study", "the tables and figures of the 2015 study of deep-learning software, beside this machine's",
     bench::study_command},
    {"graph", "print a network as the compiler sees it, stage by stage", models::graph_command},
    {"cache", "where the compiled functions are kept, which they are, remove them", cache_command},
    {"doctor", "what this build is, and what this machine has for it", doctor_command},
    {"version", "print the version", print_version},
    {"bench-check", nullptr, bench::bench_check_command},
    {"bench-compile", nullptr, bench::bench_compile_command},
    {"bench-worker", nullptr, bench::bench_worker_command},
    {"bench-gemm-worker", nullptr, bench::bench_gemm_worker_command},
    {"study-run", nullptr, bench::study_run_command},
    {"study-compile", nullptr, bench::study_compile_command},
};

void print_help(std::FILE* out) {
  std::fprintf(out, "usage: bitale COMMAND [ARGUMENTS]\n\n");
  for (const Command& command : commands)
    if (command.help) std::fprintf(out, "  %-9s %s\n", command.name, command.help);
  std::fprintf(out, "\n`bitale COMMAND --help` explains a command.\n");
}

int run(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    print_help(stderr);
    return 2;
  }
  const std::string_view name = arguments[0];
  if (name == "help" || name == "--help" || name == "-h") {
    print_help(stdout);
    return 0;
  }
  for (const Command& command : commands) {
    if (name == command.name) return command.run(arguments.subspan(1));
  }
  std::string names;
  for (const Command& command : commands)
    if (command.help) names += (names.empty() ? "" : ", ") + std::string(command.name);
  throw UsageError("there is no command '" + arguments[0] + "'; there are: " + names + ".");
}

}  // namespace
}  // namespace bitale

int main(int argc, char** argv) {
  bitale::bench::note_main_started();
  try {
    return bitale::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const bitale::UsageError& error) {
    std::fprintf(stderr, "bitale: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bitale: %s\n", error.what());
    return 1;
  }
}

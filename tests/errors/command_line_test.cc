// What the program says to command lines that ask for what does not exist, and to data that is not there.

#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;

namespace {

void check_usage(const std::vector<std::string>& arguments, const std::string& message) {
  const Ran ran = run_bitale(arguments);
  INFO(ran.err);
  CHECK(ran.status == 2);
  CHECK(ran.out.empty());
  CHECK_THAT(ran.err, contains(message));
}

void check_error(const std::vector<std::string>& arguments, const std::string& message) {
  const Ran ran = run_bitale(arguments);
  INFO(ran.err);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, contains(message));
}

}  // namespace

TEST_CASE("no command, and unknown ones") {
  check_usage({}, "usage: bitale COMMAND");
  check_usage(
      {"trian"},
      "bitale: there is no command 'trian'; there are: train, bench, data, study, graph, cache, doctor, version.");
}

TEST_CASE("unknown options are answered with those there are") {
  check_usage({"train", "lenet", "--epoch", "3"},
              "bitale train does not know '--epoch', '3'; its options are: --help, --data, --epochs");
  check_usage({"bench", "lenet", "--fast"}, "bitale bench does not know '--fast'; its options are:");
  check_usage({"graph", "lenet", "--stages", "x"}, "--stage, --function, --conv, --dot");
  check_usage({"doctor", "--all"}, "--load");
}

TEST_CASE("values that an option cannot have") {
  check_usage({"graph", "lenet", "--stage", "middle"}, "middle not in {input,optimised,kernels,program,cuda}");
  check_usage({"graph", "lenet", "--stage", "kernels", "--dot", "x"}, "'kernels' is not a graph");
  check_usage({"graph", "alexnet", "--variant", "big"}, "alexnet has no variant 'big'; it has exact, no_lrn");
  check_usage({"graph", "sae", "--step", "ae4"}, "sae has no step 'ae4'; it has ae1, ae2, ae3, se");
  check_usage({"bench", "lenet", "--device", "tpu"}, "tpu not in {cpu,cuda,cuda:1,...,emulated}");
  check_usage({"bench", "gpu", "lenet", "--device", "cpu"}, "--device is an architecture here, as in sm_90, not cpu");
  check_usage({"bench", "lenet", "--isa", "v9"}, "--isa v9: this CPU executes v2");
  check_usage({"bench", "lenet", "--batch", "0"}, "--batch");
  check_usage({"bench", "lenet", "--dtype", "int8"}, "int8 not in {float32,float64,float16,bfloat16}");
  check_usage({"bench", "alexnot"}, "there is no model 'alexnot'; there are: lenet");
  check_usage({"bench"}, "model is required");
  check_usage({"bench", "conv", "--device", "cuda"}, "--device is an architecture here, as in sm_90, not cuda");
  check_usage({"bench", "conv", "--device", "sm_90", "--layout", "chwn"}, "--layout chwn: there are nchw, nhwc");
  check_usage({"bench", "conv", "--device", "sm_90", "--dtype", "int8"}, "--dtype int8: there are float32, float64");
  check_usage({"bench", "conv", "--device", "sm_90", "--isa", "v2"}, "--isa excludes --device");
  check_usage({"bench", "conv", "--tf32"}, "--tf32 requires --device");
  check_usage({"bench", "lenet", "--tf32"}, "bitale bench: --tf32 is for GPUs (--device cuda); device cpu computes");
  check_usage({"train", "lenet", "--tf32", "--device", "emulated"},
              "bitale train: --tf32 is for GPUs (--device cuda); device emulated computes products in float32 alone.");
  check_usage({"bench", "conv", "--layers", "conv9"}, "lenet has no such layer");
  check_usage({"bench", "gemm", "--shape", "64x784"}, "--shape 64x784: expected rows x depth x columns");
  check_usage({"bench", "gemm", "--shape", "3x4x5x6"}, "--shape 3x4x5x6: expected");
  check_usage({"bench", "gemm", "--shape", "3x0x5"}, "--shape 3x0x5: expected");
  check_usage({"bench", "gemm", "--shape", "90000x90000x2"}, "a matrix may have");
  check_usage({"bench", "gemm", "--isa", "v9"}, "--isa v9: this CPU executes v2");
  check_usage({"bench", "leaves", "--isa", "v9"}, "--isa v9: this CPU executes v2");
  check_usage({"bench", "leaves", "--threads", "2"}, "its options are: --help, --isa, --json");
  check_usage({"train", "lenet", "--batch", "many"}, "--batch");
  check_usage({"train", "lenet", "--momentum", "1.5"}, "--momentum");
  check_usage({"train", "lenet", "--resume"}, "--resume needs --checkpoint FILE");
  check_usage({"train", "letnet"}, "there is no model 'letnet'; there are: lenet, alexnet, sae, lstm");
  check_usage({"train", "lstm", "--window", "-1"}, "--window -1: it must be 0 or positive");
  check_usage({"train", "lstm", "--optimizer", "best"},
              "--optimizer best: it must be one of sgd, nesterov, adagrad, adadelta, rmsprop, adam, adamw");
  check_usage({"train", "lenet", "--policy", "cosine"}, "--policy cosine: it must be one of fixed, step, exp, inv");
  check_usage({"train", "lenet", "--policy", "inv", "--step-size", "3"},
              "policy inv, b (1 + gamma i)^-power, takes no --step-size");
  check_usage({"train", "lstm", "--gamma", "0.5"}, "policy fixed, b, takes no --gamma");
  check_usage({"train", "lenet", "--milestones", "3,2"}, "--milestones 3,2: it must be steps of the run");
  check_usage({"train", "lenet", "--rate", "b"}, "--rate b: it must be patterns of names with factors");
  check_usage({"train", "lenet", "--clip-norm", "-1"}, "--clip-norm -1: it must be 0 or positive");
  check_usage({"study", "--tables", "2"}, "there is no table 2; there are: 3, 4, 5, 6, 7, 8");
  check_usage({"study", "--figures", "1,3"}, "there is no figure 3; there are: 1, 2");
  check_usage({"study", "--threads", "0"}, "--threads");
  check_usage({"study", "--device", "tpu"}, "tpu not in {cpu,cuda,cuda:1,...,emulated}");
  check_usage({"study", "--device", "cpu,emulated", "--tf32"}, "bitale study: --tf32 is for GPUs (--device cuda)");
  check_usage({"study", "3"}, "bitale study does not know '3'; its options are: --help, --tables");
  check_usage({"cache", "empty"}, "empty not in {path,list,clear}");
}

TEST_CASE("options of another model") {
  check_usage({"train", "lstm", "--shift", "2"},
              "--shift is a setting of models that read digits, which lstm does not");
  check_usage({"train", "lenet", "--hidden", "2"}, "--hidden is a setting of models that read words, which lenet does");
  check_usage({"train", "lenet", "--pretrain-epochs", "2"},
              "--pretrain-epochs is a setting of models that are trained layer by layer, which lenet is not");
  check_usage({"train", "sae", "--variant", "huge"}, "sae has no variant 'huge'; it has small, large");
  check_usage({"train", "lenet", "--variant", "small"}, "--variant is a setting of models that have several");
  check_usage({"train", "sae", "--no-pretrain", "--pretrain-epochs", "2"},
              "--no-pretrain is --pretrain-epochs 0, and 2");
  check_error({"train", "lstm", "--momentum", "0.5"}, "adadelta takes no momentum, 0.5 was given");
  check_error({"train", "lenet", "--policy", "exp"}, "policy exp, b gamma^i: the gamma must be positive, 0 was given");
  check_error({"train", "lenet", "--freeze", "W9"}, "no parameter is named 'W9'; there are: W4, W3, W2, W1");
  check_usage({"bench", "lenet", "--batch-steps", "3"}, "takes no --batch-steps");
  check_usage({"bench", "lstm", "--last-layer", "random"}, "--last-layer is for networks whose last layer");
}

TEST_CASE("data and checkpoints that are not there, or are something else") {
  const TempFolder folder;
  const std::string text = folder.write("text", "this is a text, not a checkpoint");
  check_error({"train", "lenet", "--data", folder.path()}, "there is no MNIST in");
  check_error({"train", "lstm", "--data", folder.path()}, "there are no IMDB reviews in");
  check_error({"train", "lenet", "--resume", "--checkpoint", folder.path() / "none"}, "cannot be opened: No such file");
  check_error({"train", "lenet", "--resume", "--checkpoint", text}, "is not a usable safetensors file");
  check_error({"study", "--tables", "3", "--out", text, "--no-report"}, "no folder can be made there");
  check_error({"train", "lenet", "--epochs", "1", "--checkpoint", folder.path() / "none" / "c"},
              "cannot be written: No such file");
}

TEST_CASE("help goes to standard output") {
  for (const char* command : {"train", "bench", "study", "graph", "cache", "doctor"}) {
    const Ran ran = run_bitale({command, "--help"});
    CHECK(ran.status == 0);
    CHECK_THAT(ran.out, contains("Usage: bitale " + std::string(command)));
  }
  for (const char* subject : {"gemm", "leaves"})
    CHECK_THAT(run_bitale({"bench", subject, "--help"}).out, contains("Usage: bitale bench " + std::string(subject)));
}

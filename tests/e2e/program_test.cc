// The `bitale` program from outside.

#include <fstream>
#include <iterator>
#include <set>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;
using Json = nlohmann::json;

namespace {

std::set<std::string> keys(const Json& json) {
  std::set<std::string> out;
  for (const auto& [key, value] : json.items()) out.insert(key);
  return out;
}

const std::set<std::string> network_keys = {"model",          "variant",
                                            "device",         "threads",
                                            "batch",          "forward_ms",
                                            "gradient_ms",    "first_compile_ms",
                                            "recompile_ms",   "process_start_ms",
                                            "gflop",          "gflops",
                                            "peak_gflops",    "planned_bytes",
                                            "peak_rss_bytes", "loss",
                                            "versions",       "tf32"};
const std::set<std::string> parts = {"forward", "gradient"}, figures = {"mean", "std", "min", "median"};

}  // namespace

TEST_CASE("bench prints one JSON object with the agreed keys and nothing else") {
  const Ran ran = run_bitale(
      {"bench", "lenet", "--threads", "1", "--batch", "8", "--iterations", "3", "--warmup", "1", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  CHECK(keys(json) == network_keys);
  CHECK(keys(json["forward_ms"]) == figures);
  CHECK(keys(json["gradient_ms"]) == figures);
  for (const char* key : {"first_compile_ms", "recompile_ms", "gflop", "gflops", "planned_bytes"}) {
    INFO(key);
    CHECK(keys(json[key]) == parts);
    CHECK(json[key]["forward"].get<double>() > 0);
    CHECK(json[key]["gradient"].get<double>() > 0);
  }
  CHECK(json["model"] == "lenet");
  CHECK(json["device"] == "cpu");
  CHECK(json["threads"] == 1);
  CHECK(json["batch"] == 8);
  CHECK(json["loss"].get<double>() == Approx(2.302585).epsilon(1e-5));
  CHECK(json["gflop"]["forward"].get<double>() == Approx(0.036688));
  CHECK(json["process_start_ms"].get<double>() > 0);
  CHECK(json["first_compile_ms"]["gradient"].get<double>() > json["recompile_ms"]["gradient"].get<double>());
}

TEST_CASE("bench in float64 computes in it, and says so") {
  const auto run = [](const char* dtype) {
    const Ran ran = run_bitale({"bench", "sae", "--step", "ae3", "--threads", "1", "--batch", "8", "--iterations", "1",
                                "--warmup", "0", "--dtype", dtype, "--json", "-"});
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    return Json::parse(ran.out);
  };
  const Json single = run("float32"), exact = run("float64");
  CHECK_THAT(exact["variant"].get<std::string>(), contains("; float64"));
  CHECK(exact["loss"].get<double>() != single["loss"].get<double>());
  CHECK(exact["loss"].get<double>() == Approx(single["loss"].get<double>()).epsilon(1e-5));
}

TEST_CASE("bench of a network that reads sequences runs over the study's epoch, compiled once for all lengths") {
  const Ran ran = run_bitale({"bench", "lstm", "--threads", "1", "--iterations", "2", "--warmup", "0", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  std::set<std::string> expected = network_keys;
  expected.insert("epoch");
  CHECK(keys(json) == expected);
  CHECK(json["batch"] == 16);
  const Json& epoch = json["epoch"];
  CHECK(epoch["batches"] == 124);
  CHECK(epoch["steps"] == 8829);
  CHECK(epoch["tokens"] == 141264);
  CHECK(epoch["recompiled"] == false);
  REQUIRE(epoch["forward_ms"].size() == 2);
  REQUIRE(epoch["gradient_ms"].size() == 2);
  const double mean = (epoch["forward_ms"][0].get<double>() + epoch["forward_ms"][1].get<double>()) / 2;
  CHECK(json["forward_ms"]["mean"].get<double>() == Approx(mean));
  CHECK(json["gflop"]["forward"].get<double>() == Approx(0.298649).epsilon(2e-6));
  CHECK(json["gflop"]["gradient"].get<double>() == Approx(0.895948).epsilon(2e-6));
}

TEST_CASE("bench of one batch of sequences, with dropout") {
  const Ran ran = run_bitale({"bench", "lstm", "--threads", "1", "--batch", "2", "--batch-steps", "5", "--dropout",
                              "--iterations", "3", "--warmup", "1", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  CHECK(json["epoch"]["batches"] == 1);
  CHECK(json["epoch"]["steps"] == 5);
  CHECK(json["epoch"]["tokens"] == 10);
  CHECK(json["epoch"]["gradient_ms"].size() == 3);
  CHECK_THAT(json["variant"].get<std::string>(), contains("with dropout"));
}

TEST_CASE("bench of a network that is trained in steps measures each of them, or the one that is asked for") {
  const std::vector<std::string> quick = {"--threads", "1",        "--batch", "4",      "--iterations",
                                          "2",         "--warmup", "0",       "--json", "-"};
  std::vector<std::string> arguments = {"bench", "sae"};
  arguments.insert(arguments.end(), quick.begin(), quick.end());
  const Ran all = run_bitale(arguments);
  INFO(all.err);
  REQUIRE(all.status == 0);
  const Json json = Json::parse(all.out);
  CHECK(keys(json) == std::set<std::string>{"model", "steps", "pretraining_gradient_ms"});
  CHECK(keys(json["steps"]) == std::set<std::string>{"ae1", "ae2", "ae3", "se"});
  std::set<std::string> expected = network_keys;
  expected.insert("step");
  double pretraining = 0;
  for (const auto& [name, step] : json["steps"].items()) {
    CHECK(keys(step) == expected);
    CHECK(step["step"] == name);
    if (name != "se") pretraining += step["gradient_ms"]["median"].get<double>();
  }
  CHECK(json["pretraining_gradient_ms"].get<double>() == Approx(pretraining));
  CHECK(json["steps"]["se"]["loss"].get<double>() == Approx(2.302585).epsilon(1e-5));

  arguments.insert(arguments.end(), {"--variant", "large", "--step", "ae3"});
  const Ran one = run_bitale(arguments);
  INFO(one.err);
  REQUIRE(one.status == 0);
  const Json step = Json::parse(one.out);
  CHECK(keys(step) == expected);
  CHECK(step["step"] == "ae3");
  CHECK_THAT(step["variant"].get<std::string>(), contains("784-800-1000-2000"));
  CHECK(step["gflop"]["gradient"].get<double>() == Approx(1.462682 / 16).epsilon(1e-6));
}

TEST_CASE("bench of AlexNet, with dropout as in the study") {
  const Ran ran = run_bitale(
      {"bench", "alexnet", "--variant", "no_lrn", "--batch", "1", "--iterations", "1", "--warmup", "0", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  CHECK(keys(json) == network_keys);
  CHECK_THAT(json["variant"].get<std::string>(), contains("no LRN") && contains("with dropout"));
  CHECK(json["gflop"]["forward"].get<double>() == Approx(370.896290 / 256).epsilon(1e-8));
  CHECK(json["gflop"]["gradient"].get<double>() == Approx(1058.716287 / 256).epsilon(1e-8));
  CHECK(json["loss"].get<double>() == Approx(6.907755).epsilon(0.05));  // log 1000: weights are small
}

TEST_CASE("graph shows a variant and a step of training") {
  const Ran ran =
      run_bitale({"graph", "sae", "--variant", "large", "--step", "ae2", "--function", "gradient", "--stage", "input"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out, contains("800, 1000") && contains("c2"));
  const Ran forward = run_bitale({"graph", "alexnet", "--variant", "no_lrn_no_groups", "--stage", "input"});
  INFO(forward.err);
  REQUIRE(forward.status == 0);
  CHECK_THAT(forward.out, contains("384, 384, 3, 3"));
}

TEST_CASE("bench gemm compares with OpenBLAS, and says so as JSON") {
  for (const std::string extents : {"constant", "symbolic"}) {
    std::vector<std::string> arguments = {"bench",     "gemm",    "--threads", "1",        "--shape",
                                          "7x30x20",   "--shape", "33x5x64",   "--rounds", "2",
                                          "--turn-ms", "0.1",     "--json",    "-"};
    if (extents == "symbolic") arguments.emplace_back("--symbolic");
    const Ran ran = run_bitale(arguments);
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    const Json json = Json::parse(ran.out);
    CHECK(keys(json) == std::set<std::string>{"cpu", "threads", "level", "extents", "rounds", "versions", "shapes"});
    CHECK(json["extents"] == extents);
    REQUIRE(json["shapes"].size() == 2);
    const Json& shape = json["shapes"][0];
    CHECK(shape["shape"] == "7x30x20");
    CHECK(shape["gflop"].get<double>() == Approx(2 * 7 * 30 * 20 * 1e-9));
    REQUIRE(shape["programs"].size() >= 2);
    CHECK_THAT(shape["programs"][0]["name"].get<std::string>(), contains("Bitale v"));
    CHECK(shape["programs"].back()["name"] == "OpenBLAS");
    for (const Json& row : shape["programs"]) {
      CHECK(keys(row["ms"]) == figures);
      CHECK(row["gflops"].get<double>() > 0);
      CHECK(row["share_of_peak"].get<double>() > 0);
    }
    CHECK(shape["openblas_time_over_ours"].size() == shape["programs"].size() - 1);
  }
}

TEST_CASE("bench leaves measures each micro-kernel of an instruction set") {
  const Ran ran = run_bitale({"bench", "leaves", "--isa", "v2", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  REQUIRE(json["isas"].size() == 1);
  const Json& isa = json["isas"][0];
  CHECK(isa["isa"] == "v2");
  REQUIRE(isa["micro_kernels"].size() > 0);
  for (const Json& row : isa["micro_kernels"]) CHECK(row["share_of_peak"]["L1"].get<double>() > 0);
  REQUIRE(isa["packing"].size() == 2);
  for (const Json& row : isa["packing"]) CHECK(row["ns_per_element"].size() == 5);
}

TEST_CASE("bench loops measures a step of every body") {
  const Ran ran = run_bitale({"bench", "loops", "--steps", "50", "--calls", "2", "--json", "-"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json json = Json::parse(ran.out);
  REQUIRE(json["loops"].size() == 3);
  for (const Json& row : json["loops"]) CHECK(row["ns_per_step"].get<double>() > 0);
}

TEST_CASE("bench writes its figures to a file beside the table") {
  const TempFolder folder;
  const std::string file = folder.path() / "b.json";
  const Ran ran = run_bitale({"bench", "lenet", "--threads", "1", "--batch", "8", "--iterations", "2", "--warmup", "0",
                              "--constant-batch", "--last-layer", "random", "--json", file});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out, contains("GFLOP/s"));
  std::ifstream in(file);
  const Json json = Json::parse(in);
  CHECK_THAT(json["variant"].get<std::string>(), contains("last layer random"));
  CHECK_THAT(json["variant"].get<std::string>(), contains("batch constant"));
}

TEST_CASE("Ctrl-C leaves a checkpoint that training continues from") {
  const TempFolder folder;
  const std::string file = folder.path() / "lenet.safetensors";
  const Ran stopped =
      run_bitale({"train", "lenet", "--epochs", "1000", "--threads", "1", "--checkpoint", file, "--every", "1000"}, {},
                 "epoch  1/1000");
  INFO(stopped.err);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.out, contains("--resume --checkpoint " + file));
  const Ran resumed =
      run_bitale({"train", "lenet", "--epochs", "1", "--threads", "1", "--checkpoint", file, "--resume"});
  INFO(resumed.err);
  CHECK(resumed.status == 0);
  CHECK_THAT(resumed.out, contains("held-out accuracy"));
}

TEST_CASE("a process that resumes writes the checkpoint that one process would have written") {
  const TempFolder folder;
  const auto file = [&](const char* name) { return (folder.path() / name).string(); };
  const auto train = [&](const char* epochs, const std::string& checkpoint, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train", "lenet",   "--epochs",     epochs,    "--threads",
                                          "1",     "--quiet", "--checkpoint", checkpoint};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_bitale(arguments, {{"BITALE_DATA", ""}});
    INFO(ran.err);
    REQUIRE(ran.status == 0);
  };
  const auto bytes = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::vector<std::string> settings = {
      "--optimizer",   "nesterov", "--policy",       "inv",    "--gamma",  "0.01",
      "--batch",       "256",      "--clip-norm",    "0.5",    "--rate",   "b*=2",
      "--decay-scale", "b*=0",     "--weight-decay", "0.0005", "--freeze", "W2"};
  train("2", file("whole"), settings);
  train("1", file("half"), settings);
  CHECK(bytes(file("half")) != bytes(file("whole")));
  train("2", file("half"), {"--resume"});
  CHECK(bytes(file("half")) == bytes(file("whole")));
}

TEST_CASE("Ctrl-C while an LSTM trains on the bundled sentences") {
  const TempFolder folder;
  const std::string file = folder.path() / "lstm.safetensors";
  const Ran stopped = run_bitale({"train", "lstm", "--epochs", "1000", "--hidden", "16", "--max-length", "10",
                                  "--patience", "0", "--threads", "1", "--checkpoint", file, "--every", "1000"},
                                 {{"BITALE_DATA", ""}}, "epoch  1/1000");
  INFO(stopped.err);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.out, contains("bitale train lstm --resume --checkpoint " + file));
  const Ran resumed = run_bitale({"train", "lstm", "--epochs", "1", "--threads", "1", "--checkpoint", file, "--resume"},
                                 {{"BITALE_DATA", ""}});
  INFO(resumed.err);
  CHECK(resumed.status == 0);
  CHECK_THAT(resumed.out, contains("of less than 10 words") && contains("test accuracy"));
}

TEST_CASE("graph shows every stage of both functions") {
  for (const std::string stage : {"input", "optimised", "kernels", "program", "cuda"}) {
    for (const std::string part : {"forward", "gradient"}) {
      INFO(stage << " " << part);
      const Ran ran = run_bitale({"graph", "lenet", "--stage", stage, "--function", part});
      INFO(ran.err);
      CHECK(ran.status == 0);
      CHECK(ran.out.size() > 100);
    }
  }
  CHECK_THAT(run_bitale({"graph", "lenet", "--stage", "input", "--dot", "-"}).out, contains("digraph"));
}

TEST_CASE("the cache fills, is listed and is cleared") {
  const TempFolder folder;
  const std::string cache = folder.path() / "cache";
  const std::vector<std::pair<std::string, std::string>> here = {{"BITALE_CACHE", cache}};
  CHECK(run_bitale({"cache", "path"}, here).out == cache + "\n");
  CHECK_THAT(run_bitale({"cache", "list"}, here).out, contains("0 functions"));
  REQUIRE(run_bitale({"train", "lenet", "--epochs", "0", "--quiet"}, here).status == 0);
  CHECK_THAT(run_bitale({"cache", "list"}, here).out, contains("lenet_train"));
  CHECK_THAT(run_bitale({"cache", "clear"}, here).out, contains("3 files removed"));
  CHECK_THAT(run_bitale({"cache", "list"}, here).out, contains("0 functions"));
}

TEST_CASE("doctor describes the machine") {
  const Ran ran = run_bitale({"doctor", "--load"});
  INFO(ran.err);
  CHECK(ran.status == 0);
  for (const char* word : {"CPU", "instruction sets", "code generator", "LLVM", "libraries", "its products", "cuBLASLt",
                           "cuDNN", "shared libraries", "libbitale_llvm.so", "BITALE_CACHE"})
    CHECK_THAT(ran.out, contains(word));

  const auto json = Json::parse(run_bitale({"doctor", "--json"}).out);
  CHECK(json["build"]["code generator"]["found"].get<bool>());
  CHECK(json["shared_libraries"].contains("libbitale.so"));
  for (const char* device : {"cuda", "its compiler", "its products", "cuDNN", "emulated"}) {
    CHECK(json["devices"][device]["found"].is_boolean());
    CHECK(!json["devices"][device]["text"].get<std::string>().empty());
  }
}

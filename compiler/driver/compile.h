// compile(): from a graph to a program that runs, through the pipeline, lowering, code generation and the cache.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/report.h"
#include "compiler/lower/lower.h"
#include "runtime/executor/executor.h"

namespace bitale::driver {

struct CompileOptions {
  int level = 2;               // O0..O3
  std::string device = "cpu";  // or one of open_driver() (runtime/device/driver.h)
  std::string isa;             // "v2", "v3", "v4"; empty: default_isa()
  bool relaxed = false;        // relaxed rules
  bool use_cache = true;
  bool check = false;  // every step of every call against the interpreter; also by the flag. Comes from no cache then
  std::map<std::string, std::string> algorithms{};  // as in rewrite::PassContext
  bool tf32 = false;                                // a device's libraries may round operands of products to TF32
};

struct Compiled {
  std::shared_ptr<const executor::Runnable> runnable;
  std::shared_ptr<const program::Program> program;
  std::shared_ptr<const executor::StepChecker> checker;  // what `runnable` asks after every step, if it is to
  CompileReport report;
};

Compiled compile(const lower::FunctionGraph& graph, const CompileOptions& options = {});

// The stages as text, for `bitale graph` and the documentation. They are those of the device; `cuda` is what a GPU
// would run, whatever that is.
struct Stages {
  std::string input, optimised, kernels, program, cuda;
  std::string input_dot, optimised_dot;
};
Stages show_stages(const lower::FunctionGraph& graph, const CompileOptions& options = {});

}  // namespace bitale::driver

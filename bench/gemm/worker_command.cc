// bitale bench-gemm-worker SHAPE...: serves measurements of matrix products to bench/compare, one line each.
//
//   write FILE    -> {}               operands and results of all shapes, as safetensors: a.SHAPE, b.SHAPE, c.SHAPE
//   check FILE    -> {"errors": {}}   largest differences from those results, relative to their largest element
//   SHAPE N       -> {"ms": [...]}    N calls
//   peak          -> {"gflops": x}
//   quit
// The first line it prints describes the worker.

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/gemm/commands.h"
#include "bench/gemm/product.h"
#include "bench/harness/options.h"
#include "compiler/codegen/codegen.h"
#include "frontends/cpp/command.h"
#include "models/data/safetensors.h"
#include "runtime/base/version.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::vector<std::string> shapes;
  std::string isa;
  bool openblas = false;
  ProductOptions product;
};

class Worker {
 public:
  explicit Worker(const Settings& s) : settings_(s), isa_(s.isa.empty() ? default_isa() : executable_isa(s.isa)) {
    for (const std::string& text : s.shapes) {
      const ProductShape shape = product_shape(text);
      Operands operands(shape);
      Product product = s.openblas ? openblas_product(shape, operands, s.product.threads)
                                   : bitale_product(shape, operands, isa_, s.product);
      rows_.push_back({shape, std::move(operands), std::move(product)});
    }
  }

  Json description() const {
    Json gflop;
    for (const Row& row : rows_) gflop[row.shape.text()] = row.shape.gflop();
    return {{"name", rows_[0].product.name},
            {"versions", {{"bitale", version()}, {"code_generator", codegen::host_generator_version()}}},
            {"gflop", gflop}};
  }

  Json answer(const std::string& verb, const std::string& argument) const {
    if (verb == "write") return write(argument);
    if (verb == "check") return check(argument);
    if (verb == "peak") {  // the best of short bursts: on a shared machine a long one measures the neighbours
      double best = 0;
      for (int i = 0; i < 20; ++i) best = std::max(best, measure_fma_peak(isa_, settings_.product.threads, 0.002));
      return {{"gflops", best}};
    }
    for (const Row& row : rows_)
      if (row.shape.text() == verb) return {{"ms", times_ms(row.product, std::atoi(argument.c_str()))}};
    throw UsageError(
        fmt::format("bitale bench-gemm-worker: '{}' is neither a shape nor write, check, peak, quit.", verb));
  }

 private:
  struct Row {
    ProductShape shape;
    Operands operands;
    Product product;
  };

  Json write(const std::string& path) const {
    models::NamedArrays out;
    for (const Row& row : rows_) {
      const std::string suffix = "." + row.shape.text();
      out.arrays.emplace_back("a" + suffix, row.operands.a);
      out.arrays.emplace_back("b" + suffix, row.operands.b);
      out.arrays.emplace_back("c" + suffix, row.product.compute().clone());
    }
    models::write_safetensors(path, out);
    return Json::object();
  }

  Json check(const std::string& path) const {
    const models::NamedArrays in = models::read_safetensors(path);
    Json errors;
    for (const Row& row : rows_)
      errors[row.shape.text()] = difference(
          row.product.compute(), in.array("c." + row.shape.text(), float32, {row.shape.m, row.shape.n}, path));
    return {{"errors", errors}};
  }

  const Settings& settings_;
  Isa isa_;
  std::vector<Row> rows_;
};

void say(const Json& json) {
  fmt::print("{}\n", json.dump());
  std::fflush(stdout);
}

}  // namespace

int bench_gemm_worker_command(std::span<const std::string> arguments) {
  Settings s;
  CLI::App app("Serves measurements of matrix products to bench/compare.", "bitale bench-gemm-worker");
  app.add_option("shapes", s.shapes, "rows x depth x columns")->required();
  app.add_option("--threads", s.product.threads, "of each call")->check(CLI::PositiveNumber);
  app.add_option("--isa", s.isa, "instruction set");
  app.add_option("--level", s.product.level, "optimisation level")->check(CLI::Range(0, 3));
  app.add_flag("--symbolic", s.product.symbolic, "one function for all extents");
  app.add_flag("--openblas", s.openblas, "OpenBLAS instead of compiled functions");
  if (!parse_command_line(app, arguments)) return 0;

  const Worker worker(s);
  say(worker.description());
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string verb, argument;
    words >> verb >> argument;
    say(worker.answer(verb, argument));
  }
  return 0;
}

}  // namespace bitale::bench

// bitale bench gemm: products of matrices through the public API, against OpenBLAS in the same process.

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/gemm/commands.h"
#include "bench/gemm/product.h"
#include "bench/harness/options.h"
#include "bench/harness/statistics.h"
#include "compiler/codegen/codegen.h"
#include "frontends/cpp/command.h"
#include "runtime/base/version.h"
#include "runtime/device/pool.h"
#include "runtime/library/library.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::vector<std::string> shapes, isas;
  ProductOptions product;
  int rounds = 15;
  double turn_ms = 15;
  std::string json;
};

constexpr double peak_seconds = 0.005;
constexpr int most_calls = 2000;  // in a turn

bool parse(Settings& s, std::span<const std::string> arguments) {
  CLI::App app(
      "Measures matrix products c[m, n] = a[m, k] * b[k, n] in float32: a compiled Function for each instruction set,\n"
      "and OpenBLAS, in turns of one process. Medians of single calls; the FMA peak is measured in every round.",
      "bitale bench gemm");
  s.product.threads = 0;
  app.add_option("--threads", s.product.threads, "0: all CPUs of this process (0)")->check(CLI::NonNegativeNumber);
  app.add_option("--shape", s.shapes, "rows x depth x columns (64x784x400 64x800x500 16x128x512 1024x1024x1024)");
  app.add_option("--isa", s.isas, "instruction sets: v2, v3, v4 (those that this CPU executes, v2 left out)");
  app.add_option("--level", s.product.level, "optimisation level (2)")->check(CLI::Range(0, 3));
  app.add_flag("--symbolic", s.product.symbolic, "one function for all extents, instead of one for each shape");
  app.add_option("--rounds", s.rounds, "turns of each program (15)")->check(CLI::PositiveNumber);
  app.add_option("--turn-ms", s.turn_ms, "length of a turn; at least one call (15)")->check(CLI::PositiveNumber);
  app.add_option("--json", s.json, json_help);
  if (!parse_command_line(app, arguments)) return false;
  if (s.product.threads == 0) s.product.threads = default_threads();
  return true;
}

// One program in the competition.
struct Contender {
  Product product;
  Isa isa;  // whose FMA peak its speed is a share of
  int calls = 1;
  std::vector<double> ms;

  // A call before the timed ones brings its threads and its data back.
  void turn() {
    times_ms(product, 1);
    const std::vector<double> more = times_ms(product, calls);
    ms.insert(ms.end(), more.begin(), more.end());
  }
};

// Threads of a library that still wait for work would take the CPU from the next program: until they sleep.
void rest(int threads) {
  if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(40));
}

std::vector<Contender> contenders(const ProductShape& shape, const Operands& operands, const std::vector<Isa>& isas,
                                  const Settings& s) {
  std::vector<Contender> out;
  out.push_back({openblas_product(shape, operands, s.product.threads), isas.back(), 1, {}});
  const Array expected = out[0].product.compute().clone();
  for (auto isa = isas.rbegin(); isa != isas.rend(); ++isa) {
    out.push_back({bitale_product(shape, operands, *isa, s.product), *isa, 1, {}});
    const double error = difference(out.back().product.compute(), expected);
    if (!(error <= tolerance))
      throw Error(fmt::format("{} and OpenBLAS differ by {:.1e} of the largest element of the product {}",
                              out.back().product.name, error, shape.text()));
  }
  std::rotate(out.begin(), out.begin() + 1, out.end());  // OpenBLAS last
  for (Contender& c : out) {
    times_ms(c.product, 2);
    c.calls = std::clamp(static_cast<int>(s.turn_ms / std::max(median(times_ms(c.product, 3)), 1e-3)), 1, most_calls);
    rest(s.product.threads);
  }
  return out;
}

Json figures(const Contender& c, double gflop, double peak) {
  const Statistics t = statistics(c.ms);
  return {{"name", c.product.name},
          {"ms", {{"median", t.median}, {"min", t.min}, {"mean", t.mean}, {"std", t.std}}},
          {"gflops", gflop / t.median * 1e3},
          {"peak_gflops", peak},
          {"share_of_peak", gflop / t.median * 1e3 / peak}};
}

Json measure(const ProductShape& shape, const std::vector<Isa>& isas, const Settings& s) {
  const Operands operands(shape);
  std::vector<Contender> programs = contenders(shape, operands, isas, s);
  std::map<Isa, double> peaks;  // the best: what disturbs only takes away
  for (int round = 0; round < s.rounds; ++round) {
    for (const Isa isa : isas)
      peaks[isa] = std::max(peaks[isa], measure_fma_peak(isa, s.product.threads, peak_seconds));
    for (Contender& c : programs) {
      c.turn();
      rest(s.product.threads);
    }
  }
  Json out = {{"shape", shape.text()}, {"gflop", shape.gflop()}, {"programs", Json::array()}};
  for (const Contender& c : programs) out["programs"].push_back(figures(c, shape.gflop(), peaks[c.isa]));
  const double openblas = median(programs.back().ms);
  for (std::size_t i = 0; i + 1 < programs.size(); ++i)
    out["openblas_time_over_ours"][programs[i].product.name] = openblas / median(programs[i].ms);
  return out;
}

void print(const Json& shape) {
  fmt::print("{}\n", shape["shape"].get<std::string>());
  for (const Json& row : shape["programs"]) {
    const auto name = row["name"].get<std::string>();
    fmt::print("  {:<14}{:>10.4f}{:>10.4f}{:>10.1f}{:>9.1f} %", name, row["ms"]["median"].get<double>(),
               row["ms"]["min"].get<double>(), row["gflops"].get<double>(), row["share_of_peak"].get<double>() * 100);
    if (const Json& ratios = shape["openblas_time_over_ours"]; ratios.contains(name))
      fmt::print("{:>12.2f}", ratios[name].get<double>());
    fmt::print("\n");
  }
}

}  // namespace

int bench_gemm_command(std::span<const std::string> arguments) {
  Settings s;
  if (!parse(s, arguments)) return 0;
  const std::vector<Isa> isas = isas_to_measure(s.isas);
  std::vector<ProductShape> shapes;
  for (const std::string& text : s.shapes) shapes.push_back(product_shape(text));
  if (shapes.empty()) shapes = default_product_shapes();

  std::string openblas;
  for (const library::LibraryStatus& status : library::status())
    if (status.name == "OpenBLAS") openblas = status.version;
  Json report = {{"cpu", cpu_info().model},
                 {"threads", s.product.threads},
                 {"level", s.product.level},
                 {"extents", s.product.symbolic ? "symbolic" : "constant"},
                 {"rounds", s.rounds},
                 {"versions",
                  {{"bitale", version()},
                   {"code_generator", codegen::host_generator_version()},
                   {"compiler", building_compiler()},
                   {"openblas", openblas}}},
                 {"shapes", Json::array()}};
  const bool table = s.json != "-";
  if (table) {
    fmt::print("{} thread{}, {} extents, {} rounds; {}\n\n", s.product.threads, s.product.threads == 1 ? "" : "s",
               report["extents"].get<std::string>(), s.rounds, openblas);
    fmt::print("{:<16}{:>10}{:>10}{:>10}{:>11}{:>12}\n", "m x k x n", "median ms", "min ms", "GFLOP/s", "of peak",
               "x OpenBLAS");
  }
  for (const ProductShape& shape : shapes) {
    report["shapes"].push_back(measure(shape, isas, s));
    if (table) print(report["shapes"].back());
  }
  if (!s.json.empty()) write_text(s.json, report.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench

#include "bench/micro/contraction_leaves.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/options.h"
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/link.h"
#include "frontends/cpp/command.h"
#include "runtime/base/stopwatch.h"
#include "runtime/executor/packing.h"
#include "runtime/program/abi.h"
#include "runtime/program/code.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using Memory = std::unique_ptr<T[], Free>;
template <class T>
Memory<T> allocate(std::size_t count) {
  T* p = static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64));
  std::fill_n(p, count, T(1));
  return Memory<T>(p);
}

// The least of many rounds of the seconds that one call takes: on a shared machine the others measure the neighbours.
template <class F>
double seconds_of(F&& f) {
  f();
  int repeats = 1;
  for (;; repeats *= 2) {
    const Stopwatch watch;
    for (int i = 0; i < repeats; ++i) f();
    if (watch.seconds() > 1e-3) break;
  }
  std::vector<double> rounds;
  for (int r = 0; r < 25; ++r) {
    const Stopwatch watch;
    for (int i = 0; i < repeats; ++i) f();
    rounds.push_back(watch.seconds() / repeats);
  }
  return *std::min_element(rounds.begin(), rounds.end());
}

// One tile row panel of A in L2 against one panel of B in L1: what the inner loops of a contraction do.
template <class T>
double micro_gflops(MicroKernelFn micro, int mr, int nr, int panels) {
  constexpr std::int64_t kc = 128;
  auto a = allocate<T>(static_cast<std::size_t>(kc * mr * panels));
  auto b = allocate<T>(static_cast<std::size_t>(kc * nr));
  auto acc = allocate<T>(static_cast<std::size_t>(mr) * static_cast<std::size_t>(nr));
  const std::int64_t here = 0;
  const Ahead nothing{b.get(), &here, 0, 0};
  const double s = seconds_of([&] {
    for (int p = 0; p < panels; ++p) micro(kc, a.get() + p * kc * mr, b.get(), nr, acc.get(), nr, 0, &nothing);
  });
  return 2.0 * static_cast<double>(kc) * mr * nr * panels / s / 1e9;
}

// The best of short bursts: on a shared machine a long one measures the neighbours.
double peak_of(Isa isa) {
  double best = 0;
  for (int i = 0; i < 20; ++i) best = std::max(best, measure_fma_peak(isa, 1, 0.002));
  return best;
}

std::vector<codegen::TileShape> tiles_of(Isa isa) {
  switch (isa) {
    case Isa::v4:
      return {{14, 32}, {8, 48}, {6, 64}, {28, 16}, {25, 16}, {10, 32}, {13, 32}, {7, 32}};
    case Isa::v3:
      return {{6, 16}, {4, 24}, {5, 16}, {4, 16}, {12, 8}};
    default:
      return {{6, 8}, {4, 12}, {12, 4}, {5, 8}};
  }
}

// The leaves' code, and where it came from.
struct Leaves {
  codegen::Request request;
  codegen::Generated generated;
  std::shared_ptr<const program::LoadedCode> code;
  std::vector<codegen::TileShape> tiles;

  template <class F>
  F entry(std::size_t i) const {
    return reinterpret_cast<F>(const_cast<void*>(code->entry(static_cast<int>(i))));
  }
};

// Micro-kernels of all tiles; notes what making them cost.
Leaves generate(Isa isa, Json& out) {
  Leaves l;
  l.tiles = tiles_of(isa);
  l.request.isa = isa;
  for (codegen::TileShape t : l.tiles) l.request.leaves.push_back({DType::f32, t.mr, t.nr});
  const Stopwatch generation;
  l.generated = codegen::host_generator().generate(l.request);
  const double generating_ms = generation.ms();
  const Stopwatch linking;
  std::vector<codegen::Piece> pieces;
  for (const std::string& object : l.generated.objects) pieces.push_back(codegen::link(object));
  const program::Blob blob = codegen::join(pieces, target_of(isa));
  out["link_ms"] = linking.ms();
  const Stopwatch loading;
  l.code = program::LoadedCode::load(blob);
  out["generate_ms"] = generating_ms;
  out["generate_threads"] = l.request.threads;
  out["load_ms"] = loading.ms();
  out["code_bytes"] = blob.bytes.size();
  return l;
}

Json micro_kernels(const Leaves& l, Isa isa) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < l.tiles.size(); ++i) {
    const auto [mr, nr] = l.tiles[i];
    const auto micro = l.entry<MicroKernelFn>(i);
    const double peak = peak_of(isa), l1 = micro_gflops<float>(micro, mr, nr, 1),
                 l2 = micro_gflops<float>(micro, mr, nr, 400 * 1024 / (128 * 4 * mr));
    rows.push_back({{"leaf", codegen::name_of(l.request.leaves[i])},
                    {"generate_ms", l.generated.seconds[i] * 1e3},
                    {"peak_gflops", peak},
                    {"gflops", {{"L1", l1}, {"L2", l2}}},
                    {"share_of_peak", {{"L1", l1 / peak}, {"L2", l2 / peak}}}});
  }
  return rows;
}

Json packing(Isa isa, int width) {
  const executor::PackFn pack = executor::packing_for(isa).f32;
  constexpr std::int64_t kc = 128, stride = 144;
  auto src = allocate<float>(static_cast<std::size_t>(stride * std::max<std::int64_t>(kc, width) * 2));
  auto dst = allocate<float>(static_cast<std::size_t>(kc * width));
  const auto table = [](std::int64_t count, std::int64_t run, std::int64_t step) {
    std::vector<std::int64_t> t;
    for (std::int64_t j = 0; j < count; ++j) t.push_back(j / run * step + j % run);
    return t;
  };
  const struct {
    const char* name;
    std::vector<std::int64_t> lanes, ks;
  } ways[] = {{"lanes contiguous", table(width, 1000, 1), table(kc, 1, stride)},
              {"lanes in runs of 8", table(width, 8, 12), table(kc, 1, stride)},
              {"lanes in runs of 13", table(width, 13, 15), table(kc, 1, stride)},
              {"k contiguous", table(width, 1, stride), table(kc, 1000, 1)},
              {"every second lane", table(width, 1, 2), table(kc, 1, stride)}};
  Json row = {{"width", width}, {"ns_per_element", Json::object()}};
  for (const auto& w : ways) {
    const double s = seconds_of([&] { pack(src.get(), w.lanes.data(), width, w.ks.data(), kc, dst.get(), width); });
    row["ns_per_element"][w.name] = s / (static_cast<double>(kc) * width) * 1e9;
  }
  return row;
}

Json measure(Isa isa) {
  Json out = {{"isa", to_string(isa)}};
  const Leaves l = generate(isa, out);
  out["micro_kernels"] = micro_kernels(l, isa);
  for (int width : {l.tiles[0].mr, l.tiles[0].nr}) out["packing"].push_back(packing(isa, width));
  return out;
}

void print(const Json& isa) {
  fmt::print("{}: generated in {:.1f} ms on {} threads (linking {:.3f}), loaded in {:.3f} ms, {} bytes\n\n",
             isa["isa"].get<std::string>(), isa["generate_ms"].get<double>(), isa["generate_threads"].get<int>(),
             isa["link_ms"].get<double>(), isa["load_ms"].get<double>(), isa["code_bytes"].get<std::int64_t>());
  fmt::print("{:<18}{:>10}{:>12}{:>10}{:>12}{:>10}{:>16}\n", "GFLOP/s", "in L1", "of peak", "A in L2", "of peak",
             "peak", "to generate");
  for (const Json& row : isa["micro_kernels"]) {
    const auto figure = [&](const char* what, const char* where) { return row[what][where].get<double>(); };
    fmt::print("{:<18}{:>10.1f}{:>10.1f} %{:>10.1f}{:>10.1f} %{:>10.1f}{:>13.2f} ms\n", row["leaf"].get<std::string>(),
               figure("gflops", "L1"), figure("share_of_peak", "L1") * 100, figure("gflops", "L2"),
               figure("share_of_peak", "L2") * 100, row["peak_gflops"].get<double>(), row["generate_ms"].get<double>());
  }
  fmt::print("\nns per packed element\n");
  for (const Json& row : isa["packing"])
    for (const auto& [way, ns] : row["ns_per_element"].items())
      fmt::print("rows of {:<10}{:<22}{:.3f}\n", row["width"].get<int>(), way, ns.get<double>());
  fmt::print("\n");
}

}  // namespace

int bench_leaves_command(std::span<const std::string> arguments) {
  std::vector<std::string> names;
  std::string json;
  CLI::App app(
      "Measures parts of contractions alone, on one thread: generated micro-kernels with both operands in L1 and\n"
      "with A in L2, packing for several orders of the source. The best of many rounds.",
      "bitale bench leaves");
  app.add_option("--isa", names, "instruction sets: v2, v3, v4 (those that this CPU executes, v2 left out)");
  app.add_option("--json", json, json_help);
  if (!parse_command_line(app, arguments)) return 0;

  Json report = {{"cpu", cpu_info().model}, {"code_generator", codegen::host_generator_version()}};
  for (const Isa isa : isas_to_measure(names)) {
    report["isas"].push_back(measure(isa));
    if (json != "-") print(report["isas"].back());
  }
  if (!json.empty()) write_text(json, report.dump(2) + "\n");
  return 0;
}

}  // namespace bitale::bench

#include "bench/micro/contraction_leaves.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiler/codegen/codegen.h"
#include "runtime/program/abi.h"
#include "runtime/program/code.h"

namespace bitale::bench {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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
    const auto start = Clock::now();
    for (int i = 0; i < repeats; ++i) f();
    if (since(start) > 1e-3) break;
  }
  std::vector<double> rounds;
  for (int r = 0; r < 25; ++r) {
    const auto start = Clock::now();
    for (int i = 0; i < repeats; ++i) f();
    rounds.push_back(since(start) / repeats);
  }
  return *std::min_element(rounds.begin(), rounds.end());
}

// One tile row panel of A in L2 against one panel of B in L1: what the inner loops of a contraction do.
template <class T>
double micro_gflops(MicroKernelFn micro, int mr, int nr, int panels) {
  constexpr std::int64_t kc = 128;
  auto a = allocate<T>(static_cast<std::size_t>(kc * mr * panels));
  auto b = allocate<T>(static_cast<std::size_t>(kc * nr));
  auto acc = allocate<T>(static_cast<std::size_t>(mr * nr));
  const double s = seconds_of([&] {
    for (int p = 0; p < panels; ++p) micro(kc, a.get() + p * kc * mr, b.get(), nr, acc.get(), nr, 0);
  });
  return 2.0 * static_cast<double>(kc) * mr * nr * panels / s / 1e9;
}

// The best of short bursts: on a shared machine a long one measures the neighbours.
double peak_of(Isa isa) {
  double best = 0;
  for (int i = 0; i < 20; ++i) best = std::max(best, measure_fma_peak(isa, 1, 0.002));
  return best;
}

void run_isa(Isa isa) {
  using codegen::Leaf;
  using codegen::TileShape;
  const std::vector<TileShape> shapes =
      isa == Isa::v4
          ? std::vector<TileShape>{{14, 32}, {8, 48}, {6, 64}, {28, 16}, {25, 16}, {10, 32}, {13, 32}, {7, 32}}
      : isa == Isa::v3 ? std::vector<TileShape>{{6, 16}, {4, 24}, {5, 16}, {4, 16}, {12, 8}}
                       : std::vector<TileShape>{{6, 8}, {4, 12}, {12, 4}, {5, 8}};
  codegen::Request request;
  request.isa = isa;
  for (TileShape t : shapes) request.leaves.push_back({Leaf::Kind::micro, DType::f32, t.mr, t.nr, 0});
  const std::size_t first_pack = request.leaves.size();
  for (int width : {shapes[0].mr, shapes[0].nr}) request.leaves.push_back({Leaf::Kind::pack, DType::f32, 0, 0, width});

  auto start = Clock::now();
  const codegen::Generated generated = codegen::host_generator().generate(request);
  const double generating = since(start);
  start = Clock::now();
  const auto code = program::LoadedCode::load(generated.blob);
  std::printf("%s: generate %.1f ms on %d threads (link %.3f), load %.3f ms, %zu leaves, %zu bytes\n",
              to_string(isa).c_str(), generating * 1e3, request.threads, generated.link_seconds * 1e3,
              since(start) * 1e3, request.leaves.size(), generated.blob.bytes.size());
  for (std::size_t i = 0; i < first_pack; ++i) {
    const auto micro = reinterpret_cast<MicroKernelFn>(const_cast<void*>(code->entry(static_cast<int>(i))));
    const double peak = peak_of(isa);
    const double l1 = micro_gflops<float>(micro, shapes[i].mr, shapes[i].nr, 1);
    const double l2 = micro_gflops<float>(micro, shapes[i].mr, shapes[i].nr, 400 * 1024 / (128 * 4 * shapes[i].mr));
    std::printf("  %-18s %6.1f GFLOP/s (%3.0f%% of %.0f) in L1, %6.1f (%3.0f%%) with A in L2, %5.2f ms\n",
                name_of(request.leaves[i]).c_str(), l1, 100 * l1 / peak, peak, l2, 100 * l2 / peak,
                generated.seconds[i] * 1e3);
  }
  for (std::size_t i = first_pack; i < request.leaves.size(); ++i) {
    const auto pack = reinterpret_cast<PackFn>(const_cast<void*>(code->entry(static_cast<int>(i))));
    const int width = request.leaves[i].width;
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
    std::printf("  %-18s %5.2f ms;  ns per element:", name_of(request.leaves[i]).c_str(), generated.seconds[i] * 1e3);
    for (const auto& w : ways) {
      const double s = seconds_of([&] { pack(src.get(), w.lanes.data(), width, w.ks.data(), kc, dst.get()); });
      std::printf(" %s %.3f;", w.name, s / (static_cast<double>(kc) * width) * 1e9);
    }
    std::printf("\n");
  }
}

}  // namespace

int contraction_leaves(std::span<const std::string>) {
  for (Isa isa : executable_isas()) run_isa(isa);
  return 0;
}

}  // namespace bitale::bench

#include "runtime/device/cpu.h"

#include <cstring>

#include <cpuid.h>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"

namespace bitale {
namespace {

constexpr Isa all_isas[] = {Isa::v2, Isa::v3, Isa::v4};

// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool executes(Isa isa) {
  __builtin_cpu_init();
  switch (isa) {
    case Isa::v2:
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    case Isa::v3:
      return executes(Isa::v2) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
    case Isa::v4:
      return executes(Isa::v3) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
  }
  return false;
}

std::string brand() {
  unsigned words[12] = {};
  if (__get_cpuid_max(0x80000000u, nullptr) < 0x80000004u) return "unknown CPU";
  for (unsigned i = 0; i < 3; ++i)
    __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
  char text[sizeof words + 1] = {};
  std::memcpy(text, words, sizeof words);
  std::string name = text;
  name.erase(0, name.find_first_not_of(' '));
  return name.empty() ? "unknown CPU" : name.substr(0, name.find_last_not_of(' ') + 1);
}

// Virtual machines hide caches or report absurd ones; what is out of range counts as not reported.
std::int64_t cache(int name, std::int64_t least, std::int64_t most, std::int64_t fallback) {
  const std::int64_t bytes = sysconf(name);
  return bytes >= least && bytes <= most ? bytes : fallback;
}

}  // namespace

std::string to_string(Isa isa) { return isa == Isa::v2 ? "v2" : isa == Isa::v3 ? "v3" : "v4"; }

Isa isa_from_text(const std::string& s) {
  for (const Isa isa : all_isas)
    if (s == to_string(isa)) return isa;
  throw Error("'" + s + "' is not an instruction set; expected v2, v3 or v4");
}

std::string target_of(Isa isa) { return "x86-64-" + to_string(isa); }

std::vector<Isa> executable_isas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> list;
    for (const Isa isa : all_isas)
      if (executes(isa)) list.push_back(isa);
    if (list.empty()) throw Error("this CPU lacks SSE4.2, which Bitale needs");
    return list;
  }();
  return isas;
}

Isa default_isa() {
  const std::vector<Isa> isas = executable_isas();
  if (flags().cpu.empty()) return isas.back();
  const Isa asked = isa_from_text(flags().cpu);
  for (const Isa isa : isas)
    if (isa == asked) return isa;
  throw Error(fmt::format("BITALE_CPU={}: this CPU ({}) executes instruction sets up to {}", flags().cpu,
                          cpu_info().model, to_string(isas.back())));
}

const CpuInfo& cpu_info() {
  static const CpuInfo info = {
      .model = brand(),
      .l1d_bytes = cache(_SC_LEVEL1_DCACHE_SIZE, 16 << 10, 1 << 20, 32 << 10),
      .l2_bytes = cache(_SC_LEVEL2_CACHE_SIZE, 128 << 10, 64 << 20, 512 << 10),
      .l3_bytes = cache(_SC_LEVEL3_CACHE_SIZE, 1 << 20, std::int64_t{4} << 30, 8 << 20),
  };
  return info;
}

}  // namespace bitale

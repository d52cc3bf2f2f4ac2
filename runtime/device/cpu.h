// What this CPU is and which instruction sets it executes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitale {

enum class Isa : std::uint8_t { v2, v3, v4 };  // levels of x86-64: 128 bit; AVX2 and FMA; AVX-512

std::string to_string(Isa isa);           // "v3"
Isa isa_from_text(const std::string& s);  // Error for anything else
std::string target_of(Isa isa);           // "x86-64-v3"
std::vector<Isa> executable_isas();       // ascending, from cpuid and the OS's saved state
Isa default_isa();                        // BITALE_CPU if set (an Error if this CPU cannot execute it), else the best

struct CpuInfo {
  std::string model;
  std::int64_t l1d_bytes, l2_bytes, l3_bytes;
};
const CpuInfo& cpu_info();

// Fused multiply-adds per second, times two: the FMA peak of `threads` threads, measured by a register-only loop for
// about `seconds`. In GFLOP/s, float32.
double measure_fma_peak(Isa isa, int threads, double seconds);

// What `threads` threads read and write of main memory at once, in GB/s: a[i] = b[i] + s * c[i] over arrays that no
// cache holds (McCalpin's STREAM triad, counted as three arrays), the best of the sweeps in about `seconds`.
double measure_bandwidth(int threads, double seconds);

}  // namespace bitale

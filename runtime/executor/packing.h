// Packing the operands of contractions (runtime/program/contraction.h), in C++, compiled once for each instruction set.
// It is not generated code: nothing in it depends on the program, and generating it took a large part of compiling one.
#pragma once

#include <cstdint>

#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"

namespace bitale::executor {

// dst[k][width] for k < kc, of elements T; width >= 1: dst[k*width + j] = src[k_offsets[k] + lane_offsets[j]] for
// j < lanes, 0 for lanes <= j < width. Addresses are aligned to the element. Nothing else is read, in src or the
// tables. Where src is in 16 bits, T is float: they are widened.
using PackFn = void (*)(const void* src, const std::int64_t* lane_offsets, std::int64_t lanes,
                        const std::int64_t* k_offsets, std::int64_t kc, void* dst, std::int64_t width);

struct Packing {
  PackFn f32 = nullptr, f64 = nullptr, f16 = nullptr, bf16 = nullptr;
  PackFn of(DType storage) const {
    return storage == DType::f64 ? f64 : storage == DType::f16 ? f16 : storage == DType::bf16 ? bf16 : f32;
  }
};

// For a CPU that executes the instruction set.
Packing packing_for(Isa isa);

}  // namespace bitale::executor

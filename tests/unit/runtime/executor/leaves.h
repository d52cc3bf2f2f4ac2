// The leaves of contractions in plain C++.
#pragma once

#include <cstdint>

#include "runtime/program/abi.h"

namespace bitale::tests {

template <class T, int mr, int nr>
void micro_leaf(std::int64_t kc, const void* pa, const void* pb, std::int64_t ldb, void* pacc, std::int64_t ld,
                std::int64_t accumulate, const Ahead*) {
  const auto *a = static_cast<const T*>(pa), *b = static_cast<const T*>(pb);
  auto* acc = static_cast<T*>(pacc);
  T sum[mr][nr] = {};
  for (std::int64_t k = 0; k < kc; ++k)
    for (int i = 0; i < mr; ++i)
      for (int j = 0; j < nr; ++j) sum[i][j] += a[k * mr + i] * b[k * ldb + j];
  for (int i = 0; i < mr; ++i)
    for (int j = 0; j < nr; ++j) acc[i * ld + j] = sum[i][j] + (accumulate ? acc[i * ld + j] : T(0));
}

template <class T>
void pack_leaf(const void* psrc, const std::int64_t* lane_offsets, std::int64_t lanes, const std::int64_t* k_offsets,
               std::int64_t kc, void* pdst, std::int64_t width) {
  for (std::int64_t k = 0; k < kc; ++k)
    for (std::int64_t j = 0; j < width; ++j)
      static_cast<T*>(pdst)[k * width + j] =
          j < lanes ? static_cast<const T*>(psrc)[k_offsets[k] + lane_offsets[j]] : T(0);
}

// Calls f(acc, row, column) for every element of an epilogue's call.
template <class T, class F>
int each_result(void* const* p, const std::int64_t* e, F f) {
  for (std::int64_t r = 0; r < e[0]; ++r)
    for (std::int64_t c = 0; c < e[1]; ++c) f(static_cast<const T*>(p[0])[r * e[2] + c], r, c);
  return 0;
}

// Element of operand `o` that belongs to a row and a column.
template <class T>
T& operand(void* const* p, int o, std::int64_t row, std::int64_t column) {
  return static_cast<T*>(p[1 + 2 * o])[static_cast<const std::int64_t*>(p[2 + 2 * o])[row] + column];
}

// out = acc
template <class T>
int store_epilogue(Context*, void* const* p, const std::int64_t* e, int, int) {
  return each_result<T>(p, e, [&](T v, std::int64_t r, std::int64_t c) { operand<T>(p, 0, r, c) = v; });
}

// out += acc
template <class T>
int add_epilogue(Context*, void* const* p, const std::int64_t* e, int, int) {
  return each_result<T>(p, e, [&](T v, std::int64_t r, std::int64_t c) { operand<T>(p, 0, r, c) += v; });
}

// out = acc of slice 0 - 2 * acc of slice 1 + 3 * acc of slice 2
constexpr int slice_weights[] = {1, -2, 3};
template <class T>
int slices_epilogue(Context*, void* const* p, const std::int64_t* e, int, int) {
  for (std::int64_t r = 0; r < e[0]; ++r)
    for (std::int64_t c = 0; c < e[1]; ++c) {
      T sum = 0;
      for (int s = 0; s < 3; ++s)
        sum += static_cast<T>(slice_weights[s]) * static_cast<const T*>(p[0])[r * e[2] + s * e[3] + c];
      operand<T>(p, 0, r, c) = sum;
    }
  return 0;
}

// out = (acc + bias of the column) * scale of the row
template <class T>
int fused_epilogue(Context*, void* const* p, const std::int64_t* e, int, int) {
  return each_result<T>(p, e, [&](T v, std::int64_t r, std::int64_t c) {
    operand<T>(p, 0, r, c) = (v + operand<T>(p, 1, r, c)) * operand<T>(p, 2, r, 0);
  });
}

}  // namespace bitale::tests

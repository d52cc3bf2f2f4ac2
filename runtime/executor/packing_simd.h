// Vectors of the instruction set that the including file is compiled for, as packing needs them: masked loads and
// stores, and transposes within each 128 bits.
//
// Only for packing_body.h: what is here has internal linkage, and calls no inline function of another header, of which
// the linker might keep the copy with the widest instructions for all callers.
#pragma once

#include <cstdint>

#include <immintrin.h>

namespace bitale::executor {
namespace {

#if defined(__AVX512VL__)
constexpr int widest = 64;
constexpr bool masks_loads = true, masks_stores = true;
#elif defined(__AVX2__)
constexpr int widest = 32;
constexpr bool masks_loads = true, masks_stores = false;  // there are masked stores, slow on some CPUs
#else
constexpr int widest = 16;
constexpr bool masks_loads = false, masks_stores = false;
#endif

template <class T, int bytes>
struct VectorOf {
  typedef T Type __attribute__((vector_size(bytes)));  // NOLINT(modernize-use-using): `using` takes no such attribute
};
template <class T, int bytes>
using Vector = typename VectorOf<T, bytes>::Type;

// By number of bytes, as everything below: the types of the intrinsics.
using Float16 = Vector<float, 16>;
using Double16 = Vector<double, 16>;

// The bits of a float16, of a bfloat16.
struct Half {
  std::uint16_t bits;
};
struct Bfloat {
  std::uint16_t bits;
};
// Masked loads of these are there where masked stores are.
template <class S>
constexpr bool masks_loads_of = masks_loads && (sizeof(S) > 2 || masks_stores);

template <class V, class T>
V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
void store(V v, T* p) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Four elements of 16 bits, in the low half, as floats.
[[gnu::always_inline]] inline Float16 widened(__m128i bits, const Half*) {
#if defined(__F16C__)
  return _mm_cvtph_ps(bits);
#else
  const __m128i wide = _mm_cvtepu16_epi32(bits),
                magnitude = _mm_slli_epi32(_mm_and_si128(wide, _mm_set1_epi32(0x7fff)), 13),
                sign = _mm_slli_epi32(_mm_and_si128(wide, _mm_set1_epi32(0x8000)), 16),
                not_finite = _mm_cmpgt_epi32(magnitude, _mm_set1_epi32((0x7c00 << 13) - 1)),
                finite = _mm_castps_si128(_mm_mul_ps(_mm_castsi128_ps(magnitude), _mm_set1_ps(0x1p112f)));
  const __m128i other = _mm_or_si128(magnitude, _mm_set1_epi32(0x7f800000));
  return _mm_castsi128_ps(_mm_or_si128(sign, _mm_blendv_epi8(finite, other, not_finite)));
#endif
}
[[gnu::always_inline]] inline Float16 widened(__m128i bits, const Bfloat*) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(bits), 16));
}
template <class V, class S>
  requires(sizeof(S) == 2 && sizeof(V) == 16)
V load(const S* p) {
  return widened(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), p);
}

inline float element(float x) { return x; }
inline double element(double x) { return x; }
template <class S>
float element(S x) {
  return widened(_mm_cvtsi32_si128(x.bits), &x)[0];
}

// Whether n offsets go up by 1.
template <int n>
[[gnu::always_inline]] inline bool neighbours(const std::int64_t* at) {
#if defined(__AVX512VL__)
  if constexpr (n == 8) {
    const __m512i expected = _mm512_add_epi64(_mm512_set1_epi64(at[0]), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm512_cmpneq_epi64_mask(expected, _mm512_loadu_si512(at)) == 0;
  }
#endif
#if defined(__AVX2__)
  __m256i equal = _mm256_set1_epi64x(-1);
  for (int i = 0; i < n; i += 4) {
    const __m256i expected = _mm256_add_epi64(_mm256_set1_epi64x(at[0]), _mm256_setr_epi64x(i, i + 1, i + 2, i + 3));
    const __m256i seen = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + i));
    equal = _mm256_and_si256(equal, _mm256_cmpeq_epi64(expected, seen));
  }
  return _mm256_movemask_epi8(equal) == -1;
#else
  std::int64_t different = 0;
  for (int i = 1; i < n; ++i) different |= (at[i] - at[0]) ^ i;
  return different == 0;
#endif
}

// transpose: v[r][c] of every 128 bits becomes v[c][r]; of two vectors of floats, column c is then half c % 2 of v[c /
// 2]. part: number i of the 128 bits of a vector.
[[maybe_unused]] inline void transpose(Float16 (&v)[4]) {
  const __m128 lo01 = _mm_unpacklo_ps(v[0], v[1]), hi01 = _mm_unpackhi_ps(v[0], v[1]),
               lo23 = _mm_unpacklo_ps(v[2], v[3]), hi23 = _mm_unpackhi_ps(v[2], v[3]);
  v[0] = _mm_movelh_ps(lo01, lo23);
  v[1] = _mm_movehl_ps(lo23, lo01);
  v[2] = _mm_movelh_ps(hi01, hi23);
  v[3] = _mm_movehl_ps(hi23, hi01);
}
[[maybe_unused]] inline void transpose(Float16 (&v)[2]) {
  const __m128 lo = _mm_unpacklo_ps(v[0], v[1]), hi = _mm_unpackhi_ps(v[0], v[1]);
  v[0] = lo;
  v[1] = hi;
}
[[maybe_unused]] inline void transpose(Double16 (&v)[2]) {
  const __m128d lo = _mm_unpacklo_pd(v[0], v[1]), hi = _mm_unpackhi_pd(v[0], v[1]);
  v[0] = lo;
  v[1] = hi;
}
[[maybe_unused]] inline Float16 part(Float16 v, int) { return v; }
[[maybe_unused]] inline Double16 part(Double16 v, int) { return v; }

[[maybe_unused]] inline void store_half(Float16 v, int half, float* p) {
  half == 0 ? _mm_storel_pi(reinterpret_cast<__m64*>(p), v) : _mm_storeh_pi(reinterpret_cast<__m64*>(p), v);
}

#if defined(__AVX2__)

using Float32 = Vector<float, 32>;
using Double32 = Vector<double, 32>;

[[gnu::always_inline]] inline Float32 widened_to_8(__m128i bits, const Half*) { return _mm256_cvtph_ps(bits); }
[[gnu::always_inline]] inline Float32 widened_to_8(__m128i bits, const Bfloat*) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
template <class V, class S>
  requires(sizeof(S) == 2 && sizeof(V) == 32)
V load(const S* p) {
  return widened_to_8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), p);
}

[[maybe_unused]] inline void transpose(Float32 (&v)[4]) {
  const __m256d lo01 = _mm256_castps_pd(_mm256_unpacklo_ps(v[0], v[1])),
                hi01 = _mm256_castps_pd(_mm256_unpackhi_ps(v[0], v[1])),
                lo23 = _mm256_castps_pd(_mm256_unpacklo_ps(v[2], v[3])),
                hi23 = _mm256_castps_pd(_mm256_unpackhi_ps(v[2], v[3]));
  v[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(lo01, lo23));
  v[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(lo01, lo23));
  v[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(hi01, hi23));
  v[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(hi01, hi23));
}
[[maybe_unused]] inline void transpose(Float32 (&v)[2]) {
  const __m256 lo = _mm256_unpacklo_ps(v[0], v[1]), hi = _mm256_unpackhi_ps(v[0], v[1]);
  v[0] = lo;
  v[1] = hi;
}
[[maybe_unused]] inline void transpose(Double32 (&v)[2]) {
  const __m256d lo = _mm256_unpacklo_pd(v[0], v[1]), hi = _mm256_unpackhi_pd(v[0], v[1]);
  v[0] = lo;
  v[1] = hi;
}
[[maybe_unused]] inline Float16 part(Float32 v, int i) {
  return i == 0 ? _mm256_castps256_ps128(v) : _mm256_extractf128_ps(v, 1);
}
[[maybe_unused]] inline Double16 part(Double32 v, int i) {
  return i == 0 ? _mm256_castpd256_pd128(v) : _mm256_extractf128_pd(v, 1);
}

#endif

// Lanes first <= lane < last of a vector. load_or() replaces them in v, where v3 expects zeros, by what is in memory;
// store_of() writes them alone. The others are not touched in memory. (v2 has neither.)
template <class T, int bytes>
struct Mask;

#if defined(__AVX512VL__)

template <class T, int bytes>
struct Mask {
  __mmask16 bits;
  Mask(int first, int last) : bits(static_cast<__mmask16>(((1U << last) - 1) & ~((1U << first) - 1))) {}
};

[[maybe_unused]] inline Vector<float, 64> load_or(Vector<float, 64> v, Mask<float, 64> m, const float* p) {
  return _mm512_mask_loadu_ps(v, m.bits, p);
}
[[maybe_unused]] inline Float32 load_or(Float32 v, Mask<float, 32> m, const float* p) {
  return _mm256_mask_loadu_ps(v, static_cast<__mmask8>(m.bits), p);
}
[[maybe_unused]] inline Float16 load_or(Float16 v, Mask<float, 16> m, const float* p) {
  return _mm_mask_loadu_ps(v, static_cast<__mmask8>(m.bits), p);
}
[[maybe_unused]] inline Vector<double, 64> load_or(Vector<double, 64> v, Mask<double, 64> m, const double* p) {
  return _mm512_mask_loadu_pd(v, static_cast<__mmask8>(m.bits), p);
}
[[maybe_unused]] inline Double32 load_or(Double32 v, Mask<double, 32> m, const double* p) {
  return _mm256_mask_loadu_pd(v, static_cast<__mmask8>(m.bits), p);
}
[[maybe_unused]] inline Double16 load_or(Double16 v, Mask<double, 16> m, const double* p) {
  return _mm_mask_loadu_pd(v, static_cast<__mmask8>(m.bits), p);
}

using Float64 = Vector<float, 64>;

[[gnu::always_inline]] inline Float64 widened_to_16(__m256i bits, const Half*) {
  return _mm512_maskz_cvtph_ps(0xffff, bits);
}
[[gnu::always_inline]] inline Float64 widened_to_16(__m256i bits, const Bfloat*) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
template <class V, class S>
  requires(sizeof(S) == 2 && sizeof(V) == 64)
V load(const S* p) {
  return widened_to_16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), p);
}
template <class S>
  requires(sizeof(S) == 2)
Float64 load_or(Float64 v, Mask<float, 64> m, const S* p) {
  return _mm512_mask_mov_ps(v, m.bits, widened_to_16(_mm256_maskz_loadu_epi16(m.bits, p), p));
}
template <class S>
  requires(sizeof(S) == 2)
Float32 load_or(Float32 v, Mask<float, 32> m, const S* p) {
  const auto bits = static_cast<__mmask8>(m.bits);
  return _mm256_mask_mov_ps(v, bits, widened_to_8(_mm_maskz_loadu_epi16(bits, p), p));
}
template <class S>
  requires(sizeof(S) == 2)
Float16 load_or(Float16 v, Mask<float, 16> m, const S* p) {
  const auto bits = static_cast<__mmask8>(m.bits);
  return _mm_mask_mov_ps(v, bits, widened(_mm_maskz_loadu_epi16(bits, p), p));
}

[[maybe_unused]] inline void store_of(Mask<float, 64> m, Vector<float, 64> v, float* p) {
  _mm512_mask_storeu_ps(p, m.bits, v);
}
[[maybe_unused]] inline void store_of(Mask<float, 32> m, Float32 v, float* p) {
  _mm256_mask_storeu_ps(p, static_cast<__mmask8>(m.bits), v);
}
[[maybe_unused]] inline void store_of(Mask<float, 16> m, Float16 v, float* p) {
  _mm_mask_storeu_ps(p, static_cast<__mmask8>(m.bits), v);
}
[[maybe_unused]] inline void store_of(Mask<double, 64> m, Vector<double, 64> v, double* p) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>(m.bits), v);
}
[[maybe_unused]] inline void store_of(Mask<double, 32> m, Double32 v, double* p) {
  _mm256_mask_storeu_pd(p, static_cast<__mmask8>(m.bits), v);
}
[[maybe_unused]] inline void store_of(Mask<double, 16> m, Double16 v, double* p) {
  _mm_mask_storeu_pd(p, static_cast<__mmask8>(m.bits), v);
}

#elif defined(__AVX2__)

template <class T, int bytes>
struct Mask {
  __m256i bits;
  Mask(int first, int last) {
    const int scale = sizeof(T) / 4;  // in lanes of 32 bits
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    bits = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first * scale), lane),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(last * scale), lane));
  }
};

[[maybe_unused]] inline Float32 load_or(Float32 v, Mask<float, 32> m, const float* p) {
  return _mm256_or_ps(v, _mm256_maskload_ps(p, m.bits));
}
[[maybe_unused]] inline Float16 load_or(Float16 v, Mask<float, 16> m, const float* p) {
  return _mm_or_ps(v, _mm_maskload_ps(p, _mm256_castsi256_si128(m.bits)));
}
[[maybe_unused]] inline Double32 load_or(Double32 v, Mask<double, 32> m, const double* p) {
  return _mm256_or_pd(v, _mm256_maskload_pd(p, m.bits));
}
[[maybe_unused]] inline Double16 load_or(Double16 v, Mask<double, 16> m, const double* p) {
  return _mm_or_pd(v, _mm_maskload_pd(p, _mm256_castsi256_si128(m.bits)));
}

#endif

}  // namespace
}  // namespace bitale::executor

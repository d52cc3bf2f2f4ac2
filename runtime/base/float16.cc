#include "runtime/base/float16.h"

#include <Eigen/Core>

namespace bitale {
namespace {

// Calls f(std::type_identity<T>{}) with Eigen's type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  BITALE_ASSERT(dtype == DType::f16 || dtype == DType::bf16, std::string(name_of(dtype)) + " is no float of 16 bits");
  return dtype == DType::f16 ? f(std::type_identity<Eigen::half>{}) : f(std::type_identity<Eigen::bfloat16>{});
}

}  // namespace

float widen(DType dtype, std::uint16_t bits) {
  float value = 0;
  widen(dtype, &bits, &value, 1);
  return value;
}

std::uint16_t narrow(DType dtype, float value) {
  std::uint16_t bits = 0;
  narrow(dtype, &value, &bits, 1);
  return bits;
}

void widen(DType dtype, const void* from, float* to, std::size_t n) {
  with_type(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto* bits = static_cast<const std::uint16_t*>(from);
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<float>(Eigen::numext::bit_cast<T>(bits[i]));
  });
}

void narrow(DType dtype, const float* from, void* to, std::size_t n) {
  with_type(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto* bits = static_cast<std::uint16_t*>(to);
    for (std::size_t i = 0; i < n; ++i) bits[i] = Eigen::numext::bit_cast<std::uint16_t>(static_cast<T>(from[i]));
  });
}

double rounded_to(DType dtype, double value) {
  if (dtype == DType::f64) return value;
  const auto single = static_cast<float>(value);
  return dtype == DType::f32 ? single : widen(dtype, narrow(dtype, single));
}

}  // namespace bitale

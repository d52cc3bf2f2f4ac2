#include "ops/conv/algorithm_cost.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace bitale::ops {
namespace {

// Rates of one thread in float32; float64 has half of the first two. The first is measured: half of the FMA peak of the
// Intel Xeon with AVX-512 that the README's results are of, which LeNet's contractions reach there. The others are
// assumed: `bitale bench conv` is there to measure them.
constexpr double product_rate = 100e9;   // floating-point operations per second, of contractions with long sums
constexpr double transform_rate = 40e9;  // of those with Winograd's constant matrices: sums of 16 to 64 elements
constexpr double bandwidth = 6e9;        // bytes per second, of memory that does not stay in the caches
constexpr double step_seconds = 5e-6;    // of every step that threads meet behind
// Another algorithm than the contraction, which needs no memory and rounds least, has to take less than this share of
// its time: at 0.8 AlexNet's third layer would be Winograd's, its gradient a fiftieth faster, and the variant without
// groups would need 4 GB (docs/convolutions.md).
constexpr double worthwhile = 0.5;

double number(const Dim& d) { return d.is_constant() ? static_cast<double>(d.value()) : 32; }
double product_of(const Shape& shape) {
  double n = 1;
  for (const Dim& d : shape) n *= number(d);
  return n;
}

struct Work {
  double products = 0, transforms = 0;  // floating-point operations
  double elements = 0;                  // written and read again
  double steps = 1;

  double seconds(DType dtype) const {
    const double wide = dtype == DType::f64 ? 2 : 1;
    return wide * (products / product_rate + transforms / transform_rate) +
           2 * elements * static_cast<double>(size_of(dtype)) / bandwidth + steps * step_seconds;
  }
};

// Multiply-adds of the sum as it stands, two operations each.
double direct_work(const ConvCall& c) {
  return 2 * product_of(c.result_shape) * number(c.image_channels()) * product_of(spatial(c.filters_shape));
}

Work winograd_work(const ConvCall& c) {
  const std::array<std::int64_t, 2> tile = winograd_tile(c);
  const Shape extents = c.computed == ConvRole::image ? spatial(c.image_shape) : spatial(c.result_shape);
  double tiles = number(c.image_shape[0]), points = 1, outputs = 1;
  for (std::size_t k = 0; k < 2; ++k) {
    tiles *= std::ceil(number(extents[k]) / static_cast<double>(tile[k]));
    points *= static_cast<double>(tile[k]) + number(c.filters_shape[2 + k]) - 1;
    outputs *= static_cast<double>(tile[k]);
  }
  const double in = number(c.image_shape[1]), out = number(c.result_shape[1]),
               taps = product_of(spatial(c.filters_shape));
  Work w;
  w.products = 2 * points * tiles * out * number(c.image_channels());
  w.elements = points * tiles * (in + out);
  w.steps = 6;
  if (c.computed == ConvRole::filters) {
    w.transforms = 2 * points * tiles * (points * in + outputs * out);
  } else {
    w.transforms =
        2 * points *
        (tiles * (points * in + outputs * out) + taps * product_of({c.filters_shape[0], c.filters_shape[1]}));
    w.elements += outputs * tiles * out;
  }
  return w;
}

Work fft_work(const ConvCall& c) {
  const auto [s0, s1] = fft_extents(c);
  const double bins = static_cast<double>(s0) * static_cast<double>(s1 / 2 + 1);
  const double images = number(c.image_shape[0]), in = number(c.image_shape[1]), out = number(c.result_shape[1]),
               pairs = product_of({c.filters_shape[0], c.filters_shape[1]});
  const double planes = images * (in + out) + pairs;
  Work w;
  w.products = 8 * bins * images * out * number(c.image_channels());
  w.elements = 4 * bins * planes;
  w.transforms = planes * bins * 60 * std::log2(static_cast<double>(s0 * s1));  // scalar code
  w.steps = 7;
  return w;
}

Work work_of(const ConvCall& c, ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::winograd:
      return winograd_work(c);
    case ConvAlgorithm::fft:
      return fft_work(c);
    case ConvAlgorithm::im2col:
      return {.products = direct_work(c),
              .elements = product_of(c.result_shape) / number(c.result_shape[1]) * number(c.image_shape[1]) *
                          product_of(spatial(c.filters_shape)),
              .steps = 2};
    case ConvAlgorithm::direct:
      return {.products = direct_work(c) * 8};  // no element that is loaded is used twice
    default:
      return {.products = direct_work(c)};
  }
}

}  // namespace

double expected_seconds(const ConvCall& call, ConvAlgorithm algorithm) {
  return work_of(call, algorithm).seconds(call.dtype);
}

Estimate cheapest(const ConvCall& call) {
  Estimate best{ConvAlgorithm::implicit_gemm, expected_seconds(call, ConvAlgorithm::implicit_gemm), ""};
  const double allowed = best.seconds * worthwhile;
  std::string text = fmt::format("expected in ms: implicit_gemm {:.3g}", best.seconds * 1e3);
  for (const ConvAlgorithm a : {ConvAlgorithm::im2col, ConvAlgorithm::winograd, ConvAlgorithm::fft}) {
    if (!why_not(call, a).empty()) continue;
    const double seconds = expected_seconds(call, a);
    text += fmt::format(", {} {:.3g}", to_string(a), seconds * 1e3);
    if (seconds < std::min(allowed, best.seconds)) best = {a, seconds, ""};
  }
  best.text = std::move(text);
  return best;
}

}  // namespace bitale::ops

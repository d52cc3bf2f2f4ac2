#include "ops/conv/algorithm_cost.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "runtime/device/gpu_rates.h"

namespace bitale::ops {
namespace {

// Rates of one thread in float32; float64 has half of them. Measured on an Intel Xeon with AVX-512 whose FMA peak is
// 174 GFLOP/s (docs/convolutions.md has the times that came of them): contractions with long sums, Winograd's products,
// of which there are many smaller ones, and its transforms. FFT's rate and the bandwidth of what does not stay in the
// caches are assumed: `bitale bench conv` is there to measure them.
constexpr double product_rate = 100e9;  // floating-point operations per second
constexpr double backward_rate = 75e9;  // contractions that make a gradient in images: sums overlap
constexpr double winograd_rate =
    80e9;                             // products of Winograd's points; 70 there, more of a peak on an AMD EPYC (Zen 5)
constexpr double summed_rate = 60e9;  // the same, added up block by block
constexpr double transform_rate = 30e9;  // sums of 4 to 8 elements, in lanes of channels
constexpr double spectrum_rate = 40e9;
constexpr double bandwidth = 6e9;      // bytes per second
constexpr double lanes = 16;           // of a vector
constexpr double step_seconds = 5e-6;  // of every step that threads meet behind
// Another algorithm than the contraction, which needs no memory and rounds least, has to take less than this share of
// its time.
constexpr double worthwhile = 0.9;

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
  double of_products = product_rate, of_transforms = transform_rate;

  double seconds(DType dtype) const {
    const double wide = dtype == DType::f64 ? 2 : 1;
    return wide * (products / of_products + transforms / of_transforms) +
           2 * elements * static_cast<double>(size_of(dtype)) / bandwidth + steps * step_seconds;
  }
};

// Multiply-adds of the sum as it stands, two operations each.
double direct_work(const ConvCall& c) {
  return 2 * product_of(c.result_shape) * number(c.image_channels()) * product_of(spatial(c.filters_shape));
}

// A matrix of p0 x w0 elements along one axis of so many tiles, after one of p1 x w1 along the other, where windows are
// `step` apart.
double transforms_of(double tiles0, double tiles1, double p0, double w0, double step0, double p1, double w1) {
  const double lines = tiles0 * step0 + w0 - step0;
  return 2 * (lines * tiles1 * p1 * w1 + p1 * tiles0 * tiles1 * p0 * w0);
}

// Channels lie in lanes, the last of which are empty where there are not enough.
double in_lanes(double channels) { return std::ceil(channels / lanes) * lanes; }

Work winograd_work(const ConvCall& c) {
  const std::array<std::int64_t, 2> tile = winograd_tile(c);
  const Shape extents = c.computed == ConvRole::image ? c.image_extents() : spatial(c.result_shape);
  double tiles[2], points[2], m[2], taps[2], plane = 1, window = 1;
  for (std::size_t k = 0; k < 2; ++k) {
    m[k] = static_cast<double>(tile[k]);
    taps[k] = number(c.filters_shape[2 + k]);
    tiles[k] = std::ceil(number(extents[k]) / m[k]);
    points[k] = m[k] + taps[k] - 1;
    plane *= tiles[k] * m[k];
    window *= tiles[k] * m[k] + taps[k] - 1;
  }
  const double images = number(c.image_shape[0]), groups = number(c.params.groups),
               pairs = groups * in_lanes(number(c.filters_per_group())) * in_lanes(number(c.image_channels()));
  double in = in_lanes(number(c.image_shape[1])), out = in_lanes(number(c.result_shape[1]));
  const bool summed = c.computed == ConvRole::filters;
  if (c.computed == ConvRole::image) std::swap(in, out);
  Work w;
  w.of_products = summed ? summed_rate : winograd_rate;
  w.products = 2 * points[0] * points[1] * tiles[0] * tiles[1] * images * pairs;
  w.transforms = images * in * transforms_of(tiles[0], tiles[1], points[0], points[0], m[0], points[1], points[1]) +
                 images * out *
                     (summed ? transforms_of(tiles[0], tiles[1], points[0], m[0], m[0], points[1], m[1])
                             : 2 * tiles[0] * tiles[1] * m[1] * points[0] * (points[1] + m[0])) +
                 2 * points[0] * points[1] * taps[0] * taps[1] * pairs;
  w.elements = images * (in * window + out * plane) + points[0] * points[1] * pairs;
  w.steps = 8;
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
  w.of_transforms = spectrum_rate;
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
      return {
          .products = direct_work(c),
          .of_products = c.computed == ConvRole::image && !is_convolution_of_part(c) ? backward_rate : product_rate};
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

bool gains_by_tensor_cores(const ConvCall& call) {
  if (!call.for_tensor_cores()) return false;
  const double flops = direct_work(call);
  const GpuRates library = rates_of_library(call.narrow.value_or(call.dtype), call.tf32);
  return rates_of_generated.us_of(flops) - library.us_of(flops) > 2 * us_of_launch;
}

}  // namespace bitale::ops

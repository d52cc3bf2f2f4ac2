#include "runtime/library/convolution.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

#include "runtime/base/float16.h"
#include "runtime/library/im2col.h"

namespace bitale::library {
namespace {

// What the numbers of a call say, in the order in which im2col.h and convolution.h list them.
struct Geometry {
  std::int64_t images, groups, channels, filters;                          // channels and filters of a group
  std::int64_t before[2], after[2];                                        // the margin
  std::int64_t image[2], window[2], positions[2], stride[2], dilation[2];  // the image's without the margin
  Im2colSide side;
  DType dtype;
  bool flip, channels_last, tf32;

  Geometry(std::span<const std::int64_t> extents, std::span<const std::int64_t> integers)
      : images(extents[0]),
        groups(extents[1]),
        channels(extents[2]),
        filters(extents[3]),
        before{integers[9], integers[10]},
        after{integers[11], integers[12]},
        image{extents[4] - before[0] - after[0], extents[5] - before[1] - after[1]},
        window{extents[6], extents[7]},
        positions{extents[8], extents[9]},
        stride{integers[3], integers[4]},
        dilation{integers[5], integers[6]},
        side(static_cast<Im2colSide>(integers[1])),
        dtype(static_cast<DType>(integers[0])),
        flip(integers[2] != 0),
        channels_last(integers[7] != 0),
        tf32(integers[8] != 0) {}

  cudnn::Operand operand(std::vector<std::int64_t> extents) const {
    return channels_last ? cudnn::channels_last(std::move(extents)) : cudnn::channels_first(std::move(extents));
  }
  cudnn::Operand images_in() const { return operand({images, groups * channels, image[0], image[1]}); }
  cudnn::Operand filters_in() const { return operand({groups * filters, channels, window[0], window[1]}); }
  cudnn::Operand results_in() const { return operand({images, groups * filters, positions[0], positions[1]}); }

  std::array<cudnn::Operand, 3> in_order_of_buffers() const {
    switch (side) {
      case Im2colSide::image:
        return {filters_in(), results_in(), images_in()};
      case Im2colSide::filters:
        return {images_in(), results_in(), filters_in()};
      case Im2colSide::result:
        break;
    }
    return {images_in(), filters_in(), results_in()};
  }
};

// The three sides in memory, whichever of them is computed.
template <class T>
struct Sides {
  T *image, *filters, *result;
};

template <class T>
Sides<T> sides(std::span<void* const> buffers, Im2colSide computed) {
  T* const a = static_cast<T*>(buffers[0]);
  T* const b = static_cast<T*>(buffers[1]);
  T* const to = static_cast<T*>(buffers[2]);
  switch (computed) {
    case Im2colSide::image:
      return {to, a, b};
    case Im2colSide::filters:
      return {a, to, b};
    case Im2colSide::result:
      break;
  }
  return {a, b, to};
}

std::int64_t at(const cudnn::Operand& o, std::int64_t a, std::int64_t b, std::int64_t y, std::int64_t x) {
  return a * o.strides[0] + b * o.strides[1] + y * o.strides[2] + x * o.strides[3];
}

// Calls f(image, filters, result) with where the elements lie that meet in a product.
template <class F>
void for_each_product(const Geometry& g, F f) {
  const cudnn::Operand image = g.images_in(), filters = g.filters_in(), result = g.results_in();
  for (std::int64_t n = 0; n < g.images; ++n)
    for (std::int64_t filter = 0; filter < g.groups * g.filters; ++filter)
      for (std::int64_t p = 0; p < g.positions[0]; ++p)
        for (std::int64_t q = 0; q < g.positions[1]; ++q)
          for (std::int64_t c = 0; c < g.channels; ++c)
            for (std::int64_t r = 0; r < g.window[0]; ++r)
              for (std::int64_t s = 0; s < g.window[1]; ++s) {
                const std::int64_t y = p * g.stride[0] + r * g.dilation[0] - g.before[0],
                                   x = q * g.stride[1] + s * g.dilation[1] - g.before[1];
                if (y < 0 || x < 0 || y >= g.image[0] || x >= g.image[1]) continue;
                const std::int64_t v = g.flip ? g.window[0] - 1 - r : r, u = g.flip ? g.window[1] - 1 - s : s;
                f(at(image, n, filter / g.filters * g.channels + c, y, x), at(filters, filter, c, v, u),
                  at(result, n, filter, p, q));
              }
}

std::int64_t elements_of(const cudnn::Operand& o) {
  return std::accumulate(o.extents.begin(), o.extents.end(), std::int64_t{1}, std::multiplies());
}

template <class T>
void by_loops(const Geometry& g, std::span<void* const> buffers) {
  const Sides<T> s = sides<T>(buffers, g.side);
  const auto clear = [](T* to, const cudnn::Operand& o) { std::fill_n(to, elements_of(o), T{0}); };
  switch (g.side) {
    case Im2colSide::image:
      clear(s.image, g.images_in());
      return for_each_product(g, [&](auto x, auto w, auto y) { s.image[x] += s.filters[w] * s.result[y]; });
    case Im2colSide::filters:
      clear(s.filters, g.filters_in());
      return for_each_product(g, [&](auto x, auto w, auto y) { s.filters[w] += s.image[x] * s.result[y]; });
    case Im2colSide::result:
      clear(s.result, g.results_in());
      return for_each_product(g, [&](auto x, auto w, auto y) { s.result[y] += s.image[x] * s.filters[w]; });
  }
}

// Widened, in float32, and rounded.
void in_16_bits(const Geometry& g, std::span<void* const> buffers) {
  const std::array<cudnn::Operand, 3> operands = g.in_order_of_buffers();
  std::vector<float> wide[3];
  void* of_wide[3];
  for (std::size_t i = 0; i < 3; ++i) {
    wide[i].resize(static_cast<std::size_t>(elements_of(operands[i])));
    of_wide[i] = wide[i].data();
    if (i < 2) widen(g.dtype, buffers[i], wide[i].data(), wide[i].size());
  }
  by_loops<float>(g, of_wide);
  narrow(g.dtype, wide[2].data(), buffers[2], wide[2].size());
}

int convolve(Context*, const Arguments& a) {
  const Geometry g(a.extents, a.integers);
  if (is_only_stored(g.dtype))
    in_16_bits(g, a.buffers);
  else
    g.dtype == DType::f64 ? by_loops<double>(g, a.buffers) : by_loops<float>(g, a.buffers);
  return 0;
}

cudnn::DataType type_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return cudnn::DataType::f64;
    case DType::f16:
      return cudnn::DataType::f16;
    case DType::bf16:
      return cudnn::DataType::bf16;
    default:
      return cudnn::DataType::f32;
  }
}

}  // namespace

LibraryFn find_convolution(const std::string& name) { return name == "conv_cudnn" ? convolve : nullptr; }

cudnn::Convolution cudnn_convolution(std::span<const std::int64_t> extents, std::span<const std::int64_t> integers) {
  const Geometry g(extents, integers);
  constexpr cudnn::Form forms[] = {cudnn::Form::forward, cudnn::Form::backward_data, cudnn::Form::backward_filters};
  return {.form = forms[static_cast<int>(g.side)],
          .type = type_of(g.dtype),
          .image = g.images_in(),
          .filters = g.filters_in(),
          .result = g.results_in(),
          .before = {g.before[0], g.before[1]},
          .after = {g.after[0], g.after[1]},
          .stride = {g.stride[0], g.stride[1]},
          .dilation = {g.dilation[0], g.dilation[1]},
          .flip = g.flip,
          .tf32 = g.tf32};
}

cudnn::ConvolutionMemory cudnn_memory(std::span<void* const> buffers, std::span<const std::int64_t> integers) {
  const auto s = sides<std::uint8_t>(buffers, static_cast<Im2colSide>(integers[1]));
  return {s.image, s.filters, s.result, nullptr};
}

}  // namespace bitale::library

#include "ops/conv/spectra.h"

#include <cmath>
#include <numbers>

#include "compiler/prim/prim.h"
#include "ops/api/checks.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct SpectrumParams {
  std::int64_t s0 = 1, s1 = 2;  // extents of the transform
  std::int64_t h = 1, w = 1;    // of the planes; fft2: as its operand says
  bool operator==(const SpectrumParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("s0", s0);
    v("s1", s1);
    v("h", h);
    v("w", w);
  }
};

const SpectrumParams& checked(const TypeArgs& args, int rank) {
  const auto& p = args.params_as<SpectrumParams>();
  args.require_count(1);
  require_float(args, 0);
  require_rank(args, 0, rank);
  args.require(p.s0 >= 1 && p.s1 >= 2 && p.s1 % 2 == 0, "the extents of the transform must be positive, the last even");
  args.require(p.h >= 0 && p.w >= 0 && p.h <= p.s0 && p.w <= p.s1, "planes must fit into the transform");
  return p;
}

std::vector<TensorType> fft2_type(const TypeArgs& args) {
  const SpectrumParams& p = checked(args, 4);
  const Shape& x = args.type(0).shape;
  args.unify(x[2], p.h, "the planes' height");
  args.unify(x[3], p.w, "the planes' width");
  return {{args.type(0).dtype, {p.s0, p.s1 / 2 + 1, x[0], 2, x[1]}}};
}

std::vector<TensorType> ifft2_type(const TypeArgs& args) {
  const SpectrumParams& p = checked(args, 5);
  const Shape& x = args.type(0).shape;
  args.unify(x[0], p.s0, "the frequencies of the first axis");
  args.unify(x[1], p.s1 / 2 + 1, "the frequencies of the last axis are half of them and one");
  args.unify(x[3], 2, "real and imaginary parts");
  return {{args.type(0).dtype, {x[2], x[4], p.h, p.w}}};
}

std::vector<Dim> call_extents(const SpectrumParams& p, const Shape& planes) {
  return {planes[0], planes[1], p.h, p.w, p.s0, p.s1};
}

std::vector<std::int64_t> dtype_number(const Node& n) { return {static_cast<std::int64_t>(n.type().dtype)}; }

// How often a frequency of the last axis counts in ifft2: once at both ends, else twice, for its mirror image.
Tensor counts(const SpectrumParams& p, const Tensor& like, bool reciprocal) {
  std::vector<double> values(static_cast<std::size_t>(p.s1 / 2 + 1), reciprocal ? 0.5 : 2.0);
  values.front() = values.back() = 1;
  const std::int64_t bins = p.s1 / 2 + 1;
  const Tensor column = cast(constant(Array::of<double>(values, {1, bins, 1, 1, 1})), like.dtype());
  return broadcast_to(column, like.shape());
}

Tensor apply(const OpDef& op, const SpectrumParams& p, const Tensor& x) { return apply1(op, make_params(p), {x}); }

// The transposes of each other, up to `counts`: sum of spectra * fft2(planes) = sum of planes * ifft2(spectra /
// counts).
std::vector<Tensor> fft2_vjp(const Vjp& v) {
  const auto& p = v.node.params_as<SpectrumParams>();
  return {apply(ifft2_op, p, mul(v.dy(), counts(p, v.dy(), true)))};
}
std::vector<Tensor> ifft2_vjp(const Vjp& v) {
  const auto& p = v.node.params_as<SpectrumParams>();
  const Tensor g = apply(fft2_op, p, v.dy());
  return {mul(g, counts(p, g, false))};
}

// The new axis joins that of groups.
std::vector<Tensor> fft2_batch(const Batch& b) {
  const auto& p = b.node.params_as<SpectrumParams>();
  const Tensor& x = b.inputs[0];
  const Dim size = x.dim(0), g = x.dim(1), r = x.dim(2);
  const Tensor y = apply(fft2_op, p, reshape(x, {size * g, r, p.h, p.w}));
  return {transpose(reshape(y, {p.s0, p.s1 / 2 + 1, size, g, 2, r}), {2, 0, 1, 3, 4, 5})};
}
std::vector<Tensor> ifft2_batch(const Batch& b) {
  const auto& p = b.node.params_as<SpectrumParams>();
  const Tensor& x = b.inputs[0];
  const Dim size = x.dim(0), g = x.dim(3), r = x.dim(5);
  const Tensor y = apply(ifft2_op, p, reshape(transpose(x, {1, 2, 0, 3, 4, 5}), {p.s0, p.s1 / 2 + 1, size * g, 2, r}));
  return {reshape(y, {size, g, r, p.h, p.w})};
}

// The sums of their definitions.
template <bool inverse>
void reference(const Reference& r) {
  const auto& p = r.node.params_as<SpectrumParams>();
  dispatch(r.outputs[0].dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Array& planes = inverse ? r.outputs[0] : r.inputs[0];
      const std::int64_t groups = planes.shape()[0], rows = planes.shape()[1], bins = p.s1 / 2 + 1;
      const T* in = r.inputs[0].template view<T>().data();
      T* out = r.outputs[0].template view<T>().data();
      const auto angle = [&](std::int64_t k0, std::int64_t k1, std::int64_t i, std::int64_t j) {
        return 2 * std::numbers::pi *
               (static_cast<double>(i * k0 % p.s0) / static_cast<double>(p.s0) +
                static_cast<double>(j * k1 % p.s1) / static_cast<double>(p.s1));
      };
      for (std::int64_t g = 0; g < groups; ++g)
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t plane = (g * rows + row) * p.h * p.w;
          const auto bin = [&](std::int64_t k0, std::int64_t k1, int part) {
            return (((k0 * bins + k1) * groups + g) * 2 + part) * rows + row;
          };
          if constexpr (inverse) {
            for (std::int64_t i = 0; i < p.h; ++i)
              for (std::int64_t j = 0; j < p.w; ++j) {
                double sum = 0;
                for (std::int64_t k0 = 0; k0 < p.s0; ++k0)
                  for (std::int64_t k1 = 0; k1 < bins; ++k1) {
                    const double a = angle(k0, k1, i, j), times = k1 == 0 || k1 == bins - 1 ? 1 : 2;
                    sum += times * (in[bin(k0, k1, 0)] * std::cos(a) - in[bin(k0, k1, 1)] * std::sin(a));
                  }
                out[plane + i * p.w + j] = static_cast<T>(sum);
              }
          } else {
            for (std::int64_t k0 = 0; k0 < p.s0; ++k0)
              for (std::int64_t k1 = 0; k1 < bins; ++k1) {
                double real = 0, imaginary = 0;
                for (std::int64_t i = 0; i < p.h; ++i)
                  for (std::int64_t j = 0; j < p.w; ++j) {
                    const double a = angle(k0, k1, i, j), x = in[plane + i * p.w + j];
                    real += x * std::cos(a);
                    imaginary -= x * std::sin(a);
                  }
                out[bin(k0, k1, 0)] = static_cast<T>(real);
                out[bin(k0, k1, 1)] = static_cast<T>(imaginary);
              }
          }
        }
    }
  });
}

SampleInput planes(Extents shape) { return {std::move(shape)}; }

std::vector<Sample> fft2_samples() {
  const auto of = [](std::int64_t s0, std::int64_t s1) {
    return [=](std::span<const Tensor> x) { return std::vector{fft2(x[0], s0, s1)}; };
  };
  return {{"whole", {planes({1, 3, 4, 6})}, of(4, 6)},
          {"padded", {planes({2, 18, 3, 5})}, of(5, 8)},
          {"a row", {planes({1, 2, 1, 3})}, of(1, 4)}};
}

std::vector<Sample> ifft2_samples() {
  const auto of = [](std::int64_t s1, std::int64_t h, std::int64_t w) {
    return [=](std::span<const Tensor> x) { return std::vector{ifft2(x[0], s1, h, w)}; };
  };
  return {{"whole", {planes({4, 4, 1, 2, 3})}, of(6, 4, 6)},
          {"cropped", {planes({5, 5, 2, 2, 18})}, of(8, 3, 5)},
          {"a row", {planes({1, 3, 1, 2, 2})}, of(4, 1, 3)}};
}

}  // namespace

const OpDef fft2_op{
    .name = "fft2",
    .doc = "the discrete Fourier transforms of planes, half of the frequencies of the last axis (algorithm fft)",
    .type = fft2_type,
    .library = "fft2",
    .library_extents = [](const Node& n) { return call_extents(n.params_as<SpectrumParams>(), n.input(0).shape()); },
    .library_integers = dtype_number,
    .vjp = fft2_vjp,
    .jvp = linear_jvp,
    .batch = fft2_batch,
    .reference = reference<false>,
    .samples = fft2_samples,
    .default_params = [] { return make_params(SpectrumParams{}); },
};

const OpDef ifft2_op{
    .name = "ifft2",
    .doc = "planes from such halves of spectra, times the number of frequencies (algorithm fft)",
    .type = ifft2_type,
    .library = "ifft2",
    .library_extents = [](const Node& n) { return call_extents(n.params_as<SpectrumParams>(), n.type().shape); },
    .library_integers = dtype_number,
    .vjp = ifft2_vjp,
    .jvp = linear_jvp,
    .batch = ifft2_batch,
    .reference = reference<true>,
    .samples = ifft2_samples,
    .default_params = [] { return make_params(SpectrumParams{}); },
};

namespace {

std::int64_t number(const char* op, const Tensor& t, int axis) {
  if (!t.dim(axis).is_constant())
    throw Error(std::string(op) + ": axis " + std::to_string(axis) + " of " + describe(t) + " must be a number");
  return t.dim(axis).value();
}

}  // namespace

Tensor fft2(const Tensor& x, std::int64_t s0, std::int64_t s1) {
  if (x.rank() != 4) throw Error("fft2: planes must have rank 4, got " + describe(x));
  return apply(fft2_op, {s0, s1, number("fft2", x, 2), number("fft2", x, 3)}, x);
}

Tensor ifft2(const Tensor& x, std::int64_t s1, std::int64_t h, std::int64_t w) {
  if (x.rank() != 5) throw Error("ifft2: spectra must have rank 5, got " + describe(x));
  return apply(ifft2_op, {number("ifft2", x, 0), s1, h, w}, x);
}

}  // namespace bitale::ops

#include "runtime/library/fft.h"

#include <algorithm>
#include <complex>
#include <new>
#include <vector>

#include <unsupported/Eigen/FFT>

#include "runtime/base/dtype.h"
#include "runtime/library/share.h"

namespace bitale::library {
namespace {

// Planes are transformed so many at a time, so that their parts at one frequency fill cache lines of the spectra.
constexpr std::int64_t block = 16;

template <class T>
class Transform {
 public:
  using Complex = std::complex<T>;

  explicit Transform(const Arguments& a)
      : rows_(a.extents[1]),
        height_(a.extents[2]),
        width_(a.extents[3]),
        size0_(a.extents[4]),
        size1_(a.extents[5]),
        half_(size1_ / 2 + 1),
        groups_(a.extents[0]),
        part_(share(groups_ * ((rows_ + block - 1) / block), a.thread, a.threads)),
        line_(static_cast<std::size_t>(size1_)),
        column_(static_cast<std::size_t>(size0_)),
        bins_(static_cast<std::size_t>(block * size0_ * half_)) {
    for (auto* f : {&along_rows_, &along_columns_}) f->SetFlag(Eigen::FFT<T>::Unscaled);
    along_rows_.SetFlag(Eigen::FFT<T>::HalfSpectrum);
  }

  void forward(const T* planes, T* spectra) {
    for_blocks([&](std::int64_t group, std::int64_t first, std::int64_t count) {
      for (std::int64_t r = 0; r < count; ++r)
        forward(planes + (group * rows_ + first + r) * height_ * width_, bins(r));
      for_bins(group, first, [&](std::int64_t bin, std::int64_t at) {
        for (std::int64_t r = 0; r < count; ++r) {
          spectra[at + r] = bins(r)[bin].real();
          spectra[at + rows_ + r] = bins(r)[bin].imag();
        }
      });
    });
  }

  void inverse(const T* spectra, T* planes) {
    for_blocks([&](std::int64_t group, std::int64_t first, std::int64_t count) {
      for_bins(group, first, [&](std::int64_t bin, std::int64_t at) {
        for (std::int64_t r = 0; r < count; ++r) bins(r)[bin] = Complex(spectra[at + r], spectra[at + rows_ + r]);
      });
      for (std::int64_t r = 0; r < count; ++r)
        inverse(bins(r), planes + (group * rows_ + first + r) * height_ * width_);
    });
  }

 private:
  Complex* bins(std::int64_t r) { return bins_.data() + r * size0_ * half_; }

  // Calls f(group, first row, rows) for this thread's blocks.
  template <class F>
  void for_blocks(F f) const {
    const std::int64_t blocks = (rows_ + block - 1) / block;
    for (std::int64_t i = part_.begin; i < part_.end; ++i) {
      const std::int64_t first = i % blocks * block;
      f(i / blocks, first, std::min(block, rows_ - first));
    }
  }

  // Calls f(frequency, position in the spectra of its real part of row `first`).
  template <class F>
  void for_bins(std::int64_t group, std::int64_t first, F f) const {
    for (std::int64_t bin = 0; bin < size0_ * half_; ++bin) f(bin, (bin * groups_ + group) * 2 * rows_ + first);
  }

  void forward(const T* plane, Complex* out) {
    for (std::int64_t i = 0; i < size0_; ++i) {
      Complex* row = out + i * half_;
      if (i >= height_) {
        std::fill_n(row, half_, Complex(0));
        continue;
      }
      std::copy_n(plane + i * width_, width_, line_.begin());
      std::fill(line_.begin() + width_, line_.end(), T(0));
      if (size1_ == 1)
        row[0] = line_[0];
      else
        along_rows_.fwd(row, line_.data(), size1_);
    }
    each_column(out, [&](Complex* to, const Complex* from) { along_columns_.fwd(to, from, size0_); });
  }

  void inverse(Complex* in, T* plane) {
    each_column(in, [&](Complex* to, const Complex* from) { along_columns_.inv(to, from, size0_); });
    for (std::int64_t i = 0; i < height_; ++i) {
      Complex* row = in + i * half_;
      row[0] = row[0].real();
      row[half_ - 1] = row[half_ - 1].real();
      if (size1_ == 1)
        line_[0] = row[0].real();
      else
        along_rows_.inv(line_.data(), row, size1_);
      std::copy_n(line_.begin(), width_, plane + i * width_);
    }
  }

  // One element is its own transform, in both directions; Eigen's has no radix for it.
  template <class F>
  void each_column(Complex* plane, F transform) {
    if (size0_ == 1) return;
    std::vector<Complex>& result = result_;
    result.resize(static_cast<std::size_t>(size0_));
    for (std::int64_t j = 0; j < half_; ++j) {
      for (std::int64_t i = 0; i < size0_; ++i) column_[static_cast<std::size_t>(i)] = plane[i * half_ + j];
      transform(result.data(), column_.data());
      for (std::int64_t i = 0; i < size0_; ++i) plane[i * half_ + j] = result[static_cast<std::size_t>(i)];
    }
  }

  const std::int64_t rows_, height_, width_, size0_, size1_, half_, groups_;
  const Range part_;  // of the blocks of all groups
  Eigen::FFT<T> along_rows_, along_columns_;
  std::vector<T> line_;
  std::vector<Complex> column_, result_, bins_;
};

template <bool inverse>
int transform(Context* context, const Arguments& a) {
  try {
    return dispatch(static_cast<DType>(a.integers[0]), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        const auto* from = static_cast<const T*>(a.buffers[0]);
        auto* to = static_cast<T*>(a.buffers[1]);
        if constexpr (inverse)
          Transform<T>(a).inverse(from, to);
        else
          Transform<T>(a).forward(from, to);
      }
      return 0;
    });
  } catch (const std::bad_alloc&) {
    context->error = static_cast<std::int32_t>(ErrorCode::no_memory);
    return context->error;
  }
}

}  // namespace

LibraryFn find_fft(const std::string& name) {
  return name == "fft2" ? transform<false> : name == "ifft2" ? transform<true> : nullptr;
}

double fft_work(std::span<const std::int64_t> e) {
  return 8 * static_cast<double>(e[0] * e[1]) * static_cast<double>(e[4]) * static_cast<double>(e[5]);
}

}  // namespace bitale::library

#include "runtime/library/im2col.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/dtype.h"
#include "runtime/library/openblas.h"
#include "runtime/library/share.h"

namespace bitale::library {
namespace {

struct Axis {
  std::int64_t image = 0, window = 0, positions = 0, stride = 1, dilation = 1;
};

// What a call's numbers say, in the order in which im2col.h lists them.
struct Geometry {
  std::int64_t images, groups, channels, filters;  // channels and filters of a group
  Axis y, x;
  std::int64_t chunk;
  bool flip;

  explicit Geometry(const Arguments& a)
      : images(a.extents[0]),
        groups(a.extents[1]),
        channels(a.extents[2]),
        filters(a.extents[3]),
        y{a.extents[4], a.extents[6], a.extents[8], a.integers[3], a.integers[5]},
        x{a.extents[5], a.extents[7], a.extents[9], a.integers[4], a.integers[6]},
        chunk(a.extents[10]),
        flip(a.integers[2] != 0) {}

  std::int64_t plane() const { return y.image * x.image; }
  std::int64_t taps() const { return y.window * x.window; }
  std::int64_t positions() const { return y.positions * x.positions; }
  std::int64_t rows() const { return channels * taps(); }  // of a group's patch matrix
};

// Where the window's tap lies in the image, for row `row` of all groups' patch matrices.
struct Tap {
  std::int64_t channel, y, x;

  Tap(const Geometry& g, std::int64_t row) {
    const std::int64_t tap = row % g.taps(), ty = tap / g.x.window, tx = tap % g.x.window;
    channel = row / g.taps();
    y = (g.flip ? g.y.window - 1 - ty : ty) * g.y.dilation;
    x = (g.flip ? g.x.window - 1 - tx : tx) * g.x.dilation;
  }
};

template <class T>
class Im2col {
 public:
  Im2col(Context* context, const Arguments& a, LibraryFn product)
      : context_(context), a_(a), g_(a), product_(product), scratch_(static_cast<T*>(a.buffers[3])) {}

  int run(Im2colSide side) {
    if (side == Im2colSide::filters && g_.images == 0) clear_filters();
    for (first_ = 0; first_ < g_.images; first_ += g_.chunk) {  // also after a failure: others wait at the barriers
      count_ = std::min(g_.chunk, g_.images - first_);
      switch (side) {
        case Im2colSide::result:
          fill_patches(static_cast<const T*>(a_.buffers[0]));
          meet();
          multiply_result(static_cast<const T*>(a_.buffers[1]), static_cast<T*>(a_.buffers[2]));
          break;
        case Im2colSide::image:
          multiply_patches(static_cast<const T*>(a_.buffers[0]), static_cast<const T*>(a_.buffers[1]));
          meet();
          sum_patches(static_cast<T*>(a_.buffers[2]));
          break;
        case Im2colSide::filters:
          fill_patches(static_cast<const T*>(a_.buffers[0]));
          meet();
          multiply_filters(static_cast<const T*>(a_.buffers[1]), static_cast<T*>(a_.buffers[2]));
          break;
      }
      meet();  // before the scratch is written again
    }
    return code_;
  }

 private:
  void meet() {
    if (a_.threads > 1) context_->barrier(context_, a_.thread, a_.threads);
  }
  Range share_of(std::int64_t n, std::int64_t unit = 1) const { return share(n, a_.thread, a_.threads, unit); }

  std::int64_t image_size() const { return g_.groups * g_.channels * g_.plane(); }
  std::int64_t result_size() const { return g_.groups * g_.filters * g_.positions(); }
  std::int64_t patch_rows() const { return g_.groups * g_.rows(); }
  T* patches(std::int64_t slot) const { return scratch_ + slot * patch_rows() * g_.positions(); }

  void clear_filters() {
    const Range r = share_of(g_.groups * g_.filters * g_.rows());
    std::fill_n(static_cast<T*>(a_.buffers[2]) + r.begin, r.size(), T(0));
  }

  void fill_patches(const T* image) {
    const Range all = share_of(count_ * patch_rows());
    for (std::int64_t i = all.begin; i < all.end; ++i) {
      const std::int64_t slot = i / patch_rows(), row = i % patch_rows();
      const Tap tap(g_, row);
      const T* from = image + (first_ + slot) * image_size() + tap.channel * g_.plane() + tap.y * g_.x.image + tap.x;
      T* to = patches(slot) + row * g_.positions();
      for (std::int64_t y = 0; y < g_.y.positions; ++y, to += g_.x.positions) {
        const T* line = from + y * g_.y.stride * g_.x.image;
        if (g_.x.stride == 1)
          std::memcpy(to, line, static_cast<std::size_t>(g_.x.positions) * sizeof(T));
        else
          for (std::int64_t x = 0; x < g_.x.positions; ++x) to[x] = line[x * g_.x.stride];
      }
    }
  }

  void sum_patches(T* image) {
    const Range all = share_of(count_ * g_.groups * g_.channels);
    for (std::int64_t i = all.begin; i < all.end; ++i) {
      const std::int64_t slot = i / (g_.groups * g_.channels), channel = i % (g_.groups * g_.channels);
      T* plane = image + (first_ + slot) * image_size() + channel * g_.plane();
      std::fill_n(plane, g_.plane(), T(0));
      for (std::int64_t row = channel * g_.taps(); row < (channel + 1) * g_.taps(); ++row) {
        const Tap tap(g_, row);
        const T* from = patches(slot) + row * g_.positions();
        for (std::int64_t y = 0; y < g_.y.positions; ++y, from += g_.x.positions) {
          T* line = plane + (tap.y + y * g_.y.stride) * g_.x.image + tap.x;
          for (std::int64_t x = 0; x < g_.x.positions; ++x) line[x * g_.x.stride] += from[x];
        }
      }
    }
  }

  // Calls f(slot, group, first column, columns) for this thread's part of the columns of all images' and groups'
  // matrices.
  template <class F>
  void for_columns(std::int64_t matrices, std::int64_t columns, F f) {
    constexpr std::int64_t unit = 64;  // elements: OpenBLAS is slow on a few columns
    const std::int64_t pieces = (columns + unit - 1) / unit;
    const Range all = share_of(matrices * pieces);
    for (std::int64_t i = all.begin; i < all.end;) {
      const std::int64_t matrix = i / pieces, piece = i % pieces;
      const std::int64_t end = std::min(pieces, piece + all.end - i);
      f(matrix / g_.groups, matrix % g_.groups, piece * unit, std::min(columns, end * unit) - piece * unit);
      i += end - piece;
    }
  }

  struct Product {
    std::int64_t m, n, k, lda, ldb, ldc;
    bool transpose_a = false, transpose_b = false, add = false;
  };
  void multiply(const T* a, const T* b, T* c, const Product& p) {
    if (code_ != 0) return;
    void* const buffers[] = {const_cast<T*>(a), const_cast<T*>(b), c};  // NOLINT: the call reads the first two
    const std::int64_t extents[] = {p.m, p.n, p.k, p.lda, p.ldb, p.ldc};
    const std::int64_t integers[] = {p.transpose_a, p.transpose_b};
    const double reals[] = {1, p.add ? 1.0 : 0.0};
    code_ = product_(context_, {.buffers = buffers, .extents = extents, .integers = integers, .reals = reals});
  }

  void multiply_result(const T* filters, T* result) {
    const std::int64_t p = g_.positions(), k = g_.rows();
    for_columns(count_ * g_.groups, p, [&](auto slot, auto group, auto column, auto columns) {
      multiply(filters + group * g_.filters * k, patches(slot) + group * k * p + column,
               result + (first_ + slot) * result_size() + group * g_.filters * p + column,
               {g_.filters, columns, k, k, p, p});
    });
  }

  void multiply_patches(const T* filters, const T* result) {
    const std::int64_t p = g_.positions(), k = g_.rows();
    for_columns(count_ * g_.groups, p, [&](auto slot, auto group, auto column, auto columns) {
      multiply(filters + group * g_.filters * k,
               result + (first_ + slot) * result_size() + group * g_.filters * p + column,
               patches(slot) + group * k * p + column, {k, columns, g_.filters, k, p, p, true});
    });
  }

  void multiply_filters(const T* result, T* filters) {
    const std::int64_t p = g_.positions(), k = g_.rows();
    for_columns(g_.groups, k, [&](auto, auto group, auto column, auto columns) {
      for (std::int64_t slot = 0; slot < count_; ++slot)
        multiply(result + (first_ + slot) * result_size() + group * g_.filters * p,
                 patches(slot) + (group * k + column) * p, filters + group * g_.filters * k + column,
                 {g_.filters, columns, p, p, p, k, false, true, first_ + slot > 0});
    });
  }

  Context* context_;
  const Arguments& a_;
  const Geometry g_;
  const LibraryFn product_;
  T* scratch_;
  std::int64_t first_ = 0, count_ = 0;  // the images in the scratch
  int code_ = 0;
};

int conv_im2col(Context* context, const Arguments& a) {
  const auto side = static_cast<Im2colSide>(a.integers[1]);
  if (static_cast<DType>(a.integers[0]) == DType::f64)
    return Im2col<double>(context, a, find_openblas("dgemm")).run(side);
  return Im2col<float>(context, a, find_openblas("sgemm")).run(side);
}

}  // namespace

LibraryFn find_im2col(const std::string& name) {
  if (name != "conv_im2col") return nullptr;
  find_openblas("sgemm");  // an Error here, and not in the middle of a call
  return conv_im2col;
}

double im2col_work(std::span<const std::int64_t> e) {
  double work = 1;
  for (const std::size_t i : {0, 1, 2, 3, 6, 7, 8, 9}) work *= static_cast<double>(e[i]);
  return work;
}

}  // namespace bitale::library

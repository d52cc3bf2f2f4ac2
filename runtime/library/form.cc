#include "runtime/library/form.h"

#include <algorithm>
#include <climits>
#include <string_view>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/library/callback.h"

namespace bitale::library {
namespace {

// One word per buffer, those behind > are written: the dtype (t: that of integer 0, i: int64) and its dims, by number
// of the extent; of svd: k, the smaller one of extents 1 and 2, and u and v, which are k or (full) extent 1 and 2.
struct Row {
  std::string_view function;
  int extents, integers;
  std::string_view buffers;
  bool any_dtype = false;         // else t is a float
  int smaller = -1, larger = -1;  // extents of which the first must not be larger
};

constexpr Row rows[] = {
    {"checked_rows", 2, 2, "t1 > i1", true},
    {"scatter_add", 4, 1, "t012 i3 t032 > t012", true},
    {"scatter_set", 4, 1, "t012 i3 t032 > t012", true},
    {"scatter_max", 4, 1, "t012 i3 t032 > t012", true},
    {"scatter_min", 4, 1, "t012 i3 t032 > t012", true},
    {"argsort", 4, 2, "t012 > i032", true, 3, 1},
    {"searchsorted", 3, 2, "t01 t02 > i02", true},
    {"cumulative", 3, 3, "t012 > t012", true},
    {"linear_recurrence", 3, 2, "t012 t012 > t012"},
    {"cholesky", 2, 1, "t011 > t011"},
    {"cholesky_solve", 3, 1, "t011 t012 t011 > t012"},
    {"triangular_solve", 3, 4, "t011 t012 > t012"},
    {"lu_factors", 2, 1, "t011 > t011 i01"},
    {"lu_solve", 3, 2, "t011 t012 t011 i01 > t012"},
    {"lu_inverse", 2, 1, "t011 t011 i01 > t011"},
    {"lu_det", 2, 1, "t011 t011 i01 > t0"},
    {"lu_slogdet", 2, 1, "t011 t011 i01 > t0 t0"},
    {"eigh", 2, 1, "t011 > t01 t011"},
    {"eigvalsh", 2, 1, "t011 > t01"},
    {"svd", 3, 2, "t012 > t01u t0k t0v2"},
    {"pinv", 3, 2, "t012 > t021"},
    {"qr", 3, 1, "t012 > t012 t022", false, 2, 1},
    {"lstsq", 4, 1, "t012 t013 > t023", false, 2, 1},
    {"expm", 2, 1, "t011 > t011"},
};

class Check {
 public:
  Check(const std::string& function, const CallForm& form) : function_(function), form_(form) {
    for (const std::int64_t e : form.extents) require(e >= 0, "its extent {} is negative", e);
  }

  void row(const Row& r) {
    counts(static_cast<std::size_t>(std::ranges::count(r.buffers, ' ')), static_cast<std::size_t>(r.extents),
           static_cast<std::size_t>(r.integers));
    type_ = dtype(form_.integers[0]);
    require(r.any_dtype || is_floating(type_), "it takes no {}", name_of(type_));
    if (r.smaller >= 0)
      require(extent(r.smaller) <= extent(r.larger), "its extent {} is larger than {}", extent(r.smaller),
              extent(r.larger));
    bool written = false;
    std::size_t number = 0;
    for (std::size_t at = 0; at < r.buffers.size();) {
      const std::size_t end = std::min(r.buffers.find(' ', at), r.buffers.size());
      const std::string_view word = r.buffers.substr(at, end - at);
      at = end + 1;
      if (word == ">")
        written = true;
      else
        buffer(number++, word, written);
    }
  }

  // c[m][n] = a[m][k] b[k][n], each row `ld` elements from the next; a or b may be transposed.
  void gemm(DType type) {
    counts(3, 6, 2);
    require(form_.reals.size() == 2, "it has {} factors", form_.reals.size());
    for (const std::int64_t e : form_.extents) require(e <= INT_MAX, "its extent {} is more than it can count", e);
    const std::int64_t m = extent(0), n = extent(1), k = extent(2);
    matrix(0, type, form_.integers[0] ? k : m, form_.integers[0] ? m : k, extent(3), false);
    matrix(1, type, form_.integers[1] ? n : k, form_.integers[1] ? k : n, extent(4), false);
    matrix(2, type, m, n, extent(5), true);
  }

  void fill() {
    counts(1, form_.extents.size(), 2);
    type_ = known_dtype(form_.integers[0]);
    std::int64_t size = 1;
    for (const std::int64_t e : form_.extents) size = times(size, e);
    buffer(0, type_, size, true);
  }

  // im2col.h and convolution.h list what the numbers are; conv_cudnn has no scratch, but a margin, and takes 16 bits.
  void convolution(bool scratch) {
    counts(scratch ? 4 : 3, scratch ? 11 : 10, scratch ? 7 : 13);
    type_ = scratch ? dtype(form_.integers[0]) : known_dtype(form_.integers[0]);
    require(is_floating(type_), "it takes no {}", name_of(type_));
    const std::int64_t side = form_.integers[1];
    require(side >= 0 && side <= 2, "there is no side {}", side);
    require(!scratch || extent(0) == 0 || extent(10) >= 1, "its scratch holds no image");
    for (int k = 0; k < 2; ++k) {
      const std::int64_t stride = form_.integers[3 + k], dilation = form_.integers[5 + k];
      require(stride >= 1 && dilation >= 1, "strides {} and dilations {}", stride, dilation);
      require(extent(8 + k) >= 1 && extent(6 + k) >= 1, "it has no windows");
      require(times(extent(8 + k) - 1, stride) < extent(4 + k) &&
                  times(extent(6 + k) - 1, dilation) < extent(4 + k) - (extent(8 + k) - 1) * stride,
              "windows of {} reach beyond {} elements", extent(6 + k), extent(4 + k));
    }
    std::int64_t inside[2] = {extent(4), extent(5)};
    for (std::size_t k = 0; k < 2 && !scratch; ++k) {
      const std::int64_t before = form_.integers[9 + k], after = form_.integers[11 + k];
      require(before >= 0 && after >= 0 && before <= inside[k] && after <= inside[k] - before,
              "margins of {} and {} around {} elements", before, after, inside[k]);
      inside[k] -= before + after;
    }
    const std::int64_t channels = times(extent(1), extent(2)), filters = times(extent(1), extent(3)),
                       window = times(extent(6), extent(7)), positions = times(extent(8), extent(9));
    const std::int64_t sizes[] = {
        times(extent(0), times(filters, positions)),
        times(extent(0), times(channels, times(inside[0], inside[1]))),
        times(filters, times(extent(2), window)),
    };  // result, image, filters
    const int order[3][3] = {{1, 2, 0}, {2, 0, 1}, {1, 0, 2}};
    for (std::size_t b = 0; b < 3; ++b) buffer(b, type_, sizes[order[side][b]], b == 2);
    if (scratch) buffer(3, type_, times(times(extent(10), channels), times(window, positions)), true);
  }

  // fft.h lists what the numbers are.
  void fft(bool inverse) {
    counts(2, 6, 1);
    type_ = dtype(form_.integers[0]);
    require(is_floating(type_), "it takes no {}", name_of(type_));
    require(extent(2) <= extent(4) && extent(3) <= extent(5) && extent(4) >= 1 && extent(5) >= 2 && extent(5) % 2 == 0,
            "planes of {} by {} elements do not fit", extent(2), extent(3));
    const std::int64_t planes = times(extent(0), extent(1)),
                       spectra = times(times(extent(4), extent(5) / 2 + 1), times(2, planes));
    buffer(inverse ? 1 : 0, type_, times(planes, times(extent(2), extent(3))), inverse);
    buffer(inverse ? 0 : 1, type_, spectra, !inverse);
  }

  void callback() {
    const std::size_t n = form_.buffers.size();
    require(form_.integers.size() == 2 + 2 * n, "it has {} numbers for {} buffers", form_.integers.size(), n);
    require(is_callback(form_.integers[0]), "function {} is none of this process", form_.integers[0]);
    require(form_.integers[1] >= 0 && form_.integers[1] <= static_cast<std::int64_t>(n), "it has {} inputs",
            form_.integers[1]);
    std::int64_t first = 0;
    for (std::size_t b = 0; b < n; ++b) {
      const std::int64_t rank = form_.integers[3 + 2 * b], left = std::ssize(form_.extents) - first;
      require(rank >= 0 && rank <= left, "buffer {} has {} dims", b, rank);
      std::int64_t size = 1;
      for (std::int64_t d = 0; d < rank; ++d) size = times(size, extent(first + d));
      first += rank;
      buffer(b, dtype(form_.integers[2 + 2 * b]), size, static_cast<std::int64_t>(b) >= form_.integers[1]);
    }
    require(first == std::ssize(form_.extents), "it has {} extents for {} dims", form_.extents.size(), first);
  }

 private:
  template <class... Args>
  void require(bool holds, fmt::format_string<Args...> text, Args&&... args) const {
    if (!holds)
      throw Error(fmt::format("the library call {} is malformed: ", function_) +
                  fmt::format(text, std::forward<Args>(args)...));
  }

  void counts(std::size_t buffers, std::size_t extents, std::size_t integers) const {
    require(form_.buffers.size() == buffers, "it has {} buffers, expected {}", form_.buffers.size(), buffers);
    require(form_.extents.size() == extents, "it has {} extents, expected {}", form_.extents.size(), extents);
    require(form_.integers.size() == integers, "it has {} numbers, expected {}", form_.integers.size(), integers);
  }

  DType known_dtype(std::int64_t number) const {
    require(number >= 0 && number <= static_cast<std::int64_t>(last_dtype), "there is no dtype {}", number);
    return static_cast<DType>(number);
  }

  DType dtype(std::int64_t number) const {
    const DType dtype = known_dtype(number);
    require(!is_only_stored(dtype), "nothing computes in {}", name_of(dtype));
    return dtype;
  }

  std::int64_t extent(std::int64_t i) const { return form_.extents[static_cast<std::size_t>(i)]; }

  std::int64_t times(std::int64_t a, std::int64_t b) const {
    std::int64_t product = 0;
    require(!__builtin_mul_overflow(a, b, &product), "{} times {} elements are more than can be", a, b);
    return product;
  }

  std::int64_t dim(char letter) const {
    if (letter >= '0' && letter <= '9') return extent(letter - '0');
    const bool full = letter != 'k' && form_.integers[1] != 0;
    return full ? extent(letter == 'u' ? 1 : 2) : std::min(extent(1), extent(2));
  }

  void buffer(std::size_t number, std::string_view word, bool written) const {
    std::int64_t size = 1;
    for (const char letter : word.substr(1)) size = times(size, dim(letter));
    buffer(number, word[0] == 'i' ? DType::i64 : type_, size, written);
  }

  void buffer(std::size_t number, DType type, std::int64_t size, bool written) const {
    const CallForm::Buffer& b = form_.buffers[number];
    require(b.storage == type, "buffer {} holds {}, expected {}", number, name_of(b.storage), name_of(type));
    require(b.elements == size, "buffer {} has {} elements, expected {}", number, b.elements, size);
    direction(number, written);
  }

  void direction(std::size_t number, bool written) const {
    require(form_.buffers[number].written == written, "it {} buffer {}, and the step says otherwise",
            written ? "writes" : "does not write", number);
  }

  void matrix(std::size_t number, DType type, std::int64_t height, std::int64_t width, std::int64_t leading,
              bool written) const {
    const CallForm::Buffer& b = form_.buffers[number];
    require(b.storage == type, "buffer {} holds {}, expected {}", number, name_of(b.storage), name_of(type));
    direction(number, written);
    if (height == 0 || width == 0) return;
    require(leading >= width, "rows of {} elements are {} from each other", width, leading);
    const std::int64_t size = times(height - 1, leading) + width;
    require(b.elements >= size, "buffer {} has {} elements, expected {}", number, b.elements, size);
  }

  const std::string& function_;
  const CallForm& form_;
  DType type_ = DType::f32;
};

}  // namespace

void check_form(const std::string& function, const CallForm& form) {
  Check check(function, form);
  if (function == "sgemm" || function == "dgemm") return check.gemm(function == "sgemm" ? DType::f32 : DType::f64);
  if (function == "callback") return check.callback();
  if (function == "fill") return check.fill();
  if (function == "conv_im2col" || function == "conv_cudnn") return check.convolution(function == "conv_im2col");
  if (function == "fft2" || function == "ifft2") return check.fft(function == "ifft2");
  const auto* row = std::ranges::find(rows, function, &Row::function);
  if (row == std::end(rows)) throw Error("there is no library call '" + function + "'");
  check.row(*row);
}

}  // namespace bitale::library

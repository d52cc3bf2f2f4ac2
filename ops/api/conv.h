// Convolution and pooling over one, two or three spatial axes, which come last: images [n, c, spatial...], filters
// [out, in/groups, spatial...].
//
// Options with one entry per axis may be given as one for all axes; an empty list is the default.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "ops/api/names.h"

namespace bitale::ops {

// What is put around an image, before and after it along each axis. A window that reaches over r elements (its extent,
// dilated) makes the rules:
//   valid   nothing
//   same    as many windows as strides begin in the image: ceil(extent / stride) of them. The whole is
//           max((windows - 1) * stride + r - extent, 0), of which the smaller half comes first (TensorFlow's SAME,
//           ONNX's SAME_UPPER).
//   full    r - 1 on both sides: every window that touches the image
//   causal  r - 1 before: no window reads beyond the element that it ends at
struct Padding {
  enum Rule : std::uint8_t { numbers, valid, same, full, causal };
  Rule rule = valid;
  std::vector<std::int64_t> values;  // numbers: one for all sides, one per axis, or before and after of each axis

  Padding() = default;
  Padding(Rule r) : rule(r) {}                                                   // NOLINT: implicit by design
  Padding(std::int64_t all) : rule(numbers), values{all} {}                      // NOLINT
  Padding(int all) : rule(numbers), values{all} {}                               // NOLINT
  Padding(std::initializer_list<std::int64_t> v) : rule(numbers), values(v) {}   // NOLINT
  Padding(std::vector<std::int64_t> v) : rule(numbers), values(std::move(v)) {}  // NOLINT
  Padding(Rule r, std::vector<std::int64_t> v) : rule(r), values(std::move(v)) {}
};

// What computes a convolution and its gradients; docs/convolutions.md says what each is and what it cannot compute.
//   automatic      what the function is compiled for, else what is expected to be fastest
//   implicit_gemm  a contraction whose index maps are the windows'
//   im2col         patch matrices, and OpenBLAS
//   direct         the sum as it stands, without packing
//   winograd       small tiles by polynomial interpolation: windows of 3 and 5 elements, stride 1
//   fft            products of spectra: stride 1
//   cudnn          NVIDIA's library, on its GPUs
enum class ConvAlgorithm : std::uint8_t { automatic, implicit_gemm, im2col, direct, winograd, fft, cudnn };
const char* to_string(ConvAlgorithm algorithm);

struct ConvOptions {
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
  std::int64_t groups = 1;
  bool flip = false;  // true convolution: filters turned around along every spatial axis
  // An Error if it cannot compute this. Gradients have it too, unless it cannot compute those: then they are automatic.
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};
Tensor conv1d(const Tensor& x, const Tensor& filters, const ConvOptions& options = {}, SourceLine line = {});
Tensor conv2d(const Tensor& x, const Tensor& filters, const ConvOptions& options = {}, SourceLine line = {});
Tensor conv3d(const Tensor& x, const Tensor& filters, const ConvOptions& options = {}, SourceLine line = {});
// The gradients; `extents` are the spatial ones of the result.
Tensor conv_backward_data(const Tensor& dy, const Tensor& filters, const Shape& extents,
                          const ConvOptions& options = {}, SourceLine line = {});
Tensor conv_backward_filters(const Tensor& x, const Tensor& dy, const Shape& extents, const ConvOptions& options = {},
                             SourceLine line = {});

// Transposed convolution: the gradient in its images of the convolution with these options, for an image of extent
// (n - 1) * stride + r - (padding before and after) + output_padding, where n is x's (with `same`: n * stride);
// 0 <= output_padding < stride. Filters are [in, out/groups, spatial...].
struct ConvTransposeOptions {
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
  std::vector<std::int64_t> output_padding = {};  // default 0; none with `same`
  std::int64_t groups = 1;
  bool flip = false;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  // as in ConvOptions
};
Tensor conv_transpose1d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& options = {},
                        SourceLine line = {});
Tensor conv_transpose2d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& options = {},
                        SourceLine line = {});
Tensor conv_transpose3d(const Tensor& x, const Tensor& filters, const ConvTransposeOptions& options = {},
                        SourceLine line = {});

struct PoolOptions {
  std::vector<std::int64_t> window = {};  // default 2
  std::vector<std::int64_t> stride = {};  // default: the window
  Padding padding = {};                   // what lies in it is never a maximum and adds nothing to an average
  bool ceil = false;                      // the last window may end beyond the image and its padding
  bool count_padding = false;  // average: divide by the window's elements in image and padding, not in the image
  bool all_maxima = false;     // maximum: the gradient goes to every maximum, not to the first
};
Tensor max_pool1d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
Tensor max_pool2d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
Tensor max_pool3d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
Tensor average_pool1d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
Tensor average_pool2d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
Tensor average_pool3d(const Tensor& x, const PoolOptions& options = {}, SourceLine line = {});
// Over all spatial axes, which keep the extent 1.
Tensor global_max_pool(const Tensor& x, SourceLine line = {});  // gradient to the first maximum
Tensor global_average_pool(const Tensor& x, SourceLine line = {});

// The windows of images [n, c, spatial...] as columns, [n, c * window elements, positions] (im2col), and columns summed
// into an image with these spatial extents (col2im), its transpose.
struct UnfoldOptions {
  std::vector<std::int64_t> window = {};                 // default 2
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
};
Tensor unfold(const Tensor& x, const UnfoldOptions& options = {}, SourceLine line = {});
Tensor fold(const Tensor& columns, const Shape& extents, const UnfoldOptions& options = {}, SourceLine line = {});

// Local response normalisation of x [n, c, ...]: x / (k + a * s)^beta, where s is the sum of squares over the window of
// `size` channels around each (size / 2 before it, (size - 1) / 2 after it; beyond the ends there is nothing), or with
// within_channel over the same window along every spatial axis. a = alpha, or alpha over the number of elements of a
// whole window with divide_alpha. The defaults are those of AlexNet in Theano and in Krizhevsky's paper. Caffe, Torch
// and PyTorch divide alpha and have k = 1; TensorFlow does not divide, its radius r is size 2 * r + 1.
struct LrnOptions {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 2;  // alpha >= 0, k > 0
  bool divide_alpha = false;
  bool within_channel = false;
};
Tensor lrn(const Tensor& x, const LrnOptions& options = {}, SourceLine line = {});

}  // namespace bitale::ops

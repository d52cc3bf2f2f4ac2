// Convolution, pooling and local response normalisation over one, two or three spatial axes, which come last: images
// [n, c, spatial...], filters [out, in/groups, spatial...].
//
// Options with one entry per axis may be given as one for all axes; an empty list is the default.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include <bitale/conv_algorithm.h>
#include <bitale/tensor.h>

namespace bitale {

// What is put around an image, before and after it along each axis: numbers (one for all sides, one per axis, or before
// and after of each axis), or a rule by what a window reaches over, r elements (its extent, dilated):
//   Padding::valid   nothing
//   Padding::same    as many windows as strides begin in the image: ceil(extent / stride) of them. The whole is
//                    max((windows - 1) * stride + r - extent, 0), of which the smaller half comes first (TensorFlow's
//                    SAME, ONNX's SAME_UPPER).
//   Padding::full    r - 1 on both sides: every window that touches the image
//   Padding::causal  r - 1 before: no window reads beyond the element that it ends at
struct Padding {
  enum Rule : std::uint8_t { numbers, valid, same, full, causal };
  Rule rule = valid;
  std::vector<std::int64_t> values;

  Padding() = default;
  Padding(Rule r) : rule(r) {}                                                   // NOLINT: implicit by design
  Padding(std::int64_t all) : rule(numbers), values{all} {}                      // NOLINT
  Padding(int all) : rule(numbers), values{all} {}                               // NOLINT
  Padding(std::initializer_list<std::int64_t> v) : rule(numbers), values(v) {}   // NOLINT
  Padding(std::vector<std::int64_t> v) : rule(numbers), values(std::move(v)) {}  // NOLINT
};

struct Conv {
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
  std::int64_t groups = 1;
  bool flip = false;  // true convolution: filters turned around along every spatial axis
  // An Error if it cannot compute this. Gradients have it too, unless it cannot compute those: then they are automatic.
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};
Tensor conv1d(const Tensor& images, const Tensor& filters, const Conv& options = {}, Where at = Where::current());
Tensor conv2d(const Tensor& images, const Tensor& filters, const Conv& options = {}, Where at = Where::current());
Tensor conv3d(const Tensor& images, const Tensor& filters, const Conv& options = {}, Where at = Where::current());

// Transposed convolution: the gradient in its images of the convolution with these options, for an image of extent
// (n - 1) * stride + r - (padding before and after) + output_padding, where n is that of `images` (with Padding::same:
// n * stride); 0 <= output_padding < stride. Filters are [in, out/groups, spatial...].
struct ConvTranspose {
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
  std::vector<std::int64_t> output_padding = {};  // default 0; none with Padding::same
  std::int64_t groups = 1;
  bool flip = false;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;  // as in Conv
};
Tensor conv_transpose1d(const Tensor& images, const Tensor& filters, const ConvTranspose& options = {},
                        Where at = Where::current());
Tensor conv_transpose2d(const Tensor& images, const Tensor& filters, const ConvTranspose& options = {},
                        Where at = Where::current());
Tensor conv_transpose3d(const Tensor& images, const Tensor& filters, const ConvTranspose& options = {},
                        Where at = Where::current());

struct Pool {
  std::vector<std::int64_t> window = {};  // default 2
  std::vector<std::int64_t> stride = {};  // default: the window
  Padding padding = {};                   // what lies in it is never a maximum and adds nothing to an average
  bool ceil = false;                      // the last window may end beyond the image and its padding
  bool count_padding = false;  // average: divide by the window's elements in image and padding, not in the image
  bool all_maxima = false;     // maximum: the gradient goes to every maximum, not to the first
};
Tensor max_pool1d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
Tensor max_pool2d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
Tensor max_pool3d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
Tensor average_pool1d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
Tensor average_pool2d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
Tensor average_pool3d(const Tensor& images, const Pool& options = {}, Where at = Where::current());
// Over all spatial axes, which keep the extent 1.
Tensor global_max_pool(const Tensor& images, Where at = Where::current());  // gradient to the first maximum
Tensor global_average_pool(const Tensor& images, Where at = Where::current());

// The windows of images [n, c, spatial...] as columns, [n, c * window elements, positions] (im2col), and columns summed
// into an image with these spatial extents (col2im), its transpose.
struct Unfold {
  std::vector<std::int64_t> window = {};                 // default 2
  std::vector<std::int64_t> stride = {}, dilation = {};  // default 1
  Padding padding = {};
};
Tensor unfold(const Tensor& images, const Unfold& options = {}, Where at = Where::current());
Tensor fold(const Tensor& columns, const Shape& extents, const Unfold& options = {}, Where at = Where::current());

// Local response normalisation of images [n, c, ...]: x / (k + a * s)^beta, where s is the sum of squares over the
// window of `size` channels around each (size / 2 before it, (size - 1) / 2 after it; beyond the ends there is
// nothing), or with within_channel over the same window along every spatial axis. a = alpha, or alpha over the number
// of elements of a whole window with divide_alpha. The defaults are those of AlexNet in Theano and in Krizhevsky's
// paper. Caffe, Torch and PyTorch divide alpha and have k = 1; TensorFlow does not divide, its radius r is size
// 2 * r + 1.
struct Lrn {
  std::int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 2;  // alpha >= 0, k > 0
  bool divide_alpha = false;
  bool within_channel = false;
};
Tensor lrn(const Tensor& images, const Lrn& options = {}, Where at = Where::current());

}  // namespace bitale

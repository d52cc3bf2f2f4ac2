#include "ops/api/conv.h"

#include <bitale/conv.h>

#include "frontends/cpp/handles.h"
#include "ops/conv/algorithm.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

namespace {

ops::Padding padding(const Padding& p) { return {static_cast<ops::Padding::Rule>(p.rule), p.values}; }

ops::ConvAlgorithm algorithm(ConvAlgorithm a) { return static_cast<ops::ConvAlgorithm>(a); }

ops::ConvOptions options(const Conv& o) {
  return {o.stride, o.dilation, padding(o.padding), o.groups, o.flip, algorithm(o.algorithm)};
}

ops::ConvTransposeOptions options(const ConvTranspose& o) {
  return {o.stride, o.dilation, padding(o.padding), o.output_padding, o.groups, o.flip, algorithm(o.algorithm)};
}

ops::PoolOptions options(const Pool& o) {
  return {o.window, o.stride, padding(o.padding), o.ceil, o.count_padding, o.all_maxima};
}

}  // namespace

static_assert(static_cast<int>(Padding::causal) == static_cast<int>(ops::Padding::causal));
static_assert(static_cast<int>(ConvAlgorithm::fft) == static_cast<int>(ops::ConvAlgorithm::fft));

const char* to_string(ConvAlgorithm a) { return ops::to_string(algorithm(a)); }

ConvAlgorithm conv_algorithm(std::string_view name) {
  if (const auto found = ops::algorithm_of(name)) return static_cast<ConvAlgorithm>(*found);
  throw Error("there is no convolution algorithm '" + std::string(name) + "'; there are: " + ops::algorithm_names());
}

std::string conv_algorithm_names() { return ops::algorithm_names(); }

Tensor conv1d(const Tensor& x, const Tensor& filters, const Conv& o, Where at) {
  return Access::out(ops::conv1d(Access::in(x), Access::in(filters), options(o), at));
}
Tensor conv2d(const Tensor& x, const Tensor& filters, const Conv& o, Where at) {
  return Access::out(ops::conv2d(Access::in(x), Access::in(filters), options(o), at));
}
Tensor conv3d(const Tensor& x, const Tensor& filters, const Conv& o, Where at) {
  return Access::out(ops::conv3d(Access::in(x), Access::in(filters), options(o), at));
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& filters, const ConvTranspose& o, Where at) {
  return Access::out(ops::conv_transpose1d(Access::in(x), Access::in(filters), options(o), at));
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& filters, const ConvTranspose& o, Where at) {
  return Access::out(ops::conv_transpose2d(Access::in(x), Access::in(filters), options(o), at));
}
Tensor conv_transpose3d(const Tensor& x, const Tensor& filters, const ConvTranspose& o, Where at) {
  return Access::out(ops::conv_transpose3d(Access::in(x), Access::in(filters), options(o), at));
}

Tensor max_pool1d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::max_pool1d(Access::in(x), options(o), at));
}
Tensor max_pool2d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::max_pool2d(Access::in(x), options(o), at));
}
Tensor max_pool3d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::max_pool3d(Access::in(x), options(o), at));
}
Tensor average_pool1d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::average_pool1d(Access::in(x), options(o), at));
}
Tensor average_pool2d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::average_pool2d(Access::in(x), options(o), at));
}
Tensor average_pool3d(const Tensor& x, const Pool& o, Where at) {
  return Access::out(ops::average_pool3d(Access::in(x), options(o), at));
}
Tensor global_max_pool(const Tensor& x, Where at) { return Access::out(ops::global_max_pool(Access::in(x), at)); }
Tensor global_average_pool(const Tensor& x, Where at) {
  return Access::out(ops::global_average_pool(Access::in(x), at));
}

Tensor unfold(const Tensor& x, const Unfold& o, Where at) {
  return Access::out(ops::unfold(Access::in(x), {o.window, o.stride, o.dilation, padding(o.padding)}, at));
}
Tensor fold(const Tensor& columns, const Shape& extents, const Unfold& o, Where at) {
  return Access::out(
      ops::fold(Access::in(columns), Access::in(extents), {o.window, o.stride, o.dilation, padding(o.padding)}, at));
}

Tensor lrn(const Tensor& x, const Lrn& o, Where at) {
  return Access::out(ops::lrn(Access::in(x), {o.size, o.alpha, o.beta, o.k, o.divide_alpha, o.within_channel}, at));
}

}  // namespace bitale

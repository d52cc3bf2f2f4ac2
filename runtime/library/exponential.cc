// The matrix exponential: Pade approximation with scaling and squaring.
#include <unsupported/Eigen/MatrixFunctions>

#include "runtime/library/each_matrix.h"

namespace bitale::library {

int expm(Context* context, const Arguments& a) {
  const std::int64_t n = a.extents[1];
  return each_matrix(context, a, [&](auto tag, std::int64_t number) {
    using T = typename decltype(tag)::type;
    const auto x = input<T>(a, 0, number, n, n);
    auto y = output<T>(a, 1, number, n, n);
    if (n == 0) return MatrixFailure{};
    if (is_finite(x))
      y = Wide(Wide(x.template cast<double>()).exp()).template cast<T>();
    else
      y.setConstant(nan_of<T>);
    return MatrixFailure{};
  });
}

}  // namespace bitale::library

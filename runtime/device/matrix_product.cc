#include "runtime/device/matrix_product.h"

#include <fmt/format.h>

namespace bitale {

std::string to_string(const MatrixProduct& p) {
  const auto matrix = [](std::int64_t rows, std::int64_t columns, bool transposed) {
    return transposed ? fmt::format("[{} x {}]^T", columns, rows) : fmt::format("[{} x {}]", rows, columns);
  };
  return fmt::format("{} {} by {}{}{}{}{}{}", name_of(p.dtype), matrix(p.m, p.k, p.trans_a),
                     matrix(p.k, p.n, p.trans_b), p.batch > 1 ? fmt::format(", {} times", p.batch) : "",
                     p.tf32 ? ", in TF32" : "", p.bias ? ", plus a bias" : "", p.relu ? ", then relu" : "",
                     p.result() != computed_as(p.dtype) ? ", rounded" : "");
}

}  // namespace bitale

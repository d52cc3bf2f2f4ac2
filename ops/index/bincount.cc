// A scatter_add into zeros.
#include "ops/api/checks.h"
#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

const OpDef bincount_op{
    .name = "bincount",
    .doc = "bincount(x, length, weights): how often each of 0 ... length-1 occurs, or the sums of its weights",
    .composite = true,
    .samples =
        [] {
          const SampleInput x{.shape = {9}, .low = 0, .high = 4, .dtype = DType::i32};
          const SampleInput none{.shape = {0}, .low = 0, .high = 4, .dtype = DType::u8};
          const auto count = [](std::span<const Tensor> in) { return std::vector{bincount(in[0], 6)}; };
          const auto sum = [](std::span<const Tensor> in) { return std::vector{bincount(in[0], 5, in[1])}; };
          return std::vector<Sample>{
              {"counts", {x}, count}, {"weights", {x, {{9}}}, sum}, {"of nothing", {none}, count}};
        },
};

Tensor bincount(const Tensor& x, const Dim& length, const Tensor& weights, SourceLine line) {
  require_integers("bincount", x, line);
  const Tensor rows = checked_rows(x, length, "bincount", line, false);
  Tensor w = ones_like(rows);
  if (weights) {
    const Operand one[] = {weights};
    w = broadcast_to(ir::cast(weights, number_dtype(one), line), x.shape(), line);
  }
  const Dim count = product(x.shape());
  const Tensor sums = scatter_rows(scatter_add_op, zeros(w.dtype(), {1, length, 1}), reshape(rows, {count}, line),
                                   reshape(w, {1, count, 1}, line), line);
  return reshape(sums, {length}, line);
}

}  // namespace bitale::ops

#include "ops/index/index.h"

namespace bitale::ops {

using namespace ir;

const OpDef one_hot_op{
    .name = "one_hot",
    .doc =
        "one_hot(indices, classes, dtype): 1 at the index along a new last axis, else 0; outside [0, classes): zeros",
    .composite = true,
    .samples =
        [] {
          const auto build = [](std::span<const Tensor> in) { return std::vector{one_hot(in[0], 4, DType::f64)}; };
          return std::vector<Sample>{{"vector", {{.shape = {5}, .low = -1, .high = 4, .dtype = DType::i64}}, build},
                                     {"matrix", {{.shape = {2, 3}, .low = 0, .high = 3, .dtype = DType::u8}}, build}};
        },
};

// A composition of index maps.
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, SourceLine line) {
  require_integers("one_hot", indices, line);
  const Tensor column = ir::expand_dims(ir::cast(indices, DType::i64, line), indices.rank(), line);
  return ir::cast(equal(column, iota(DType::i64, {classes}, 0, line), line), dtype, line);
}

}  // namespace bitale::ops

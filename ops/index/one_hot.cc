#include "ops/api/index.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

// A composition of index maps; an index outside [0, classes) gives a row of zeros.
Tensor one_hot(const Tensor& indices, const Dim& classes, DType dtype, SourceLine line) {
  if (!is_integer(indices.dtype()))
    throw Error("one_hot: indices must be integers, got " + describe(indices) +
                (line ? ", at " + to_string(line) : ""));
  const Tensor column = ir::expand_dims(ir::cast(indices, DType::i64, line), indices.rank(), line);
  return ir::cast(equal(column, iota(DType::i64, {classes}, 0, line), line), dtype, line);
}

}  // namespace bitale::ops

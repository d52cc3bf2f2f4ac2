// The explicit list of ops: the only file that sees them all. Order is the order of documentation and tests.
#include <vector>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "ops/linalg/rules.h"
#include "ops/nn/rules.h"

namespace bitale::ops {

// Every op: one row, in the list of its family. OP(tanh) refers to the OpDef tanh_op of its own file.
// clang-format off
#define BITALE_OPS(FAMILY, OP)                                           \
  FAMILY("elementwise",                                                  \
    OP(exp) OP(expm1) OP(log) OP(log1p) OP(sqrt) OP(pow)                 \
    OP(tanh) OP(sigmoid) OP(softplus) OP(relu) OP(sin) OP(cos) OP(erf)   \
    OP(floor) OP(ceil) OP(round) OP(floordiv) OP(mod))                   \
  FAMILY("reduce",                                                       \
    OP(logsumexp))                                                       \
  FAMILY("index",                                                        \
    OP(checked_rows) OP(gather) OP(scatter_add) OP(pick)                 \
    OP(pick_backward))                                                   \
  FAMILY("linalg",                                                       \
    OP(triangular_solve) OP(solve) OP(solve_positive_definite)           \
    OP(lstsq) OP(inverse) OP(pinv) OP(det) OP(slogdet)                   \
    OP(cholesky) OP(lu_factors) OP(qr) OP(eigh) OP(eigvalsh) OP(svd)     \
    OP(expm)                                                             \
    OP(matmul) OP(tensordot) OP(einsum) OP(inner) OP(outer) OP(vdot)     \
    OP(kron) OP(cross) OP(multi_dot) OP(matrix_power))                   \
  FAMILY("conv",                                                         \
    OP(conv2d) OP(conv2d_backward_data) OP(conv2d_backward_filters)      \
    OP(max_pool2d) OP(max_pool2d_index) OP(max_pool2d_gather)            \
    OP(max_pool2d_backward)                                              \
    OP(average_pool2d) OP(average_pool2d_backward))                      \
  FAMILY("nn",                                                           \
    OP(softmax) OP(log_softmax))                                         \
  FAMILY("random",                                                       \
    OP(random_uniform) OP(random_normal) OP(random_bernoulli))
// clang-format on

#define OP(name) extern const ir::OpDef name##_op;
#define FAMILY(name, ops) ops
BITALE_OPS(FAMILY, OP)
#undef FAMILY
#undef OP

void register_all() {
  static const bool once = [] {
    ir::register_primitives();
    ir::register_ops("gradients", ad::grad_ops());
#define OP(name) &name##_op,
#define FAMILY(name, ops) ir::register_ops(name, std::vector<const ir::OpDef*>{ops});
    BITALE_OPS(FAMILY, OP)
#undef FAMILY
#undef OP
    driver::add_rules(nn_rules());
    driver::add_rules(linalg_rules());
    return true;
  }();
  (void)once;
}

}  // namespace bitale::ops

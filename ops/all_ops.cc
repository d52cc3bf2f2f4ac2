// The explicit list of ops: the only file that sees them all. Order is the order of documentation and tests.
#include <vector>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
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
  FAMILY("conv",                                                         \
    OP(conv) OP(conv_backward_data) OP(conv_backward_filters)            \
    OP(conv_transpose)                                                   \
    OP(max_pool) OP(max_pool_index) OP(max_pool_gather)                  \
    OP(max_pool_backward)                                                \
    OP(max_pool_all) OP(max_pool_all_sum) OP(max_pool_all_backward)      \
    OP(average_pool) OP(average_pool_backward)                           \
    OP(global_max_pool) OP(global_average_pool)                          \
    OP(unfold) OP(fold)                                                  \
    OP(window_sum) OP(times_power) OP(lrn))                              \
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
    return true;
  }();
  (void)once;
}

}  // namespace bitale::ops

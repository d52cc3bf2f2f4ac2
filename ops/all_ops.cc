// The explicit list of ops: the only file that sees them all. Order is the order of documentation and tests.
#include <vector>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "ops/api/ops.h"
#include "ops/nn/rules.h"

namespace bitale::ops {

// Every op: one row. OP(tanh) refers to the OpDef tanh_op of its own file.
// clang-format off
#define BITALE_OPS(OP)                                                 \
  /* elementwise */                                                    \
  OP(exp) OP(expm1) OP(log) OP(log1p) OP(sqrt) OP(pow)                 \
  OP(tanh) OP(sigmoid) OP(softplus) OP(relu) OP(sin) OP(cos) OP(erf)   \
  OP(floor) OP(ceil) OP(round) OP(floordiv) OP(mod)                    \
  /* reduce */                                                         \
  OP(logsumexp)                                                        \
  /* index */                                                          \
  OP(checked_rows) OP(gather) OP(scatter_add) OP(pick)                 \
  OP(pick_backward)                                                    \
  /* conv */                                                           \
  OP(conv2d) OP(conv2d_backward_data) OP(conv2d_backward_filters)      \
  OP(max_pool2d) OP(max_pool2d_index) OP(max_pool2d_gather)            \
  OP(max_pool2d_backward)                                              \
  OP(average_pool2d) OP(average_pool2d_backward)                       \
  /* nn */                                                             \
  OP(softmax) OP(log_softmax)                                          \
  /* random */                                                         \
  OP(random_uniform) OP(random_normal) OP(random_bernoulli)
// clang-format on

#define OP(name) extern const ir::OpDef name##_op;
BITALE_OPS(OP)
#undef OP

void register_all() {
  static const bool once = [] {
    ir::register_ops(ir::primitives());
    ir::register_ops(ad::grad_ops());
    const std::vector<const ir::OpDef*> list{
#define OP(name) &name##_op,
        BITALE_OPS(OP)
#undef OP
    };
    ir::register_ops(list);
    driver::add_rules(nn_rules());
    return true;
  }();
  (void)once;
}

}  // namespace bitale::ops

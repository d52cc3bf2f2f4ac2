// The explicit list of ops: the only file that sees them all. Order is the order of documentation and tests.
#include <vector>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/ops.h"
#include "ops/api/ops.h"
#include "ops/conv/choices.h"
#include "ops/elementwise/rules.h"
#include "ops/index/rules.h"
#include "ops/linalg/rules.h"
#include "ops/nn/rules.h"

namespace bitale::ops {

// Every op: one row, in the list of its family. OP(tanh) refers to the OpDef tanh_op of its own file.
// clang-format off
#define BITALE_OPS(FAMILY, OP)                                           \
  FAMILY("elementwise",                                                  \
    OP(exp) OP(expm1) OP(log) OP(log1p) OP(sqrt) OP(pow)                 \
    OP(tanh) OP(sigmoid) OP(softplus) OP(relu) OP(sin) OP(cos) OP(erf)   \
    OP(floor) OP(ceil) OP(round) OP(floordiv) OP(mod)                    \
    OP(exp2) OP(log2) OP(log10) OP(square) OP(cube) OP(reciprocal)       \
    OP(rsqrt) OP(hypot) OP(logaddexp) OP(log1mexp) OP(xlogy)             \
    OP(tan) OP(asin) OP(acos) OP(atan) OP(atan2) OP(deg2rad) OP(rad2deg) \
    OP(sinh) OP(cosh) OP(asinh) OP(acosh) OP(atanh)                      \
    OP(erfc) OP(erfinv) OP(lgamma) OP(digamma) OP(polygamma)             \
    OP(leaky_relu) OP(elu) OP(selu) OP(gelu) OP(gelu_tanh) OP(silu)      \
    OP(mish) OP(hard_sigmoid) OP(softsign) OP(log_sigmoid)               \
    OP(sign) OP(trunc) OP(clip) OP(isnan) OP(isinf) OP(isfinite)         \
    OP(nan_to_num) OP(greater) OP(greater_equal)                         \
    OP(bitwise_and) OP(bitwise_or) OP(bitwise_xor) OP(bitwise_not)       \
    OP(shift_left) OP(shift_right) OP(logical_xor))                      \
  FAMILY("reduce",                                                       \
    OP(prod) OP(mean) OP(var) OP(stddev) OP(ptp) OP(norm)                \
    OP(any) OP(all) OP(count_nonzero) OP(logsumexp)                      \
    OP(cumsum) OP(cumprod) OP(cummax) OP(cummin) OP(linear_recurrence))  \
  FAMILY("shape",                                                        \
    OP(flatten) OP(squeeze) OP(at_least) OP(moveaxis) OP(swapaxes)       \
    OP(stack) OP(split) OP(tile) OP(repeat) OP(broadcast_arrays)         \
    OP(slice_ranges) OP(roll) OP(pad_modes)                              \
    OP(diagonal) OP(diag) OP(trace) OP(tri) OP(tril) OP(triu)            \
    OP(arange) OP(linspace) OP(eye) OP(meshgrid) OP(indices))            \
  FAMILY("index",                                                        \
    OP(checked_rows) OP(gather) OP(scatter_add) OP(pick)                 \
    OP(pick_backward) OP(one_hot)                                        \
    OP(scatter_set) OP(scatter_max) OP(scatter_min)                      \
    OP(subtensor) OP(set_subtensor) OP(inc_subtensor)                    \
    OP(take) OP(take_along_axis) OP(put_along_axis) OP(choose)           \
    OP(compress) OP(argsort) OP(sort) OP(topk) OP(searchsorted)          \
    OP(digitize) OP(bincount) OP(unravel_index) OP(ravel_multi_index))   \
  FAMILY("linalg",                                                       \
    OP(triangular_solve) OP(solve) OP(solve_positive_definite)           \
    OP(lstsq) OP(inverse) OP(pinv) OP(det) OP(slogdet)                   \
    OP(cholesky) OP(lu_factors) OP(qr) OP(eigh) OP(eigvalsh) OP(svd)     \
    OP(expm)                                                             \
    OP(matmul) OP(tensordot) OP(einsum) OP(inner) OP(outer) OP(vdot)     \
    OP(kron) OP(cross) OP(multi_dot) OP(matrix_power) OP(matrix_norm))   \
  FAMILY("conv",                                                         \
    OP(conv) OP(conv_backward_data) OP(conv_backward_filters)            \
    OP(conv_direct) OP(conv_im2col) OP(conv_cudnn) OP(fft2) OP(ifft2)                   \
    OP(conv_transpose)                                                   \
    OP(max_pool) OP(max_pool_index) OP(max_pool_gather)                  \
    OP(max_pool_backward)                                                \
    OP(max_pool_all) OP(max_pool_all_sum) OP(max_pool_all_backward)      \
    OP(average_pool) OP(average_pool_backward)                           \
    OP(global_max_pool) OP(global_average_pool)                          \
    OP(unfold) OP(fold)                                                  \
    OP(window_sum) OP(times_power) OP(lrn))                              \
  FAMILY("nn",                                                           \
    OP(softmax) OP(log_softmax)                                          \
    OP(nll_loss) OP(cross_entropy) OP(categorical_cross_entropy)         \
    OP(multiclass_hinge) OP(binary_cross_entropy)                        \
    OP(binary_cross_entropy_with_logits) OP(hinge) OP(huber)             \
    OP(smooth_l1) OP(mean_squared_error) OP(mean_absolute_error)         \
    OP(kl_divergence) OP(cosine_similarity) OP(l2_normalize)             \
    OP(variance_about) OP(standardise) OP(layer_norm) OP(rms_norm)    \
    OP(group_norm)                                                       \
    OP(instance_norm) OP(batch_norm) OP(batch_norm_inference)            \
    OP(dropout) OP(embedding) OP(attention))                             \
  FAMILY("random",                                                       \
    OP(random_uniform) OP(random_normal) OP(random_bernoulli)            \
    OP(random_exponential) OP(random_laplace) OP(random_logistic)        \
    OP(random_cauchy) OP(random_gumbel) OP(random_located)               \
    OP(random_integers) OP(random_truncated_normal)                      \
    OP(random_gamma) OP(random_log_gamma) OP(random_chi2)                \
    OP(random_beta)                                                      \
    OP(random_dirichlet) OP(random_poisson) OP(random_categorical)       \
    OP(random_permutation) OP(random_choice) OP(random_binomial))
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
    ir::register_ops("control", loops::scan_ops());
#define OP(name) &name##_op,
#define FAMILY(name, ops) ir::register_ops(name, std::vector<const ir::OpDef*>{ops});
    BITALE_OPS(FAMILY, OP)
#undef FAMILY
#undef OP
    driver::add_rules(nn_rules(), driver::RuleStage::stabilise);
    driver::add_rules(elementwise_rules(), driver::RuleStage::stabilise);
    driver::add_rules(linalg_rules(), driver::RuleStage::stabilise);
    driver::add_rules(nn_algebra_rules(), driver::RuleStage::simplify);
    driver::add_rules(index_rules(), driver::RuleStage::simplify);
    driver::add_choices(conv_choices());
    return true;
  }();
  (void)once;
}

}  // namespace bitale::ops

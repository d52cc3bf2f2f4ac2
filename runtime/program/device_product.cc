#include "runtime/program/device_product.h"

#include <algorithm>

#include "runtime/base/flags.h"
#include "runtime/device/gpu_rates.h"
#include "runtime/program/contraction_workspace.h"
#include "runtime/program/matrix_form.h"

namespace bitale::program {
namespace {

constexpr double least_flops = 4e6;  // below, either takes as long as a launch

constexpr std::int64_t most_elements = (std::int64_t{1} << 31) - 1;  // of what is finished: its indices have 32 bits
constexpr std::int64_t bias_alignment = 16;                          // in bytes, of its address

struct Work {
  double flops = 0, bytes = 0;
  double us_by(const GpuRates& r) const { return r.us_of(flops, bytes); }
};

struct Storage {
  DType a, b, result;
};

Work work_of(double batch, double m, double n, double k, const Storage& storage) {
  const auto bytes = [](DType dtype) { return static_cast<double>(size_of(dtype)); };
  return {2 * batch * m * n * k,
          batch * (m * k * bytes(storage.a) + k * n * bytes(storage.b) + m * n * bytes(storage.result))};
}

Work work_of(const MatrixProduct& p) {
  return work_of(static_cast<double>(p.batch), static_cast<double>(p.m), static_cast<double>(p.n),
                 static_cast<double>(p.k), {p.dtype, p.dtype, p.result()});
}

// What is saved has to make good the launch that finishes the product, and its way to memory and back. No launch takes
// less than the time to the next.
double us_saved_by(const MatrixProduct& p, std::int64_t scratch_bytes) {
  const Work work = work_of(p);
  const GpuRates library = rates_of_library(p.dtype, p.tf32);
  const double us_lost =
      scratch_bytes == 0 ? 0 : us_of_launch + library.us_of(0, 2 * static_cast<double>(scratch_bytes));
  const auto us_by = [&](const GpuRates& rates) { return std::max(work.us_by(rates), us_of_launch); };
  return us_by(rates_of_generated) - us_by(library) - us_lost;
}

// Whether the library can add the bias: a vector along n, the same for all rows and products of the batch. Its kernels
// are reported to read 16 bytes of it at a time whatever was promised of the address, and to refuse matrices of one row
// or column, or to leave out some of their elements: PyTorch asks it for none of these either.
bool can_add_bias(const ContractionStep& step, std::span<const std::int64_t> extents, const MatrixProduct& p) {
  const int offset = step.operands.front().offset;
  const auto of_bias = [](const ContractionDim& d) { return d.operands.front(); };
  const std::int64_t begin = offset < 0 ? 0 : extents[static_cast<std::size_t>(offset)];
  return p.m > 1 && p.n > 1 && p.k > 1 &&
         begin % (bias_alignment / static_cast<std::int64_t>(size_of(stored_product(step)))) == 0 &&
         flat_stride(step.n, extents, of_bias) == 1 && flat_stride(step.m, extents, of_bias) == 0 &&
         flat_stride(step.batch, extents, of_bias) == 0;
}

// The result as the library writes it, finished, to the last operand; false if it cannot.
bool goes_straight(const ContractionStep& step, std::span<const std::int64_t> extents, MatrixProduct& p) {
  const WholeContraction& whole = step.whole;
  if (!whole.may_go_straight() || (whole.bias && !can_add_bias(step, extents, p))) return false;
  const auto of_result = [](const ContractionDim& d) { return d.operands.back(); };
  const auto m = flat_stride(step.m, extents, of_result), n = flat_stride(step.n, extents, of_result),
             batch = flat_stride(step.batch, extents, of_result);
  if (!m || !n || !batch) return false;
  const auto ld = leading_dimension(p.m, *m, p.n, *n);
  if (!ld || (p.batch > 1 && *batch < 1)) return false;
  p.ldc = *ld;
  p.batch_c = *batch;
  p.rounds = whole.rounds;
  p.bias = whole.bias;
  p.relu = whole.relu;
  return true;
}

// Where the result is to be written: false if the library cannot write there.
bool place_result(const ContractionStep& step, std::span<const std::int64_t> extents, DeviceProduct& out) {
  MatrixProduct& p = out.product;
  out.direct = goes_straight(step, extents, p);
  if (out.direct || step.whole.finish < 0) return out.direct;
  p.ldc = p.n;
  p.batch_c = p.m * p.n;
  std::int64_t elements = 0;
  if (__builtin_mul_overflow(p.batch_c, p.batch, &elements) || elements > most_elements) return false;
  out.workspace_bytes = elements * static_cast<std::int64_t>(size_of(step.dtype));
  return true;
}

}  // namespace

std::optional<DeviceProduct> device_product(const ContractionStep& step, std::span<const std::int64_t> extents) {
  if (candidate_of(step) != ContractionCandidate::cublaslt) return std::nullopt;
  if (step.a_storage != step.b_storage) return std::nullopt;
  const auto plain = plain_matrices(step, extents);
  if (!plain) return std::nullopt;
  const auto batch_a = flat_stride(step.batch, extents, [](const ContractionDim& d) { return d.a; }),
             batch_b = flat_stride(step.batch, extents, [](const ContractionDim& d) { return d.b; });
  if (!batch_a || !batch_b || *batch_a < 0 || *batch_b < 0) return std::nullopt;
  DeviceProduct out;
  MatrixProduct& p = out.product;
  p.dtype = step.a_storage;
  p.tf32 = step.whole.tf32;
  p.m = flattened(step.m, extents);
  p.n = flattened(step.n, extents);
  p.k = flattened(step.k, extents);
  p.batch = flattened(step.batch, extents);
  p.trans_a = plain->trans_a;
  p.trans_b = plain->trans_b;
  p.lda = plain->lda;
  p.ldb = plain->ldb;
  p.batch_a = *batch_a;
  p.batch_b = *batch_b;
  if (!place_result(step, extents, out)) return std::nullopt;
  out.us_saved = us_saved_by(p, out.workspace_bytes);
  const bool worth_it = work_of(p).flops >= least_flops && out.us_saved >= 0;
  if (flags().contraction != "cublaslt" && !worth_it) return std::nullopt;
  return out;
}

double us_by_generated(const ContractionStep& step, std::span<const std::int64_t> extents) {
  const auto size = [&](const std::vector<ContractionDim>& dims) {
    return static_cast<double>(flattened(dims, extents));
  };
  return work_of(size(step.batch), size(step.m), size(step.n), size(step.k),
                 {step.a_storage, step.b_storage, step.dtype})
      .us_by(rates_of_generated);
}

namespace {

// Whether two neighbours of a group, both of them known, cannot be one dim.
bool never_flat(const Program& program, const std::vector<ContractionDim>& dims,
                int (*slot_of)(const ContractionDim&)) {
  const auto constant = [&](int slot) -> std::optional<std::int64_t> {
    if (slot < 0) return 0;
    const ExtentDef& e = program.extents[static_cast<std::size_t>(slot)];
    return e.op == ExtentOp::constant ? std::optional(e.a) : std::nullopt;
  };
  for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
    const auto outer = constant(dims[i].extent), inner = constant(dims[i + 1].extent);
    const auto outer_stride = constant(slot_of(dims[i])), inner_stride = constant(slot_of(dims[i + 1]));
    if (!outer || !inner || !outer_stride || !inner_stride || *outer == 1 || *inner == 1) continue;
    if (*outer_stride != *inner_stride * *inner) return true;
  }
  return false;
}

}  // namespace

bool may_be_device_product(const Program& program, const ContractionStep& step) {
  if (step.accumulating || step.sliced || step.a_storage != step.b_storage) return false;
  const auto of_a = [](const ContractionDim& d) { return d.a; };
  const auto of_b = [](const ContractionDim& d) { return d.b; };
  return !never_flat(program, step.m, of_a) && !never_flat(program, step.k, of_a) &&
         !never_flat(program, step.k, of_b) && !never_flat(program, step.n, of_b) &&
         !never_flat(program, step.batch, of_a) && !never_flat(program, step.batch, of_b);
}

}  // namespace bitale::program

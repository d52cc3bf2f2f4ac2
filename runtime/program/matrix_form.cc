#include "runtime/program/matrix_form.h"

#include <algorithm>
#include <climits>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/program/contraction_workspace.h"

namespace bitale::program {
namespace {

constexpr std::int64_t most_columns = 4096;                 // of a call
constexpr std::int64_t most_bytes = std::int64_t{4} << 20;  // of a call's result, if that leaves many rows
constexpr std::int64_t least_rows = 64;

std::int64_t round_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b * b; }

void size_workspace(MatrixForm& form, std::int64_t m, std::int64_t n, const ContractionStep& step) {
  const auto element = static_cast<std::int64_t>(size_of(step.dtype));
  const auto operands = static_cast<std::int64_t>(step.operands.size());
  form.columns = std::min(n, most_columns);
  form.ld = round_up(form.columns, 64 / element);
  form.rows = std::min(m, std::max(least_rows, most_bytes / (form.ld * element)));
  form.row_tables = round_up(form.rows * form.ld * element, 64);
  form.column_tables = form.row_tables + round_up(form.rows * operands * 8, 64);
  form.runs = form.column_tables + round_up(form.columns * operands * 8, 64);
  form.workspace_bytes = form.runs + round_up((form.columns + 1) * 8, 64);
}

}  // namespace

std::optional<std::int64_t> flat_stride(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents,
                                        const std::function<int(const ContractionDim&)>& slot_of) {
  const auto value = [&](int slot) { return slot < 0 ? 0 : extents[static_cast<std::size_t>(slot)]; };
  std::int64_t count = 1, stride = 0;
  for (auto d = dims.rbegin(); d != dims.rend(); ++d) {  // innermost first
    const std::int64_t extent = value(d->extent), own = value(slot_of(*d));
    if (extent == 1) continue;
    if (count == 1)
      stride = own;
    else if (own != stride * count)
      return std::nullopt;
    count *= extent;
  }
  return stride;
}

std::optional<std::int64_t> leading_dimension(std::int64_t rows, std::int64_t row_stride, std::int64_t columns,
                                              std::int64_t column_stride) {
  if (columns > 1 && column_stride != 1) return std::nullopt;
  if (rows > 1 && row_stride < columns) return std::nullopt;
  const std::int64_t ld = rows > 1 ? row_stride : columns;
  if (ld > INT_MAX) return std::nullopt;
  return ld;
}

std::optional<PlainMatrices> plain_matrices(const ContractionStep& step, std::span<const std::int64_t> extents) {
  if (step.accumulating || step.sliced) return std::nullopt;
  for (const auto* group : {&step.batch, &step.m, &step.n, &step.k}) {
    const std::int64_t count = flattened(*group, extents);
    if (count < 1 || count > INT_MAX) return std::nullopt;
  }
  const auto of_a = [](const ContractionDim& d) { return d.a; };
  const auto of_b = [](const ContractionDim& d) { return d.b; };
  const auto m_a = flat_stride(step.m, extents, of_a), k_a = flat_stride(step.k, extents, of_a);
  const auto k_b = flat_stride(step.k, extents, of_b), n_b = flat_stride(step.n, extents, of_b);
  if (!m_a || !k_a || !k_b || !n_b) return std::nullopt;
  const std::int64_t m = flattened(step.m, extents), n = flattened(step.n, extents), k = flattened(step.k, extents);
  PlainMatrices plain;
  auto ld = leading_dimension(m, *m_a, k, *k_a);
  plain.trans_a = !ld;
  if (!ld) ld = leading_dimension(k, *k_a, m, *m_a);
  if (!ld) return std::nullopt;
  plain.lda = *ld;
  ld = leading_dimension(k, *k_b, n, *n_b);
  plain.trans_b = !ld;
  if (!ld) ld = leading_dimension(n, *n_b, k, *k_b);
  if (!ld) return std::nullopt;
  plain.ldb = *ld;
  return plain;
}

std::optional<MatrixForm> matrix_form(const ContractionStep& step, std::span<const std::int64_t> extents) {
  if (step.a_storage != step.dtype || step.b_storage != step.dtype) return std::nullopt;
  const auto plain = plain_matrices(step, extents);
  if (!plain) return std::nullopt;
  MatrixForm form{*plain};
  size_workspace(form, flattened(step.m, extents), flattened(step.n, extents), step);
  return form;
}

ContractionCandidate candidate_of(const ContractionStep& step) {
  const std::string& asked = flags().contraction;
  const bool on_device = step.whole.entry >= 0;
  if (asked.empty()) return step.candidate;
  if (asked == "generated") return ContractionCandidate::generated;
  if (asked == "openblas") return on_device ? step.candidate : ContractionCandidate::openblas;
  if (asked == "tuned") return on_device ? step.candidate : ContractionCandidate::tuned;
  if (asked == "cublaslt") return step.candidate;  // where a device has it: device_product()
  throw Error("BITALE_CONTRACTION is '" + asked + "', expected generated, openblas, tuned or cublaslt");
}

}  // namespace bitale::program

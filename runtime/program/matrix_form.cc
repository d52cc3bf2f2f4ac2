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

// A group of dims as one dim with these strides in A and B; `plain` is false if it is none.
struct Flat {
  std::int64_t extent = 1, a = 0, b = 0;
  bool plain = true;
};

Flat flat(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents) {
  const auto value = [&](int slot) { return slot < 0 ? 0 : extents[static_cast<std::size_t>(slot)]; };
  Flat f;
  for (auto d = dims.rbegin(); d != dims.rend(); ++d) {  // innermost first
    const std::int64_t extent = value(d->extent), a = value(d->a), b = value(d->b);
    if (extent == 1) continue;
    if (f.extent == 1) {
      f.a = a;
      f.b = b;
    } else {
      f.plain = f.plain && a == f.a * f.extent && b == f.b * f.extent;
    }
    f.extent *= extent;
  }
  return f;
}

// Whether a matrix with these extents and strides has rows that are contiguous and `ld` apart.
bool by_rows(std::int64_t rows, std::int64_t row_stride, std::int64_t columns, std::int64_t column_stride,
             std::int64_t& ld) {
  if (columns > 1 && column_stride != 1) return false;
  if (rows > 1 && row_stride < columns) return false;
  ld = rows > 1 ? row_stride : columns;
  return ld <= INT_MAX;
}

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

std::optional<MatrixForm> matrix_form(const ContractionStep& step, std::span<const std::int64_t> extents) {
  if (step.accumulating || step.sliced || (step.dtype != DType::f32 && step.dtype != DType::f64)) return std::nullopt;
  for (const auto* group : {&step.batch, &step.m, &step.n, &step.k}) {
    const std::int64_t count = flattened(*group, extents);
    if (count < 1 || count > INT_MAX) return std::nullopt;
  }
  const Flat m = flat(step.m, extents), n = flat(step.n, extents), k = flat(step.k, extents);
  if (!m.plain || !n.plain || !k.plain) return std::nullopt;
  MatrixForm form;
  form.trans_a = !by_rows(m.extent, m.a, k.extent, k.a, form.lda);
  if (form.trans_a && !by_rows(k.extent, k.a, m.extent, m.a, form.lda)) return std::nullopt;
  form.trans_b = !by_rows(k.extent, k.b, n.extent, n.b, form.ldb);
  if (form.trans_b && !by_rows(n.extent, n.b, k.extent, k.b, form.ldb)) return std::nullopt;
  size_workspace(form, m.extent, n.extent, step);
  return form;
}

ContractionCandidate candidate_of(const ContractionStep& step) {
  const std::string& asked = flags().contraction;
  if (asked.empty()) return step.candidate;
  if (asked == "generated") return ContractionCandidate::generated;
  if (asked == "openblas") return ContractionCandidate::openblas;
  if (asked == "tuned") return ContractionCandidate::tuned;
  throw Error("BITALE_CONTRACTION is '" + asked + "', expected generated, openblas or tuned");
}

}  // namespace bitale::program

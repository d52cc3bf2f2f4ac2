#include "runtime/executor/matrix_call.h"

#include <algorithm>

#include "runtime/executor/offsets.h"
#include "runtime/program/contraction_workspace.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// One thread's work on one contraction.
class MatrixDriver {
 public:
  MatrixDriver(const ContractionCall& c, const MatrixForm& form, library::LibraryFn function)
      : c_(c),
        s_(c.step),
        form_(form),
        function_(function),
        element_(static_cast<std::int64_t>(size_of(s_.dtype))),
        workspace_(static_cast<std::uint8_t*>(c.tables.pointer(c.layout, s_.workspace))),
        epilogue_(reinterpret_cast<KernelFn>(const_cast<void*>(c.functions.entries[at(s_.epilogue)]))),
        batches_(flattened(s_.batch, c.extents)),
        m_(flattened(s_.m, c.extents)),
        n_(flattened(s_.n, c.extents)),
        k_(flattened(s_.k, c.extents)) {}

  // Whole products if there are enough of them, else equal parts of the longer side of each.
  int run(int thread, int threads) {
    const std::int64_t parts = batches_ % threads == 0 || batches_ >= 8 * threads ? 1 : threads;
    const std::int64_t pieces = batches_ * parts;
    for (std::int64_t i = pieces * thread / threads; i < pieces * (thread + 1) / threads && code_ == 0; ++i) {
      enter_batch(i / parts);
      const std::int64_t part = i % parts;
      const auto bound = [&](std::int64_t whole, std::int64_t p) { return whole * p / parts; };
      if (m_ >= n_)
        compute(bound(m_, part), bound(m_, part + 1), 0, n_);
      else
        compute(0, m_, bound(n_, part), bound(n_, part + 1));
    }
    return code_;
  }

 private:
  std::int64_t* row_table(int operand) const {
    return reinterpret_cast<std::int64_t*>(workspace_ + form_.row_tables) + form_.rows * operand;
  }
  std::int64_t* column_table(int operand) const {
    return reinterpret_cast<std::int64_t*>(workspace_ + form_.column_tables) + form_.columns * operand;
  }
  std::int64_t* runs() const { return reinterpret_cast<std::int64_t*>(workspace_ + form_.runs); }
  int operands() const { return static_cast<int>(s_.operands.size()); }
  std::int64_t value(int slot) const { return slot < 0 ? 0 : c_.extents[at(slot)]; }

  void enter_batch(std::int64_t batch) {
    const auto offset = [&](int whose) {
      std::int64_t o = 0;
      fill_offsets(s_.batch, c_.extents, whose, batch, 1, &o);
      return o;
    };
    const auto source = [&](int buffer, int slot, int whose) {
      return static_cast<std::uint8_t*>(c_.tables.pointer(c_.layout, buffer)) +
             (value(slot) + offset(whose)) * element_;
    };
    a_ = source(s_.a, s_.a_offset, 0);
    b_ = source(s_.b, s_.b_offset, 1);
    for (int o = 0; o < operands(); ++o) operand_offset_[o] = value(s_.operands[at(o)].offset) + offset(2 + o);
  }

  // A part of the output, in pieces that fit into the workspace.
  void compute(std::int64_t row, std::int64_t row_end, std::int64_t column, std::int64_t column_end) {
    for (std::int64_t j = column; j < column_end && code_ == 0; j += form_.columns) {
      const std::int64_t columns = std::min(form_.columns, column_end - j);
      find_runs(j, columns);
      for (std::int64_t i = row; i < row_end && code_ == 0; i += form_.rows) {
        const std::int64_t rows = std::min(form_.rows, row_end - i);
        multiply(i, rows, j, columns);
        if (code_ == 0) finish(i, rows);
      }
    }
  }

  void multiply(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
    void* buffers[] = {a_ + row * (form_.trans_a ? 1 : form_.lda) * element_,
                       b_ + column * (form_.trans_b ? form_.ldb : 1) * element_, workspace_};
    const std::int64_t extents[] = {rows, columns, k_, form_.lda, form_.ldb, form_.ld};
    const std::int64_t integers[] = {form_.trans_a, form_.trans_b};
    const double reals[] = {1, 0};
    code_ = function_(&c_.context, {.buffers = buffers, .extents = extents, .integers = integers, .reals = reals});
  }

  // Columns in which every operand goes on by its stride.
  void find_runs(std::int64_t column, std::int64_t columns) {
    for (int o = 0; o < operands(); ++o) fill_offsets(s_.n, c_.extents, 2 + o, column, columns, column_table(o));
    const auto goes_on = [&](std::int64_t j) {
      for (int o = 0; o < operands(); ++o)
        if (column_table(o)[j] - column_table(o)[j - 1] != static_cast<std::int64_t>(s_.operands[at(o)].unit))
          return false;
      return true;
    };
    runs_ = 0;
    for (std::int64_t j = 0; j < columns; ++j)
      if (j == 0 || !goes_on(j)) runs()[runs_++] = j;
    runs()[runs_] = columns;
  }

  void finish(std::int64_t row, std::int64_t rows) {
    for (int o = 0; o < operands(); ++o) fill_offsets(s_.m, c_.extents, 2 + o, row, rows, row_table(o));
    void* buffers[1 + 2 * most_contraction_operands];
    for (std::int64_t r = 0; r < runs_ && code_ == 0; ++r) {
      const std::int64_t column = runs()[r], extents[3] = {rows, runs()[r + 1] - column, form_.ld};
      buffers[0] = workspace_ + column * element_;
      for (int o = 0; o < operands(); ++o) {
        const ContractionOperand& operand = s_.operands[at(o)];
        const auto size = static_cast<std::int64_t>(size_of(c_.program.buffers[at(operand.buffer)].storage));
        buffers[1 + 2 * o] = static_cast<std::uint8_t*>(c_.tables.pointer(c_.layout, operand.buffer)) +
                             (operand_offset_[o] + column_table(o)[column]) * size;
        buffers[2 + 2 * o] = row_table(o);
      }
      code_ = epilogue_(&c_.context, buffers, extents, 0, 1);
    }
  }

  const ContractionCall& c_;
  const ContractionStep& s_;
  const MatrixForm& form_;
  const library::LibraryFn function_;
  const std::int64_t element_;
  std::uint8_t* const workspace_;
  const KernelFn epilogue_;
  const std::int64_t batches_, m_, n_, k_;

  std::uint8_t *a_ = nullptr, *b_ = nullptr;
  std::int64_t operand_offset_[most_contraction_operands] = {};
  std::int64_t runs_ = 0;
  int code_ = 0;
};

}  // namespace

library::LibraryFn matrix_function(DType dtype) { return library::find(dtype == DType::f32 ? "sgemm" : "dgemm"); }

int run_matrix_call(const ContractionCall& call, const MatrixForm& form, library::LibraryFn function, int thread,
                    int threads) {
  return MatrixDriver(call, form, function).run(thread, threads);
}

}  // namespace bitale::executor

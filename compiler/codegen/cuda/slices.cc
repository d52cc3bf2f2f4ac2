#include "compiler/codegen/cuda/slices.h"

#include <algorithm>
#include <cstdlib>

#include "compiler/codegen/cuda/scalar_text.h"
#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;

constexpr int along_lanes = 8;  // of 4 bytes: what memory gives at least
constexpr std::int64_t unknown = 64;

// How much is won by having consecutive threads go along these dims.
std::int64_t contiguity(const ContractionDims& dims, const StrideOf& stride) {
  const Innermost i = innermost(dims, stride, unknown);
  if (!i.stride.is_constant()) return -2;
  const std::int64_t by = std::abs(i.stride.value);
  if (by == 1) return std::min<std::int64_t>(i.length, 32);
  return by < along_lanes && i.length > 1 ? 0 : -1;
}

// Whether pieces of `width` rows lie together, at addresses that are multiples of them, and there are enough of them.
bool may_be_wide(const Contraction& c, const Tile& tile, const SlicesOf& of, int width) {
  return of.aligned && of.span / width * tile.depth >= tile.threads && of.offset.is_constant() &&
         of.offset.value % width == 0 && is_wide(of.row_dims, of.stride, width) &&
         all_multiples(c.k, of.stride, width) && all_multiples(c.batch, of.stride, width);
}

std::string index(const char* name, int count, int step) {
  if (count == 1) return "0";
  return step == 1 ? name : fmt::format("{} * {}", step, name);
}

const char* name_of_copy(DType storage) { return storage == DType::f16 ? "copy_half" : "copy_bfloat"; }

// The product of a small int and a stride, which int may not hold.
std::string distance(const std::string& count, const Extent& by) {
  const bool large = by.is_constant() && std::abs(by.value) > 1 << 20;
  return times(large && count != "0" ? "(long long)" + operand_text(count) : count, by);
}

}  // namespace

Slices plan_slices(const Contraction& c, const Tile& tile, const SlicesOf& of) {
  const int run = static_cast<int>(16 / size_of(c.dtype));
  Slices s{of.name,     c.dtype,  of.storage, of.row_dims, c.k,        of.stride,
           of.row_type, of.begin, of.k_type,  of.span,     tile.depth, tile.threads};
  s.along_k = contiguity(c.k, of.stride) > contiguity(of.row_dims, of.stride);
  if (s.along_k) {
    s.lanes = along_lanes;
    s.row_step = tile.threads / s.lanes;
    s.k_count = tile.depth / s.lanes;
    s.k_step = s.lanes;
  } else {
    for (auto bytes = static_cast<int>(size_of(of.storage)), width = 16 / bytes; width >= run && s.width == 1;
         width /= 2)
      if (may_be_wide(c, tile, of, width)) s.width = width;
    s.lanes = std::min(of.span / s.width, tile.threads);
    s.row_step = s.lanes * s.width;
    s.k_count = tile.depth * s.lanes / tile.threads;
  }
  s.row_count = of.span / s.row_step;
  BITALE_ASSERT(s.row_count * s.row_step == of.span && s.k_count > 0, "threads share a slice evenly");
  s.line = of.span + (s.along_k ? run : 0);  // then a warp's elements fall into 32 banks
  s.row_by = only_stride(of.row_dims, of.stride);
  if (s.row_by && (!s.row_by->is_constant() || !reach_of(of.row_dims, of.stride, of.span))) s.row_by.reset();
  s.near = reach_of(of.row_dims, of.stride, of.span).has_value();
  s.k_by = only_stride(c.k, of.stride);
  return s;
}

void print_place(Lines& out, const Slices& s) {
  if (s.along_k)
    out.line("const int row_{0} = t / {1}, k_{0} = t % {1};", s.name, s.lanes);
  else
    out.line("const int row_{0} = t % {1}{2}, k_{0} = t / {1}{3};", s.name, s.lanes,
             s.width > 1 ? fmt::format(" * {}", s.width) : "", s.k_count > 1 ? fmt::format(" * {}", s.k_count) : "");
}

// Rows beyond the last are read as the last, or, of several that are the same stride apart, not at all: their sums are
// no elements of the output.
void print_source(Lines& out, const Slices& s, const std::string& start) {
  const auto offset = [&](const std::string& row) { return offset_of(s.row_dims, s.stride, row); };
  const std::string k = s.k_by ? times(fmt::format("(first + k_{})", s.name), *s.k_by) : "0",
                    index = fmt::format("at_{}", s.name);
  const char* const end = s.name == 'a' ? "rows" : "columns";
  const auto clamped = [&](const std::string& row) {
    return fmt::format("{0} < {1} ? {0} : {1} - {2}", row, end, s.width);
  };
  const std::string first = fmt::format("{} + row_{}", s.begin, s.name);
  const auto source = [&](const std::string& row) {
    out.line("const {}* from_{} = {} + ({});", type_name(s.storage), s.name, s.name, sum_of({start, k, offset(row)}));
  };
  if (s.row_count == 1 || s.row_by) {
    out.line("const {} {} = {};", s.row_type, index, s.row_count == 1 ? clamped(first) : first);
    source(index);
    if (s.row_count > 1)
      out.line("const int end_{0} = {1} - {2} < {3} ? (int)({1} - {2}) : {3};", s.name, end, index, s.span);
    return;
  }
  source(s.begin);
  const char* const type_of_rows = s.near ? "int" : "long long";
  if (s.row_table()) {
    out.line("__shared__ {} rows_{}[{}];", type_of_rows, s.name, s.span);
    out.open("for (int i = t; i < {}; i += {})", s.span, s.threads);
    out.line("const {} {} = {};", s.row_type, index, clamped(fmt::format("{} + i", s.begin)));
  } else {
    out.line("{} rows_{}[{}];", type_of_rows, s.name, s.row_count);
    out.line("#pragma unroll");
    out.open("for (int i = 0; i < {}; ++i)", s.row_count);
    out.line("const {} {} = {};", s.row_type, index, clamped(fmt::format("{} + {} * i", first, s.row_step)));
  }
  out.line("rows_{}[i] = {}({} - ({}));", s.name, s.near ? "(int)" : "", offset(index), offset(s.begin));
  out.close();
  if (s.row_table()) out.line("__syncthreads();");
}

void print_copies(Lines& out, const Slices& s, const std::string& to, bool whole) {
  const std::string type(type_name(s.copied_as()));
  const std::size_t bytes = s.width * size_of(s.storage);  // of a piece
  const char* const piece = bytes < 16 ? "double" : s.dtype == DType::f64 ? "double2" : "float4";
  const std::string k = index("j", s.k_count, s.k_step), at_k = sum_of({fmt::format("k_{}", s.name), k});
  out.line("{0}* const to_{1} = {2} + k_{1} * {3} + row_{1};", type, s.name,
           s.copied_as() == s.dtype ? to : fmt::format("({}*)({})", type, to), s.line);
  if (!s.k_by) {
    out.line("{} along_{}[{}];", s.table_type, s.name, s.k_count);
    out.line("#pragma unroll");
    out.line("for (int j = 0; j < {}; ++j) along_{}[j] = table_{}[buffer][{}];", s.k_count, s.name, s.name, at_k);
  }
  if (s.k_count > 1) out.unroll("j", s.k_count);
  const bool many = s.row_count > 1;
  std::string from = fmt::format("from_{}", s.name), by;  // `by` is an int that is added
  const std::string along =
      s.k_by ? distance(k, *s.k_by) : fmt::format("along_{}[{}]", s.name, s.k_count > 1 ? "j" : "0");
  std::string there = whole ? "" : at_k + " < left";
  if (many && s.row_by) {
    from = sum_of({from, distance(index("i", s.row_count, s.row_step), *s.row_by)});
    there += fmt::format("{}{} < end_{}", there.empty() ? "" : " && ", index("i", s.row_count, s.row_step), s.name);
  } else if (many) {
    const std::string row = s.row_table()
                                ? fmt::format("rows_{0}[row_{0} + {1}]", s.name, index("i", s.row_count, s.row_step))
                                : fmt::format("rows_{}[i]", s.name);
    if (s.near)
      by = row;
    else
      from += " + " + row;
  }
  if (by.empty() && !s.k_by && s.table_type == "int")
    by = along;
  else
    from = sum_of({from, along});
  if (many) out.unroll("i", s.row_count);
  const std::string target =
      sum_of({fmt::format("to_{}", s.name), times(k, Extent::constant(s.line)), index("i", s.row_count, s.row_step)});
  const auto pointer = [&](const std::string& text, const char* constness) {
    return s.width == 1 ? text : fmt::format("({}{}*)({})", constness, piece, text);
  };
  if (s.width > 1 && !by.empty()) {  // which counts elements, not pieces
    from += " + " + by;
    by = "";
  }
  out.line("{}({}, {}{}, {});", s.widens() ? name_of_copy(s.storage) : "copy_async", pointer(target, ""),
           pointer(from, "const "), by.empty() ? "" : ", " + by, there.empty() ? "true" : there);
  out.unrolled((s.k_count > 1) + many);
  if (s.k_by) out.line("from_{} += {};", s.name, distance(std::to_string(s.depth), *s.k_by));
}

}  // namespace bitale::codegen::cuda

#include "compiler/codegen/cuda/library.h"

#include <fmt/format.h>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"

namespace bitale::codegen::cuda {
namespace {

constexpr int threads = 256;

std::string filled(const char* pattern, DType type, const std::string& name, const std::string& more = "",
                   int bounds = threads) {
  return fmt::format(fmt::runtime(pattern), fmt::arg("T", type == DType::bool_ ? "unsigned char" : type_name(type)),
                     fmt::arg("name", name), fmt::arg("bounds", launch_bounds(bounds)), fmt::arg("more", more));
}

// One block, so that the first index that is wrong is found; the rest of the program clamps its rows.
constexpr const char* rows_text = R"(// Rows that indices mean, and whether there are such rows.
extern "C" __global__ void {bounds}
{name}(const {T}* indices, long long* rows, long long* error, long long extent, long long count, long long step) {{
  if (blockIdx.x > 0) return;
  __shared__ long long first;
  if (threadIdx.x == 0) first = count;
  __syncthreads();
  for (long long i = threadIdx.x; i < count; i += blockDim.x) {{
    const long long index = indices[i], row = {more};
    const bool is_row = row >= 0 && row < extent;
    rows[i] = is_row ? row : 0;
    if (!is_row) atomicMin(&first, i);
  }}
  __syncthreads();
  if (threadIdx.x > 0 || first == count || error[0] != 0) return;
  error[1] = step;
  error[2] = indices[first];
  error[3] = extent;
  error[0] = 1;
}}
)";

LibraryKernel rows(DType type, bool from_end, const std::string& name) {
  return {filled(rows_text, type, name, from_end ? "index < 0 ? index + extent : index" : "index"),
          {{name, 0, threads, 1, {}}}};
}

constexpr const char* copy_text = R"(extern "C" __global__ void {bounds}
{name}_copy(const {T}* x, const long long* indices, const {T}* updates, {T}* out, long long* error, long long outer,
    long long rows, long long inner, long long count, long long step) {{
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < outer * rows * inner; at += stride)
    out[at] = x[at];
}}
)";

// One thread for each element of the updates.
constexpr const char* any_order_text = R"(extern "C" __global__ void {bounds}
{name}_put(const {T}* x, const long long* indices, const {T}* updates, {T}* out, long long* error, long long outer,
    long long rows, long long inner, long long count, long long step) {{
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < outer * count * inner; at += stride) {{
    const long long index = indices[at / inner % count], row = index < 0 ? index + rows : index;
    if (row >= 0 && row < rows) atomicAdd(&out[(at / (inner * count) * rows + row) * inner + at % inner], updates[at]);
  }}
}}
)";

// One thread for each column, which goes through the updates in order.
constexpr const char* in_order_text = R"(extern "C" __global__ void {bounds}
{name}_put(const {T}* x, const long long* indices, const {T}* updates, {T}* out, long long* error, long long outer,
    long long rows, long long inner, long long count, long long step) {{
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < outer * inner; at += stride)
    for (long long k = 0; k < count; ++k) {{
      const long long index = indices[k], row = index < 0 ? index + rows : index;
      if (row < 0 || row >= rows) continue;
      {T}& to = out[(at / inner * rows + row) * inner + at % inner];
      const {T} from = updates[(at / inner * count + k) * inner + at % inner];
      {more}
    }}
}}
)";

bool has_atomic_add(DType type) { return type == DType::f32 || type == DType::f64 || type == DType::i32; }

// The statement of runtime/library/scatter.cc.
std::string put_text(const std::string& function, DType type) {
  if (function == "scatter_set") return "to = from;";
  if (function == "scatter_max") return "if (from > to || from != from) to = from;";
  if (function == "scatter_min") return "if (from < to || from != from) to = from;";
  if (type == DType::bool_) return ";";
  return is_floating(type)
             ? "to += from;"
             : fmt::format("to = ({})((unsigned long long)to + (unsigned long long)from);", type_name(type));
}

LibraryKernel scatter(const std::string& function, DType type, const std::string& name, bool ordered) {
  const bool any_order = function == "scatter_add" && has_atomic_add(type) && (!ordered || !is_floating(type));
  const std::string put =
      any_order ? filled(any_order_text, type, name) : filled(in_order_text, type, name, put_text(function, type));
  // Extents: outer, rows, inner, count.
  using Work = std::vector<program::Launch::Factor>;
  const Work all{{1, 0}, {1, 1}, {1, 2}}, updates{{1, 0}, {1, 3}, {1, 2}}, columns{{1, 0}, {1, 2}};
  return {"// " + function + "\n" + filled(copy_text, type, name) + put,
          {{name + "_copy", 0, threads, threads, all},
           {name + "_put", 0, threads, threads, any_order ? updates : columns}}};
}

constexpr int sorting_threads = 512;

// A block for each row; entries of a row that is not longer than 1024 never leave shared memory.
constexpr const char* argsort_text = R"(// argsort
extern "C" __global__ void {bounds}
{name}(const {T}* x, long long* out, long long* error, long long outer, long long n, long long inner, long long count,
    long long step) {{
  __shared__ SortEntry tile[1024];
  for (long long r = blockIdx.x; r < outer * inner; r += gridDim.x) {{
    const long long o = r / inner, i = r % inner;
    const SortRow<{T}, {more}> row = {{x + o * n * inner + i, out + o * count * inner + i, n, inner, count}};
    sort_row<1024>(row, tile);
  }}
}}
)";

LibraryKernel argsort(DType type, bool descending, const std::string& name) {
  return {filled(argsort_text, type, name, descending ? "true" : "false", sorting_threads),
          {{name, 0, sorting_threads, 1, {{1, 0}, {1, 2}}}}};
}

// One thread for each value.
constexpr const char* searchsorted_text = R"(// searchsorted
extern "C" __global__ void {bounds}
{name}(const {T}* sorted, const {T}* values, long long* out, long long* error, long long outer, long long n,
    long long count, long long step) {{
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < outer * count; at += stride) {{
    const {T}* const row = sorted + at / count * n;
    const unsigned long long key = sort_key(values[at]);
    long long begin = 0;
    for (long long end = n; begin < end;) {{
      const long long middle = begin + (end - begin) / 2;
      if (sort_key(row[middle]) {more} key)
        begin = middle + 1;
      else
        end = middle;
    }}
    out[at] = begin;
  }}
}}
)";

LibraryKernel searchsorted(DType type, bool right, const std::string& name) {
  return {filled(searchsorted_text, type, name, right ? "<=" : "<"), {{name, 0, threads, threads, {{1, 0}, {1, 2}}}}};
}

}  // namespace

std::optional<LibraryKernel> library_kernel(const std::string& function, std::span<const std::int64_t> integers,
                                            const std::string& name, bool ordered) {
  const auto type = integers.empty() ? DType::f32 : static_cast<DType>(integers[0]);
  if (function == "checked_rows") return rows(type, integers[1] != 0, name);
  if (function == "argsort") return argsort(type, integers[1] != 0, name);
  if (function == "searchsorted") return searchsorted(type, integers[1] != 0, name);
  if (function.starts_with("scatter_")) return scatter(function, type, name, ordered);
  return std::nullopt;
}

}  // namespace bitale::codegen::cuda

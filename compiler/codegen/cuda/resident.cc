#include "compiler/codegen/cuda/resident.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "compiler/codegen/cuda/addresses.h"
#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/tile.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

constexpr int most_rows = 8;                    // at a time
constexpr std::int64_t most_shared = 24 << 10;  // bytes, of several rows; a single one may have twice as many
constexpr std::int64_t most_steps = 1 << 16;    // of n and of k: more do not fit into registers anyway

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Extent a_of(const Dim& d) { return d.a; }
Extent b_of(const Dim& d) { return d.b; }

int run_of(const Contraction& c) { return static_cast<int>(16 / size_of(c.dtype)); }  // elements of 16 bytes

bool are_constants(const ContractionDims& dims, const std::vector<StrideOf>& strides) {
  return std::all_of(dims.begin(), dims.end(), [&](const Dim& d) {
    return d.extent.is_constant() &&
           std::all_of(strides.begin(), strides.end(), [&](const StrideOf& s) { return s(d).is_constant(); });
  });
}

// Of one slice.
std::int64_t columns_of(const Contraction& c) { return sizes_of(c).n / c.slices; }

// Steps of k with those that are filled up with zeros.
int padded_depth(const Resident& r) { return r.weights * r.threads; }

std::int64_t bytes_for(const Contraction& c, const Resident& r, int rows) {
  const std::int64_t row = padded_depth(r) + std::int64_t{c.slices} * r.columns;
  return rows * row * static_cast<std::int64_t>(size_of(c.dtype));
}

class Printer {
 public:
  Printer(const Contraction& c, const Resident& r)
      : c_(c), r_(r), type_(type_name(c.dtype)), run_(run_of(c)), depth_(padded_depth(r)) {}

  std::string text() {
    head();
    weights();
    product();
    return std::move(out_).text();
  }

 private:
  int all_columns() const { return r_.columns * c_.slices; }

  // The flattened dims of the columns of one slice; the slices come before them.
  ContractionDims column_dims() const { return c_.slices > 1 ? ContractionDims(c_.n.begin() + 1, c_.n.end()) : c_.n; }

  std::string extents() const {
    std::string text;
    for (int e = 0; e < c_.extents; ++e) text += fmt::format(", long long e{}", e);
    return text;
  }

  std::string widened(const std::string& element, DType storage) const {
    if (storage == c_.dtype) return element;
    return fmt::format("{}({})", storage == DType::f16 ? "widen_half" : "widen_bfloat", element);
  }

  void head() {
    out_.line("// {}", c_.name);
    for (const std::string& comment : c_.comments) out_.line("//   {}", comment);
    out_.line("// Its weights stay in registers: a block has {} columns{}, each of {} threads has {} weights of one.",
              r_.columns, c_.slices > 1 ? fmt::format(" of each of {} slices", c_.slices) : "", r_.threads, r_.weights);
  }

  void place() { out_.line("const int t = threadIdx.x, part = t % {0}, column = t / {0};", r_.threads); }

  void weights() {
    const std::string stored(type_name(c_.b_storage));
    out_.open("__device__ __forceinline__ void {}_weights({} (&w)[{}], const {}* b{})", c_.name, type_, r_.weights,
              stored, extents());
    place();
    out_.line("const long long n = blockIdx.x % {} * {} + column % {};", cluster_blocks, r_.columns, r_.columns);
    out_.line("const bool there = column < {} && n < {};", all_columns(), columns_of(c_));
    std::string start = sum_of({text_of(c_.b_offset), offset_of(column_dims(), b_of, "n")});
    if (c_.slices > 1) start = sum_of({start, times(fmt::format("(long long)(column / {})", r_.columns), c_.n[0].b)});
    out_.line("const {}* const from = b + ({});", stored, start);
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < {}; ++i)", r_.weights);
    out_.line("const long long k = i / {0} * {1} + {0} * part + i % {0};", run_, run_ * r_.threads);
    out_.line("w[i] = there && k < {} ? {} : {}(0);", sizes_of(c_).k,
              widened(fmt::format("from[{}]", offset_of(c_.k, b_of, "k")), c_.b_storage), type_);
    out_.close();
    out_.close();
  }

  void product() {
    std::string parameters =
        fmt::format("char* shared, const {} (&w)[{}], const {}* a", type_, r_.weights, type_name(c_.a_storage));
    for (std::size_t o = 0; o < c_.operands.size(); ++o)
      parameters += fmt::format(",\n    {}{}* operand{}", c_.operands[o].written ? "" : "const ",
                                type_name(c_.operands[o].storage), o);
    out_.open("__device__ __forceinline__ void {}({}{})", c_.name, parameters, extents());
    out_.line("{0}* const rows = ({0}*)shared;", type_);
    out_.line("{0}* const sums = rows + {1};", type_, r_.rows * depth_);
    place();
    out_.line("const long long clusters = gridDim.x / {}, all_rows = {};", cluster_blocks, extent_of(c_.m));
    out_.open("for (long long first = blockIdx.x / {}; first < all_rows; first += {} * clusters)", cluster_blocks,
              r_.rows);
    out_.line("const long long left = (all_rows - first - 1) / clusters + 1;");
    out_.line("const int count = left < {0} ? (int)left : {0};", r_.rows);
    read_rows();
    out_.line("__syncthreads();");  // behind it, nobody reads the sums before these any more
    sum();
    out_.line("__syncthreads();");
    finish();
    out_.close();
    out_.close();
  }

  void read_rows() {
    out_.open("for (int i = t; i < count * {}; i += {})", depth_, cluster_threads);
    out_.line("const long long m = first + i / {0} * clusters, k = i % {0};", depth_);
    const std::string at = sum_of({text_of(c_.a_offset), offset_of(c_.m, a_of, "m"), offset_of(c_.k, a_of, "k")});
    out_.line("rows[i] = k < {} ? {} : {}(0);", sizes_of(c_).k, widened(fmt::format("a[{}]", at), c_.a_storage), type_);
    out_.close();
  }

  void sum() {
    out_.line("#pragma unroll 2");
    out_.open("for (int r = 0; r < count; ++r)");
    out_.line("const {}* const from = rows + r * {} + {} * part;", type_, depth_, run_);
    out_.line("{} sum[{}] = {{}};", type_, run_);
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < {}; i += {})", r_.weights, run_);
    out_.line("__align__(16) {} x[{}];", type_, run_);
    out_.line("*({0}*)x = *(const {0}*)&from[i * {1}];", c_.dtype == DType::f32 ? "float4" : "double2", r_.threads);
    out_.line("for (int j = 0; j < {}; ++j) sum[j] += x[j] * w[i + j];", run_);
    out_.close();
    out_.line("{} whole = {};", type_, run_ == 4 ? "(sum[0] + sum[1]) + (sum[2] + sum[3])" : "sum[0] + sum[1]");
    for (int lanes = 1; lanes < r_.threads; lanes *= 2)
      out_.line("whole += __shfl_xor_sync(0xffffffffu, whole, {});", lanes);
    out_.line("if (part == 0 && column < {0}) sums[r * {0} + column] = whole;", all_columns());
    out_.close();
  }

  void finish() {
    out_.open("for (int i = t; i < count * {}; i += {})", r_.columns, cluster_threads);
    out_.line("const int r = i / {0}, j = i % {0};", r_.columns);
    out_.line("const long long m = first + r * clusters, n = blockIdx.x % {} * {} + j;", cluster_blocks, r_.columns);
    out_.line("if (n >= {}) continue;", columns_of(c_));
    std::string call;
    for (std::size_t o = 0; o < c_.operands.size(); ++o) {
      const StrideOf stride = [o](const Dim& d) { return d.operands[o]; };
      const std::string base = sum_of({text_of(c_.operands[o].offset), offset_of(column_dims(), stride, "n")});
      out_.line("const long long row{} = {};", o, offset_of(c_.m, stride, "m"));
      call += fmt::format(", operand{}{}, &row{}", o, base == "0" ? "" : fmt::format(" + ({})", base), o);
    }
    out_.line("{}(&sums[r * {} + j]{}, 1, 1, 1{});", c_.epilogue, all_columns(), call,
              c_.slices > 1 ? fmt::format(", {}", r_.columns) : "");
    out_.close();
  }

  const Contraction& c_;
  const Resident r_;
  const std::string type_;
  const int run_, depth_;
  Lines out_;
};

}  // namespace

std::optional<Resident> plan_resident(const Contraction& c) {
  std::vector<StrideOf> of_n{b_of};
  for (std::size_t o = 0; o < c.operands.size(); ++o) of_n.push_back([o](const Dim& d) { return d.operands[o]; });
  if (!c.batch.empty() || c.m.size() != 1 || !are_constants(c.n, of_n) || !are_constants(c.k, {a_of, b_of}) ||
      !c.b_offset.is_constant())
    return std::nullopt;
  const Sizes sizes = sizes_of(c);
  if (sizes.n < 1 || sizes.k < 1 || sizes.n > most_steps || sizes.k > most_steps) return std::nullopt;
  Resident r;
  r.columns = static_cast<int>(ceil_div(columns_of(c), cluster_blocks));
  const int all_columns = r.columns * c.slices;
  if (all_columns > cluster_threads) return std::nullopt;
  const int run = run_of(c);
  const auto pieces = static_cast<unsigned>(ceil_div(sizes.k, run));  // of 16 bytes
  r.threads = static_cast<int>(
      std::min({32U, std::bit_floor(static_cast<unsigned>(cluster_threads / all_columns)), std::bit_ceil(pieces)}));
  r.weights = static_cast<int>(ceil_div(pieces, r.threads)) * run;
  r.rows = most_rows;
  while (r.rows > 1 && bytes_for(c, r, r.rows) > most_shared) r.rows /= 2;
  if (bytes_for(c, r, r.rows) > 2 * most_shared) return std::nullopt;
  return r;
}

std::int64_t shared_bytes(const Contraction& c, const Resident& r) { return bytes_for(c, r, r.rows); }

int registers_of(const Contraction& c, const Resident& r) { return r.weights * static_cast<int>(size_of(c.dtype) / 4); }

std::string weights_of(const Contraction& c, const Resident& r, const std::string& name) {
  return fmt::format("{} {}[{}]", type_name(c.dtype), name, r.weights);
}

std::string print_resident(const Contraction& c, const Resident& r) { return filled(Printer(c, r).text()); }

}  // namespace bitale::codegen::cuda

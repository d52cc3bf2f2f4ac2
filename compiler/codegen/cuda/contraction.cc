#include "compiler/codegen/cuda/contraction.h"

#include <functional>

#include <fmt/format.h>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

std::string text(const Extent& e) { return e.is_constant() ? fmt::format("{}", e.value) : fmt::format("e{}", e.slot); }

bool is(const Extent& e, std::int64_t value) { return e.is_constant() && e.value == value; }

// A product as text; constants are multiplied here.
std::string product(const std::vector<Extent>& factors) {
  std::int64_t constant = 1;
  std::string rest;
  for (const Extent& e : factors) {
    if (e.is_constant())
      constant *= e.value;
    else
      rest += (rest.empty() ? "" : " * ") + text(e);
  }
  if (rest.empty()) return fmt::format("{}", constant);
  return constant == 1 ? rest : fmt::format("{} * {}", constant, rest);
}

std::string extent_of(const std::vector<Dim>& dims) {
  std::vector<Extent> factors;
  for (const Dim& d : dims) factors.push_back(d.extent);
  return product(factors);
}

// The element offset at `index` of a flattened group of dims.
std::string offset(const std::vector<Dim>& dims, const std::string& index,
                   const std::function<Extent(const Dim&)>& stride) {
  std::string sum;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const Extent by = stride(dims[d]);
    if (is(by, 0)) continue;
    std::vector<Extent> inner;
    for (std::size_t i = d + 1; i < dims.size(); ++i) inner.push_back(dims[i].extent);
    const std::string below = product(inner);
    std::string at = index;
    if (below != "1") at += below.find(' ') == below.npos ? " / " + below : " / (" + below + ")";
    if (d > 0) at += " % " + text(dims[d].extent);
    if (!is(by, 1)) at += " * " + (by.is_constant() && by.value < 0 ? "(" + text(by) + ")" : text(by));
    sum += (sum.empty() ? "" : " + ") + at;
  }
  return sum.empty() ? "0" : sum;
}

std::string plus(const Extent& constant, const std::string& a, const std::string& b) {
  std::string sum;
  for (const std::string& part : {text(constant), a, b})
    if (part != "0") sum += (sum.empty() ? "" : " + ") + part;
  return sum.empty() ? "0" : sum;
}

Extent a_of(const Dim& d) { return d.a; }
Extent b_of(const Dim& d) { return d.b; }

std::string head(const Contraction& c) {
  const std::string element(type_name(c.dtype));
  std::string out = fmt::format("// {}\n", c.name);
  for (const std::string& comment : c.comments) out += "//   " + comment + "\n";
  out += fmt::format("extern \"C\" __global__ void {}\n{}(const {}* a, const {}* b", launch_bounds(contraction_threads),
                     c.name, element, element);
  for (std::size_t o = 0; o < c.operands.size(); ++o)
    out += fmt::format(",\n    {}{}* operand{}", c.operands[o].written ? "" : "const ",
                       type_name(c.operands[o].storage), o);
  for (int e = 0; e < c.extents; ++e) out += fmt::format("{}long long e{}", e == 0 ? ",\n    " : ", ", e);
  return out + ") {\n";
}

// Reading a tile of both operands along k: 64 rows (columns) x 16, four of them for each thread.
constexpr const char* tiles = R"(  __shared__ {T} tile_a[16][64], tile_b[16][64];
  const long long rows = {rows}, columns = {columns}, depth = {depth};
  const long long down = (rows + 63) / 64, across = (columns + 63) / 64, tiles = {batches} * down * across;
  const int lane = threadIdx.x % 64, row = threadIdx.x / 16, column = threadIdx.x % 16;
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {{
    const long long batch = tile / (down * across);
    const long long top = tile / across % down * 64, left = tile % across * 64;
    {T} sum[4][4] = {{}};
    const bool has_a = top + lane < rows, has_b = left + lane < columns;
    const {T}* const from_a = a + (has_a ? {at_a} : 0);
    const {T}* const from_b = b + (has_b ? {at_b} : 0);
    for (long long start = 0; start < depth; start += 16) {{
      __syncthreads();
      for (int j = threadIdx.x / 64; j < 16; j += 4) {{
        const long long k = start + j;
        tile_a[j][lane] = has_a && k < depth ? from_a[{k_a}] : {zero};
        tile_b[j][lane] = has_b && k < depth ? from_b[{k_b}] : {zero};
      }}
      __syncthreads();
      for (int k = 0; k < 16; ++k)
        #pragma unroll
        for (int i = 0; i < 4; ++i)
          #pragma unroll
          for (int j = 0; j < 4; ++j) sum[i][j] += tile_a[k][row + 16 * i] * tile_b[k][column + 16 * j];
    }}
)";

std::string body(const Contraction& c) {
  return fmt::format(
      fmt::runtime(tiles), fmt::arg("T", type_name(c.dtype)), fmt::arg("rows", extent_of(c.m)),
      fmt::arg("columns", extent_of(c.n)), fmt::arg("depth", extent_of(c.k)), fmt::arg("batches", extent_of(c.batch)),
      fmt::arg("zero", number_text(0.0, c.dtype).text),
      fmt::arg("at_a", plus(c.a_offset, offset(c.batch, "batch", a_of), offset(c.m, "(top + lane)", a_of))),
      fmt::arg("at_b", plus(c.b_offset, offset(c.batch, "batch", b_of), offset(c.n, "(left + lane)", b_of))),
      fmt::arg("k_a", offset(c.k, "k", a_of)), fmt::arg("k_b", offset(c.k, "k", b_of)));
}

// Every thread finishes its own 16 elements, each as a run of one row and one column.
std::string finish(const Contraction& c) {
  std::string out = R"(    #pragma unroll
    for (int i = 0; i < 4; ++i)
      #pragma unroll
      for (int j = 0; j < 4; ++j) {
        const long long m = top + row + 16 * i, n = left + column + 16 * j;
        if (m >= rows || n >= columns) continue;
)";
  std::string call;
  for (std::size_t o = 0; o < c.operands.size(); ++o) {
    const auto of_operand = [o](const Dim& d) { return d.operands[o]; };
    const std::string base =
        plus(c.operands[o].offset, offset(c.batch, "batch", of_operand), offset(c.n, "n", of_operand));
    out += fmt::format("        const long long row{} = {};\n", o, offset(c.m, "m", of_operand));
    call += fmt::format(", operand{}{}, &row{}", o, base == "0" ? "" : " + " + base, o);
  }
  return out + fmt::format("        {}(&sum[i][j]{}, 1, 1, 1);\n      }}\n", c.epilogue, call);
}

}  // namespace

std::string print(const Contraction& c) { return head(c) + body(c) + finish(c) + "  }\n}\n"; }

}  // namespace bitale::codegen::cuda

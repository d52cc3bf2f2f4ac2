#include "compiler/codegen/cuda/contraction.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/codegen/cuda/addresses.h"
#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/slices.h"
#include "compiler/codegen/cuda/tile.h"
#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

Extent a_of(const Dim& d) { return d.a; }
Extent b_of(const Dim& d) { return d.b; }
StrideOf stride_of_operand(std::size_t o) {
  return [o](const Dim& d) { return d.operands[o]; };
}

// int if it holds every index of the group and every offset, with room for a tile.
std::string index_type(const ContractionDims& dims, std::int64_t extent, const std::vector<StrideOf>& strides) {
  const bool fits =
      extent >= 0 && extent < std::int64_t{1} << 30 &&
      std::all_of(
          strides.begin(), strides.end(), [&](const StrideOf& stride) { return reach_of(dims, stride).has_value(); });
  return fits ? "int" : "long long";
}

// With slices: n goes through the columns that a tile has of one slice, then through the slices, then through tiles.
Contraction by_tiles(Contraction c, const Tile& tile) {
  if (c.slices == 1) return c;
  const Dim slices = c.n[0], columns = c.n[1];
  const std::int64_t of_each = tile.columns / c.slices;
  const auto times = [&](const Extent& e) {
    BITALE_ASSERT(e.is_constant(), "strides along slices are constants");
    return Extent::constant(e.value * of_each);
  };
  Dim tiles = columns, inner = columns;
  tiles.extent = Extent::constant(columns.extent.value / of_each);
  tiles.a = times(columns.a);
  tiles.b = times(columns.b);
  for (Extent& o : tiles.operands) o = times(o);
  inner.extent = Extent::constant(of_each);
  c.n = {tiles, slices, inner};
  return c;
}

class Printer {
 public:
  explicit Printer(const Contraction& c)
      : tile_(choose_tile(c)),
        c_(by_tiles(c, tile_)),
        parts_(may_split(c, tile_)),
        type_(type_name(c.dtype)),
        run_(static_cast<int>(16 / size_of(c.dtype))),
        run_type_(c.dtype == DType::f32 ? "float4" : "double2") {
    std::vector<StrideOf> of_m{a_of}, of_n{b_of};
    for (std::size_t o = 0; o < c_.operands.size(); ++o) {
      of_m.push_back(stride_of_operand(o));
      of_n.push_back(stride_of_operand(o));
    }
    const Sizes sizes = sizes_of(c);
    m_type_ = index_type(c.m, sizes.m, of_m);
    n_type_ = index_type(c_.n, sizes.n, of_n);
    k_type_ = index_type(c.k, sizes.k, {a_of, b_of});
    whole_slices_ = sizes.k > 0 && sizes.k % tile_.depth == 0;
    a_ = plan_slices(c_, tile_,
                     {'a', c.a_storage, c_.m, a_of, c.a_offset, c.a_aligned, tile_.rows, m_type_, "top", k_type_});
    b_ = plan_slices(c_, tile_,
                     {'b', c.b_storage, c_.n, b_of, c.b_offset, c.b_aligned, tile_.columns, n_type_, "left", k_type_});
    // The sums go through shared memory in as few passes as it holds, of whole runs of every thread's rows.
    const int runs = tile_.high / run_;
    passes_ = 1;
    while (passes_ < runs && (runs % passes_ > 0 || tile_.rows / passes_ * tile_.columns > elements())) ++passes_;
  }

  std::string text() {
    head();
    common();
    out_.open("for ({} item = blockIdx.x; item < {}; item += gridDim.x)", tile_type(),
              of_cut("tiles") + (parts_ ? " * " + of_cut("parts") : ""));
    place();
    out_.line("__align__(16) {} sum[{}][{}] = {{}};", type_, tile_.high, tile_.wide);
    print_source(out_, a_, start_of(a_, c_.a_offset));
    print_source(out_, b_, start_of(b_, c_.b_offset));
    first_offsets();
    along_k();
    if (parts_)
      out_.line(
          "if (!parts_meet<{}, {}>(sum, ({}*)contraction_parts, contraction_arrived, at.tile, at.part, {})) continue;",
          enough_blocks, tile_.threads, run_type_, of_cut("parts"));
    finish();
    out_.close();
    out_.close();
    return std::move(out_).text();
  }

  // Of its own: at most, where a table may have entries of 4 or 8 bytes.
  SharedBytes shared() const {
    SharedBytes bytes{static_cast<std::int64_t>(size_of(c_.dtype)) * memory_elements(), 256};
    for (const Slices* s : {&a_, &b_}) {
      if (!s->k_by) bytes.own += 2 * 8 * tile_.depth;
      if (s->row_table()) bytes.own += 8 * s->span;
    }
    if (tables()) bytes.own += 8 * static_cast<std::int64_t>(c_.k.size()) * tile_.depth;
    for (std::size_t o = 0; o < c_.operands.size(); ++o)
      if (has_table(o)) bytes.own += 8 * tile_.rows;
    return bytes;
  }

 private:
  // --- sizes

  int slice_elements() const { return a_.elements() + b_.elements(); }
  int elements() const { return 2 * slice_elements(); }
  int pass_rows() const { return tile_.rows / passes_; }
  int memory_elements() const { return std::max(elements(), pass_rows() * tile_.columns); }
  int tall() const { return tile_.rows / tile_.high; }      // threads above each other
  int broad() const { return tile_.columns / tile_.wide; }  // and side by side
  // Memory holds no output of so many tiles, unless batches make them small.
  const char* tile_type() const {
    const std::int64_t batch = sizes_of(c_).batch;
    return batch >= 0 && batch <= 4096 ? "int" : "long long";
  }
  bool tables() const { return !a_.k_by || !b_.k_by; }

  // --- before the tiles

  void head() {
    out_.line("// {}", c_.name);
    for (const std::string& comment : c_.comments) out_.line("//   {}", comment);
    out_.line("// Tiles of {} x {}, each thread {} x {} of them; {} steps of k at a time.", tile_.rows, tile_.columns,
              tile_.high, tile_.wide, tile_.depth);
    std::string parameters = fmt::format("{}const {}* a, const {}* b", c_.in_loop ? "char* shared, " : "",
                                         type_name(c_.a_storage), type_name(c_.b_storage));
    for (std::size_t o = 0; o < c_.operands.size(); ++o)
      parameters += fmt::format(",\n    {}{}* operand{}", c_.operands[o].written ? "" : "const ",
                                type_name(c_.operands[o].storage), o);
    const int more = static_cast<int>(c_.parameters.wide.size());
    for (int e = 0; e < c_.extents + more; ++e)
      parameters += fmt::format("{}long long e{}", e == 0 ? ",\n    " : ", ", e);
    if (c_.in_loop)
      out_.line("__device__ __forceinline__ void");
    else
      out_.line("extern \"C\" __global__ void __launch_bounds__({}, {})", tile_.threads,
                resident_threads / tile_.threads);
    out_.open("{}({})", c_.name, parameters);
    for (int p = 0; p < more; ++p) {
      const char* const type = c_.parameters.wide[static_cast<std::size_t>(p)] ? "long long" : "int";
      out_.line("const {0} {1} = ({0})e{2};", type, name_of_parameter(p), c_.extents + p);
    }
  }

  // t is the thread; row and column: of its sums, in runs.
  void common() {
    if (c_.in_loop)
      out_.line("{0}* const memory = ({0}*)shared;", type_);
    else
      out_.line("__shared__ __align__(16) {} memory[{}];", type_, memory_elements());
    for (const Slices* s : {&a_, &b_})
      if (!s->k_by) out_.line("__shared__ __align__(16) {} table_{}[2][{}];", k_type_, s->name, tile_.depth);
    if (tables()) out_.line("__shared__ {} k_at[{}][{}];", k_type_, c_.k.size(), tile_.depth);
    for (std::size_t o = 0; o < c_.operands.size(); ++o)
      if (has_table(o)) out_.line("__shared__ long long rows{}[{}];", o, tile_.rows);
    out_.line("__shared__ struct {{ {}{}{} top; {} left; }} at;  // what the loop along k need not hold",
              c_.batch.empty() ? "" : "long long batch; ", parts_ ? fmt::format("{} tile, part; ", tile_type()) : "",
              m_type_, n_type_);
    out_.line("const {} rows = {};", m_type_, extent_of(c_.m));
    out_.line("const {} columns = {};", n_type_, extent_of(c_.n));
    out_.line("const {} depth = {};", k_type_, extent_of(c_.k));
    out_.line("const int t = threadIdx.x;");
    cut();
    const int lanes = std::min(8, broad()), warps = broad() / lanes;  // side by side
    out_.line("const int row = t / {} * {} + t % 32 / {}, column = {}t % {};", 32 * warps, 32 / lanes, lanes,
              warps > 1 ? fmt::format("t / 32 % {} * {} + ", warps, lanes) : "", lanes);
    print_place(out_, a_);
    print_place(out_, b_);
    for (std::size_t d = 0; tables() && d < c_.k.size(); ++d) step_digit(d);
  }

  // How the output and k are cut: all launches of one set of extents do it alike, whatever the number of blocks. What
  // has to be computed lies in shared memory, where it occupies no registers.
  void cut() {
    if (computed_cut()) {
      out_.line("__shared__ struct {{ {} down, across, tiles{}; }} cut;", tile_type(),
                parts_ ? fmt::format("; int parts; {} chunk", k_type_) : "");
      out_.open("if (t == 0)");
    }
    out_.line("const {0} down = ({0})((rows + {1}) / {2}), across = ({0})((columns + {3}) / {4});", tile_type(),
              tile_.rows - 1, tile_.rows, tile_.columns - 1, tile_.columns);
    out_.line("const {} tiles = {}down * across;", tile_type(), c_.batch.empty() ? "" : extent_of(c_.batch) + " * ");
    if (parts_) {
      out_.line("int parts = tiles == 0 || tiles > {0} ? 1 : (int)({0} / tiles);", enough_blocks);
      out_.line("parts = parts > {0} ? {0} : parts;", most_parts);
      out_.line("parts = depth / {0} < parts ? (int)(depth / {0}) : parts;", least_depth(c_));
      out_.line("parts = parts < 1 ? 1 : parts;");
      out_.line("const {0} chunk = ({0})((depth - 1) / parts / {1} + 1) * {1};", k_type_, tile_.depth);
      out_.line("parts = (int)((depth - 1) / chunk) + 1;");
    }
    if (!computed_cut()) return;
    out_.line("cut = {{down, across, tiles{}}};", parts_ ? ", parts, chunk" : "");
    out_.close();
    out_.line("__syncthreads();");
  }

  bool computed_cut() const {
    const Sizes s = sizes_of(c_);
    return s.batch < 0 || s.m < 0 || s.n < 0 || (parts_ && s.k < 0);
  }
  std::string of_cut(const char* name) const { return (computed_cut() ? "cut." : "") + std::string(name); }

  // How far index d of k moves from a slice to the next.
  void step_digit(std::size_t d) {
    const ContractionDims inner(c_.k.begin() + static_cast<std::ptrdiff_t>(d) + 1, c_.k.end());
    const std::string below = extent_of(inner);
    std::string step = std::to_string(tile_.depth);
    if (below != "1") step += " / " + operand_text(below);
    if (d > 0) step += " % " + text_of(c_.k[d].extent);
    out_.line("const {} step{} = depth > 0 ? {} : 0;", k_type_, d, step);
  }

  // --- the beginning of a tile

  void place() {
    if (parts_)
      out_.line("const {0} tile = item / {1}, part = item % {1};", tile_type(), of_cut("parts"));
    else
      out_.line("const {} tile = item;", tile_type());
    if (!c_.batch.empty()) out_.line("const long long batch = tile / ({} * {});", of_cut("down"), of_cut("across"));
    out_.line("const {0} top = ({0})(tile / {1}{2}) * {3};", m_type_, of_cut("across"),
              c_.batch.empty() ? "" : " % " + of_cut("down"), tile_.rows);
    out_.line("const {0} left = ({0})(tile % {1}) * {2};", n_type_, of_cut("across"), tile_.columns);
    if (parts_) {
      out_.line("const {0} first = ({0})part * {1};", k_type_, of_cut("chunk"));
      out_.line("const int length = (int)(first + {0} < depth ? {0} : depth - first);", of_cut("chunk"));
    } else {
      out_.line("const {} first = 0;", k_type_);
      out_.line("const int length = (int)depth;");
    }
    out_.line("if (t == 0) at = {{{}{}top, left}};", c_.batch.empty() ? "" : "batch, ", parts_ ? "tile, part, " : "");
    for (std::size_t o = 0; o < c_.operands.size(); ++o) {
      if (!has_table(o)) continue;
      out_.open("for (int i = t; i < {}; i += {})", tile_.rows, tile_.threads);
      out_.line("const {} m = top + i;", m_type_);
      out_.line("rows{}[i] = {};", o, offset_of(c_.m, stride_of_operand(o), "m"));
      out_.close();
    }
  }

  std::string start_of(const Slices& s, const Extent& offset) const {
    return sum_of({text_of(offset), offset_of(c_.batch, s.stride, "batch")});
  }

  // --- along k

  // Offsets along k of the slice that is copied next are made by as many threads as it has steps, in tables of which
  // one is read while the other is written. Their indices move on by carrying.
  void write_tables(const char* buffer) {
    for (const Slices* s : {&a_, &b_}) {
      if (s->k_by) continue;
      std::string at;
      for (std::size_t d = 0; d < c_.k.size(); ++d)
        if (const std::string part = times(fmt::format("k{}", d), s->stride(c_.k[d])); part != "0")
          at += (at.empty() ? "" : " + ") + part;
      out_.line("table_{}[{}][t] = {};", s->name, buffer, at.empty() ? "0" : at);
    }
    for (std::size_t d = 0; d < c_.k.size(); ++d) out_.line("k_at[{0}][t] = k{0};", d);
  }

  void first_offsets() {
    if (!tables()) return;
    out_.open("if (t < {} && length > 0)", tile_.depth);
    out_.line("const {} k = first + t;", k_type_);
    for (std::size_t d = 0; d < c_.k.size(); ++d) {
      const ContractionDims inner(c_.k.begin() + static_cast<std::ptrdiff_t>(d) + 1, c_.k.end());
      const std::string below = extent_of(inner);
      out_.line("const {} k{} = k{}{};", k_type_, d, below == "1" ? "" : " / " + operand_text(below),
                d == 0 ? "" : " % " + operand_text(text_of(c_.k[d].extent)));
    }
    write_tables("0");
    out_.close();
    out_.line("__syncthreads();");
  }

  void next_offsets() {
    out_.open("if (t < {})", tile_.depth);
    for (std::size_t d = c_.k.size(); d-- > 0;) {
      const std::string carry = d + 1 < c_.k.size() ? fmt::format(" + carry{}", d + 1) : "";
      out_.line("{0} k{1} = k_at[{1}][t] + step{1}{2};", k_type_, d, carry);
      if (d == 0) continue;
      out_.line("const int carry{0} = k{0} >= {1};", d, text_of(c_.k[d].extent));
      out_.line("if (carry{0}) k{0} -= {1};", d, text_of(c_.k[d].extent));
    }
    write_tables("buffer ^ 1");
    out_.close();
  }

  // While a slice is multiplied, the next one is on its way: `left` steps are not yet.
  void along_k() {
    out_.line("int buffer = 0;");
    out_.open("for (int left = length; left > -{0}; left -= {0})", tile_.depth);
    out_.open("if (left > 0)");
    print_copies(out_, a_, fmt::format("memory + (buffer ^ 1) * {}", a_.elements()), whole_slices_);
    print_copies(out_, b_, fmt::format("memory + {} + (buffer ^ 1) * {}", 2 * a_.elements(), b_.elements()),
                 whole_slices_);
    if (tables()) next_offsets();
    out_.close();
    out_.open("if (left < length)");
    multiply();
    out_.close();
    if (!a_.widens() || !b_.widens()) out_.line("copies_done();");
    out_.line("__syncthreads();");
    out_.line("buffer ^= 1;");
    out_.close();
  }

  // Of a thread's sums, the steps of k that are one piece of code: twice as many multiply for hardly a percent fewer
  // other instructions, and are compiled for half as long again. Where sums go from registers straight to the epilogue,
  // there are fewer registers to spare.
  int steps_at_once() const {
    const int sums = tile_.high * tile_.wide;
    return std::min(tile_.depth, (sums < 64 || parts_ ? 256 : 128) / sums);
  }

  void multiply() {
    const int steps = steps_at_once();
    const auto slice = [&](const Slices& s, const std::string& from) {
      return s.copied_as() == c_.dtype ? from : fmt::format("(const {}*)({})", type_name(s.copied_as()), from);
    };
    out_.line("const {}* x_from = {} + {} * row;", type_name(a_.copied_as()),
              slice(a_, fmt::format("memory + buffer * {}", a_.elements())), run_);
    out_.line("const {}* y_from = {} + {} * column;", type_name(b_.copied_as()),
              slice(b_, fmt::format("memory + {} + buffer * {}", 2 * a_.elements(), b_.elements())), run_);
    out_.line("#pragma unroll 1");
    out_.open("for (int steps = {0}; steps > 0; steps -= {1}, x_from += {1} * {2}, y_from += {1} * {3})", tile_.depth,
              steps, a_.line, b_.line);
    out_.line("#pragma unroll");
    out_.open("for (int k = 0; k < {}; ++k)", steps);
    out_.line("__align__(16) {} x[{}], y[{}];", type_, tile_.high, tile_.wide);
    const auto read = [&](const char* name, int count, const Slices& s, int apart) {
      const std::string from = fmt::format("&{}_from[k * {} + i * {}]", name, s.line, apart);
      out_.unroll("i", count, run_);
      out_.line("*({0}*)&{1}[i] = {2};", run_type_, name,
                s.copied_as() == c_.dtype     ? fmt::format("*(const {}*){}", run_type_, from)
                : s.copied_as() == DType::f16 ? fmt::format("four_halves({})", from)
                                              : fmt::format("four_bfloats({})", from));
      out_.unrolled(1);
    };
    read("x", tile_.high, a_, tall());
    read("y", tile_.wide, b_, broad());
    out_.unroll("i", tile_.high);
    out_.unroll("j", tile_.wide);
    out_.line("sum[i][j] += x[i] * y[j];");
    out_.unrolled(2);
    out_.close();
    out_.close();
  }

  // --- the elements

  std::optional<Extent> row_by(std::size_t o) const { return only_stride(c_.m, stride_of_operand(o)); }
  bool has_table(std::size_t o) const { return !row_by(o).has_value(); }

  // Through shared memory, after which the threads of a warp finish elements of one row.
  void finish() {
    const int rows = pass_rows();
    if (passes_ > 1) {
      out_.line("#pragma unroll 1");
      out_.open("for (int pass = 0; pass < {}; ++pass)", passes_);
    }
    out_.unroll("i", tile_.high);
    if (passes_ > 1) out_.line("if (i / {} == pass)", tile_.high / passes_);
    out_.unroll("j", tile_.wide, run_);
    const int in_pass = tile_.high / passes_;
    out_.line("*({0}*)&memory[({1} + {2} * row + i % {2}) * {3} + j * {4} + {2} * column] = *({0}*)&sum[i][j];",
              run_type_, in_pass > run_ ? fmt::format("i % {} / {} * {}", in_pass, run_, run_ * tall()) : "0", run_,
              tile_.columns, broad());
    out_.unrolled(2);
    out_.line("__syncthreads();");
    const int columns = tile_.columns / c_.slices;  // of each slice, whose elements are finished together
    const bool few = tile_.threads < columns;       // threads: each has several columns
    if (few) out_.open("for (int j = t; j < {}; j += {})", columns, tile_.threads);
    if (!few) out_.line("const int j = t % {};", columns);
    out_.line("const {} n = at.left + j;", n_type_);
    out_.line("#pragma unroll 1");
    out_.open("for (int i = {}; i < {}; i += {})", few ? "0" : fmt::format("t / {}", columns), rows,
              few ? 1 : tile_.threads / columns);
    out_.line("const {} m = at.top + {}i;", m_type_, passes_ > 1 ? fmt::format("pass * {} + ", rows) : "");
    out_.line("if (m >= rows || n >= columns) break;");
    std::string call;
    for (std::size_t o = 0; o < c_.operands.size(); ++o) {
      const StrideOf stride = stride_of_operand(o);
      const std::string base = sum_of(
          {text_of(c_.operands[o].offset), offset_of(c_.batch, stride, "at.batch"), offset_of(c_.n, stride, "n")});
      const std::string row = has_table(o)
                                  ? fmt::format("rows{}[{}i]", o, passes_ > 1 ? fmt::format("pass * {} + ", rows) : "")
                                  : times("m", *row_by(o));
      out_.line("const long long row{} = {};", o, row);
      call += fmt::format(", operand{}{}, &row{}", o, base == "0" ? "" : fmt::format(" + ({})", base), o);
    }
    out_.line("{}(&memory[i * {} + j]{}, 1, 1, 1{});", c_.epilogue, tile_.columns, call,
              c_.slices > 1 ? fmt::format(", {}", columns) : "");
    out_.close();
    if (few) out_.close();
    out_.line("__syncthreads();");
    if (passes_ > 1) out_.close();
  }

  const Tile tile_;
  const Contraction c_;
  const bool parts_;
  const std::string type_;
  const int run_;  // elements of 16 bytes
  const std::string run_type_;
  std::string m_type_, n_type_, k_type_;
  bool whole_slices_ = false;
  int passes_ = 1;
  Slices a_, b_;
  Lines out_;
};

}  // namespace

std::string print(const Contraction& c) { return filled(Printer(c).text(), c.parameters.of_number); }
Form form_of(const Contraction& c) { return form_of(Printer(c).text()); }
SharedBytes shared_bytes(const Contraction& c) { return Printer(c).shared(); }

namespace {

// Constants are multiplied before pieces are counted, and with them one of the extents that are arguments. `parameter`:
// the argument that is the product of all, if there is one.
void add_work(program::Launch& launch, const ContractionDims& dims, std::int64_t per, int parameter) {
  if (parameter >= 0) return void(launch.work.push_back({1, parameter, per}));
  program::Launch::Factor last{1, -1, per};
  for (const Dim& d : dims) {
    if (d.extent.is_constant()) {
      if (__builtin_mul_overflow(last.value, d.extent.value, &last.value)) last.value = std::int64_t{1} << 62;
      continue;
    }
    if (last.argument >= 0) launch.work.push_back({1, last.argument});
    last.argument = d.extent.slot;
  }
  launch.work.push_back(last);
}

}  // namespace

program::Launch launch_of(const Contraction& c) {
  const Tile tile = choose_tile(c);
  program::Launch launch{c.name, 0, tile.threads, 1, {}, may_split(c, tile) ? enough_blocks : 1};
  const auto argument = [&](int parameter) { return parameter < 0 ? -1 : c.extents + parameter; };
  if (!c.batch.empty()) add_work(launch, c.batch, 1, argument(c.parameters.batch));
  add_work(launch, c.m, tile.rows, argument(c.parameters.m));
  add_work(launch, c.n, tile.columns, argument(c.parameters.n));
  return launch;
}

std::string memory_of(std::span<const Contraction* const> contractions) {
  std::int64_t bytes = 0;
  for (const Contraction* c : contractions)
    if (const Tile tile = choose_tile(*c); may_split(*c, tile))
      bytes = std::max(bytes, static_cast<std::int64_t>(size_of(c->dtype)) * tile.rows * tile.columns * enough_blocks);
  if (bytes == 0) return "";
  return fmt::format(
      "// Where the parts of a contraction's sums meet, and how many of a group have come; launches follow each "
      "other.\n"
      "__device__ __align__(16) char contraction_parts[{}];\n"
      "__device__ unsigned contraction_arrived[{}];\n",
      bytes, 2 * enough_blocks);
}

}  // namespace bitale::codegen::cuda

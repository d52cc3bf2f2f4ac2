#include "compiler/codegen/cuda/spread.h"

#include "compiler/codegen/cuda/prelude.h"

namespace bitale::codegen::cuda {
namespace {

// The number of iterations that loops inside it have for each of its own.
std::string below(const FlatLoop& l) {
  std::string product = l.below == 1 && !l.factors.empty() ? "" : std::to_string(l.below);
  for (const kernel::Extent& e : l.factors) product += (product.empty() ? "" : " * ") + extent_text(e).text;
  return l.factors.size() + (l.below == 1 ? 0 : 1) > 1 ? "(" + product + ")" : product;
}

// All columns of a block go through all iterations: those behind the last one compute that once more.
void open_columns(Lines& out, const std::string& at, const std::string& n) {
  out.line("const int column = threadIdx.x % {};", columns_of_block);
  out.open("for (long long left = (long long)blockIdx.x * {0}; left < {1}; left += (long long)gridDim.x * {0})",
           columns_of_block, n);
  out.line("const long long {0} = left + column < {1} ? left + column : {1} - 1;", at, n);
}

void open_threads(Lines& out, const std::string& at, const std::string& n) {
  out.line("const long long begin = (long long)blockIdx.x * blockDim.x + threadIdx.x;");
  out.line("const long long step = (long long)gridDim.x * blockDim.x;");
  // Loads do not move over the stores of the iteration before, to memory that may be the same: several iterations
  // at once would only be more code, which takes as long again to compile.
  out.line("#pragma unroll 1");
  out.open("for (long long {0} = begin; {0} < {1}; {0} += step)", at, n);
}

}  // namespace

std::string iterations(const Mapping& m) {
  return extent_text(m.outer->extent).text + (m.flat.empty() ? "" : " * " + below(m.flat[0]));
}

void open_spread(Lines& out, const Mapping& m, Values& values) {
  const std::string own = values.names().loop();
  values.set(m.outer->var, {own});
  for (std::size_t l = 1; l < m.flat.size(); ++l) values.set(m.flat[l].var, {values.names().loop()});
  const std::string n = iterations(m), at = m.flat.empty() ? own : "at";
  if (m.phase.team == Team::block)
    out.open("for (long long {0} = {1}; {0} < {2}; {0} += gridDim.x)", at, m.first_row, n);
  else
    m.phase.team == Team::column ? open_columns(out, at, n) : open_threads(out, at, n);
}

// Where int holds what is in one iteration of the outermost, `rest` of it is what is divided further: 32 bits take a
// fraction of the time that 64 do, and of the code.
void print_indices(Lines& out, const Mapping& m, const Values& values, std::string_view body) {
  const std::vector<FlatLoop>& flat = m.flat;
  const bool small = flat.size() > 2 && flat[0].factors.empty() && flat[0].below < std::int64_t{1} << 31;
  if (small) out.line("const int rest = (int)(at % {});", below(flat[0]));
  for (std::size_t l = 0; l < flat.size(); ++l) {
    const std::string& own = values[flat[l].var].text;
    if (!mentions(body, own)) continue;
    std::string index = l > 0 && small ? "rest" : "at";
    if (l + 1 < flat.size()) index += " / " + below(flat[l]);
    if (l > (small ? 1 : 0)) index += " % " + extent_text(flat[l].extent).text;
    out.line("const long long {} = {};", own, index);
  }
}

}  // namespace bitale::codegen::cuda

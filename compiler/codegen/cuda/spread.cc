#include "compiler/codegen/cuda/spread.h"

#include <algorithm>
#include <utility>

#include "compiler/codegen/cuda/flat_text.h"
#include "compiler/codegen/cuda/prelude.h"

namespace bitale::codegen::cuda {
namespace {

constexpr const char *first_thread = "blockIdx.x * blockDim.x + threadIdx.x", *all_threads = "gridDim.x * blockDim.x";

// All columns of a block go through all iterations: those behind the last one compute that once more.
void open_columns(Lines& out, std::string_view type, const std::string& at, const std::string& n) {
  out.line("const int column = threadIdx.x % {};", columns_of_block);
  out.open("for (long long left = (long long)blockIdx.x * {0}; left < {1}; left += (long long)gridDim.x * {0})",
           columns_of_block, n);
  out.line("const {0} {1} = left + column < {2} ? left + column : {2} - 1;", type, at, n);
}

void open_threads(Lines& out, std::string_view type, const std::string& at, const std::string& n, int run) {
  for (const auto& [name, threads] : {std::pair("begin", first_thread), {"step", all_threads}})
    out.line("const {} {} = {};", type, name, run == 1 ? threads : fmt::format("{} * ({})", run, threads));
  // Loads do not move over the stores of the iteration before, to memory that may be the same: several iterations at
  // once would only be more code, which takes as long again to compile.
  out.line("#pragma unroll 1");
  out.open("for ({0} {1} = begin; {1} < {2}; {1} += step)", type, at, n);
}

bool mentions_any(const Mapping& m, const Values& values, std::string_view body) {
  return std::any_of(m.flat.begin(), m.flat.end(),
                     [&](const FlatLoop& l) { return mentions(body, values.name(l.var)); });
}

void open_loop(Lines& out, const Mapping& m, std::string_view type, const std::string& at) {
  const std::string n = iterations(m);
  if (m.phase.team == Team::thread)
    open_threads(out, type, at, n, m.phase.run);
  else if (m.phase.team == Team::column)
    open_columns(out, type, at, n);
  else
    out.open("for ({0} {1} = {2}; {1} < {3}; {1} += gridDim.x)", type, at, m.first_row, n);
}

}  // namespace

std::string iterations(const Mapping& m) {
  return m.flat.empty() ? extent_text(m.outer->extent).text : FlatText(m.flat, "at").iterations();
}

void name_spread(const Mapping& m, Values& values) {
  if (m.flat.empty()) return values.set_index(m.outer->var, {values.names().loop()}, m.outer->extent);
  const FlatText flat(m.flat, "at");
  flat.name(values);
  values.set_flat(flat.at(), flat.is_int() ? m.flat[0].extent.value * m.flat[0].below : -1);
}

void open_spread(Lines& out, const Mapping& m, const Values& values, std::string_view body) {
  if (m.flat.empty()) return open_loop(out, m, values.index_type(m.outer->var), values.name(m.outer->var));
  const FlatText flat(m.flat, "at", m.phase.run);
  if (m.phase.team == Team::thread && flat.may_walk() && !flat.is_int() && mentions_any(m, values, body)) {
    out.line("#pragma unroll 1");
    flat.open_walk(out, "walk", first_thread, all_threads);
    flat.print_walked(out, values, "walk", body);
  } else {
    open_loop(out, m, flat.type(), flat.at());
    flat.print_divided(out, values, body);
  }
}

}  // namespace bitale::codegen::cuda

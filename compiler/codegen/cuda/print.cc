#include "compiler/codegen/cuda/print.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/prelude.h"
#include "compiler/codegen/cuda/runs.h"
#include "compiler/codegen/cuda/spread.h"
#include "compiler/codegen/cuda/statements.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Kernel;
using kernel::Stmt;

constexpr std::size_t longest_line = 116;

// The list behind the function's name, on as many lines as it takes.
std::string wrapped(const std::string& function, const std::vector<std::string>& list) {
  std::string text;
  std::size_t column = function.size() + 1;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string item = list[i] + (i + 1 < list.size() ? ", " : "");
    if (column + item.size() > longest_line) {
      text.back() = '\n';
      text += "    ";
      column = 4;
    }
    text += item;
    column += item.size();
  }
  return text;
}

void open_function(Lines& out, const Kernel& k, const Mapping& m, const Values& values) {
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < k.buffers.size(); ++i) {
    const kernel::Buffer& b = k.buffers[i];
    if (b.scratch > 0) continue;
    parameters.push_back(
        fmt::format("{}{}* {}", b.written ? "" : "const ", type_name(b.storage), values.buffer(static_cast<int>(i))));
  }
  for (int i = 0; i < k.extents; ++i) parameters.push_back(fmt::format("long long e{}", i));
  const std::string kind = m.inlined   ? "__device__ inline void "
                           : m.in_loop ? "__device__ __forceinline__ void "
                                       : "extern \"C\" __global__ void " + launch_bounds(m.phase.threads) + "\n";
  out.open("{}{}({})", kind, m.phase.function, wrapped(m.phase.function, parameters));
}

// Blocks, or threads, that have nothing to do.
void print_returns(Lines& out, const Mapping& m) {
  if (m.phase.by_all) {
    out.line("const unsigned blocks = gridDim.x < {0} ? gridDim.x : {0};", blocks_of_reduction);
    out.line("if (blockIdx.x >= blocks) return;");
  } else if (!m.outer && !m.inlined) {
    out.line("if (blockIdx.x > 0{}) return;", m.phase.threads == 1 ? " || threadIdx.x > 0" : "");
  }
}

void print_scratch(Lines& out, const Kernel& k, const Mapping& m, const Values& values) {
  for (std::size_t i = 0; i < k.buffers.size(); ++i) {
    const kernel::Buffer& b = k.buffers[i];
    const int number = static_cast<int>(i);
    const bool used = b.scratch > 0 && std::any_of(m.rest.begin(), m.rest.end(),
                                                   [&](const Stmt* s) { return stores_to(k, *s, number); });
    if (!used) continue;
    out.line("{}{} {}[{}];", m.phase.team == Team::block ? "__shared__ " : "", type_name(b.storage),
             values.buffer(number), b.scratch);
  }
}

// What stands in the loop that is spread, and ends it and the function.
std::string print_body(const Mapping& m, Values& values) {
  Lines out;
  out.begin();
  out.begin();
  if (m.phase.run > 1) {
    print_run(out, values, m);
  } else {
    print_statements(out, values, m, m.between, Team::thread);
    print_statements(out, values, m, m.rest, m.phase.team);
  }
  out.close();
  out.close();
  return std::move(out).text();
}

std::string print_function(const Kernel& kernel, const Mapping& m) {
  Values values(kernel, m);
  Lines out;
  open_function(out, kernel, m, values);
  print_returns(out, m);
  print_scratch(out, kernel, m, values);
  print_statements(out, values, m, m.before, Team::thread);
  if (!m.outer) {
    print_statements(out, values, m, m.rest, m.phase.team);
    out.close();
    return std::move(out).text();
  }
  name_spread(m, values);
  const std::string body = print_body(m, values);
  open_spread(out, m, values, body);
  return std::move(out).text() + body;
}

std::string print_all(const Kernel& kernel, const std::vector<Mapping>& mappings) {
  std::string functions;
  for (const Mapping& m : mappings) functions += (functions.empty() ? "" : "\n") + print_function(kernel, m);
  return functions;
}

const char* name_of(Team team) {
  return team == Team::thread ? "thread" : team == Team::block ? "block" : "column of threads";
}

std::string legend(const Kernel& kernel, const std::vector<Mapping>& mappings) {
  std::string text = "// " + kernel.name + (kernel.comments.empty() ? "" : ", which fuses") + "\n";
  for (const std::string& comment : kernel.comments) text += "//   " + comment + "\n";
  if (kernel.extents > 0) text += "// e0, e1...: the extents of this call.\n";
  for (const Mapping& m : mappings) {
    text += "// " + m.phase.function + ": ";
    if (m.phase.by_all)
      text += "all blocks";
    else if (!m.outer)
      text += m.phase.threads > 1 ? "one block" : "one thread";
    else if (m.phase.team == Team::block && m.flat.empty())
      text += "one block for each iteration of the outer loop, its threads for the inner loops";
    else
      text += fmt::format("one {} for {}{}", name_of(m.phase.team),
                          m.phase.run == 1 ? "each iteration" : fmt::format("{} iterations", m.phase.run),
                          m.flat.empty() ? "" : fmt::format(" of {} loops", m.flat.size()));
    text += ".\n";
  }
  return text + "\n";
}

}  // namespace

std::string launch_bounds(int threads) { return "__launch_bounds__(" + std::to_string(threads) + ", 2)"; }

int iterations_of_block(const Phase& phase, int threads) {
  return phase.team == Team::thread ? threads * phase.run : phase.team == Team::block ? 1 : columns_of_block;
}

std::vector<Phase> phases(const Kernel& kernel) {
  std::vector<Phase> all;
  for (const Mapping& m : map_phases(kernel)) all.push_back(m.phase);
  return all;
}

std::string print(const Kernel& kernel) {
  const std::vector<Mapping> mappings = map_phases(kernel);
  const std::string functions = print_all(kernel, mappings);
  const std::string prelude = prelude_for(functions);
  return legend(kernel, mappings) + prelude + (prelude.empty() ? "" : "\n") + functions;
}

std::string print_phases(const Kernel& kernel) {
  const std::vector<Mapping> mappings = map_phases(kernel);
  return legend(kernel, mappings) + print_all(kernel, mappings);
}

std::string print_in_loop(const Kernel& kernel, const std::string& prefix, bool by_rows, const std::string& first_row) {
  std::vector<Mapping> mappings = map_in_loop(kernel, by_rows);
  for (Mapping& m : mappings) {
    m.phase.function.insert(0, prefix);
    if (by_rows) m.first_row = first_row;
  }
  return print_all(kernel, mappings);
}

std::vector<Phase> phases_in_loop(const Kernel& kernel, bool by_rows) {
  std::vector<Phase> all;
  for (const Mapping& m : map_in_loop(kernel, by_rows)) all.push_back(m.phase);
  return all;
}

std::string print_inline(const Kernel& kernel) {
  std::string text;
  for (const std::string& comment : kernel.comments) text += "//   " + comment + "\n";
  return text + print_function(kernel, map_inline(kernel));
}

}  // namespace bitale::codegen::cuda

#include "compiler/codegen/cuda/finish.h"

#include <functional>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

std::string text(const Extent& e) { return e.is_constant() ? fmt::format("{}", e.value) : fmt::format("e{}", e.slot); }

// Every dim of a group has an index: m0, m1...
struct Group {
  char name;
  const std::vector<Dim>& dims;
  std::string index(std::size_t dim) const { return fmt::format("{}{}", name, dim); }
};

void add(std::string& sum, const std::string& term) { sum += (sum.empty() ? "" : " + ") + term; }

// The offset of the dims' present indices in an operand, as terms of a sum.
void add_terms(std::string& sum, const Group& group, std::size_t operand) {
  for (std::size_t d = 0; d < group.dims.size(); ++d) {
    const Extent& by = group.dims[d].operands[operand];
    if (by == Extent::constant(1))
      add(sum, group.index(d));
    else if (!(by == Extent::constant(0)))
      add(sum, fmt::format("(long long){} * {}", group.index(d), text(by)));
  }
}

std::string head(const Contraction& c) {
  const std::string element(type_name(c.dtype));
  std::string out = fmt::format("// {}: what follows a library's product\n", c.name);
  for (const std::string& comment : c.comments) out += "//   " + comment + "\n";
  out += fmt::format("extern \"C\" __global__ void {}\n{}(const {}* product", launch_bounds(finish_threads), c.name,
                     element);
  for (std::size_t o = 0; o < c.operands.size(); ++o)
    out += fmt::format(",\n    {}{}* operand{}", c.operands[o].written ? "" : "const ",
                       type_name(c.operands[o].storage), o);
  for (int e = 0; e < c.extents; ++e) out += fmt::format("{}long long e{}", e == 0 ? ",\n    " : ", ", e);
  return out + ") {\n";
}

// The indices of element i: innermost first, each what the ones before it leave.
std::string indices(const std::vector<Group>& groups) {
  std::vector<std::pair<std::string, std::string>> inner_first;  // index and extent
  for (const Group& g : groups)
    for (std::size_t d = g.dims.size(); d-- > 0;) inner_first.emplace_back(g.index(d), text(g.dims[d].extent));
  std::string out, rest = "i";
  for (std::size_t d = 0; d < inner_first.size(); ++d) {
    const auto& [index, extent] = inner_first[d];
    const bool outermost = d + 1 == inner_first.size();
    out += fmt::format("    const unsigned {} = {};\n", index,
                       outermost ? rest : fmt::format("{} % (unsigned){}", rest, extent));
    rest = fmt::format("{} / (unsigned){}", d == 0 ? rest : "(" + rest + ")", extent);
  }
  return out;
}

std::string count_of(const std::vector<Group>& groups) {
  std::string count;
  for (const Group& g : groups)
    for (const Dim& d : g.dims) count += (count.empty() ? "(unsigned)" : " * (unsigned)") + text(d.extent);
  return count.empty() ? "1" : count;
}

}  // namespace

std::string print_finish(const Contraction& c) {
  const Group batch{'b', c.batch}, m{'m', c.m}, n{'n', c.n};
  std::string out = head(c);
  out += fmt::format("  const unsigned count = {};\n", count_of({batch, m, n}));
  out += fmt::format("  for (unsigned i = blockIdx.x * {0} + threadIdx.x; i < count; i += gridDim.x * {0}) {{\n",
                     finish_threads);
  out += indices({n, m, batch});
  std::string call;
  for (std::size_t o = 0; o < c.operands.size(); ++o) {
    std::string row, base;
    add_terms(row, m, o);
    if (!(c.operands[o].offset == Extent::constant(0))) add(base, text(c.operands[o].offset));
    add_terms(base, batch, o);
    add_terms(base, n, o);
    out += fmt::format("    const long long row{} = {};\n", o, row.empty() ? "0" : row);
    call += fmt::format(", operand{}{}, &row{}", o, base.empty() ? "" : " + " + base, o);
  }
  return out + fmt::format("    {}(product + i{}, 1, 1, 1);\n  }}\n}}\n", c.epilogue, call);
}

std::optional<DType> only_stores_as(const kernel::Kernel& epilogue) {
  std::optional<DType> as;
  int stores = 0;
  const auto element = [&](const kernel::Value& v) {  // of what is finished, which is the first buffer
    return v.op == kernel::ScalarOp::load && epilogue.accesses[static_cast<std::size_t>(v.index)].buffer == 0;
  };
  const std::function<void(const kernel::Region&)> visit = [&](const kernel::Region& region) {
    for (const kernel::Stmt& s : region) {
      if (const auto* loop = std::get_if<kernel::Loop>(&s.node)) visit(loop->body);
      const auto* store = std::get_if<kernel::Store>(&s.node);
      if (!store) continue;
      ++stores;
      const DType stored =
          epilogue.buffers[static_cast<std::size_t>(epilogue.accesses[static_cast<std::size_t>(store->access)].buffer)]
              .storage;
      const kernel::Value& v = epilogue.value(store->value);
      const bool rounds = v.op == kernel::ScalarOp::cast && v.type == stored && is_only_stored(stored);
      if (!store->accumulate && element(rounds ? epilogue.value(v.args[0]) : v)) as = stored;
    }
  };
  visit(epilogue.body);
  if (stores == 1 && epilogue.arguments() == 3) return as;  // the elements, the operand and its rows
  return std::nullopt;
}

}  // namespace bitale::codegen::cuda

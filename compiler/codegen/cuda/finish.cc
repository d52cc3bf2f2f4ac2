#include "compiler/codegen/cuda/finish.h"

#include <functional>
#include <variant>

#include <fmt/format.h>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

std::string text(const Extent& e) {
  return e.is_constant() ? fmt::format("{}ll", e.value) : fmt::format("e{}", e.slot);
}

// Every dim of a group has an index: m0, m1...
std::string index(char group, std::size_t dim) { return fmt::format("{}{}", group, dim); }

struct Group {
  char name;
  const std::vector<Dim>& dims;
};

// The offset of the dims' present indices in an operand, as terms of a sum.
std::string terms(const Group& group, std::size_t operand) {
  std::string sum;
  for (std::size_t d = 0; d < group.dims.size(); ++d) {
    const Extent& by = group.dims[d].operands[operand];
    if (!(by == Extent::constant(0))) sum += fmt::format(" + {} * {}", index(group.name, d), text(by));
  }
  return sum;
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
  std::string out = "    long long rest = i;\n";
  for (const Group& g : groups)
    for (std::size_t d = g.dims.size(); d-- > 0;)
      out += fmt::format("    const long long {0} = rest % {1};\n    rest /= {1};\n", index(g.name, d),
                         text(g.dims[d].extent));
  return out;
}

}  // namespace

std::string print_finish(const Contraction& c) {
  const Group batch{'b', c.batch}, m{'m', c.m}, n{'n', c.n};
  std::string count = "1ll";
  for (const Group& g : {batch, m, n})
    for (const Dim& d : g.dims) count += " * " + text(d.extent);
  std::string out = head(c);
  out += fmt::format("  const long long count = {};\n", count);
  out += fmt::format("  for (long long i = blockIdx.x * {0}ll + threadIdx.x; i < count; i += gridDim.x * {0}ll) {{\n",
                     finish_threads);
  out += indices({n, m, batch});
  std::string call;
  for (std::size_t o = 0; o < c.operands.size(); ++o) {
    out += fmt::format("    const long long row{} = 0{};\n", o, terms(m, o));
    call += fmt::format(", operand{} + {}{}{}, &row{}", o, text(c.operands[o].offset), terms(batch, o), terms(n, o), o);
  }
  return out + fmt::format("    {}(product + i{}, 1, 1, 1);\n  }}\n}}\n", c.epilogue, call);
}

bool stores_only(const kernel::Kernel& epilogue) {
  bool only = true;
  int stores = 0;
  const std::function<void(const kernel::Region&)> visit = [&](const kernel::Region& region) {
    for (const kernel::Stmt& s : region) {
      if (const auto* loop = std::get_if<kernel::Loop>(&s.node)) visit(loop->body);
      const auto* store = std::get_if<kernel::Store>(&s.node);
      if (!store) continue;
      ++stores;
      const kernel::Value& v = epilogue.value(store->value);
      const kernel::Buffer& to =
          epilogue.buffers[static_cast<std::size_t>(epilogue.accesses[static_cast<std::size_t>(store->access)].buffer)];
      only = only && !store->accumulate && v.op == kernel::ScalarOp::load &&
             epilogue.accesses[static_cast<std::size_t>(v.index)].buffer == 0 &&
             to.storage == epilogue.buffers[0].storage;
    }
  };
  visit(epilogue.body);
  return only && stores == 1 && epilogue.arguments() == 3;  // the elements, the operand and its rows
}

}  // namespace bitale::codegen::cuda

#include "compiler/codegen/cuda/finish.h"

#include <optional>
#include <variant>
#include <vector>

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

namespace {

// Reads an epilogue from its only store backwards. The elements are buffer 0; an operand has two, itself and its rows.
class Plain {
 public:
  explicit Plain(const kernel::Kernel& epilogue) : k_(epilogue) { find_stores(k_.body); }

  std::optional<PlainEpilogue> read() {
    constexpr int with_result = 3, with_bias = 5;
    if (stores_.size() != 1 || stores_[0]->accumulate) return std::nullopt;
    out_.stored = buffer_of(stores_[0]->access).storage;
    const Value* v = &k_.value(stores_[0]->value);
    if (rounds(*v)) v = &arg(*v, 0);
    if (!is_sum(*v) && !is_relu_of_sum(*v)) return std::nullopt;
    if (k_.arguments() != (out_.bias ? with_bias : with_result)) return std::nullopt;
    return out_;
  }

 private:
  using Value = kernel::Value;

  void find_stores(const kernel::Region& region) {
    for (const kernel::Stmt& s : region) {
      if (const auto* loop = std::get_if<kernel::Loop>(&s.node)) find_stores(loop->body);
      if (const auto* store = std::get_if<kernel::Store>(&s.node)) stores_.push_back(store);
    }
  }

  const Value& arg(const Value& v, std::size_t i) const { return k_.value(v.args[i]); }
  int number_of(int access) const { return k_.accesses[static_cast<std::size_t>(access)].buffer; }
  const kernel::Buffer& buffer_of(int access) const { return k_.buffers[static_cast<std::size_t>(number_of(access))]; }
  bool reads(const Value& v, int buffer) const {
    return v.op == kernel::ScalarOp::load && number_of(v.index) == buffer;
  }
  bool rounds(const Value& v) const {
    return v.op == kernel::ScalarOp::cast && v.type == out_.stored && is_only_stored(out_.stored);
  }

  bool is_sum(const Value& v) {
    if (reads(v, 0)) return true;
    if (v.op != kernel::ScalarOp::add) return false;
    for (const std::size_t i : {0, 1})
      if (reads(arg(v, i), 0) && is_bias(arg(v, 1 - i))) return out_.bias = true;
    return false;
  }
  bool is_bias(const Value& v) const {
    const bool widened = v.op == kernel::ScalarOp::cast && is_only_stored(arg(v, 0).type);
    return reads(widened ? arg(v, 0) : v, 1);
  }
  bool is_relu_of_sum(const Value& v) {
    if (v.op != kernel::ScalarOp::max) return false;
    const auto is_zero = [](const Value& x) { return x.op == kernel::ScalarOp::constant && x.real == 0; };
    for (const std::size_t i : {0, 1})
      if (is_zero(arg(v, 1 - i)) && is_sum(arg(v, i))) return out_.relu = true;
    return false;
  }

  const kernel::Kernel& k_;
  std::vector<const kernel::Store*> stores_;
  PlainEpilogue out_;
};

}  // namespace

std::optional<PlainEpilogue> plain_epilogue(const kernel::Kernel& epilogue) { return Plain(epilogue).read(); }

}  // namespace bitale::codegen::cuda

#include "compiler/kernel/kernel.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <unordered_map>

namespace bitale::kernel {
namespace {

constexpr std::string_view loop_kinds[] = {"parallel", "vector", "loop"};

std::string shortest(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

// Writes kernels as text, also broken ones: a number that is out of range is printed with a question mark. With
// `anonymous`, values are numbered as they appear, buffers by position, constants by their bits and types; names and
// comments are left out.
class Writer {
 public:
  Writer(const Kernel& kernel, bool anonymous) : kernel_(kernel), anonymous_(anonymous) {}

  std::string text() {
    head();
    region(kernel_.body, 1);
    return std::move(out_);
  }

 private:
  void head() {
    out_ += "kernel";
    if (!anonymous_) out_ += " " + kernel_.name;
    out_ += " extents " + std::to_string(kernel_.extents) + "\n";
    if (!anonymous_)
      for (const std::string& comment : kernel_.comments) out_ += "  # " + comment + "\n";
    for (std::size_t i = 0; i < kernel_.buffers.size(); ++i) {
      const Buffer& b = kernel_.buffers[i];
      out_ += "  buffer " + buffer_name(static_cast<int>(i)) + " " + std::string(name_of(b.dtype));
      if (b.storage != b.dtype) out_ += " as " + std::string(name_of(b.storage));
      if (b.scratch > 0) out_ += " scratch " + std::to_string(b.scratch);
      if (b.read) out_ += " read";
      if (b.written) out_ += " written";
      out_ += "\n";
    }
  }

  std::string buffer_name(int i) const {
    if (i < 0 || static_cast<std::size_t>(i) >= kernel_.buffers.size()) return "?b" + std::to_string(i);
    return anonymous_ ? "b" + std::to_string(i) : kernel_.buffers[static_cast<std::size_t>(i)].name;
  }

  static std::string name(const Extent& e) {
    return e.is_constant() ? std::to_string(e.value) : "e" + std::to_string(e.slot);
  }

  std::string constant(const Value& v) const {
    if (anonymous_)
      return std::to_string(is_floating(v.type) ? std::bit_cast<std::int64_t>(v.real) : v.integer) + ":" +
             std::string(name_of(v.type));
    if (v.type == DType::bool_) return v.integer ? "true" : "false";
    return is_floating(v.type) ? shortest(v.real) : std::to_string(v.integer);
  }

  std::string name(ValueId id) {
    if (id == no_value) return "none";
    if (id < 0 || static_cast<std::size_t>(id) >= kernel_.values.size()) return "?v" + std::to_string(id);
    const Value& v = kernel_.value(id);
    if (v.op == ScalarOp::constant) return constant(v);
    if (v.op == ScalarOp::extent) return name(v.extent);
    const char* letter = v.op == ScalarOp::var ? "i" : "v";
    if (!anonymous_) return letter + std::to_string(v.op == ScalarOp::var ? v.index : id);
    return letter + std::to_string(numbers_.try_emplace(id, numbers_.size()).first->second);
  }

  std::string text_of(const Index& index) {
    std::string text;
    for (const Term& term : index.terms) {
      if (!text.empty()) text += " + ";
      text += name(term.value);
      if (term.stride != Extent::constant(1)) text += "*" + name(term.stride);
    }
    if (text.empty()) return name(index.constant);
    if (index.constant != Extent::constant(0)) text += " + " + name(index.constant);
    return text;
  }

  std::string access(int i) {
    if (i < 0 || static_cast<std::size_t>(i) >= kernel_.accesses.size()) return "?a" + std::to_string(i);
    const Access& a = kernel_.access(i);
    std::string text = buffer_name(a.buffer) + "[" + text_of(a.index) + "]";
    const char* joint = " if ";
    for (const Bound& bound : a.guard) {
      text += joint + ("0 <= " + text_of(bound.index)) + " < " + name(bound.upper);
      joint = " and ";
    }
    return text;
  }

  void let(ValueId id) {
    out_ += name(id);
    if (id < 0 || static_cast<std::size_t>(id) >= kernel_.values.size()) return;
    const Value& v = kernel_.value(id);
    out_ += ": " + std::string(name_of(v.type)) + " = ";
    if (v.op == ScalarOp::load) {
      out_ += access(v.index);
      if (v.args[0] != no_value) out_ += " else " + name(v.args[0]);
      return;
    }
    out_ += name_of(v.op);
    for (int i = 0; i < arity_of(v.op); ++i) out_ += (i ? ", " : " ") + name(v.args[static_cast<std::size_t>(i)]);
  }

  void loop(const Loop& l, int depth) {
    out_ +=
        std::string(loop_kinds[static_cast<std::size_t>(l.kind)]) + " " + name(l.var) + " < " + name(l.extent) + "\n";
    region(l.body, depth + 1);
    for (const Reduction& r : l.reductions) {
      out_ += std::string(static_cast<std::size_t>(2 * depth + 2), ' ') + "yield " + std::string(name_of(r.combiner));
      for (ValueId v : r.yields) out_ += " " + name(v);
      out_ += " ->";
      for (ValueId v : r.results) out_ += " " + name(v);
      out_ += "\n";
    }
  }

  void region(const Region& body, int depth) {
    for (const Stmt& stmt : body) {
      out_ += std::string(static_cast<std::size_t>(2 * depth), ' ');
      if (const Loop* l = std::get_if<Loop>(&stmt.node)) {
        loop(*l, depth);
        continue;
      }
      if (const Let* l = std::get_if<Let>(&stmt.node)) let(l->value);
      if (const Store* s = std::get_if<Store>(&stmt.node))
        out_ += access(s->access) + (s->accumulate ? " += " : " = ") + name(s->value);
      out_ += "\n";
    }
  }

  const Kernel& kernel_;
  const bool anonymous_;
  std::unordered_map<ValueId, std::size_t> numbers_;
  std::string out_;
};

}  // namespace

int Kernel::arguments() const {
  return static_cast<int>(
      std::count_if(buffers.begin(), buffers.end(), [](const Buffer& b) { return b.scratch == 0; }));
}

std::string to_string(const Kernel& kernel) { return Writer(kernel, false).text(); }

std::string structure_of(const Kernel& kernel) { return Writer(kernel, true).text(); }

}  // namespace bitale::kernel

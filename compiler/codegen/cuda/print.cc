#include "compiler/codegen/cuda/print.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/nest.h"
#include "compiler/codegen/cuda/prelude.h"
#include "compiler/codegen/cuda/reductions.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/uses.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Access;
using kernel::Bound;
using kernel::Combiner;
using kernel::Extent;
using kernel::Index;
using kernel::Kernel;
using kernel::Let;
using kernel::Loop;
using kernel::LoopKind;
using kernel::no_value;
using kernel::Reduction;
using kernel::Region;
using kernel::ScalarOp;
using kernel::Stmt;
using kernel::Store;
using kernel::Value;
using kernel::ValueId;

// A value that is used once, in the region where it is computed, and whose text is no longer than this, gets no name.
constexpr std::size_t longest_inlined = 60;
constexpr std::size_t longest_line = 116;

constexpr std::string_view keywords[] = {
    "alignas",      "alignof",  "and",       "and_eq",   "asm",        "auto",
    "bitand",       "bitor",    "bool",      "break",    "case",       "catch",
    "char",         "class",    "compl",     "const",    "const_cast", "constexpr",
    "continue",     "decltype", "default",   "delete",   "do",         "double",
    "dynamic_cast", "else",     "enum",      "explicit", "export",     "extern",
    "false",        "float",    "for",       "friend",   "goto",       "if",
    "inline",       "int",      "long",      "mutable",  "namespace",  "new",
    "noexcept",     "not",      "not_eq",    "nullptr",  "operator",   "or",
    "or_eq",        "private",  "protected", "public",   "register",   "reinterpret_cast",
    "return",       "short",    "signed",    "sizeof",   "static",     "static_assert",
    "static_cast",  "struct",   "switch",    "template", "this",       "throw",
    "true",         "try",      "typedef",   "typeid",   "typename",   "union",
    "unsigned",     "using",    "virtual",   "void",     "volatile",   "while",
    "xor",          "xor_eq"};
constexpr std::string_view own_names[] = {"at",       "rest",    "begin", "step",   "threadIdx", "blockIdx",
                                          "blockDim", "gridDim", "left",  "column", "blocks"};

std::string_view combiner_struct(Combiner c) {
  constexpr std::string_view names[] = {"Sum", "Product", "Max", "Min", "Any", "All", "ArgMax", "ArgMin"};
  return names[static_cast<std::size_t>(c)];
}

// Whether a statement stores to, or accesses, one of the buffers.
bool stores_to(const Kernel& k, const Stmt& stmt, const std::set<int>& buffers) {
  if (const Store* s = std::get_if<Store>(&stmt.node))
    return buffers.contains(k.accesses[static_cast<std::size_t>(s->access)].buffer);
  const Loop* l = std::get_if<Loop>(&stmt.node);
  return l && std::any_of(l->body.begin(), l->body.end(), [&](const Stmt& s) { return stores_to(k, s, buffers); });
}

// Prints the function of one phase.
class Printer {
 public:
  Printer(const Kernel& kernel, const Mapping& mapping)
      : k_(kernel),
        m_(mapping),
        names_(kernel.values.size()),
        uses_(uses_of(kernel, {&mapping.before, &mapping.between, &mapping.rest})) {
    for (const std::string_view name : keywords) taken_.insert(std::string(name));
    for (const std::string_view name : own_names) taken_.insert(std::string(name));
    for (const std::string_view name : prelude_names()) taken_.insert(std::string(name));
    for (const std::string_view name : function_names()) taken_.insert(std::string(name));
    for (int i = 0; i < k_.extents; ++i) taken_.insert("e" + std::to_string(i));
    for (const kernel::Buffer& b : k_.buffers) buffers_.push_back(fresh(identifier(b.name)));
    for (std::size_t i = 0; i < k_.values.size(); ++i) {
      const Value& v = k_.values[i];
      if (v.op == ScalarOp::constant) names_[i] = cuda::constant_text(v);
      if (v.op == ScalarOp::extent) names_[i] = text(v.extent);
    }
    find_exchanged();
  }

  std::string text() {
    head();
    statements(m_.before, Team::thread);
    if (m_.outer) {
      enter_outer();
      statements(m_.between, Team::thread);
      statements(m_.rest, m_.phase.team);
      close();
    } else {
      statements(m_.rest, m_.phase.team);
    }
    out_ += "}\n";
    if (!flat_.empty()) declare_flat();
    return std::move(out_);
  }

 private:
  // --- names

  static std::string identifier(std::string name) {
    for (char& c : name)
      if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) ? "_" + name : name;
  }

  std::string fresh(const std::string& name) {
    std::string candidate = name;
    for (int i = 1; !taken_.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
    return candidate;
  }

  std::string numbered(std::string_view base) {
    for (int i = 1;; ++i) {
      std::string candidate = std::string(base) + std::to_string(i);
      if (taken_.insert(candidate).second) return candidate;
    }
  }

  // i, j, k... by depth; free again when the loop ends.
  std::string loop_name() {
    for (const char* name : {"i", "j", "k", "l", "m", "n", "p", "q"})
      if (taken_.insert(name).second) return name;
    return numbered("i");
  }

  Text& name(ValueId v) { return names_[static_cast<std::size_t>(v)]; }

  // Buffers through which the threads of a block see each other's values.
  void find_exchanged() {
    if (m_.phase.team != Team::block) return;
    std::set<int> loaded, stored;
    const auto visit = [&](const auto& self, const Stmt& stmt) -> void {
      if (const Let* l = std::get_if<Let>(&stmt.node)) {
        const Value& v = k_.value(l->value);
        if (v.op == ScalarOp::load) loaded.insert(k_.accesses[static_cast<std::size_t>(v.index)].buffer);
      } else if (const Store* s = std::get_if<Store>(&stmt.node)) {
        stored.insert(k_.accesses[static_cast<std::size_t>(s->access)].buffer);
        if (s->accumulate) loaded.insert(k_.accesses[static_cast<std::size_t>(s->access)].buffer);
      } else {
        for (const Stmt& inner : std::get<Loop>(stmt.node).body) self(self, inner);
      }
    };
    for (const Stmt* stmt : m_.rest) visit(visit, *stmt);
    std::set_intersection(loaded.begin(), loaded.end(), stored.begin(), stored.end(),
                          std::inserter(exchanged_, exchanged_.begin()));
  }

  // --- lines

  void line(const std::string& text) { out_ += std::string(2 * depth_, ' ') + text + "\n"; }

  void open(const std::string& text) {
    line(text + " {");
    ++depth_;
    synchronised_ = false;
  }

  void close() {
    --depth_;
    line("}");
    synchronised_ = false;
  }

  void synchronise() {
    if (!synchronised_) line("__syncthreads();");
    synchronised_ = true;
  }

  void head() {
    std::vector<std::string> parameters;
    for (std::size_t i = 0; i < k_.buffers.size(); ++i) {
      const kernel::Buffer& b = k_.buffers[i];
      if (b.scratch > 0) continue;
      parameters.push_back((b.written ? "" : "const ") + std::string(type_name(b.storage)) + "* " + buffers_[i]);
    }
    for (int i = 0; i < k_.extents; ++i) parameters.push_back("long long e" + std::to_string(i));
    out_ += m_.inlined   ? std::string("__device__ inline void ")
            : m_.in_loop ? std::string("__device__ __forceinline__ void ")
                         : "extern \"C\" __global__ void " + launch_bounds(m_.phase.threads) + "\n";
    out_ += m_.phase.function + "(" + wrapped(parameters) + ") {\n";
    depth_ = 1;
    if (m_.phase.by_all) {
      line(fmt::format("const unsigned blocks = gridDim.x < {0} ? gridDim.x : {0};", blocks_of_reduction));
      line("if (blockIdx.x >= blocks) return;");
    } else if (!m_.outer && !m_.inlined)
      line(m_.phase.threads == 1 ? "if (blockIdx.x > 0 || threadIdx.x > 0) return;" : "if (blockIdx.x > 0) return;");
    for (std::size_t i = 0; i < k_.buffers.size(); ++i) {
      const kernel::Buffer& b = k_.buffers[i];
      if (b.scratch == 0 || !touches(static_cast<int>(i))) continue;
      line((m_.phase.team == Team::block ? "__shared__ " : "") + std::string(type_name(b.storage)) + " " + buffers_[i] +
           "[" + std::to_string(b.scratch) + "];");
    }
  }

  std::string wrapped(const std::vector<std::string>& list) const {
    std::string text;
    std::size_t column = m_.phase.function.size() + 1;
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

  bool touches(int buffer) const {
    const auto any = [&](const std::vector<const Stmt*>& list) {
      return std::any_of(list.begin(), list.end(), [&](const Stmt* s) { return stores_to(k_, *s, {buffer}); });
    };
    return any(m_.rest);
  }

  void enter_outer() {
    const std::string i = loop_name();
    name(m_.outer->var) = {i};
    for (const Loop* inner : m_.inner) name(inner->var) = {loop_name()};
    flat_ = m_.inner.empty() ? std::vector<FlatLoop>{} : flattened(*m_.outer, m_.inner);
    const std::string n = iterations(), at = flat_.empty() ? i : "at";
    if (m_.phase.team == Team::block) {
      open("for (long long " + at + " = " + m_.first_row + "; " + at + " < " + n + "; " + at + " += gridDim.x)");
    } else if (m_.phase.team == Team::column) {
      enter_columns(at, n);
    } else {
      line("const long long begin = (long long)blockIdx.x * blockDim.x + threadIdx.x;");
      line("const long long step = (long long)gridDim.x * blockDim.x;");
      // Loads do not move over the stores of the iteration before, to memory that may be the same: several iterations
      // at once would only be more code, which takes as long again to compile.
      line("#pragma unroll 1");
      open("for (long long " + at + " = begin; " + at + " < " + n + "; " + at + " += step)");
    }
    flat_line_ = out_.size();  // the indices are declared there if they turn out to be used
  }

  // Of the loops that are spread.
  std::string iterations() const {
    return text(m_.outer->extent).text + (flat_.empty() ? "" : " * " + below(flat_[0]));
  }

  // All columns of a block go through all iterations: those behind the last one compute that once more.
  void enter_columns(const std::string& at, const std::string& n) {
    line(fmt::format("const int column = threadIdx.x % {};", columns_of_block));
    open(fmt::format(
        "for (long long left = (long long)blockIdx.x * {0}; left < {1}; left += (long long)gridDim.x * {0})",
        columns_of_block, n));
    line(fmt::format("const long long {0} = left + column < {1} ? left + column : {1} - 1;", at, n));
  }

  // Those that the loop uses. Where int holds what is in one iteration of the outermost, `rest` of it is what is
  // divided further: 32 bits take a fraction of the time that 64 do, and of the code.
  void declare_flat() {
    const std::string body = out_.substr(flat_line_);
    const bool small = flat_.size() > 2 && flat_[0].factors.empty() && flat_[0].below < std::int64_t{1} << 31;
    const std::string from = small ? "rest" : "at";
    std::string lines;
    if (small) lines += "    const int rest = (int)(at % " + below(flat_[0]) + ");\n";
    for (std::size_t l = 0; l < flat_.size(); ++l) {
      const std::string& own = name(flat_[l].var).text;
      if (!mentions(body, own)) continue;
      lines += "    const long long " + own + " = " + (l == 0 ? "at" : from);
      if (l + 1 < flat_.size()) lines += " / " + below(flat_[l]);
      if (l > (small ? 1 : 0)) lines += " % " + text(flat_[l].extent).text;
      lines += ";\n";
    }
    out_.insert(flat_line_, lines);
  }

  // --- accesses

  static Text text(const Extent& e) {
    return e.is_constant() ? Text{std::to_string(e.value), e.value >= 0} : Text{"e" + std::to_string(e.slot)};
  }

  static std::string operand(const Text& t) { return t.closed ? t.text : "(" + t.text + ")"; }

  // Whether the term is one of the flattened loops', and walks them as if they were one.
  bool is_flat(const kernel::Term& term) const {
    return std::any_of(flat_.begin(), flat_.end(),
                       [&](const FlatLoop& l) { return l.var == term.value && l.is_below(term.stride); });
  }

  static std::string below(const FlatLoop& l) {
    std::string product = l.below == 1 && !l.factors.empty() ? "" : std::to_string(l.below);
    for (const Extent& e : l.factors) product += (product.empty() ? "" : " * ") + text(e).text;
    return l.factors.size() + (l.below == 1 ? 0 : 1) > 1 ? "(" + product + ")" : product;
  }

  std::string text(const Index& index) {
    std::string sum;
    const bool all_flat = !flat_.empty() && std::count_if(index.terms.begin(), index.terms.end(),
                                                          [&](const kernel::Term& term) { return is_flat(term); }) ==
                                                static_cast<std::ptrdiff_t>(flat_.size());
    bool has_flat = false;
    for (const kernel::Term& term : index.terms) {
      const bool flat = all_flat && is_flat(term);
      if (flat && std::exchange(has_flat, true)) continue;
      const bool back = term.stride == Extent::constant(-1);
      if (back)
        sum += sum.empty() ? "-" : " - ";
      else if (!sum.empty())
        sum += " + ";
      if (flat)
        sum += "at";
      else if (back || term.stride == Extent::constant(1))
        sum += operand(name(term.value));
      else
        sum += operand(name(term.value)) + " * " + operand(text(term.stride));
    }
    const Extent& c = index.constant;
    if (sum.empty()) return text(c).text;
    if (!c.is_constant()) return sum + " + " + text(c).text;
    if (c.value != 0) sum += c.value > 0 ? " + " + std::to_string(c.value) : " - " + std::to_string(-c.value);
    return sum;
  }

  std::string element(const Access& access) {
    return buffers_[static_cast<std::size_t>(access.buffer)] + "[" + text(access.index) + "]";
  }

  std::string condition(const Access& access) {
    std::string all;
    for (const Bound& bound : access.guard)
      all += (all.empty() ? "inside(" : " && inside(") + text(bound.index) + ", " + text(bound.upper).text + ")";
    return all;
  }

  // --- statements

  void statements(const std::vector<const Stmt*>& list, Team team) {
    for (const Stmt* stmt : list) statement(*stmt, team);
  }

  void statement(const Stmt& stmt, Team team) {
    if (const Let* l = std::get_if<Let>(&stmt.node)) return let(l->value);
    const Loop* l = std::get_if<Loop>(&stmt.node);
    const bool together = team == Team::block && (!l || l->kind == LoopKind::vector);
    const bool exchange = together && stores_to(k_, stmt, exchanged_);
    if (exchange) synchronise();
    if (l)
      loop(*l, team);
    else
      store(std::get<Store>(stmt.node), team);
    synchronised_ = false;
    if (exchange) synchronise();
  }

  Text expression(const Value& v) {
    if (v.op == ScalarOp::load) {
      const Access& access = k_.accesses[static_cast<std::size_t>(v.index)];
      const bool logical = v.type == DType::bool_;
      const std::string loaded = element(access) + (logical ? " != 0" : "");
      if (access.guard.empty()) return {loaded, !logical};
      return {condition(access) + " ? " + loaded + " : " + operand(name(v.args[0])), false};
    }
    const auto arity = static_cast<std::size_t>(arity_of(v.op));
    Text args[3];
    for (std::size_t i = 0; i < arity; ++i) args[i] = name(v.args[i]);
    return instruction_text(v.op, v.type, k_.value(v.args[arity - 1]).type, {args, arity});
  }

  void let(ValueId id) {
    const Value& v = k_.value(id);
    const Use& u = uses_[static_cast<std::size_t>(id)];
    if (u.count == 0) return;
    const Text text = expression(v);
    const bool load = v.op == ScalarOp::load;
    if (!load && u.count == 1 && !u.elsewhere && text.text.size() <= longest_inlined) {
      name(id) = text;
      return;
    }
    const std::string_view base =
        load ? std::string_view(
                   buffers_[static_cast<std::size_t>(k_.accesses[static_cast<std::size_t>(v.index)].buffer)])
             : name_of(v.op);
    const std::string own = numbered(base);
    line("const " + std::string(type_name(v.type)) + " " + own + " = " + text.text + ";");
    name(id) = {own};
    if (load) synchronised_ = false;
  }

  // What all threads of a team computed, one of them stores.
  void store(const Store& s, Team team) {
    const Access& access = k_.accesses[static_cast<std::size_t>(s.access)];
    std::string when = condition(access);
    const std::string only = team == Team::block ? "threadIdx.x == 0" : team == Team::column ? first_of_column() : "";
    if (!only.empty()) when = only + (when.empty() ? "" : " && " + when);
    const kernel::Buffer& b = k_.buffers[static_cast<std::size_t>(access.buffer)];
    const std::string to = element(access);
    std::string value = name(s.value).text;
    if (s.accumulate && m_.inlined) {
      line((when.empty() ? "" : "if (" + when + ") ") + "atomicAdd(&" + to + ", " + value + ");");
      return;
    }
    if (s.accumulate) {
      const Text sum[] = {{to}, name(s.value)};
      value = instruction_text(ScalarOp::add, b.dtype, b.dtype, sum).text;
    }
    line((when.empty() ? "" : "if (" + when + ") ") + to + " = " + value + ";");
  }

  std::string first_of_column() const {
    return fmt::format("threadIdx.x < {} && left + column < {}", columns_of_block, iterations());
  }

  // By the threads of a team: each has every so many iterations of all loops together.
  void shared_reduction(const std::vector<const Loop*>& nest, Team team) {
    const Loop &outermost = *nest.front(), &innermost = *nest.back();
    std::vector<std::string> sums;
    for (const Reduction& r : outermost.reductions) sums.push_back(declare(r));
    std::string n;
    for (const Loop* l : nest) n += (n.empty() ? "" : " * ") + text(l->extent).text;
    const std::string at = nest.size() == 1 ? loop_name() : numbered("step");
    const bool column = team == Team::column, by_all = m_.phase.by_all;
    const std::string lanes = column ? fmt::format(" / {}", columns_of_block) : "";
    const std::string first = by_all ? "(long long)blockIdx.x * blockDim.x + threadIdx.x" : "threadIdx.x" + lanes,
                      apart = by_all ? "blocks * blockDim.x" : "blockDim.x" + lanes;
    open("for (long long " + at + " = " + first + "; " + at + " < " + n + "; " + at + " += " + apart + ")");
    std::vector<std::string> own;
    for (std::size_t i = 0; i < nest.size(); ++i) {
      std::string below;
      for (std::size_t j = i + 1; j < nest.size(); ++j)
        below += (below.empty() ? "" : " * ") + text(nest[j]->extent).text;
      if (nest.size() > 1) {
        own.push_back(loop_name());
        const std::string up = i > 0 ? " % " + text(nest[i]->extent).text : "";
        line("const long long " + own.back() + " = " + at +
             (below.empty() ? "" : " / " + (i + 2 < nest.size() ? "(" + below + ")" : below)) + up + ";");
      }
      name(nest[i]->var) = {nest.size() > 1 ? own.back() : at};
      for (const Stmt& stmt : nest[i]->body)
        if (const Let* l = std::get_if<Let>(&stmt.node)) let(l->value);
    }
    for (std::size_t r = 0; r < sums.size(); ++r) combine(innermost.reductions[r], sums[r]);
    close();
    taken_.erase(at);
    for (const std::string& name : own) taken_.erase(name);
    for (std::size_t r = 0; r < sums.size(); ++r)
      meet(outermost.reductions[r].combiner, sums[r], n, column ? "column" : "block");
    if (by_all) meet_of_blocks(outermost.reductions, sums);
  }

  // The last block goes on, with what all blocks have combined.
  void meet_of_blocks(const std::vector<Reduction>& reductions, const std::vector<std::string>& sums) {
    for (std::size_t r = 0; r < sums.size(); ++r) line(fmt::format("leave_part({}, {});", r, sums[r]));
    line("if (!is_last_block(blocks)) return;");
    for (std::size_t r = 0; r < sums.size(); ++r) {
      const DType type = k_.value(reductions[r].results[0]).type;
      line(fmt::format("{} = threadIdx.x < blocks ? part_left<{}>({}, threadIdx.x) : {};", sums[r], type_name(type), r,
                       identity(reductions[r].combiner, type).text));
      meet(reductions[r].combiner, sums[r], "", "block");
    }
  }

  // What threads have combined, each for itself.
  void meet(Combiner c, const std::string& sum, const std::string& steps, const std::string& team) {
    if (!team.empty()) line(fmt::format("{0} = {1}_reduce<{2}>({0});", sum, team, combiner_struct(c)));
    if (takes_pairs(c)) line("if (" + steps + " <= 0) " + sum + ".index = 0;");
  }

  void loop(const Loop& l, Team team) {
    if (team != Team::thread)
      if (const auto nest = reduction_nest(l); !nest.empty()) return shared_reduction(nest, team);
    const bool spread = team == Team::block && l.kind == LoopKind::vector;
    std::vector<std::string> sums;
    sums.reserve(l.reductions.size());
    for (const Reduction& r : l.reductions) sums.push_back(declare(r));

    const std::string i = loop_name(), n = text(l.extent).text;
    name(l.var) = {i};
    open(spread ? "for (long long " + i + " = threadIdx.x; " + i + " < " + n + "; " + i + " += blockDim.x)"
                : "for (long long " + i + " = 0; " + i + " < " + n + "; ++" + i + ")");
    for (const Stmt& stmt : l.body) statement(stmt, spread ? Team::thread : team);
    for (std::size_t r = 0; r < sums.size(); ++r) combine(l.reductions[r], sums[r]);
    close();
    taken_.erase(i);

    for (std::size_t r = 0; r < sums.size(); ++r) meet(l.reductions[r].combiner, sums[r], n, spread ? "block" : "");
  }

  static Text identity(Combiner c, DType type) {
    return is_floating(type) ? number_text(identity_of(c, type), type)
                             : number_text(integer_identity_of(c, type), type);
  }

  std::string declare(const Reduction& r) {
    const DType type = k_.value(r.results[0]).type;
    const std::string own = numbered(takes_pairs(r.combiner) ? "best" : name_of(r.combiner));
    const std::string of_type(type_name(type));
    const std::string start = identity(r.combiner, type).text;
    if (!takes_pairs(r.combiner)) {
      line(of_type + " " + own + " = " + start + ";");
      name(r.results[0]) = {own};
      return own;
    }
    line("Best<" + of_type + "> " + own + " = {" + start + ", 9223372036854775807ll};");
    name(r.results[0]) = {own + ".value"};
    name(r.results[1]) = {own + ".index"};
    return own;
  }

  void combine(const Reduction& r, const std::string& own) {
    const DType type = k_.value(r.yields[0]).type;
    const std::string with = std::string(combiner_struct(r.combiner)) + "::of(" + own + ", ";
    const std::string value = name(r.yields[0]).text;
    if (takes_pairs(r.combiner)) {
      line(own + " = " + with + "Best<" + std::string(type_name(type)) + ">{" + value + ", " + name(r.yields[1]).text +
           "});");
    } else {
      line(own + " = " + with + value + ");");
    }
  }

  const Kernel& k_;
  const Mapping& m_;
  std::vector<Text> names_;  // per value: how it is referred to
  std::vector<Use> uses_;
  std::vector<std::string> buffers_;
  std::set<std::string> taken_;
  std::set<int> exchanged_;
  std::vector<FlatLoop> flat_;  // outermost first, where several loops are one
  std::string out_;
  std::size_t depth_ = 0;
  std::size_t flat_line_ = 0;
  bool synchronised_ = false;  // no access since the last barrier
};

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
    else if (m.phase.team == Team::block && m.inner.empty())
      text += "one block for each iteration of the outer loop, its threads for the inner loops";
    else
      text += fmt::format("one {} for each iteration{}", name_of(m.phase.team),
                          m.inner.empty() ? "" : fmt::format(" of {} loops", 1 + m.inner.size()));
    text += ".\n";
  }
  return text + "\n";
}

}  // namespace

std::string launch_bounds(int threads) { return "__launch_bounds__(" + std::to_string(threads) + ", 2)"; }

int teams_of_block(const Phase& phase, int threads) {
  return phase.team == Team::thread ? threads : phase.team == Team::block ? 1 : columns_of_block;
}

std::vector<Phase> phases(const Kernel& kernel) {
  std::vector<Phase> all;
  for (const Mapping& m : map_phases(kernel)) all.push_back(m.phase);
  return all;
}

namespace {

std::string print_all(const Kernel& kernel, const std::vector<Mapping>& mappings) {
  std::string functions;
  for (const Mapping& m : mappings) functions += (functions.empty() ? "" : "\n") + Printer(kernel, m).text();
  return functions;
}

}  // namespace

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
  return text + Printer(kernel, map_inline(kernel)).text();
}

}  // namespace bitale::codegen::cuda

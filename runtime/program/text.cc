// Programs as text. Robust: what it prints may be wrong, as after a failed verification.
#include <fmt/format.h>

#include "runtime/program/program.h"

namespace bitale::program {
namespace {

const char* text_of(Role role) {
  constexpr const char* names[] = {"input", "output", "shared", "update", "constant", "temporary", "workspace"};
  const auto i = static_cast<std::size_t>(role);
  return i < std::size(names) ? names[i] : "?";
}

const char* text_of(BindingKind kind) {
  constexpr const char* names[] = {"invariant", "sequence", "carry", "stacked"};
  const auto i = static_cast<std::size_t>(kind);
  return i < std::size(names) ? names[i] : "?";
}

std::string text_of(const ExtentDef& e) {
  switch (e.op) {
    case ExtentOp::constant:
      return fmt::format("{}", e.a);
    case ExtentOp::input_axis:
      return fmt::format("axis {} of input {}", e.b, e.a);
    case ExtentOp::shared_axis:
      return fmt::format("axis {} of shared {}", e.b, e.a);
    case ExtentOp::input_value:
      return fmt::format("value of input {}", e.a);
    case ExtentOp::outer:
      return fmt::format("outer e{}", e.a);
    case ExtentOp::iteration:
      return "iteration";
    case ExtentOp::add:
      return fmt::format("e{} + e{}", e.a, e.b);
    case ExtentOp::sub:
      return fmt::format("e{} - e{}", e.a, e.b);
    case ExtentOp::mul:
      return fmt::format("e{} * e{}", e.a, e.b);
    case ExtentOp::floordiv:
      return fmt::format("e{} / e{}", e.a, e.b);
    case ExtentOp::min:
      return fmt::format("min(e{}, e{})", e.a, e.b);
    case ExtentOp::max:
      return fmt::format("max(e{}, e{})", e.a, e.b);
    case ExtentOp::isqrt:
      return fmt::format("isqrt(e{})", e.a);
  }
  return "?";
}

std::string dtype_text(DType dtype) {
  return static_cast<std::size_t>(dtype) <= static_cast<std::size_t>(last_dtype) ? std::string(name_of(dtype)) : "?";
}

class Printer {
 public:
  Printer(const Program& program, const Program& outermost) : program_(program), outermost_(outermost) {}

  std::string print(int depth) {
    depth_ = depth;
    line("program {}", program_.name.empty() ? "(unnamed)" : program_.name);
    ++depth_;
    for (std::size_t i = 0; i < program_.extents.size(); ++i) line("e{} = {}", i, text_of(program_.extents[i]));
    for (const ExtentCheck& c : program_.checks)
      line("check e{} {} e{}: {}", c.a, c.kind == ExtentCheck::Kind::equal ? "==" : ">=", c.b, c.message);
    ports("input", program_.inputs);
    ports("output", program_.outputs);
    ports("shared", program_.shareds);
    for (std::size_t i = 0; i < program_.buffers.size(); ++i) buffer(i);
    for (std::size_t i = 0; i < program_.constants.size(); ++i)
      line("constant {}: {} bytes", i, program_.constants[i].bytes.size());
    for (const Blob& b : program_.blobs)
      line("code for {}: {} bytes, {} entries", b.target, b.bytes.size(),
           std::max(b.offsets.size(), b.launches.size()));
    for (std::size_t i = 0; i < program_.steps.size(); ++i) step(program_.steps[i], fmt::format("{}", i));
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_.append(static_cast<std::size_t>(2 * depth_), ' ');
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  static std::string slots(const std::vector<int>& list) {
    std::string s;
    for (const int slot : list) s += (s.empty() ? "" : ", ") + slot_name(slot);
    return s;
  }
  static std::string slot_name(int slot) { return slot < 0 ? "0" : fmt::format("e{}", slot); }

  std::string name(int b) const { return name(program_, b); }
  static std::string name(const Program& p, int b) {
    if (b < 0) return "-";
    return static_cast<std::size_t>(b) < p.buffers.size()
               ? fmt::format("%{} {}", b, p.buffers[static_cast<std::size_t>(b)].name)
               : fmt::format("%{} ?", b);
  }
  std::string entry(int e) const {
    const bool valid = e >= 0 && static_cast<std::size_t>(e) < outermost_.entries.size();
    return valid ? fmt::format("@{} {}", e, outermost_.entries[static_cast<std::size_t>(e)].name)
                 : fmt::format("@{} ?", e);
  }

  void ports(const char* what, const std::vector<Port>& list) {
    for (std::size_t i = 0; i < list.size(); ++i)
      line("{} {} '{}': {} [{}]{}", what, i, list[i].name, dtype_text(list[i].dtype), slots(list[i].dims),
           list[i].integer_value ? ", read as an extent" : "");
  }

  void buffer(std::size_t i) {
    const Buffer& b = program_.buffers[i];
    line("%{} {}: {} [{}] {}{}{}{}{}{}", i, b.name, dtype_text(b.storage), slots(b.dims), text_of(b.role),
         b.index >= 0 ? fmt::format(" {}", b.index) : "", b.alias_of >= 0 ? fmt::format(", is %{}", b.alias_of) : "",
         b.keep ? ", kept" : "", b.in_place ? ", in place" : "",
         b.over.empty() ? "" : fmt::format(", may be over input {}", fmt::join(b.over, ", ")));
  }

  std::string arguments(const std::vector<int>& buffers, const std::vector<bool>& writes,
                        const std::vector<int>& extents) const {
    std::string s;
    for (std::size_t i = 0; i < buffers.size(); ++i)
      s += (i ? ", " : "") + std::string(i < writes.size() && writes[i] ? "out " : "") + name(buffers[i]);
    return s + "; " + slots(extents);
  }

  void step(const Step& s, const std::string& number) {
    std::string at;
    for (const SourceLine& l : s.origins) at += (at.empty() ? "  ; " : ", ") + to_string(l);
    number_ = number;
    head_ =
        (s.label.empty() ? "" : " '" + s.label + "'") + (s.flops >= 0 ? fmt::format(", flops e{}", s.flops) : "") + at;
    std::visit([this](const auto& node) { show(node); }, s.node);
  }

  void show(const KernelStep& s) {
    line("{}: kernel {}({}){}", number_, entry(s.entry), arguments(s.buffers, s.writes, s.extents), head_);
  }

  void show(const LibraryStep& s) {
    line("{}: library {}({}; {}; {}){}{}", number_, s.function, arguments(s.buffers, s.writes, s.extents),
         fmt::join(s.integers, ", "), fmt::join(s.reals, ", "), s.entry < 0 ? "" : " by " + entry(s.entry), head_);
  }

  void show(const CopyStep& s) { line("{}: copy {} to {}{}", number_, name(s.from), name(s.to), head_); }
  void show(const CheckStep& s) { line("{}: check {}: {}{}", number_, name(s.condition), s.message, head_); }

  void dims(const char* group, const std::vector<ContractionDim>& list) {
    for (const ContractionDim& d : list)
      line("{} {}: a {}, b {}, operands [{}]", group, slot_name(d.extent), slot_name(d.a), slot_name(d.b),
           slots(d.operands));
  }

  void show(const ContractionStep& s) {
    const auto operand = [&](int b, DType storage, int offset, bool keep) {
      return fmt::format("{}{} + {}{}", name(b), storage == s.dtype ? "" : " in " + dtype_text(storage),
                         slot_name(offset), keep ? ", pack kept" : "");
    };
    line("{}: contraction {} {}({}, {}){}{}", number_, dtype_text(s.dtype), entry(s.epilogue),
         operand(s.a, s.a_storage, s.a_offset, s.keep_a), operand(s.b, s.b_storage, s.b_offset, s.keep_b),
         s.accumulating ? ", accumulating" : "", head_);
    ++depth_;
    if (s.sliced) line("the epilogue reads all slices");
    if (s.candidate == ContractionCandidate::openblas) line("by OpenBLAS where the operands are plain matrices");
    if (s.candidate == ContractionCandidate::tuned) line("tuned: generated code or OpenBLAS, as measured");
    dims("batch", s.batch);
    dims("m", s.m);
    dims("n", s.n);
    dims("k", s.k);
    for (const ContractionOperand& o : s.operands)
      line("operand {}{} + {}, {}", o.written ? "out " : "", name(o.buffer), slot_name(o.offset),
           o.unit ? "by columns" : "by rows");
    if (s.candidate == ContractionCandidate::cublaslt)
      line("by cuBLASLt{} where the operands are plain matrices of enough work, {}", s.whole.tf32 ? " in TF32" : "",
           after_product(s));
    if (s.whole.entry >= 0)
      line("by {}", entry(s.whole.entry));
    else
      line("tile {} x {}, {}, workspace {}", s.tile.mr, s.tile.nr, entry(s.tile.micro), name(s.workspace));
    --depth_;
  }

  // Where the library's product goes, and what the library does to it before that.
  std::string after_product(const ContractionStep& s) const {
    const WholeContraction& w = s.whole;
    const std::string finished =
        w.finish < 0 ? "" : "finished by " + entry(w.finish) + " in workspace " + name(s.workspace);
    if (!w.may_go_straight()) return finished;
    const std::string bias =
        w.bias ? fmt::format("plus {}, ", name(s.operands.empty() ? -1 : s.operands[0].buffer)) : "";
    return bias + (w.relu ? "then relu, " : "") + "straight to its operand" +
           (w.finish < 0 ? "" : ", else " + finished);
  }

  void body(const std::shared_ptr<const Program>& p) {
    if (p && depth_ < 200)
      out_ += Printer(*p, outermost_).print(depth_);
    else
      line("no program");
  }

  void show(const LoopStep& s) {
    line("{}: loop {} times{}{}{}{}{}{}", number_, slot_name(s.trips),
         s.first >= 0 || s.last >= 0 ? fmt::format(", from {} to {}", name(s.first), name(s.last)) : "",
         s.ended >= 0 ? ", unless " + name(s.ended) : "",
         s.until >= 0 ? fmt::format(", until %{} of the body", s.until) : "",
         s.trips_taken >= 0 ? ", counted in " + name(s.trips_taken) : "",
         s.rows >= 0 ? fmt::format(", {} rows of the body dealt to the threads", slot_name(s.rows)) : "", head_);
    ++depth_;
    for (const LoopBinding& b : s.bindings)
      line("{}: {} -> {}, {} -> {}{}{}", text_of(b.kind), name(b.outer_in), s.body ? name(*s.body, b.inner_in) : "?",
           s.body ? name(*s.body, b.inner_out) : "?", name(b.outer_out), b.backwards ? ", backwards" : "",
           b.blocks ? ", in blocks" : "");
    if (s.kernel.entry >= 0)
      line("as one kernel {}: steps in groups of {}{}, barriers in an iteration: {}{}", entry(s.kernel.entry),
           fmt::join(s.kernel.groups, ", "), s.kernel.by_rows ? ", kernels by rows" : "", s.kernel.barriers,
           s.kernel.clusters ? " (of clusters)" : "");
    body(s.body);
    --depth_;
  }

  void side(const char* what, const std::shared_ptr<const Program>& p,
            const std::vector<BranchStep::Binding>& bindings) {
    line("{}", what);
    ++depth_;
    for (const BranchStep::Binding& b : bindings)
      line("{} {} {}", name(b.outer), b.written ? "<-" : "->", p ? name(*p, b.inner) : "?");
    body(p);
    --depth_;
  }

  void show(const BranchStep& s) {
    line("{}: branch on {}{}", number_, name(s.condition), head_);
    side("then", s.then, s.then_bindings);
    side("otherwise", s.otherwise, s.otherwise_bindings);
  }

  void show(const BlockedStep& s) {
    line("{}: blocked e{} by {}, begin e{}, size e{}, local {}{}", number_, s.dim, s.tile, s.begin, s.size,
         fmt::join(s.local, " "), head_);
    ++depth_;
    const std::string number = number_;
    for (std::size_t i = 0; i < s.steps.size(); ++i) step(s.steps[i], fmt::format("{}.{}", number, i));
    --depth_;
  }

  const Program& program_;
  const Program& outermost_;
  int depth_ = 0;
  std::string out_, number_, head_;
};

}  // namespace

std::string to_string(const Program& program) { return Printer(program, program).print(0); }

}  // namespace bitale::program

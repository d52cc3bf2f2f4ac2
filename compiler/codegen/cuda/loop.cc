#include "compiler/codegen/cuda/loop.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include <fmt/format.h>

#include "compiler/codegen/cuda/addresses.h"
#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/tile.h"
#include "runtime/base/error.h"
#include "runtime/program/carries.h"
#include "runtime/program/groups.h"

namespace bitale::codegen::cuda {
namespace {

using namespace program;
using Kind = LoopKernel::Argument::Kind;
using Home = LoopOutput::Home;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::string identifier(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

std::string element_type(DType storage) { return std::string(type_name(storage)); }

// Where everything lies in iteration i, as text that knows `first`, `last` and `trips`. Addresses are of bytes. What
// the text refers to becomes parameters.
class Addresses {
 public:
  explicit Addresses(const LoopForm& form)
      : loop_(*form.step),
        body_(*form.step->body),
        outer_(*form.outer),
        groups_(body_),
        carries_(loop_),
        outputs_(outputs_of(loop_, carries_, groups_)),
        varying_(varying_extents(body_, nullptr)) {}

  const std::vector<LoopKernel::Argument>& arguments() const { return arguments_; }
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<LoopOutput>& outputs() const { return outputs_; }
  const Carries& carries() const { return carries_; }
  bool varies(int slot) const { return varying_.iteration[at(slot)]; }

  std::string outer(int buffer) {
    return argument(Kind::outer, buffer, fmt::format("o{}_{}", buffer, identifier(outer_.buffers[at(buffer)].name)));
  }
  std::string trips() {
    const ExtentDef& e = outer_.extents[at(loop_.trips)];
    return e.op == ExtentOp::constant ? fmt::format("{}", e.a) : argument(Kind::outer_extent, loop_.trips, "all_trips");
  }
  std::string outer_bytes(int buffer) { return argument(Kind::bytes, buffer, fmt::format("o{}_bytes", buffer)); }

  std::string slot(int s) {
    const ExtentDef& e = body_.extents[at(s)];
    if (e.op == ExtentOp::constant) return fmt::format("{}", e.a);
    if (varies(s)) return fmt::format("v{}", s);
    return argument(Kind::extent, s, fmt::format("e{}", s));
  }
  // Among the extents that the kernel is given.
  int number_of_extent(int s) {
    slot(s);
    int number = 0;
    for (const LoopKernel::Argument& a : arguments_) {
      if (a.kind != Kind::extent) continue;
      if (a.index == s) return number;
      ++number;
    }
    throw InternalError("an extent of a loop's kernel is none of its arguments");
  }

  std::string elements(int buffer) { return product(buffer, 1); }
  std::string elements_of_row(int buffer) { return product(buffer, 1, 1); }
  std::string bytes(int buffer) {
    return product(buffer, static_cast<std::int64_t>(size_of(body_.buffers[at(buffer)].storage)));
  }

  // In iteration i - before.
  std::string of(int buffer, int before = 0) {
    const int root = groups_.root[at(buffer)];
    for (const LoopOutput& o : outputs_)
      if (o.root == root) return of_output(o, before);
    for (const LoopBinding& b : loop_.bindings) {
      if (b.inner_in != root) continue;
      if (b.kind == BindingKind::sequence) return row(outer(b.outer_in), b, root, before);
      if (b.kind == BindingKind::invariant) return outer(b.outer_in);
      return fmt::format("({} == first ? {} : {})", iteration(before), outer(b.outer_in), of(b.inner_out, before + 1));
    }
    return own(root);
  }

  // Of rows that lie one behind the other.
  std::string row(const std::string& rows, const LoopBinding& b, int buffer, int before = 0) {
    const std::string number = b.backwards ? fmt::format("(trips - 1 - {})", operand_text(iteration(before)))
                                           : operand_text(iteration(before));
    return fmt::format("{} + {} * {}", rows, number, operand_text(bytes(buffer)));
  }

 private:
  static std::string iteration(int before) { return before == 0 ? "i" : fmt::format("i - {}", before); }

  std::string argument(Kind kind, int index, const std::string& name) {
    const auto [known, fresh] = known_.try_emplace({kind, index}, name);
    if (fresh) {
      arguments_.push_back({kind, index});
      names_.push_back(name);
    }
    return known->second;
  }

  std::string own(int root) {
    return argument(Kind::own, root, fmt::format("b{}_{}", root, identifier(body_.buffers[at(root)].name)));
  }

  std::string product(int buffer, std::int64_t constant, std::size_t first = 0) {
    std::string rest;
    const std::vector<int>& dims = body_.buffers[at(buffer)].dims;
    for (std::size_t i = first; i < dims.size(); ++i) {
      const int d = dims[i];
      const ExtentDef& e = body_.extents[at(d)];
      if (e.op == ExtentOp::constant)
        constant *= e.a;
      else
        rest += " * " + slot(d);
    }
    return constant == 1 && !rest.empty() ? rest.substr(3) : fmt::format("{}{}", constant, rest);
  }

  std::string of_output(const LoopOutput& o, int before) {
    if (o.home == Home::own) return own(o.root);
    if (o.home == Home::in_place) return outer(o.binding->outer_out);
    if (o.home == Home::row) return row(outer(o.binding->outer_out), *o.binding, o.root, before);
    const bool known_end = loop_.until < 0;
    const std::string place = known_end ? fmt::format("(last - 1 - {}) % {}", operand_text(iteration(before)), o.places)
                                        : fmt::format("{} % {}", operand_text(iteration(before)), o.places);
    const std::string piece = fmt::format("({} + 63) / 64 * 64", bytes(o.root));
    if (o.binding->outer_out < 0) return fmt::format("{} + {} * ({})", own(o.root), place, piece);
    const std::string first = outer(o.binding->outer_out);
    if (o.places == 2) return fmt::format("({} == 0 ? {} : {})", place, first, own(o.root));
    return fmt::format("place_around({}, {}, {}, {})", first, own(o.root), place, piece);
  }

  const LoopStep& loop_;
  const Program &body_, &outer_;
  const Groups groups_;
  const Carries carries_;
  const std::vector<LoopOutput> outputs_;
  const Varying varying_;
  std::map<std::pair<Kind, int>, std::string> known_;
  std::vector<LoopKernel::Argument> arguments_;
  std::vector<std::string> names_;
};

class Printer {
 public:
  explicit Printer(const LoopForm& form)
      : form_(form), loop_(*form.step), body_(*form.step->body), outer_(*form.outer), at_(form) {}

  LoopText print() {
    out_.begin();
    before();
    out_.line("long long i = first;");
    out_.open("for (; i < last; ++i)");
    iteration();
    out_.close();
    after();
    Launch launch{form_.name, 0, form_.threads};
    if (form_.clusters) {
      launch.cluster = cluster_blocks;
      launch.work.push_back(factor_of(loop_.rows));
    } else {
      for (const LoopPart& part : form_.parts) add_parts(part, launch);
      if (launch.together.empty()) launch.together.push_back({});
    }
    std::string text = functions() + head() + std::move(out_).text() + "}\n";
    return {std::move(text),
            std::move(launch),
            {-1, at_.arguments(), form_.groups, form_.by_rows, form_.clusters, barriers_, barriers_once_}};
  }

 private:
  bool is_bounded() const { return loop_.first >= 0 || loop_.ended >= 0; }
  std::vector<Phase> phases_of(const LoopPart& part) const { return phases_in_loop(*part.kernel, form_.by_rows); }
  // Whether rows stay with their blocks in all of the loop.
  bool only_rows() const {
    return form_.by_rows && std::none_of(form_.parts.begin(), form_.parts.end(),
                                         [](const LoopPart& p) { return p.contraction.has_value(); });
  }

  // --- what is called

  std::string prefix() const { return form_.name + "_"; }

  // Each once.
  std::string functions() const {
    std::string text;
    std::set<std::string> printed;
    for (const LoopPart& part : form_.parts) {
      if (part.kernel && printed.insert(part.kernel->name).second)
        text += print_in_loop(*part.kernel, prefix(), form_.by_rows, first_row()) + "\n";
      if (!part.contraction || !printed.insert(part.contraction->name).second) continue;
      Contraction c = *part.contraction;
      c.name.insert(0, prefix());
      text += (part.resident ? print_resident(c, *part.resident) : cuda::print(c)) + "\n";
    }
    return text;
  }

  std::string head() const {
    std::string text = fmt::format("// {}, a loop\n", form_.name);
    for (const std::string& comment : form_.comments) text += "//   " + comment + "\n";
    const std::string clusters = form_.clusters ? fmt::format("__cluster_dims__({}) ", cluster_blocks) : "";
    text += fmt::format("extern \"C\" __global__ void {}__launch_bounds__({}, {})\n{}(", clusters, form_.threads,
                        form_.clusters ? 1 : resident_threads / form_.threads, form_.name);
    for (std::size_t a = 0; a < at_.names().size(); ++a) {
      const Kind kind = at_.arguments()[a].kind;
      const bool address = kind == Kind::outer || kind == Kind::own;
      text += fmt::format("{}{}{}",
                          a == 0       ? ""
                          : a % 5 == 0 ? ",\n    "
                                       : ", ",
                          address ? "char* " : "long long ", at_.names()[a]);
    }
    return text + ") {\n";
  }

  // --- before the first iteration

  void before() {
    std::int64_t shared = 0;
    for (const LoopPart& part : form_.parts) {
      if (!part.contraction) continue;
      const std::int64_t bytes =
          part.resident ? shared_bytes(*part.contraction, *part.resident) : shared_bytes(*part.contraction).given;
      shared = std::max(shared, bytes);
    }
    if (shared > 0) out_.line("__shared__ __align__(16) char shared[{}];", shared);
    out_.line("const long long trips = {};", at_.trips());
    if (loop_.first >= 0) {
      out_.line("const long long first = iteration_bound({}, trips);", at_.outer(loop_.first));
      out_.line("const long long bound = iteration_bound({}, trips);", at_.outer(loop_.last));
    } else {
      out_.line("const long long first = 0;");
    }
    const std::string end = loop_.first >= 0 ? "bound < first ? first : bound" : "trips";
    const std::string ended =
        loop_.ended >= 0 ? fmt::format("*(const bool*){} ? first : ", at_.outer(loop_.ended)) : "";
    out_.line("{}long long last = {}{};", loop_.until < 0 ? "const " : "", ended, end);
    if (loop_.ended >= 0) barrier(barriers_once_);  // what it is read from may be written
    bool copied = false;
    for (const LoopOutput& o : at_.outputs()) {
      if (o.home != Home::in_place) continue;
      copy(at_.outer(o.binding->outer_out), at_.outer(o.binding->outer_in), o.root);
      copied = true;
    }
    if (copied) barrier(barriers_once_);
    weights();
  }

  static std::string name_of_weights(std::size_t part) { return fmt::format("w{}", part); }

  void weights() {
    for (std::size_t p = 0; p < form_.parts.size(); ++p) {
      const LoopPart& part = form_.parts[p];
      if (!part.resident) continue;
      const Contraction& c = *part.contraction;
      out_.line("{};", weights_of(c, *part.resident, name_of_weights(p)));
      std::string arguments =
          fmt::format("{}, (const {}*)({})", name_of_weights(p), type_name(c.b_storage), at_.of(part.buffers[1]));
      for (const int slot : part.extents) arguments += fmt::format(", {}", at_.varies(slot) ? "0" : at_.slot(slot));
      out_.line("{}{}_weights({});", prefix(), c.name, arguments);
    }
  }

  void barrier(int& count) {
    out_.line("{}();", form_.clusters ? "cluster_barrier" : "grid_barrier");
    ++count;
  }

  void copy(const std::string& to, const std::string& from, int buffer) {
    if (form_.clusters) return copy_of_rows(to, from, buffer);
    const std::string type = element_type(body_.buffers[at(buffer)].storage);
    out_.line("copy_elements(({0}*)({1}), (const {0}*)({2}), {3});", type, to, from, at_.elements(buffer));
  }

  // --- an iteration

  void iteration() {
    extents();
    std::size_t part = 0;
    for (const int steps : form_.groups) {
      group(std::span(form_.parts).subspan(part, at(steps)));
      part += at(steps);
    }
    bool copied = false;
    for (const LoopOutput& o : at_.outputs())
      for (const LoopBinding* b : o.copies) {
        copy_in_iteration(at_.row(at_.outer(b->outer_out), *b, b->inner_out), at_.of(o.root), b->inner_out);
        copied = true;
      }
    if (copied) meet();
    if (loop_.until < 0) return;
    out_.line("if (*(const bool*)({})) last = i + 1;", at_.of(loop_.until));
    barrier(barriers_);  // everyone has read it before the next iteration writes it
  }

  // Those that change; a slot refers to earlier ones.
  void extents() {
    for (std::size_t s = 0; s < body_.extents.size(); ++s) {
      if (!at_.varies(static_cast<int>(s))) continue;
      const ExtentDef& e = body_.extents[s];
      const auto text = [&](std::int64_t slot) { return operand_text(at_.slot(static_cast<int>(slot))); };
      std::string value = "i";
      if (e.op != ExtentOp::iteration) {
        const std::string a = text(e.a), b = text(e.b);
        if (e.op == ExtentOp::add) value = a + " + " + b;
        if (e.op == ExtentOp::sub) value = a + " - " + b;
        if (e.op == ExtentOp::mul) value = a + " * " + b;
        if (e.op == ExtentOp::floordiv) value = fmt::format("floor_divide((long long){}, (long long){})", a, b);
        if (e.op == ExtentOp::min) value = fmt::format("{0} < {1} ? {0} : {1}", a, b);
        if (e.op == ExtentOp::max) value = fmt::format("{0} > {1} ? {0} : {1}", a, b);
      }
      out_.line("const long long v{} = {};", s, value);
    }
  }

  void meet() {
    if (only_rows())
      out_.line("__syncthreads();");
    else
      barrier(barriers_);
  }

  void copy_in_iteration(const std::string& to, const std::string& from, int buffer) {
    form_.by_rows ? copy_of_rows(to, from, buffer) : copy(to, from, buffer);
  }

  void copy_of_rows(const std::string& to, const std::string& from, int buffer) {
    const std::string type = element_type(body_.buffers[at(buffer)].storage);
    out_.line("copy_rows(({0}*)({1}), (const {0}*)({2}), {3}, {4}, {5});", type, to, from, first_row(),
              at_.slot(body_.buffers[at(buffer)].dims[0]), at_.elements_of_row(buffer));
  }

  // Of those of a block, which are as many rows apart as there are blocks.
  const char* first_row() const { return form_.clusters ? "row_of_block()" : "blockIdx.x"; }

  // Kernels of several phases wait after each of them.
  void group(std::span<const LoopPart> parts) {
    for (std::size_t round = 0;; ++round) {
      bool any = false;
      for (const LoopPart& part : parts) {
        if (round >= rounds_of(part)) continue;
        if (any) out_.line("__syncthreads();");  // before the shared memory is another's
        call(part, round);
        any = true;
      }
      if (!any) return;
      meet();
    }
  }

  std::size_t rounds_of(const LoopPart& part) const { return part.kernel ? phases_of(part).size() : 1; }

  void call(const LoopPart& part, std::size_t round) {
    if (!part.kernel && !part.contraction)
      return copy_in_iteration(at_.of(part.buffers[0]), at_.of(part.buffers[1]), part.buffers[0]);
    std::vector<std::string> arguments;
    const auto add = [&](int buffer, DType storage) {
      arguments.push_back(fmt::format("({}*)({})", element_type(storage), at_.of(buffer)));
    };
    if (part.kernel) {
      std::size_t next = 0;
      for (const kernel::Buffer& b : part.kernel->buffers)
        if (b.scratch == 0) add(part.buffers[next++], b.storage);
    } else {
      arguments.push_back("shared");
      if (part.resident) arguments.push_back(name_of_weights(static_cast<std::size_t>(&part - form_.parts.data())));
      add(part.buffers[0], part.contraction->a_storage);
      if (!part.resident) add(part.buffers[1], part.contraction->b_storage);
      for (std::size_t o = 0; o < part.contraction->operands.size(); ++o)
        add(part.buffers[2 + o], part.contraction->operands[o].storage);
    }
    for (const int slot : part.extents) arguments.push_back(at_.slot(slot));
    out_.line("{}{}(", prefix(), part.kernel ? phases_of(part)[round].function : part.contraction->name);
    for (std::size_t a = 0; a < arguments.size(); ++a)
      out_.line("    {}{}", arguments[a], a + 1 < arguments.size() ? "," : ");");
  }

  // --- behind the last one

  // Where i is `last`. What is passed on may lie in the outer buffer of what it came from if nobody knew the end.
  void after() {
    for (const LoopBinding* b : at_.carries().order())
      if (b->kind == BindingKind::carry && b->outer_out >= 0) final_value(*b);
    for (const LoopBinding& b : loop_.bindings)
      if (b.kind == BindingKind::stacked) rest_of_rows(b);
    if (loop_.trips_taken < 0) return;
    out_.line("if (blockIdx.x == 0 && threadIdx.x == 0) *(long long*){} = last - first;", at_.outer(loop_.trips_taken));
  }

  // Where rows stayed with their blocks, and now all threads share what is left.
  void meet_at_end() {
    if (only_rows() && !met_) barrier(barriers_once_);
    met_ = true;
  }

  void final_value(const LoopBinding& b) {
    const std::string to = at_.outer(b.outer_out), value = at_.of(b.inner_out, 1);
    if (value == to) return;
    const bool lies_there = std::any_of(at_.outputs().begin(), at_.outputs().end(), [&](const LoopOutput& o) {
      return o.home == Home::alternate && o.binding == &b;
    });
    if (lies_there && !is_bounded() && loop_.until < 0) return;
    meet_at_end();
    copy(to, is_bounded() ? fmt::format("first < last ? {} : {}", value, at_.outer(b.outer_in)) : value, b.inner_out);
    if (loop_.until >= 0) out_.line("grid_barrier();");
  }

  // Rows that no iteration wrote are zero.
  void rest_of_rows(const LoopBinding& b) {
    const bool all_run = !is_bounded() && loop_.until < 0;
    const int rows = outer_.buffers[at(b.outer_out)].dims[0];
    const ExtentDef &have = outer_.extents[at(rows)], &trips = outer_.extents[at(loop_.trips)];
    if (all_run && (rows == loop_.trips || (have.op == ExtentOp::constant && have == trips))) return;
    const DType storage = body_.buffers[at(b.inner_out)].storage;
    const std::string type = element_type(storage), out = at_.outer(b.outer_out), row = at_.bytes(b.inner_out);
    const std::string begin = b.backwards ? "trips - last" : "first", end = b.backwards ? "trips - first" : "last";
    meet_at_end();
    if (!all_run)
      out_.line("clear_elements(({}*){}, ({}) * {});", type, out, begin, operand_text(at_.elements(b.inner_out)));
    out_.line("clear_elements(({}*)({} + ({}) * {}), ({} - ({}) * {}) / {});", type, out, end, operand_text(row),
              at_.outer_bytes(b.outer_out), end, operand_text(row), size_of(storage));
  }

  // --- how much there is to do

  Launch::Factor factor(const LoopPart& part, Launch::Factor f) {
    if (f.argument < 0) return f;
    const Launch::Factor extent = factor_of(part.extents[at(f.argument)]);
    f.value *= extent.value;
    f.argument = extent.argument;
    return f;
  }

  Launch::Factor factor_of(int slot) {
    constexpr std::int64_t much = 4096;  // of an extent that changes
    const ExtentDef& e = body_.extents[at(slot)];
    if (e.op == ExtentOp::constant) return {std::max<std::int64_t>(e.a, 0), -1};
    if (at_.varies(slot)) return {much, -1};
    return {1, at_.number_of_extent(slot)};
  }

  void add_parts(const LoopPart& part, Launch& launch) {
    const auto add = [&](std::int64_t per_block, const std::vector<Launch::Factor>& work, std::int64_t least) {
      Launch::Part& p = launch.together.emplace_back(Launch::Part{per_block, {}, least});
      for (const Launch::Factor& f : work) p.work.push_back(factor(part, f));
    };
    if (part.contraction) {
      const Launch l = launch_of(*part.contraction);
      return add(l.per_block, l.work, l.least);
    }
    if (part.kernel) {
      for (const Phase& phase : phases_of(part)) {
        std::vector<Launch::Factor> work;
        for (const kernel::Extent& e : phase.work) work.push_back({e.is_constant() ? e.value : 1, e.slot});
        add(iterations_of_block(phase, form_.threads), work, 1);
      }
      return;
    }
    Launch::Part& p = launch.together.emplace_back(Launch::Part{form_.threads, {}, 1});  // of a copy
    for (const int d : body_.buffers[at(part.buffers[0])].dims) p.work.push_back(factor_of(d));
  }

  const LoopForm& form_;
  const LoopStep& loop_;
  const Program &body_, &outer_;
  Addresses at_;
  Lines out_;
  int barriers_ = 0, barriers_once_ = 0;
  bool met_ = false;
};

}  // namespace

LoopText print_loop(const LoopForm& loop) { return Printer(loop).print(); }

}  // namespace bitale::codegen::cuda

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/program/carries.h"
#include "runtime/program/check.h"
#include "runtime/program/code_rules.h"
#include "runtime/program/contraction_workspace.h"
#include "runtime/program/groups.h"
#include "runtime/program/in_place.h"
#include "runtime/program/kept.h"
#include "runtime/program/loop_rules.h"
#include "runtime/program/require.h"
#include "runtime/program/rows.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool valid(DType d) { return d <= last_dtype; }

// Where a Program stands: what it may refer to outside itself.
struct Place {
  const Program* outermost = nullptr;
  const Program* outer = nullptr;  // null for the outermost
  const Varying* outer_varying = nullptr;
  bool loop = false;              // the body of a loop, which has iterations
  std::set<int> writable_inputs;  // carries updated in place
  std::set<int> defined_outputs;  // outputs that hold a value before the first step
  int depth = 0;
};

class Verifier {
 public:
  Verifier(const Program& program, const Place& place) : p_(program), place_(place) {}

  void run() {
    require(place_.depth < deepest_nesting, "bodies are nested deeper than {}", deepest_nesting);
    extents();
    blocked_slots();
    buffers();  // aliases first: groups walk them
    varying_ = varying_extents(p_, place_.outer_varying);
    groups_.emplace(p_);
    ports();
    if (body()) {
      require(p_.checks.empty() && p_.entries.empty() && p_.blobs.empty(), "a body has checks or code of its own");
      require(p_.inputs.empty() && p_.outputs.empty() && p_.shareds.empty(), "a body has ports");
    }
    checks();
    check_code(p_);
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) sizes(i);
    steps();
    updates_in_place();
    outputs_over_inputs();
  }

 private:
  bool body() const { return place_.outer != nullptr; }
  std::string name(int b) const { return fmt::format("buffer %{} '{}'", b, p_.buffers[at(b)].name); }

  bool is_slot(std::int64_t s) const { return s >= 0 && at(s) < p_.extents.size(); }
  void slot(std::int64_t s, const char* what) const {
    require(is_slot(s), "{} is extent {}, which does not exist", what, s);
  }
  // A slot that is the same throughout a call.
  void fixed(std::int64_t s, const char* what) const {
    slot(s, what);
    require(!varying_.iteration[at(s)], "{} is extent {}, which changes with the iteration", what, s);
    require(varying_.blocked[at(s)] == 0 || varying_.blocked[at(s)] == tile_,
            "{} is extent {}, which changes with a tile", what, s);
  }
  void fixed_or_zero(int s, const char* what) const {
    if (s != -1) fixed(s, what);
  }
  void buffer(int b, const char* what) const {
    require(b >= 0 && at(b) < p_.buffers.size(), "{} is buffer {}, which does not exist", what, b);
  }

  void extents() const {
    for (std::size_t i = 0; i < p_.extents.size(); ++i) {
      const ExtentDef& e = p_.extents[i];
      const auto axis = [&](const std::vector<Port>& ports, const char* what) {
        require(!body(), "extent {} of a body is the axis of {}", i, what);
        require(e.a >= 0 && at(e.a) < ports.size() && e.b >= 0 && at(e.b) < ports[at(e.a)].dims.size(),
                "extent {} is axis {} of {} {}, which does not exist", i, e.b, what, e.a);
      };
      switch (e.op) {
        case ExtentOp::constant:
          break;
        case ExtentOp::input_axis:
          axis(p_.inputs, "input");
          break;
        case ExtentOp::shared_axis:
          axis(p_.shareds, "shared variable");
          break;
        case ExtentOp::input_value:
          require(!body() && e.a >= 0 && at(e.a) < p_.inputs.size() && p_.inputs[at(e.a)].integer_value,
                  "extent {} is the value of input {}, which is not read as an extent", i, e.a);
          break;
        case ExtentOp::outer:
          require(body() && e.a >= 0 && at(e.a) < place_.outer->extents.size(),
                  "extent {} is an outer one that does not exist", i);
          break;
        case ExtentOp::iteration:
          require(place_.loop, "extent {} is the iteration outside a loop's body", i);
          break;
        case ExtentOp::add:
        case ExtentOp::sub:
        case ExtentOp::mul:
        case ExtentOp::floordiv:
        case ExtentOp::min:
        case ExtentOp::max:
        case ExtentOp::isqrt:
          require(e.a >= 0 && e.b >= 0 && at(e.a) < i && at(e.b) < i,
                  "extent {} depends on one that does not come before it", i);
          break;
        default:
          require(false, "extent {} is of no known kind", i);
      }
    }
  }

  void blocked_slots() const {
    std::set<int> used;
    for (const Step& step : p_.steps) {
      const auto* b = std::get_if<BlockedStep>(&step.node);
      if (!b) continue;
      slot(b->dim, "the dim of a blocked step");
      for (const int s : {b->begin, b->size}) {
        slot(s, "the begin or size of a blocked step");
        require(p_.extents[at(s)].op == ExtentOp::constant,
                "extent {} is set by a blocked step but not defined as a constant", s);
        require(used.insert(s).second, "extent {} is set by two blocked steps", s);
      }
      require(b->dim < b->size, "the size of a blocked step comes before its dim");
      require(b->tile >= 1, "a blocked step has tiles of {}", b->tile);
    }
  }

  void buffers() const {
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const Buffer& b = p_.buffers[i];
      const int number = static_cast<int>(i);
      require(valid(b.storage), "{} has no known dtype", name(number));
      require(b.role <= Role::workspace, "{} has no known role", name(number));
      for (const int s : b.dims) slot(s, "the dim of a buffer");
      require(!b.keep || (b.role == Role::temporary && b.alias_of < 0), "{} is kept but not a temporary", name(number));
      int root = number;
      for (std::size_t hops = 0; p_.buffers[at(root)].alias_of >= 0; ++hops) {
        buffer(p_.buffers[at(root)].alias_of, "an alias");
        require(hops < p_.buffers.size(), "{} is an alias of itself", name(number));
        root = p_.buffers[at(root)].alias_of;
      }
      require(b.alias_of >= -1, "{} is an alias of {}", name(number), b.alias_of);
      require(p_.buffers[at(root)].storage == b.storage, "{} is an alias of another dtype", name(number));
      require(root == number || b.role == Role::temporary || b.role == Role::output || b.role == Role::update,
              "{} is an alias, and neither a temporary, an output nor an update", name(number));
      require(root == number || p_.buffers[at(root)].role != Role::workspace, "{} is an alias of a workspace",
              name(number));
    }
  }

  void port_of(int number, const std::vector<Port>& list, const char* what, std::vector<int>* count) const {
    const Buffer& b = p_.buffers[at(number)];
    require(b.index >= 0 && at(b.index) < list.size(), "{} is {} {}, which does not exist", name(number), what,
            b.index);
    const Port& port = list[at(b.index)];
    require(port.dtype == b.storage, "{} and {} {} have different dtypes", name(number), what, b.index);
    require(port.dims.size() == b.dims.size() || b.alias_of >= 0, "{} and {} {} have different ranks", name(number),
            what, b.index);
    if (count) ++(*count)[at(b.index)];
  }

  void ports() const {
    for (const auto* list : {&p_.inputs, &p_.outputs, &p_.shareds})
      for (const Port& port : *list) {
        require(valid(port.dtype), "port '{}' has no known dtype", port.name);
        for (const int s : port.dims) fixed(s, "the dim of a port");
        require(!port.integer_value || (port.dims.empty() && !is_floating(port.dtype)),
                "port '{}' is read as an extent but is not an integer scalar", port.name);
      }
    std::vector<int> outputs(p_.outputs.size()), updates(p_.shareds.size());
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const int b = static_cast<int>(i);
      const Role role = p_.buffers[i].role;
      if (role == Role::constant)
        require(p_.buffers[i].index >= 0 && at(p_.buffers[i].index) < p_.constants.size(),
                "{} is a constant that does not exist", name(b));
      if (body()) {
        require(role != Role::shared && role != Role::update, "{} of a body is a shared variable", name(b));
        continue;
      }
      if (role == Role::input) port_of(b, p_.inputs, "input", nullptr);
      if (role == Role::output) port_of(b, p_.outputs, "output", &outputs);
      if (role == Role::shared) port_of(b, p_.shareds, "shared variable", nullptr);
      if (role == Role::update) port_of(b, p_.shareds, "shared variable", &updates);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i)
      require(outputs[i] == 1, "output {} has {} buffers", i, outputs[i]);
    for (std::size_t i = 0; i < updates.size(); ++i)
      require(updates[i] <= 1, "shared variable {} has {} updates", i, updates[i]);
  }

  void updates_in_place() const {
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      if (!p_.buffers[i].in_place) continue;
      const std::string why = why_not_in_place(p_, static_cast<int>(i));
      require(why.empty(), "{} is updated in place, but {}", name(static_cast<int>(i)), why);
    }
  }

  void outputs_over_inputs() const {
    const bool any = std::any_of(p_.buffers.begin(), p_.buffers.end(), [](const Buffer& b) { return !b.over.empty(); });
    if (!any) return;
    require(!body(), "a body has an output that may be over an input");
    const OverInputs over(p_);
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const int b = static_cast<int>(i);
      for (const int input : p_.buffers[i].over) {
        require(p_.buffers[i].role == Role::output && input >= 0 && at(input) < p_.inputs.size(),
                "{} may be over input {}, which is none or not for it", name(b), input);
        require(over.order(b, input) != OverInputs::Order::never,
                "{} may be over input {}, which is read after it has been written", name(b), input);
      }
    }
  }

  void checks() const {
    for (const ExtentCheck& c : p_.checks) {
      fixed(c.a, "a check");
      fixed(c.b, "a check");
      require(c.kind <= ExtentCheck::Kind::at_least, "a check is of no known kind");
    }
  }

  // The size of a buffer is fixed, but for the local ones of a blocked step.
  void sizes(std::size_t i) {
    int local = 0, number = 0;
    for (const Step& step : p_.steps)
      if (const auto* b = std::get_if<BlockedStep>(&step.node)) {
        ++number;
        if (std::find(b->local.begin(), b->local.end(), static_cast<int>(i)) != b->local.end()) local = number;
      }
    tile_ = local;
    for (const int s : p_.buffers[i].dims) fixed(s, "the dim of a buffer");
    tile_ = 0;
    const Buffer& b = p_.buffers[i];
    if (b.role != Role::constant) return;
    std::int64_t bytes = static_cast<std::int64_t>(size_of(b.storage));
    for (const int s : b.dims) {
      const ExtentDef& e = p_.extents[at(s)];
      require(e.op == ExtentOp::constant && e.a >= 0 && !__builtin_mul_overflow(bytes, e.a, &bytes),
              "{} has a size that is not constant", name(static_cast<int>(i)));
    }
    require(bytes == static_cast<std::int64_t>(p_.constants[at(b.index)].bytes.size()),
            "{} and its constant have different sizes", name(static_cast<int>(i)));
  }

  // Definition before use.

  int root(int b) const { return groups_->root[at(b)]; }

  void steps() {
    defined_.resize(p_.buffers.size());
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      if (root(static_cast<int>(i)) != static_cast<int>(i)) continue;
      const Role role = p_.buffers[i].role;
      defined_[i] = role == Role::input || role == Role::shared || role == Role::constant || role == Role::workspace ||
                    p_.buffers[i].keep;
    }
    for (const int b : place_.defined_outputs) defined_[at(root(b))] = true;
    for (const Step& s : p_.steps) step(s);
    locals();
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const Role role = p_.buffers[i].role;
      if (role == Role::output || role == Role::update)
        require(defined_[at(root(static_cast<int>(i)))], "{} is never written", name(static_cast<int>(i)));
    }
  }

  void reads(int b, const char* what) const {
    buffer(b, what);
    require(defined_[at(root(b))], "{} of step '{}' reads {} before it is written", what, label_, name(b));
  }

  void writes(int b, const char* what) {
    buffer(b, what);
    const int r = root(b);
    const Role role = p_.buffers[at(r)].role;
    const bool writable =
        role != Role::shared && role != Role::constant && (role != Role::input || place_.writable_inputs.count(r));
    require(writable, "{} of step '{}' writes {}, which is not its to write", what, label_, name(b));
    written_.push_back(r);
  }

  void arguments(const std::vector<int>& list, const std::vector<bool>& written, const std::vector<int>& slots) {
    require(list.size() == written.size(), "step '{}' has {} buffers and {} write flags", label_, list.size(),
            written.size());
    for (std::size_t i = 0; i < list.size(); ++i)
      written[i] ? writes(list[i], "an argument") : reads(list[i], "an argument");
    for (const int s : slots) {
      slot(s, "an argument");
      require(varying_.blocked[at(s)] == 0 || varying_.blocked[at(s)] == tile_,
              "step '{}' uses the tile of another step", label_);
    }
  }

  void entry(int e, const char* what) const {
    require(e >= 0 && at(e) < place_.outermost->entries.size(), "{} of step '{}' is entry {}, which does not exist",
            what, label_, e);
  }

  void scalar(int b, DType type, const char* what) const {
    require(p_.buffers[at(b)].storage == type && p_.buffers[at(b)].dims.empty(),
            "{} of step '{}', {}, is not a {} scalar", what, label_, name(b), name_of(type));
  }

  void step(const Step& s) {
    label_ = s.label;
    if (s.flops != -1) slot(s.flops, "the number of operations");
    written_.clear();
    std::visit([this](const auto& node) { rule(node); }, s.node);
    for (const int r : written_) defined_[at(r)] = true;
  }

  void rule(const KernelStep& s) {
    entry(s.entry, "the kernel");
    check_launches(*place_.outermost, s.entry, s.extents.size(), label_);
    arguments(s.buffers, s.writes, s.extents);
  }
  void rule(const LibraryStep& s) {
    arguments(s.buffers, s.writes, s.extents);
    for (const int e : s.extents) fixed(e, "an extent of a library call");
    if (s.entry < 0) return;
    require(is_for_device(*place_.outermost), "library call '{}' is a device's, and the program is not", label_);
    entry(s.entry, "the kernel of a library call");
    check_launches(*place_.outermost, s.entry, s.extents.size(), label_);
  }
  void rule(const CopyStep& s) {
    reads(s.from, "the source");
    writes(s.to, "the target");
    require(p_.buffers[at(s.from)].storage == p_.buffers[at(s.to)].storage, "step '{}' copies to another dtype",
            label_);
  }
  void rule(const CheckStep& s) {
    reads(s.condition, "the condition");
    scalar(s.condition, DType::bool_, "the condition");
  }

  void dim(const ContractionDim& d, std::size_t operands) const {
    fixed(d.extent, "the extent of a contraction");
    fixed_or_zero(d.a, "a stride of a contraction");
    fixed_or_zero(d.b, "a stride of a contraction");
    require(d.operands.size() == operands, "a dim of step '{}' has {} operand strides, expected {}", label_,
            d.operands.size(), operands);
    for (const int s : d.operands) fixed_or_zero(s, "a stride of a contraction");
  }
  void offset(int s) const {
    if (s != -1) slot(s, "an offset of a contraction");
  }

  void kept(int b) const {
    const std::string why = body()      ? "it lies in a body"
                            : tile_ > 0 ? "it lies in a blocked step"
                                        : why_not_kept(p_, b);
    require(why.empty(), "step '{}' keeps the pack of {}, but {}", label_, name(b), why);
  }

  // A library that writes straight to an operand writes what is summed, and nothing else is written.
  void candidate(const ContractionStep& s) const {
    const bool on_device = is_for_device(*place_.outermost);
    require(s.candidate <= ContractionCandidate::cublaslt, "step '{}' has no candidate {}", label_,
            static_cast<int>(s.candidate));
    require(
        s.candidate == ContractionCandidate::generated || (s.candidate == ContractionCandidate::cublaslt) == on_device,
        "contraction '{}' is of a library that is not {}", label_, on_device ? "a device's" : "the CPU's");
    if (s.candidate != ContractionCandidate::cublaslt) {
      require(s.whole.finish < 0, "what finishes contraction '{}' has no product", label_);
      return;
    }
    require(!s.accumulating && !s.sliced, "{} contraction '{}' is of a library", s.sliced ? "sliced" : "accumulating",
            label_);
    const auto stored_as_is = [&] {
      const DType storage = p_.buffers[at(s.operands[0].buffer)].storage;
      return may_store_product(s, storage) && s.whole.rounds == (storage != s.dtype);
    };
    require(s.whole.finish >= 0 ? !s.whole.rounds : s.operands.size() == 1 && s.operands[0].written && stored_as_is(),
            "nothing finishes the product of contraction '{}'", label_);
  }

  void rule(const ContractionStep& s) {
    require(valid(s.dtype) && is_floating(s.dtype) && !is_only_stored(s.dtype),
            "contraction '{}' is not in floating point that is computed with", label_);
    for (const auto* group : {&s.batch, &s.m, &s.n, &s.k})
      require(group->size() <= most_contraction_dims, "a group of contraction '{}' has {} dims", label_, group->size());
    require(s.operands.size() <= most_contraction_operands, "contraction '{}' has {} operands", label_,
            s.operands.size());
    for (const auto* group : {&s.batch, &s.m, &s.n})
      for (const ContractionDim& d : *group) dim(d, s.operands.size());
    for (const ContractionDim& d : s.k) {
      dim(d, s.operands.size());
      for (const int o : d.operands) require(o == -1, "an operand of '{}' depends on a summed dim", label_);
    }
    for (const auto& [b, storage] : {std::pair(s.a, s.a_storage), std::pair(s.b, s.b_storage)}) {
      reads(b, "an operand");
      require(valid(storage) && p_.buffers[at(b)].storage == storage && computed_as(storage) == s.dtype,
              "{} of contraction '{}' has another dtype", name(b), label_);
    }
    offset(s.a_offset);
    offset(s.b_offset);
    if (s.keep_a) kept(s.a);
    if (s.keep_b) kept(s.b);
    for (const ContractionOperand& o : s.operands) {
      offset(o.offset);
      o.written ? writes(o.buffer, "an operand") : reads(o.buffer, "an operand");
    }
    candidate(s);
    if (s.sliced) slices(s);
    entry(s.epilogue, "the epilogue");
    buffer(s.workspace, "the workspace");
    require(p_.buffers[at(s.workspace)].role == Role::workspace, "{} of step '{}' is not a workspace",
            name(s.workspace), label_);
    require((s.whole.entry >= 0) == is_for_device(*place_.outermost), "contraction '{}' is {}", label_,
            is_for_device(*place_.outermost) ? "not done as a whole, as a device does it"
                                             : "a device's, and the program is not");
    if (s.whole.entry >= 0) {
      entry(s.whole.entry, "the function");
      for (const int slot : s.whole.extents) this->slot(slot, "an extent of a contraction");
      check_launches(*place_.outermost, s.whole.entry, s.whole.extents.size(), label_);
      if (s.whole.finish >= 0) {
        entry(s.whole.finish, "what finishes the product");
        check_launches(*place_.outermost, s.whole.finish, s.whole.extents.size(), label_);
      }
      return;
    }
    entry(s.tile.micro, "the micro-kernel");
    require(s.tile.mr >= 1 && s.tile.mr <= 1024 && s.tile.nr >= 1 && s.tile.nr <= 1024,
            "step '{}' has a tile of {} x {}", label_, s.tile.mr, s.tile.nr);
  }

  void slices(const ContractionStep& s) const {
    require(s.n.size() == 2 && !s.accumulating, "contraction '{}' has no slices", label_);
    for (const int o : s.n[0].operands)
      require(o == -1, "an operand of '{}' depends on the slice, of which its epilogue reads all", label_);
  }

  void inner_buffer(const Program& body, int b, Role role, const char* what) const {
    require(b >= 0 && at(b) < body.buffers.size(), "{} of step '{}' is buffer {} of the body, which does not exist",
            what, label_, b);
    require(body.buffers[at(b)].role == role, "{} of step '{}' is '{}' of the body, which has another role", what,
            label_, body.buffers[at(b)].name);
  }
  void same_dtype(const Program& body, int outer, int inner) const {
    require(p_.buffers[at(outer)].storage == body.buffers[at(inner)].storage,
            "{} and '{}', bound by '{}', have different dtypes", name(outer), body.buffers[at(inner)].name, label_);
  }

  // Aliases of a body, walked before it is verified.
  static int root_in(const Program& body, int b) {
    for (std::size_t hops = 0; b >= 0 && at(b) < body.buffers.size() && hops <= body.buffers.size(); ++hops) {
      if (body.buffers[at(b)].alias_of < 0) return b;
      b = body.buffers[at(b)].alias_of;
    }
    return -1;
  }

  void binding(const Program& body, const LoopBinding& b, Place& inner, std::set<int>& bound) {
    require(b.kind <= BindingKind::stacked, "loop '{}' has a binding of no known kind", label_);
    const bool in = b.kind != BindingKind::stacked,
               out = b.kind == BindingKind::carry || b.kind == BindingKind::stacked;
    require(in == (b.inner_in >= 0) && in == (b.outer_in >= 0) && out == (b.inner_out >= 0),
            "loop '{}' has a binding with the wrong sides", label_);
    require(b.outer_out >= 0 ? out : b.kind != BindingKind::stacked, "loop '{}' has a binding with the wrong sides",
            label_);
    if (in) {
      inner_buffer(body, b.inner_in, Role::input, "an input");
      reads(b.outer_in, "an input");
      same_dtype(body, b.outer_in, b.inner_in);
      require(body.buffers[at(b.inner_in)].alias_of < 0 && bound.insert(b.inner_in).second,
              "loop '{}' binds an input twice", label_);
    }
    const bool passes = b.kind == BindingKind::carry && at(b.inner_out) < body.buffers.size() &&
                        body.buffers[at(b.inner_out)].role == Role::input;
    if (out) inner_buffer(body, b.inner_out, passes ? Role::input : Role::output, "an output");
    if (b.outer_out >= 0) {
      writes(b.outer_out, "an output");
      same_dtype(body, b.outer_out, b.inner_out);
    }
    if (b.kind == BindingKind::sequence) rows(b.outer_in);
    if (b.kind == BindingKind::stacked) rows(b.outer_out);
    if (b.kind != BindingKind::carry) return;
    require(body.buffers[at(b.inner_in)].storage == body.buffers[at(b.inner_out)].storage,
            "loop '{}' carries '{}' to '{}', which has another dtype", label_, body.buffers[at(b.inner_out)].name,
            body.buffers[at(b.inner_in)].name);
    if (passes) return;
    if (root_in(body, b.inner_out) == b.inner_in) {
      require(b.outer_out >= 0, "loop '{}' updates a carry in place without an outer buffer", label_);
      require(inner.writable_inputs.insert(b.inner_in).second, "loop '{}' binds a carry twice", label_);
    }
  }

  void rows(int b) const { require(!p_.buffers[at(b)].dims.empty(), "{} of loop '{}' has no rows", name(b), label_); }

  void memory_of(const LoopStep& s) const {
    std::vector<int> targets;
    for (const LoopBinding& b : s.bindings) {
      if (b.outer_out < 0) continue;
      targets.push_back(root(b.outer_out));
      const bool in_place = b.kind == BindingKind::carry && root_in(*s.body, b.inner_out) == b.inner_in;
      for (const LoopBinding& other : s.bindings)
        require(other.outer_in < 0 || root(other.outer_in) != root(b.outer_out) || (in_place && &other == &b),
                "loop '{}' writes {} while it reads it", label_, name(b.outer_out));
    }
    if (s.trips_taken >= 0) targets.push_back(root(s.trips_taken));
    for (const int b : {s.first, s.last})
      if (b >= 0)
        require(std::find(targets.begin(), targets.end(), root(b)) == targets.end(),
                "loop '{}' writes {} while it reads it", label_, name(b));
    std::sort(targets.begin(), targets.end());
    require(std::adjacent_find(targets.begin(), targets.end()) == targets.end(), "loop '{}' writes one buffer twice",
            label_);
  }

  void unbound(const Program& body, const std::set<int>& bound) const {
    for (std::size_t i = 0; i < body.buffers.size(); ++i)
      require(body.buffers[i].role != Role::input || bound.count(static_cast<int>(i)),
              "input '{}' of the body of '{}' is not bound", body.buffers[i].name, label_);
  }

  // What is carried or stacked is made by the body itself: an input passed through has no memory of its own.
  void made_here(const Program& body, const LoopBinding& b) const {
    if (b.inner_out < 0) return;
    if (body.buffers[at(b.inner_out)].role == Role::input)
      return require(!carried_in_place(b.inner_out), "loop '{}' passes on '{}', which is updated in place", label_,
                     body.buffers[at(b.inner_out)].name);
    const int r = root_in(body, b.inner_out);
    require(r >= 0 && (r == b.inner_in ||
                       (body.buffers[at(r)].role != Role::input && body.buffers[at(r)].role != Role::constant) ||
                       carried_in_place(r)),
            "'{}' of the body of '{}' is only another name of an input or a constant",
            body.buffers[at(b.inner_out)].name, label_);
  }
  bool carried_in_place(int r) const { return in_place_.count(r) != 0; }

  void rule(const LoopStep& s) {
    require(s.body != nullptr, "loop '{}' has no body", label_);
    fixed(s.trips, "the number of trips");
    if (s.trips_taken != -1) {
      writes(s.trips_taken, "the number of trips");
      scalar(s.trips_taken, DType::i64, "the number of trips");
    }
    require((s.first == -1) == (s.last == -1), "loop '{}' has one of two bounds", label_);
    for (const int b : {s.first, s.last}) {
      if (b == -1) continue;
      reads(b, "a bound");
      scalar(b, DType::i64, "a bound");
    }
    if (s.ended != -1) {
      reads(s.ended, "what ends it");
      scalar(s.ended, DType::bool_, "what ends it");
    }
    Place inner{place_.outermost, &p_, &varying_, true, {}, {}, place_.depth + 1};
    std::set<int> bound;
    for (const LoopBinding& b : s.bindings) binding(*s.body, b, inner, bound);
    check_blocks(s, p_, label_);
    in_place_ = inner.writable_inputs;
    for (const LoopBinding& b : s.bindings) made_here(*s.body, b);
    unbound(*s.body, bound);
    require(Carries(s).order().size() == s.bindings.size(), "loop '{}' passes carries on in a circle", label_);
    memory_of(s);
    Verifier(*s.body, inner).run();
    if (s.kernel.entry != -1) {
      entry(s.kernel.entry, "the kernel");
      check_loop_kernel(s, p_, *place_.outermost, label_);
    }
    if (s.rows != -1) check_rows(s, label_);
    if (s.until == -1) return;
    inner_buffer(*s.body, s.until, Role::output, "the end condition");
    const Buffer& until = s.body->buffers[at(s.until)];
    require(until.storage == DType::bool_ && until.dims.empty(), "the end condition of loop '{}' is not a bool scalar",
            label_);
  }

  void side(const std::shared_ptr<const Program>& body, const std::vector<BranchStep::Binding>& bindings,
            std::vector<int>& written) {
    require(body != nullptr, "branch '{}' lacks a side", label_);
    Place inner{place_.outermost, &p_, &varying_, false, {}, {}, place_.depth + 1};
    std::set<int> bound, targets;
    for (const BranchStep::Binding& b : bindings) {
      buffer(b.outer, "a binding");
      inner_buffer(*body, b.inner, b.written ? Role::output : Role::input, "a binding");
      require(body->buffers[at(b.inner)].alias_of < 0 && bound.insert(b.inner).second,
              "branch '{}' binds '{}' twice or by way of an alias", label_, body->buffers[at(b.inner)].name);
      same_dtype(*body, b.outer, b.inner);
      if (!b.written) {
        reads(b.outer, "a binding");
        continue;
      }
      if (defined_[at(root(b.outer))]) inner.defined_outputs.insert(b.inner);
      writes(b.outer, "a binding");
      require(targets.insert(root(b.outer)).second, "branch '{}' writes {} twice", label_, name(b.outer));
    }
    for (const BranchStep::Binding& b : bindings)
      require(b.written || !targets.count(root(b.outer)), "branch '{}' reads {} and writes it", label_, name(b.outer));
    unbound(*body, bound);
    for (std::size_t i = 0; i < body->buffers.size(); ++i)
      require(body->buffers[i].role != Role::output || bound.count(static_cast<int>(i)),
              "output '{}' of a side of '{}' is not bound", body->buffers[i].name, label_);
    Verifier(*body, inner).run();
    written = std::move(written_);
    written_.clear();
  }

  void rule(const BranchStep& s) {
    reads(s.condition, "the condition");
    scalar(s.condition, DType::bool_, "the condition");
    std::vector<int> then, otherwise;
    side(s.then, s.then_bindings, then);
    side(s.otherwise, s.otherwise_bindings, otherwise);
    for (const int r : then)
      if (std::find(otherwise.begin(), otherwise.end(), r) != otherwise.end()) written_.push_back(r);
  }

  void rule(const BlockedStep& s) {
    ++blocked_;
    require(tile_ == 0, "blocked step '{}' lies in another", label_);
    fixed(s.dim, "the dim of a blocked step");
    for (const int b : s.local) {
      buffer(b, "a local buffer");
      require(p_.buffers[at(b)].role == Role::temporary && p_.buffers[at(b)].alias_of < 0 && !p_.buffers[at(b)].keep,
              "{} is local to '{}' but not a plain temporary", name(b), label_);
      require(local_.insert(b).second, "{} is local to two blocked steps", name(b));
    }
    const std::string label = label_;
    std::vector<int> all;
    for (const Step& inner : s.steps) {
      const bool allowed =
          std::holds_alternative<KernelStep>(inner.node) || std::holds_alternative<ContractionStep>(inner.node) ||
          std::holds_alternative<LibraryStep>(inner.node) || std::holds_alternative<CopyStep>(inner.node);
      require(allowed,
              "a step inside the blocked step '{}' is neither a kernel, a contraction, a library call nor a copy",
              label);
      tile_ = blocked_;
      step(inner);
      tile_ = 0;
      all.insert(all.end(), written_.begin(), written_.end());
    }
    label_ = label;
    written_ = std::move(all);
  }

  // Once all steps are known to be well formed.
  void locals() const {
    for (const Step& step : p_.steps) {
      const auto* blocked = std::get_if<BlockedStep>(&step.node);
      if (!blocked) continue;
      for (const Step& other : p_.steps) {
        if (&other == &step) continue;
        for_each_buffer(other, [&](int b, bool) {
          const bool local = std::find(blocked->local.begin(), blocked->local.end(), root(b)) != blocked->local.end();
          require(!local, "{} is local to '{}' and used by '{}'", name(b), step.label, other.label);
        });
      }
    }
  }

  const Program& p_;
  const Place& place_;
  Varying varying_;
  std::optional<Groups> groups_;
  std::vector<bool> defined_;  // per root
  std::vector<int> written_;   // roots that the present step writes
  std::set<int> local_, in_place_;
  std::string label_;
  int tile_ = 0;  // number of the blocked step whose extents may be used
  int blocked_ = 0;
};

}  // namespace

void check(const Program& program) {
  Place outermost;
  outermost.outermost = &program;
  Verifier(program, outermost).run();
}

void verify(const Program& program) {
  try {
    check(program);
  } catch (const InternalError& e) {
    throw InternalError(
        fmt::format("program '{}' is inconsistent: {}\n{}", program.name, e.what(), to_string(program)));
  }
}

}  // namespace bitale::program

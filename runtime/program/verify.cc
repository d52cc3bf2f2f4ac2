#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/program/body_rules.h"
#include "runtime/program/check.h"
#include "runtime/program/code_rules.h"
#include "runtime/program/contraction_rules.h"
#include "runtime/program/declaration_rules.h"
#include "runtime/program/in_place.h"
#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

class Verifier {
 public:
  Verifier(const Program& program, const Place& place) : p_(program), subject_{{program, place}} {}

  void run() {
    require(subject_.place.depth < deepest_nesting, "bodies are nested deeper than {}", deepest_nesting);
    check_declarations(subject_);
    subject_.varying = varying_extents(p_, subject_.place.outer_varying);
    subject_.groups.emplace(p_);
    check_ports(subject_);
    if (subject_.is_body()) {
      require(p_.checks.empty() && p_.entries.empty() && p_.blobs.empty(), "a body has checks or code of its own");
      require(p_.inputs.empty() && p_.outputs.empty() && p_.shareds.empty(), "a body has ports");
    }
    check_extent_checks(subject_);
    check_code(p_);
    check_sizes(subject_);
    steps();
    updates_in_place();
    outputs_over_inputs();
  }

 private:
  void updates_in_place() const {
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      if (!p_.buffers[i].in_place) continue;
      const std::string why = why_not_in_place(p_, static_cast<int>(i));
      require(why.empty(), "{} is updated in place, but {}", subject_.name(static_cast<int>(i)), why);
    }
  }

  void outputs_over_inputs() const {
    const bool any = std::any_of(p_.buffers.begin(), p_.buffers.end(), [](const Buffer& b) { return !b.over.empty(); });
    if (!any) return;
    require(!subject_.is_body(), "a body has an output that may be over an input");
    const OverInputs over(p_);
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const int b = static_cast<int>(i);
      for (const int input : p_.buffers[i].over) {
        require(p_.buffers[i].role == Role::output && input >= 0 && at(input) < p_.inputs.size(),
                "{} may be over input {}, which is none or not for it", subject_.name(b), input);
        require(over.order(b, input) != OverInputs::Order::never,
                "{} may be over input {}, which is read after it has been written", subject_.name(b), input);
      }
    }
  }

  void steps() {
    subject_.begin();
    for (const Step& s : p_.steps) step(s);
    locals();
    for (std::size_t i = 0; i < p_.buffers.size(); ++i) {
      const Role role = p_.buffers[i].role;
      if (role == Role::output || role == Role::update)
        require(subject_.defined[at(subject_.root(static_cast<int>(i)))], "{} is never written",
                subject_.name(static_cast<int>(i)));
    }
  }

  void step(const Step& step) {
    subject_.label = step.label;
    if (step.flops != -1) subject_.slot(step.flops, "the number of operations");
    subject_.written.clear();
    std::visit([this](const auto& node) { rule(node); }, step.node);
    for (const int r : subject_.written) subject_.defined[at(r)] = true;
  }

  void arguments(const std::vector<int>& list, const std::vector<bool>& written, const std::vector<int>& slots) {
    require(list.size() == written.size(), "step '{}' has {} buffers and {} write flags", subject_.label, list.size(),
            written.size());
    for (std::size_t i = 0; i < list.size(); ++i)
      written[i] ? subject_.writes(list[i], "an argument") : subject_.reads(list[i], "an argument");
    for (const int s : slots) {
      subject_.slot(s, "an argument");
      require(subject_.varying.blocked[at(s)] == 0 || subject_.varying.blocked[at(s)] == subject_.tile,
              "step '{}' uses the tile of another step", subject_.label);
    }
  }

  void rule(const KernelStep& s) {
    subject_.launched(s.entry, s.extents.size(), "the kernel");
    arguments(s.buffers, s.writes, s.extents);
  }
  void rule(const LibraryStep& s) {
    arguments(s.buffers, s.writes, s.extents);
    for (const int e : s.extents) subject_.fixed(e, "an extent of a library call");
    if (s.entry < 0) return;
    require(is_for_device(*subject_.place.outermost), "library call '{}' is a device's, and the program is not",
            subject_.label);
    subject_.launched(s.entry, s.extents.size(), "the kernel of a library call");
  }
  void rule(const CopyStep& s) {
    subject_.reads(s.from, "the source");
    subject_.writes(s.to, "the target");
    require(p_.buffers[at(s.from)].storage == p_.buffers[at(s.to)].storage, "step '{}' copies to another dtype",
            subject_.label);
  }
  void rule(const CheckStep& s) {
    subject_.reads(s.condition, "the condition");
    subject_.scalar(s.condition, DType::bool_, "the condition");
  }
  void rule(const ContractionStep& s) { check_contraction(subject_, s); }
  void rule(const LoopStep& s) { check_loop(subject_, s); }
  void rule(const BranchStep& s) { check_branch(subject_, s); }

  void rule(const BlockedStep& s) {
    ++blocked_;
    require(subject_.tile == 0, "blocked step '{}' lies in another", subject_.label);
    subject_.fixed(s.dim, "the dim of a blocked step");
    for (const int b : s.local) {
      subject_.buffer(b, "a local buffer");
      require(p_.buffers[at(b)].role == Role::temporary && p_.buffers[at(b)].alias_of < 0 && !p_.buffers[at(b)].keep,
              "{} is local to '{}' but not a plain temporary", subject_.name(b), subject_.label);
      require(local_.insert(b).second, "{} is local to two blocked steps", subject_.name(b));
    }
    const std::string label = subject_.label;
    std::vector<int> all;
    for (const Step& inner : s.steps) {
      const bool allowed =
          std::holds_alternative<KernelStep>(inner.node) || std::holds_alternative<ContractionStep>(inner.node) ||
          std::holds_alternative<LibraryStep>(inner.node) || std::holds_alternative<CopyStep>(inner.node);
      require(allowed,
              "a step inside the blocked step '{}' is neither a kernel, a contraction, a library call nor a copy",
              label);
      subject_.tile = blocked_;
      step(inner);
      subject_.tile = 0;
      all.insert(all.end(), subject_.written.begin(), subject_.written.end());
    }
    subject_.label = label;
    subject_.written = std::move(all);
  }

  // Once all steps are known to be well formed.
  void locals() const {
    for (const Step& step : p_.steps) {
      const auto* blocked = std::get_if<BlockedStep>(&step.node);
      if (!blocked) continue;
      for (const Step& other : p_.steps) {
        if (&other == &step) continue;
        for_each_buffer(other, [&](int b, bool) {
          const bool local =
              std::find(blocked->local.begin(), blocked->local.end(), subject_.root(b)) != blocked->local.end();
          require(!local, "{} is local to '{}' and used by '{}'", subject_.name(b), step.label, other.label);
        });
      }
    }
  }

  const Program& p_;
  StepSubject subject_;
  std::set<int> local_;  // buffers of blocked steps so far
  int blocked_ = 0;
};

}  // namespace

void check(const Program& program, const Place& place) { Verifier(program, place).run(); }

void check(const Program& program) {
  Place outermost;
  outermost.outermost = &program;
  check(program, outermost);
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

#include "runtime/program/body_rules.h"

#include <algorithm>

#include "runtime/program/carries.h"
#include "runtime/program/loop_rules.h"
#include "runtime/program/require.h"
#include "runtime/program/rows.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Place place_in(const StepSubject& subject, bool loop) {
  return {subject.place.outermost, &subject.program, &subject.varying, loop, {}, {}, subject.place.depth + 1};
}

void check_inner_buffer(const StepSubject& subject, const Program& body, int b, Role role, const char* what) {
  require(b >= 0 && at(b) < body.buffers.size(), "{} of step '{}' is buffer {} of the body, which does not exist", what,
          subject.label, b);
  require(body.buffers[at(b)].role == role, "{} of step '{}' is '{}' of the body, which has another role", what,
          subject.label, body.buffers[at(b)].name);
}

void check_same_dtype(const StepSubject& subject, const Program& body, int outer, int inner) {
  require(subject.program.buffers[at(outer)].storage == body.buffers[at(inner)].storage,
          "{} and '{}', bound by '{}', have different dtypes", subject.name(outer), body.buffers[at(inner)].name,
          subject.label);
}

// Aliases of a body, walked before it is verified.
int root_in(const Program& body, int b) {
  for (std::size_t hops = 0; b >= 0 && at(b) < body.buffers.size() && hops <= body.buffers.size(); ++hops) {
    if (body.buffers[at(b)].alias_of < 0) return b;
    b = body.buffers[at(b)].alias_of;
  }
  return -1;
}

// How often a loop runs, and what ends it.
void check_scalars(StepSubject& subject, const LoopStep& s) {
  subject.fixed(s.trips, "the number of trips");
  if (s.trips_taken != -1) {
    subject.writes(s.trips_taken, "the number of trips");
    subject.scalar(s.trips_taken, DType::i64, "the number of trips");
  }
  require((s.first == -1) == (s.last == -1), "loop '{}' has one of two bounds", subject.label);
  for (const int b : {s.first, s.last}) {
    if (b == -1) continue;
    subject.reads(b, "a bound");
    subject.scalar(b, DType::i64, "a bound");
  }
  if (s.ended != -1) {
    subject.reads(s.ended, "what ends it");
    subject.scalar(s.ended, DType::bool_, "what ends it");
  }
}

void check_has_rows(const StepSubject& subject, int b) {
  require(!subject.program.buffers[at(b)].dims.empty(), "{} of loop '{}' has no rows", subject.name(b), subject.label);
}

void check_binding(StepSubject& subject, const Program& body, const LoopBinding& b, Place& inner,
                   std::set<int>& bound) {
  require(b.kind <= BindingKind::stacked, "loop '{}' has a binding of no known kind", subject.label);
  const bool in = b.kind != BindingKind::stacked, out = b.kind == BindingKind::carry || b.kind == BindingKind::stacked;
  require(in == (b.inner_in >= 0) && in == (b.outer_in >= 0) && out == (b.inner_out >= 0),
          "loop '{}' has a binding with the wrong sides", subject.label);
  require(b.outer_out >= 0 ? out : b.kind != BindingKind::stacked, "loop '{}' has a binding with the wrong sides",
          subject.label);
  if (in) {
    check_inner_buffer(subject, body, b.inner_in, Role::input, "an input");
    subject.reads(b.outer_in, "an input");
    check_same_dtype(subject, body, b.outer_in, b.inner_in);
    require(body.buffers[at(b.inner_in)].alias_of < 0 && bound.insert(b.inner_in).second,
            "loop '{}' binds an input twice", subject.label);
  }
  const bool passes = b.kind == BindingKind::carry && at(b.inner_out) < body.buffers.size() &&
                      body.buffers[at(b.inner_out)].role == Role::input;
  if (out) check_inner_buffer(subject, body, b.inner_out, passes ? Role::input : Role::output, "an output");
  if (b.outer_out >= 0) {
    subject.writes(b.outer_out, "an output");
    check_same_dtype(subject, body, b.outer_out, b.inner_out);
  }
  if (b.kind == BindingKind::sequence) check_has_rows(subject, b.outer_in);
  if (b.kind == BindingKind::stacked) check_has_rows(subject, b.outer_out);
  if (b.kind != BindingKind::carry) return;
  require(body.buffers[at(b.inner_in)].storage == body.buffers[at(b.inner_out)].storage,
          "loop '{}' carries '{}' to '{}', which has another dtype", subject.label, body.buffers[at(b.inner_out)].name,
          body.buffers[at(b.inner_in)].name);
  if (passes) return;
  if (root_in(body, b.inner_out) == b.inner_in) {
    require(b.outer_out >= 0, "loop '{}' updates a carry in place without an outer buffer", subject.label);
    require(inner.writable_inputs.insert(b.inner_in).second, "loop '{}' binds a carry twice", subject.label);
  }
}

void check_memory(const StepSubject& subject, const LoopStep& s) {
  std::vector<int> targets;
  for (const LoopBinding& b : s.bindings) {
    if (b.outer_out < 0) continue;
    targets.push_back(subject.root(b.outer_out));
    const bool in_place = b.kind == BindingKind::carry && root_in(*s.body, b.inner_out) == b.inner_in;
    for (const LoopBinding& other : s.bindings)
      require(
          other.outer_in < 0 || subject.root(other.outer_in) != subject.root(b.outer_out) || (in_place && &other == &b),
          "loop '{}' writes {} while it reads it", subject.label, subject.name(b.outer_out));
  }
  if (s.trips_taken >= 0) targets.push_back(subject.root(s.trips_taken));
  for (const int b : {s.first, s.last})
    if (b >= 0)
      require(std::find(targets.begin(), targets.end(), subject.root(b)) == targets.end(),
              "loop '{}' writes {} while it reads it", subject.label, subject.name(b));
  std::sort(targets.begin(), targets.end());
  require(std::adjacent_find(targets.begin(), targets.end()) == targets.end(), "loop '{}' writes one buffer twice",
          subject.label);
}

void check_all_bound(const StepSubject& subject, const Program& body, const std::set<int>& bound) {
  for (std::size_t i = 0; i < body.buffers.size(); ++i)
    require(body.buffers[i].role != Role::input || bound.count(static_cast<int>(i)),
            "input '{}' of the body of '{}' is not bound", body.buffers[i].name, subject.label);
}

// What is carried or stacked is made by the body itself: an input passed through has no memory of its own.
void check_made_here(const StepSubject& subject, const Program& body, const LoopBinding& b,
                     const std::set<int>& in_place) {
  if (b.inner_out < 0) return;
  if (body.buffers[at(b.inner_out)].role == Role::input)
    return require(!in_place.contains(b.inner_out), "loop '{}' passes on '{}', which is updated in place",
                   subject.label, body.buffers[at(b.inner_out)].name);
  const int r = root_in(body, b.inner_out);
  require(r >= 0 && (r == b.inner_in ||
                     (body.buffers[at(r)].role != Role::input && body.buffers[at(r)].role != Role::constant) ||
                     in_place.contains(r)),
          "'{}' of the body of '{}' is only another name of an input or a constant", body.buffers[at(b.inner_out)].name,
          subject.label);
}

void check_side(StepSubject& subject, const std::shared_ptr<const Program>& body,
                const std::vector<BranchStep::Binding>& bindings, std::vector<int>& written) {
  require(body != nullptr, "branch '{}' lacks a side", subject.label);
  Place inner = place_in(subject, false);
  std::set<int> bound, targets;
  for (const BranchStep::Binding& b : bindings) {
    subject.buffer(b.outer, "a binding");
    check_inner_buffer(subject, *body, b.inner, b.written ? Role::output : Role::input, "a binding");
    require(body->buffers[at(b.inner)].alias_of < 0 && bound.insert(b.inner).second,
            "branch '{}' binds '{}' twice or by way of an alias", subject.label, body->buffers[at(b.inner)].name);
    check_same_dtype(subject, *body, b.outer, b.inner);
    if (!b.written) {
      subject.reads(b.outer, "a binding");
      continue;
    }
    if (subject.defined[at(subject.root(b.outer))]) inner.defined_outputs.insert(b.inner);
    subject.writes(b.outer, "a binding");
    require(targets.insert(subject.root(b.outer)).second, "branch '{}' writes {} twice", subject.label,
            subject.name(b.outer));
  }
  for (const BranchStep::Binding& b : bindings)
    require(b.written || !targets.count(subject.root(b.outer)), "branch '{}' reads {} and writes it", subject.label,
            subject.name(b.outer));
  check_all_bound(subject, *body, bound);
  for (std::size_t i = 0; i < body->buffers.size(); ++i)
    require(body->buffers[i].role != Role::output || bound.count(static_cast<int>(i)),
            "output '{}' of a side of '{}' is not bound", body->buffers[i].name, subject.label);
  check(*body, inner);
  written = std::move(subject.written);
  subject.written.clear();
}

}  // namespace

void check_loop(StepSubject& subject, const LoopStep& s) {
  require(s.body != nullptr, "loop '{}' has no body", subject.label);
  check_scalars(subject, s);
  Place inner = place_in(subject, true);
  std::set<int> bound;
  for (const LoopBinding& b : s.bindings) check_binding(subject, *s.body, b, inner, bound);
  check_blocks(s, subject.program, subject.label);
  for (const LoopBinding& b : s.bindings) check_made_here(subject, *s.body, b, inner.writable_inputs);
  check_all_bound(subject, *s.body, bound);
  require(Carries(s).order().size() == s.bindings.size(), "loop '{}' passes carries on in a circle", subject.label);
  check_memory(subject, s);
  check(*s.body, inner);
  if (s.kernel.entry != -1) {
    subject.entry(s.kernel.entry, "the kernel");
    check_loop_kernel(s, subject.program, *subject.place.outermost, subject.label);
  }
  if (s.rows != -1) check_rows(s, subject.label);
  if (s.until == -1) return;
  check_inner_buffer(subject, *s.body, s.until, Role::output, "the end condition");
  const Buffer& until = s.body->buffers[at(s.until)];
  require(until.storage == DType::bool_ && until.dims.empty(), "the end condition of loop '{}' is not a bool scalar",
          subject.label);
}

void check_branch(StepSubject& subject, const BranchStep& s) {
  subject.reads(s.condition, "the condition");
  subject.scalar(s.condition, DType::bool_, "the condition");
  std::vector<int> then, otherwise;
  check_side(subject, s.then, s.then_bindings, then);
  check_side(subject, s.otherwise, s.otherwise_bindings, otherwise);
  for (const int r : then)
    if (std::find(otherwise.begin(), otherwise.end(), r) != otherwise.end()) subject.written.push_back(r);
}

}  // namespace bitale::program

#include "runtime/program/contraction_rules.h"

#include "runtime/program/code_rules.h"
#include "runtime/program/contraction_workspace.h"
#include "runtime/program/kept.h"
#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_dim(const StepSubject& subject, const ContractionDim& d, std::size_t operands) {
  subject.fixed(d.extent, "the extent of a contraction");
  subject.fixed_or_zero(d.a, "a stride of a contraction");
  subject.fixed_or_zero(d.b, "a stride of a contraction");
  require(d.operands.size() == operands, "a dim of step '{}' has {} operand strides, expected {}", subject.label,
          d.operands.size(), operands);
  for (const int s : d.operands) subject.fixed_or_zero(s, "a stride of a contraction");
}

void check_offset(const StepSubject& subject, int s) {
  if (s != -1) subject.slot(s, "an offset of a contraction");
}

void check_kept(const StepSubject& subject, int b) {
  const std::string why = subject.is_body()  ? "it lies in a body"
                          : subject.tile > 0 ? "it lies in a blocked step"
                                             : why_not_kept(subject.program, b);
  require(why.empty(), "step '{}' keeps the pack of {}, but {}", subject.label, subject.name(b), why);
}

bool goes_straight(const StepSubject& subject, const ContractionStep& s) {
  if (s.operands.size() != (s.whole.bias ? 2 : 1) || !s.operands.back().written) return false;
  const auto storage = [&](const ContractionOperand& o) { return subject.program.buffers[at(o.buffer)].storage; };
  const DType stored = storage(s.operands.back());
  if (s.whole.bias && (s.operands[0].written || storage(s.operands[0]) != stored)) return false;
  return may_store_product(s, stored) && s.whole.rounds == (stored != s.dtype);
}

// A library that writes straight to the last operand writes what is summed, plus the bias, and nothing else is written.
void check_candidate(const StepSubject& subject, const ContractionStep& s) {
  const bool on_device = is_for_device(*subject.place.outermost);
  require(s.candidate <= ContractionCandidate::cublaslt, "step '{}' has no candidate {}", subject.label,
          static_cast<int>(s.candidate));
  require(
      s.candidate == ContractionCandidate::generated || (s.candidate == ContractionCandidate::cublaslt) == on_device,
      "contraction '{}' is of a library that is not {}", subject.label, on_device ? "a device's" : "the CPU's");
  if (s.candidate != ContractionCandidate::cublaslt) {
    require(s.whole.finish < 0 && !s.whole.bias && !s.whole.relu, "what finishes contraction '{}' has no product",
            subject.label);
    return;
  }
  require(!s.accumulating && !s.sliced, "{} contraction '{}' is of a library", s.sliced ? "sliced" : "accumulating",
          subject.label);
  require(s.whole.may_go_straight() ? goes_straight(subject, s) : !s.whole.rounds,
          "nothing finishes the product of contraction '{}'", subject.label);
  if (s.whole.bias) subject.fixed_or_zero(s.operands[0].offset, "the offset of a bias");
}

void check_slices(const StepSubject& subject, const ContractionStep& s) {
  require(s.n.size() == 2 && !s.accumulating, "contraction '{}' has no slices", subject.label);
  for (const int o : s.n[0].operands)
    require(o == -1, "an operand of '{}' depends on the slice, of which its epilogue reads all", subject.label);
}

}  // namespace

void check_contraction(StepSubject& subject, const ContractionStep& s) {
  require(valid(s.dtype) && is_floating(s.dtype) && !is_only_stored(s.dtype),
          "contraction '{}' is not in floating point that is computed with", subject.label);
  for (const auto* group : {&s.batch, &s.m, &s.n, &s.k})
    require(group->size() <= most_contraction_dims, "a group of contraction '{}' has {} dims", subject.label,
            group->size());
  require(s.operands.size() <= most_contraction_operands, "contraction '{}' has {} operands", subject.label,
          s.operands.size());
  for (const auto* group : {&s.batch, &s.m, &s.n})
    for (const ContractionDim& d : *group) check_dim(subject, d, s.operands.size());
  for (const ContractionDim& d : s.k) {
    check_dim(subject, d, s.operands.size());
    for (const int o : d.operands) require(o == -1, "an operand of '{}' depends on a summed dim", subject.label);
  }
  for (const auto& [b, storage] : {std::pair(s.a, s.a_storage), std::pair(s.b, s.b_storage)}) {
    subject.reads(b, "an operand");
    require(valid(storage) && subject.program.buffers[at(b)].storage == storage && computed_as(storage) == s.dtype,
            "{} of contraction '{}' has another dtype", subject.name(b), subject.label);
  }
  check_offset(subject, s.a_offset);
  check_offset(subject, s.b_offset);
  if (s.keep_a) check_kept(subject, s.a);
  if (s.keep_b) check_kept(subject, s.b);
  for (const ContractionOperand& o : s.operands) {
    check_offset(subject, o.offset);
    o.written ? subject.writes(o.buffer, "an operand") : subject.reads(o.buffer, "an operand");
  }
  check_candidate(subject, s);
  if (s.sliced) check_slices(subject, s);
  subject.entry(s.epilogue, "the epilogue");
  subject.buffer(s.workspace, "the workspace");
  require(subject.program.buffers[at(s.workspace)].role == Role::workspace, "{} of step '{}' is not a workspace",
          subject.name(s.workspace), subject.label);
  require((s.whole.entry >= 0) == is_for_device(*subject.place.outermost), "contraction '{}' is {}", subject.label,
          is_for_device(*subject.place.outermost) ? "not done as a whole, as a device does it"
                                                  : "a device's, and the program is not");
  if (s.whole.entry >= 0) {
    for (const int e : s.whole.extents) subject.slot(e, "an extent of a contraction");
    subject.launched(s.whole.entry, s.whole.extents.size(), "the function");
    if (s.whole.finish >= 0) subject.launched(s.whole.finish, s.whole.extents.size(), "what finishes the product");
    return;
  }
  subject.entry(s.tile.micro, "the micro-kernel");
  require(s.tile.mr >= 1 && s.tile.mr <= 1024 && s.tile.nr >= 1 && s.tile.nr <= 1024, "step '{}' has a tile of {} x {}",
          subject.label, s.tile.mr, s.tile.nr);
}

}  // namespace bitale::program

#include "compiler/codegen/cuda/addresses.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/codegen/cuda/form.h"

namespace bitale::codegen::cuda {
namespace {

using kernel::Extent;
using Dim = Contraction::Dim;

constexpr std::int64_t most_reach = std::int64_t{1} << 30;

bool is(const Extent& e, std::int64_t value) { return e.is_constant() && e.value == value; }

// A product as text; constants are multiplied here.
std::string product(const std::vector<Extent>& factors) {
  std::int64_t constant = 1;
  std::string rest;
  for (const Extent& e : factors) {
    if (e.is_constant())
      constant *= e.value;
    else
      rest += (rest.empty() ? "" : " * ") + text_of(e);
  }
  if (rest.empty()) return marked(constant);
  return constant == 1 ? rest : fmt::format("{} * {}", marked(constant), rest);
}

// Neighbouring dims along which an operand has one stride: the index in them is one number.
struct Run {
  Extent stride;
  std::vector<Extent> extents;
  std::vector<Extent> below;  // extents of the runs inside
};

bool joins(const Run& inner, const Extent& stride) {
  if (is(inner.stride, 0) && is(stride, 0)) return true;
  if (!inner.stride.is_constant() || !stride.is_constant()) return false;
  std::int64_t next = inner.stride.value;
  for (const Extent& e : inner.extents)
    if (!e.is_constant() || __builtin_mul_overflow(next, e.value, &next)) return false;
  return next == stride.value;
}

// Innermost first.
std::vector<Run> runs_of(const ContractionDims& dims, const StrideOf& stride) {
  std::vector<Run> runs;
  std::vector<Extent> below;
  for (std::size_t d = dims.size(); d-- > 0;) {
    const Extent by = stride(dims[d]);
    if (runs.empty() || !joins(runs.back(), by)) runs.push_back({by, {}, below});
    runs.back().extents.push_back(dims[d].extent);
    below.push_back(dims[d].extent);
  }
  return runs;
}

}  // namespace

std::string text_of(const Extent& e) { return e.is_constant() ? marked(e.value) : fmt::format("e{}", e.slot); }

std::string operand_text(const std::string& text) {
  return text.find(' ') == text.npos && text[0] != '-' ? text : "(" + text + ")";
}

std::string extent_of(const ContractionDims& dims) {
  std::vector<Extent> factors;
  for (const Dim& d : dims) factors.push_back(d.extent);
  return product(factors);
}

std::string sum_of(const std::vector<std::string>& parts) {
  std::string sum;
  for (const std::string& part : parts)
    if (part != "0") sum += (sum.empty() ? "" : " + ") + part;
  return sum.empty() ? "0" : sum;
}

std::string times(const std::string& text, const Extent& by) {
  if (is(by, 0) || text == "0") return "0";
  return is(by, 1) ? text : operand_text(text) + " * " + operand_text(text_of(by));
}

std::string offset_of(const ContractionDims& dims, const StrideOf& stride, const std::string& index) {
  std::string sum;
  const std::vector<Run> runs = runs_of(dims, stride);
  for (std::size_t r = runs.size(); r-- > 0;) {
    const Run& run = runs[r];
    if (is(run.stride, 0)) continue;
    std::string at = index;
    const std::string below = product(run.below);
    if (below != "1") at += " / " + operand_text(below);
    if (r + 1 < runs.size()) at += " % " + operand_text(product(run.extents));
    if (!is(run.stride, 1)) at += " * " + operand_text(text_of(run.stride));
    sum += (sum.empty() ? "" : " + ") + at;
  }
  return sum.empty() ? "0" : sum;
}

std::optional<Extent> only_stride(const ContractionDims& dims, const StrideOf& stride) {
  const std::vector<Run> runs = runs_of(dims, stride);
  if (runs.size() > 1) return std::nullopt;
  return runs.empty() ? Extent::constant(0) : runs[0].stride;
}

Innermost innermost(const ContractionDims& dims, const StrideOf& stride, std::int64_t unknown) {
  const std::vector<Run> runs = runs_of(dims, stride);
  if (runs.empty()) return {Extent::constant(0), 1};
  std::int64_t length = 1;
  for (const Extent& e : runs[0].extents) length = std::min(length * (e.is_constant() ? e.value : unknown), most_reach);
  return {runs[0].stride, length};
}

std::optional<std::int64_t> reach_of(const ContractionDims& dims, const StrideOf& stride, std::int64_t window) {
  std::int64_t reach = 0, below = 1;  // of the dims inside: at least
  for (std::size_t d = dims.size(); d-- > 0;) {
    const Extent by = stride(dims[d]), extent = dims[d].extent;
    if (!by.is_constant()) return std::nullopt;
    std::int64_t steps = window / below + 1;
    if (extent.is_constant()) steps = std::min(steps, std::max<std::int64_t>(extent.value - 1, 0));
    if (by.value != 0 && steps > most_reach / std::abs(by.value)) return std::nullopt;
    reach += steps * std::abs(by.value);
    if (reach > most_reach) return std::nullopt;
    if (extent.is_constant()) below = std::min(below * std::max<std::int64_t>(extent.value, 1), window + 1);
  }
  return reach;
}

bool all_multiples(const ContractionDims& dims, const StrideOf& stride, int width) {
  return std::all_of(dims.begin(), dims.end(), [&](const Dim& d) {
    const Extent by = stride(d);
    return by.is_constant() && by.value % width == 0;
  });
}

bool is_wide(const ContractionDims& dims, const StrideOf& stride, int width) {
  const std::vector<Run> runs = runs_of(dims, stride);
  if (runs.empty() || !is(runs[0].stride, 1)) return false;
  std::int64_t length = 1;  // known factor of the run's
  for (const Extent& e : runs[0].extents)
    if (e.is_constant()) length = length * (e.value % width) % width;
  return length % width == 0 && std::all_of(runs.begin() + 1, runs.end(), [&](const Run& run) {
           return run.stride.is_constant() && run.stride.value % width == 0;
         });
}

}  // namespace bitale::codegen::cuda

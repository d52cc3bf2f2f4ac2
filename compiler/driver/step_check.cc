#include "compiler/driver/step_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "compiler/ir/op.h"
#include "compiler/kernel/interpret.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/hash.h"
#include "runtime/memory/array.h"
#include "runtime/program/contraction_workspace.h"

namespace bitale::driver {
namespace {

using namespace program;
using executor::StepRecord;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr double smallest_half = 0x1p-24;  // what subnormal numbers of 16 bits are rounded to a multiple of

// What a step works in: copies of its buffers as they were before it, floats moved by a relative `moved` of a sign that
// is drawn per element.
class Memory {
 public:
  Memory(const StepRecord& r, int direction) : r_(r) {
    for_each_buffer(r.step, [&](int b, bool) {
      const auto from = r.before[at(b)];
      if (from.empty() || !copies_.emplace(from.data(), std::vector(from.begin(), from.end())).second) return;
      if (direction != 0) move(r.program.buffers[at(b)].storage, direction, copies_[from.data()]);
    });
  }

  // Null for a buffer of no elements, which nobody reads.
  void* pointer(int buffer) {
    const auto from = r_.before[at(buffer)];
    return from.empty() ? nullptr : copies_[from.data()].data();
  }
  std::vector<void*> pointers(const std::vector<int>& buffers) {
    std::vector<void*> out;
    out.reserve(buffers.size());
    for (const int b : buffers) out.push_back(pointer(b));
    return out;
  }
  std::vector<std::int64_t> extents(const std::vector<int>& slots) const {
    std::vector<std::int64_t> out;
    out.reserve(slots.size());
    for (const int s : slots) out.push_back(r_.extents[at(s)]);
    return out;
  }

 private:
  static void move(DType storage, int direction, std::vector<std::uint8_t>& bytes) {
    const auto sign = [direction](std::size_t i) { return hash_combine(17, i) & 1 ? direction : -direction; };
    if (is_only_stored(storage)) {  // by the least that 16 bits can show
      auto* bits = reinterpret_cast<std::uint16_t*>(bytes.data());
      const auto by = static_cast<float>(epsilon_of(storage));
      for (std::size_t i = 0; i < bytes.size() / sizeof *bits; ++i)
        bits[i] = narrow(storage, widen(storage, bits[i]) * (1 + by * static_cast<float>(sign(i))));
      return;
    }
    dispatch(storage, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        auto* values = reinterpret_cast<T*>(bytes.data());
        const T by = std::is_same_v<T, float> ? T(0x1p-20) : T(0x1p-46);
        for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) values[i] *= 1 + by * static_cast<T>(sign(i));
      }
    });
  }

  const StepRecord& r_;
  std::map<const std::uint8_t*, std::vector<std::uint8_t>> copies_;
};

// Element offsets of a flattened group of dims, one per index.
std::vector<std::int64_t> offsets_of(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents,
                                     const std::function<int(const ContractionDim&)>& stride) {
  std::vector<std::int64_t> out{0};
  for (const ContractionDim& d : dims) {
    const int slot = stride(d);
    std::vector<std::int64_t> longer;
    for (const std::int64_t base : out)
      for (std::int64_t i = 0; i < extents[at(d.extent)]; ++i)
        longer.push_back(base + i * (slot < 0 ? 0 : extents[at(slot)]));
    out = std::move(longer);
  }
  return out;
}

// The definition of a contraction (program/contraction.h), with neither blocking nor packing; sums in double.
class Contraction {
 public:
  Contraction(const ContractionStep& s, const kernel::Kernel& epilogue, const StepRecord& r, Memory& memory)
      : s_(s), epilogue_(epilogue), r_(r), memory_(memory), m_a_(of(s.m, a)), n_b_(of(s.n, b)) {}

  void run() {
    const auto batch_a = of(s_.batch, a), batch_b = of(s_.batch, b), k_a = of(s_.k, a), k_b = of(s_.k, b);
    for (const ContractionOperand& o : s_.operands) {
      const auto i = at(&o - s_.operands.data());
      const auto whose = [i](const ContractionDim& d) { return d.operands[i]; };
      batches_.push_back(of(s_.batch, whose));
      rows_.push_back(of(s_.m, whose));
      columns_.push_back(of(s_.n, whose));
    }
    dispatch(s_.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        const auto from_a = elements<T>(s_.a, s_.a_storage, s_.a_offset),
                   from_b = elements<T>(s_.b, s_.b_storage, s_.b_offset);
        std::vector<T> acc(m_a_.size() * n_b_.size());
        for (std::size_t batch = 0; batch < batch_a.size() && !acc.empty(); ++batch) {
          for (std::size_t i = 0; i < m_a_.size(); ++i)
            for (std::size_t j = 0; j < n_b_.size(); ++j) {
              double sum = 0;
              for (std::size_t k = 0; k < k_a.size(); ++k)
                sum += from_a(batch_a[batch] + m_a_[i] + k_a[k]) * from_b(batch_b[batch] + n_b_[j] + k_b[k]);
              acc[i * n_b_.size() + j] = static_cast<T>(sum);
            }
          finish(batch, acc.data(), sizeof(T));
        }
      }
    });
  }

 private:
  static int a(const ContractionDim& d) { return d.a; }
  static int b(const ContractionDim& d) { return d.b; }
  std::vector<std::int64_t> of(const std::vector<ContractionDim>& dims,
                               const std::function<int(const ContractionDim&)>& stride) const {
    return offsets_of(dims, r_.extents, stride);
  }
  // What is multiplied of an operand, by element.
  template <class T>
  std::function<double(std::int64_t)> elements(int buffer, DType storage, int offset) {
    const void* const from = memory_.pointer(buffer);
    return [=, first = constant(offset)](std::int64_t i) -> double {
      if (is_only_stored(storage)) return widen(storage, static_cast<const std::uint16_t*>(from)[first + i]);
      return static_cast<const T*>(from)[first + i];
    };
  }
  std::int64_t constant(int slot) const { return slot < 0 ? 0 : r_.extents[at(slot)]; }

  // Column by column: whatever the strides, a column is a run.
  void finish(std::size_t batch, void* acc, std::size_t element) {
    const std::size_t columns = s_.sliced ? n_b_.size() / at(r_.extents[at(s_.n[0].extent)]) : n_b_.size();
    for (std::size_t j = 0; j < columns; ++j) {
      std::vector<void*> buffers{static_cast<std::uint8_t*>(acc) + j * element};
      for (std::size_t o = 0; o < s_.operands.size(); ++o) {
        const int buffer = s_.operands[o].buffer;
        const std::int64_t offset = constant(s_.operands[o].offset) + batches_[o][batch] + columns_[o][j];
        buffers.push_back(static_cast<std::uint8_t*>(memory_.pointer(buffer)) +
                          offset * static_cast<std::int64_t>(size_of(r_.program.buffers[at(buffer)].storage)));
        buffers.push_back(rows_[o].data());
      }
      const std::int64_t extents[] = {static_cast<std::int64_t>(m_a_.size()), 1, static_cast<std::int64_t>(n_b_.size()),
                                      static_cast<std::int64_t>(columns)};
      kernel::interpret(epilogue_, buffers, extents);
    }
  }

  const ContractionStep& s_;
  const kernel::Kernel& epilogue_;
  const StepRecord& r_;
  Memory& memory_;
  const std::vector<std::int64_t> m_a_, n_b_;
  std::vector<std::vector<std::int64_t>> batches_, rows_, columns_;  // per operand
};

// `rounding`: what the elements may be off by for being stored in 16 bits, relatively.
template <class T>
std::string compare(const std::string& name, std::span<const T> got, std::span<const T> want, std::span<const T> up,
                    std::span<const T> down, double rounding = 0) {
  const auto fail = [&](std::size_t i, const std::string& tolerance) {
    return fmt::format("element {} of the {} of '{}' is {}, and should be {}{}", i, got.size(), name, got[i], want[i],
                       tolerance);
  };
  if constexpr (std::is_floating_point_v<T>) {
    constexpr bool single = std::is_same_v<T, float>;
    const auto same = [](T x, T y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    double largest = 0;
    for (const T v : want)
      if (std::isfinite(v)) largest = std::max(largest, std::fabs(static_cast<double>(v)));
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (same(got[i], want[i])) continue;
      if (!std::isfinite(want[i])) {  // rounding may turn 1e38 into infinity, but nothing that stays so when moved
        if (same(up[i], want[i]) && same(down[i], want[i])) return fail(i, "");
        continue;
      }
      const double w = want[i], change = std::max(std::fabs(up[i] - w), std::fabs(down[i] - w));
      const double allowed = 8 * change + ((single ? 0x1p-14 : 0x1p-40) + rounding) * std::fabs(w) +
                             (single ? 0x1p-20 : 0x1p-46) * largest + (rounding > 0 ? smallest_half : 0);
      const double off = std::fabs(static_cast<double>(got[i]) - w);
      if (!(off <= allowed) && std::isfinite(change)) return fail(i, fmt::format(", give or take {:.3g}", allowed));
    }
  } else {
    for (std::size_t i = 0; i < got.size(); ++i)
      if (got[i] != want[i] && up[i] == want[i] && down[i] == want[i]) return fail(i, "");
  }
  return "";
}

class Checker final : public executor::StepChecker {
 public:
  explicit Checker(const lower::Lowered& l)
      : kernels_(l.kernels), library_nodes_(l.library_nodes), symbols_(l.symbols) {}

  std::string difference(const StepRecord& r) const override {
    Memory want(r, 0), up(r, 1), down(r, -1);
    for (Memory* m : {&want, &up, &down})
      if (!run(r, *m)) return "";
    std::string text;
    for_each_buffer(r.step, [&](int b, bool written) {
      if (!written || !text.empty() || r.after[at(b)].empty()) return;
      const Buffer& buffer = r.program.buffers[at(b)];
      const std::size_t bytes = r.after[at(b)].size();
      if (is_only_stored(buffer.storage)) {
        const auto wide = [&](const void* p) {
          std::vector<float> values(bytes / size_of(buffer.storage));
          widen(buffer.storage, p, values.data(), values.size());
          return values;
        };
        text = compare<float>(buffer.name, wide(r.after[at(b)].data()), wide(want.pointer(b)), wide(up.pointer(b)),
                              wide(down.pointer(b)), epsilon_of(buffer.storage));
        return;
      }
      dispatch(buffer.storage, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using Held = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
        const auto view = [&](const void* p) { return std::span(static_cast<const Held*>(p), bytes / sizeof(Held)); };
        text = compare<Held>(buffer.name, view(r.after[at(b)].data()), view(want.pointer(b)), view(up.pointer(b)),
                             view(down.pointer(b)));
      });
    });
    return text;
  }

 private:
  // Does what the step should do; false if nobody knows that.
  bool run(const StepRecord& r, Memory& m) const {
    if (const auto* k = std::get_if<KernelStep>(&r.step.node)) {
      kernel::interpret(kernels_[at(k->entry)], m.pointers(k->buffers), m.extents(k->extents));
    } else if (const auto* c = std::get_if<ContractionStep>(&r.step.node)) {
      Contraction(*c, kernels_[at(c->epilogue)], r, m).run();
    } else if (const auto* copy = std::get_if<CopyStep>(&r.step.node)) {
      if (void* to = m.pointer(copy->to)) std::memcpy(to, m.pointer(copy->from), r.before[at(copy->to)].size());
    } else if (const auto* l = std::get_if<LibraryStep>(&r.step.node)) {
      return library(r, *l, m);
    } else {
      return false;
    }
    return true;
  }

  // By the reference of the node that the call computes.
  bool library(const StepRecord& r, const LibraryStep& l, Memory& m) const {
    const auto number = at(&r.step - r.program.steps.data());
    const auto found = library_nodes_.find(static_cast<int>(number));
    if (found == library_nodes_.end() || !found->second->op().reference) return false;
    const ir::Node& node = *found->second;
    const auto array = [&](std::size_t i) {
      const Buffer& b = r.program.buffers[at(l.buffers[i])];
      Array a(b.storage, m.extents(b.dims));
      if (a.bytes() > 0) std::memcpy(a.data(), m.pointer(l.buffers[i]), a.bytes());
      return a;
    };
    std::vector<Array> inputs, outputs;
    for (std::size_t i = 0; i < l.buffers.size(); ++i)
      (i < node.inputs().size() ? inputs : outputs).push_back(array(i));
    const std::function<std::int64_t(const ir::DimSymbol&)> value = [&](const ir::DimSymbol& s) {
      return r.extents[at(symbols_.at(s.id))];
    };
    node.op().reference({node, inputs, outputs, value});
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].bytes() > 0)
        std::memcpy(m.pointer(l.buffers[inputs.size() + i]), outputs[i].data(), outputs[i].bytes());
    return true;
  }

  const std::vector<kernel::Kernel> kernels_;       // by entry
  const std::map<int, ir::NodePtr> library_nodes_;  // by step
  const std::map<std::uint64_t, int> symbols_;      // by id: the slot
};

}  // namespace

std::shared_ptr<const executor::StepChecker> step_checker(const lower::Lowered& lowered) {
  return std::make_shared<const Checker>(lowered);
}

}  // namespace bitale::driver

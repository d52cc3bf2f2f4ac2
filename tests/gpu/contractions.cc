#include "tests/gpu/contractions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include <fmt/format.h>

#include "compiler/codegen/cuda/share.h"
#include "compiler/kernel/builder.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "tests/gpu/kernel_runner.h"

namespace bitale::tests {
namespace {

using codegen::cuda::Contraction;
using kernel::Extent;

std::vector<const std::vector<Axis>*> groups_of(const ContractionCase& c) { return {&c.batch, &c.m, &c.n, &c.k}; }

std::vector<std::int64_t> arguments_of(const ContractionCase& c) {
  std::vector<std::int64_t> extents;
  for (const auto* group : groups_of(c))
    for (const Axis& axis : *group)
      if (axis.symbolic) extents.push_back(axis.extent);
  if (c.symbolic_strides)
    for (const auto* group : groups_of(c))
      for (const Axis& axis : *group) extents.insert(extents.end(), {axis.a, axis.b});
  extents.insert(extents.end(), c.parameters.begin(), c.parameters.end());
  return extents;
}

}  // namespace

// Buffers as the lowering makes them: the sums, and of each operand its elements and its rows' offsets.
kernel::Kernel epilogue_of(DType type, bool accumulating) {
  kernel::Builder b(fmt::format("finish_{}{}", type == DType::f32 ? "f32" : "f64", accumulating ? "_added" : ""));
  const Extent one = Extent::constant(1), zero = Extent::constant(0);
  const int acc = b.buffer("acc", type, false), bias = b.buffer("bias", type, false),
            rows0 = b.buffer("rows0", DType::i64, false), out = b.buffer("out", type, true),
            rows1 = b.buffer("rows1", DType::i64, false);
  const Extent rows = b.extent_argument(), columns = b.extent_argument(), ld = b.extent_argument();
  b.loop(kernel::LoopKind::sequential, rows, [&](kernel::Scalar row) {
    const kernel::Scalar at0 = b.load(rows0, {zero, {{row.id, one}}}), at1 = b.load(rows1, {zero, {{row.id, one}}});
    b.loop(kernel::LoopKind::vector, columns, [&](kernel::Scalar column) {
      const kernel::Scalar sum = b.load(acc, {zero, {{row.id, ld}, {column.id, one}}});
      b.store(out, {zero, {{at1.id, one}, {column.id, one}}}, sum + b.load(bias, {zero, {{at0.id, one}}}), {},
              accumulating);
    });
  });
  return b.finish();
}

Contraction form_of(const ContractionCase& c, const std::string& epilogue, std::size_t number) {
  Contraction form;
  form.name = fmt::format("contraction_{}", number);
  form.comments = {c.name};
  form.dtype = c.dtype;
  form.a_storage = c.a_storage.value_or(c.dtype);
  form.b_storage = c.b_storage.value_or(c.dtype);
  std::vector<Contraction::Dim>* to[] = {&form.batch, &form.m, &form.n, &form.k};
  for (std::size_t g = 0; g < 4; ++g)
    for (const Axis& axis : *groups_of(c)[g])
      to[g]->push_back({axis.symbolic ? Extent::argument(form.extents++) : Extent::constant(axis.extent),
                        Extent::constant(axis.a),
                        Extent::constant(axis.b),
                        {Extent::constant(axis.bias), Extent::constant(axis.out)}});
  if (c.symbolic_strides)
    for (auto* group : to)
      for (Contraction::Dim& d : *group)
        for (Extent* stride : {&d.a, &d.b}) *stride = Extent::argument(form.extents++);
  form.a_offset = Extent::constant(c.a_offset);
  form.b_offset = Extent::constant(c.b_offset);
  form.a_aligned = form.b_aligned = c.aligned;
  form.operands = {{Extent::constant(0), c.dtype, false}, {Extent::constant(0), c.dtype, true}};
  form.epilogue = epilogue;
  form.tile = c.tile;
  return form;
}

namespace {

// The largest offset, if the smallest is 0.
std::int64_t reach(const ContractionCase& c, std::int64_t Axis::* stride) {
  std::int64_t end = 0;
  for (const auto* group : groups_of(c))
    for (const Axis& axis : *group) end += std::max<std::int64_t>(0, (axis.extent - 1) * (axis.*stride));
  return end;
}

// Elements between margins that hold something else.
constexpr std::int64_t margin = 64;

template <class T>
class Memory {
 public:
  Memory(std::int64_t elements, T around)
      : memory_(static_cast<std::size_t>(elements + 2 * margin + 4), around), elements_(elements) {}
  // 16-byte aligned.
  T* data() {
    auto* begin = memory_.data();
    while (reinterpret_cast<std::uintptr_t>(begin) % 16) ++begin;
    return begin + margin;
  }
  std::int64_t elements() const { return elements_; }
  // With what lies around.
  HostBuffer buffer() {
    T* const begin = data() - margin;
    return {begin, static_cast<std::size_t>(memory_.data() + memory_.size() - begin) * sizeof(T), data()};
  }

 private:
  std::vector<T> memory_;
  std::int64_t elements_;
};

using Visit = std::function<void(std::int64_t a, std::int64_t b, std::int64_t bias, std::int64_t out)>;

void each(const std::vector<Axis>& group, const Axis& at, const std::function<void(const Axis&)>& visit,
          std::size_t d = 0) {
  if (d == group.size()) return visit(at);
  for (std::int64_t i = 0; i < group[d].extent; ++i) {
    Axis next = at;
    next.a += i * group[d].a;
    next.b += i * group[d].b;
    next.bias += i * group[d].bias;
    next.out += i * group[d].out;
    each(group, next, visit, d + 1);
  }
}

// An operand as the contraction reads it: in 16 bits, if it is stored so.
template <class T>
class Stored {
 public:
  Stored(Memory<T>& values, std::optional<DType> storage)
      : values_(values), bits_(storage ? values.elements() : 0, 0xffff) {
    if (storage)
      for (std::int64_t i = 0; i < values.elements(); ++i)
        bits_.data()[i] = narrow(*storage, static_cast<float>(values.data()[i]));
    is_stored_ = storage.has_value();
  }
  HostBuffer buffer() { return is_stored_ ? bits_.buffer() : values_.buffer(); }

 private:
  Memory<T>& values_;
  Memory<std::uint16_t> bits_;
  bool is_stored_ = false;
};

template <class T>
std::string fault_of_one(const KernelRunner& runner, const ContractionCase& c, std::size_t number, std::int64_t blocks,
                         std::mt19937_64& random) {
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  Memory<T> a(reach(c, &Axis::a) + c.a_offset + 1, nan), b(reach(c, &Axis::b) + c.b_offset + 1, nan),
      bias(reach(c, &Axis::bias) + 1, nan), out(reach(c, &Axis::out) + 1, -1000);
  for (Memory<T>* m : {&a, &b, &bias, &out})
    for (std::int64_t i = 0; i < m->elements(); ++i) m->data()[i] = static_cast<T>(static_cast<int>(random() % 17) - 8);
  std::vector<double> want(out.data() - margin, out.data() + out.elements() + margin);
  std::vector<bool> known(want.size());
  each(c.batch, Axis{}, [&](const Axis& in_batch) {
    each(c.m, in_batch, [&](const Axis& in_row) {
      each(c.n, in_row, [&](const Axis& place) {
        double sum = 0;
        each(c.k, place,
             [&](const Axis& at) { sum += double{a.data()[c.a_offset + at.a]} * double{b.data()[c.b_offset + at.b]}; });
        const auto to = static_cast<std::size_t>(margin + place.out);
        want[to] = sum + double{bias.data()[place.bias]} + (c.accumulating ? want[to] : 0);
      });
    });
  });
  Stored stored_a(a, c.a_storage), stored_b(b, c.b_storage);
  const HostBuffer buffers[] = {stored_a.buffer(), stored_b.buffer(), bias.buffer(), out.buffer()};
  try {
    runner.run(number, buffers, arguments_of(c), blocks);
  } catch (const InternalError& e) {
    return c.name + ": " + e.what();
  }
  // The sums are of small integers, and exact.
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double got = out.data()[static_cast<std::int64_t>(i) - margin];
    if (!(got == want[i]))
      return fmt::format("{}, {} blocks: element {} is {}, expected {}", c.name, blocks,
                         static_cast<std::int64_t>(i) - margin, got, want[i]);
  }
  return "";
}

}  // namespace

ContractionCase product(std::int64_t m, std::int64_t n, std::int64_t k, bool a_turned, bool b_turned) {
  ContractionCase c;
  c.name = fmt::format("{} x {} x {}{}{}", m, n, k, a_turned ? ", a turned" : "", b_turned ? ", b turned" : "");
  c.m = {{m, a_turned ? 1 : k, 0, 1, n}};
  c.n = {{n, 0, b_turned ? k : 1, 0, 1}};
  c.k = {{k, a_turned ? m : 1, b_turned ? 1 : n, 0, 0}};
  return c;
}

ContractionCase symbolic(ContractionCase c) {
  for (auto* group : {&c.batch, &c.m, &c.n, &c.k})
    for (Axis& axis : *group) axis.symbolic = true;
  return c;
}

ContractionCase with_tile(ContractionCase c, const codegen::cuda::Tile& tile) {
  c.tile = tile;
  c.name += fmt::format(", tile {} x {}", tile.rows, tile.columns);
  return c;
}

namespace {

codegen::cuda::Modules modules_of(std::vector<Contraction> contractions) {
  std::vector<kernel::Kernel> epilogues;
  for (const DType type : {DType::f32, DType::f64})
    for (const bool accumulating : {false, true}) epilogues.push_back(epilogue_of(type, accumulating));
  codegen::cuda::ModuleParts parts;
  for (const kernel::Kernel& k : epilogues) parts.epilogues.push_back(&k);
  parts.contractions = std::move(contractions);
  return codegen::cuda::print_modules(parts, 1);
}

std::vector<Contraction> forms_of(const std::vector<ContractionCase>& cases) {
  std::vector<Contraction> forms;
  for (const ContractionCase& c : cases)
    forms.push_back(form_of(c, epilogue_of(c.dtype, c.accumulating).name, forms.size()));
  return forms;
}

}  // namespace

codegen::cuda::Modules modules_of(const std::vector<ContractionCase>& cases) { return modules_of(forms_of(cases)); }

codegen::cuda::Modules shared_module_of(std::vector<ContractionCase>& cases) {
  const std::vector<Contraction> forms = forms_of(cases);
  std::vector<const Contraction*> alike;
  for (const Contraction& c : forms) {
    BITALE_ASSERT(codegen::cuda::key_of(c) == codegen::cuda::key_of(forms[0]),
                  "contractions that are not alike: " + forms[0].comments[0]);
    alike.push_back(&c);
  }
  codegen::cuda::Shared shared = codegen::cuda::share(alike);
  for (std::size_t i = 0; i < cases.size(); ++i) cases[i].parameters = std::move(shared.arguments[i]);
  return modules_of(std::vector{std::move(shared.function)});
}

std::string fault_of(const codegen::cuda::Modules& modules, const std::vector<ContractionCase>& cases,
                     const std::vector<std::int64_t>& blocks, int launches) {
  const KernelRunner runner(modules);
  std::mt19937_64 random(5);
  for (int launch = 0; launch < launches; ++launch)
    for (std::size_t i = 0; i < cases.size(); ++i)
      for (const std::int64_t n : blocks) {
        const std::size_t number = std::min(i, modules.launches.size() - 1);  // of one that is shared, 0
        const std::string fault = cases[i].dtype == DType::f32
                                      ? fault_of_one<float>(runner, cases[i], number, n, random)
                                      : fault_of_one<double>(runner, cases[i], number, n, random);
        if (!fault.empty()) return fault;
      }
  return "";
}

}  // namespace bitale::tests

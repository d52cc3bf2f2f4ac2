#include "tests/support/op_cases.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/device/cpu.h"
#include "tests/support/compiled_backend.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

namespace bitale::tests {
namespace {

std::vector<DType> dtypes_of(const ir::OpDef& op) {
  return op.dtypes.empty() ? std::vector<DType>{DType::f32, DType::f64} : op.dtypes;
}

// The op takes the extents, and the values that are drawn for them (indices may be too large for a smaller extent).
bool is_valid(const OpCase& c) {
  try {
    for (std::uint64_t seed : {1, 2, 3}) {
      const BuiltCase built = build(c, seed);
      eval::evaluate(built.outputs, built.bindings());
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The sample with every extent `from` replaced.
ir::Sample with_extent(ir::Sample sample, std::int64_t from, std::int64_t to) {
  for (ir::SampleInput& input : sample.inputs) std::replace(input.shape.begin(), input.shape.end(), from, to);
  return sample;
}

}  // namespace

std::string OpCase::text() const {
  std::string s = op->name + " / " + sample.name + " / " + std::string(name_of(dtype));
  if (!variant.empty()) s += " / " + variant;
  return symbolic ? s + " / symbolic" : s;
}

std::vector<eval::Binding> BuiltCase::bindings() const {
  std::vector<eval::Binding> out;
  for (std::size_t i = 0; i < inputs.size(); ++i) out.push_back({inputs[i], values[i]});
  return out;
}

BuiltCase build(const OpCase& c, std::uint64_t seed) {
  BuiltCase built;
  std::map<std::int64_t, ir::Dim> symbols;
  Random stream(hash_combine(hash_text(c.op->name + "/" + c.sample.name), seed));
  for (const ir::SampleInput& input : c.sample.inputs) {
    const DType dtype = input.dtype.value_or(c.dtype);
    ir::Shape shape;
    for (std::int64_t e : input.shape) {
      if (c.symbolic && e > 1)
        shape.push_back(symbols.try_emplace(e, ir::Dim::symbol("n" + std::to_string(e))).first->second);
      else
        shape.emplace_back(e);
    }
    built.inputs.push_back(ir::input("x" + std::to_string(built.inputs.size()), {dtype, shape}));
    built.values.push_back(random_array(dtype, input.shape, input.low, input.high, stream.next()));
  }
  built.outputs = c.sample.build(built.inputs);
  return built;
}

std::vector<OpCase> op_cases(const ir::OpDef& op) {
  std::vector<OpCase> cases;
  if (!op.samples) return cases;
  for (const ir::Sample& sample : op.samples()) {
    std::set<std::int64_t> extents;
    for (const ir::SampleInput& input : sample.inputs) extents.insert(input.shape.begin(), input.shape.end());
    for (DType dtype : dtypes_of(op)) {
      cases.push_back({&op, sample, dtype, "", false});
      if (OpCase symbolic{&op, sample, dtype, "", true}; !extents.empty() && is_valid(symbolic))
        cases.push_back(symbolic);
      for (std::int64_t from : extents) {
        for (std::int64_t to : {0, 1}) {
          OpCase c{&op, with_extent(sample, from, to), dtype, std::to_string(from) + " -> " + std::to_string(to),
                   false};
          if (from != to && is_valid(c)) cases.push_back(std::move(c));
        }
      }
    }
  }
  return cases;
}

std::vector<const ir::OpDef*> tested_ops() {
  ops::register_all();
  std::vector<const ir::OpDef*> list = ir::all_ops();
  std::erase_if(list, [](const ir::OpDef* op) { return op->leaf != ir::Leaf::none && op->leaf != ir::Leaf::constant; });
  if (const char* names = std::getenv("BITALE_TEST_OPS")) {
    const std::string wanted = "," + std::string(names) + ",";
    std::erase_if(list, [&](const ir::OpDef* op) { return wanted.find("," + op->name + ",") == std::string::npos; });
    if (list.empty()) throw Error("BITALE_TEST_OPS names no op: " + std::string(names));
  }
  return list;
}

const std::vector<Backend>& backends() {
  static const std::vector<Backend> list = [] {
    std::vector<Backend> all{
        {"bodies", [](std::span<const ir::Tensor> outputs,
                      std::span<const eval::Binding> bindings) { return eval::evaluate(outputs, bindings, false); }},
    };
    // The best instruction set in both forms and with two threads; the others as optimised programs, and not for all
    // extents. Nor, under sanitizers, for any: these are about memory.
    std::vector<Isa> isas = executable_isas();
    const std::string best = to_string(isas.back());
    isas.pop_back();
    all.push_back(compiled(best, 2, 2));
    all.push_back(compiled(best, 0, 1));
    for (Isa isa : sanitized ? std::vector<Isa>{} : isas) {
      all.push_back(compiled(to_string(isa), 2, 1));
      all.back().variants = false;
    }
    return all;
  }();
  return list;
}

double unit_of(DType floating) {
  return floating == DType::f64 ? 1e-12 : floating == DType::f32 ? 1e-5 : 4 * epsilon_of(floating);
}

std::string difference(const Array& got, const Array& expected, double tolerance) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return "got " + std::string(name_of(got.dtype())) + shape_text(got.shape()) + ", expected " +
           std::string(name_of(expected.dtype())) + shape_text(expected.shape());
  if (!is_floating(got.dtype())) {
    if (got.same_bits(expected)) return {};
    return "got " + to_string(got) + ", expected " + to_string(expected);
  }
  const double unit = unit_of(got.dtype());
  double largest = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i)
    if (std::isfinite(expected.at(i))) largest = std::max(largest, std::fabs(expected.at(i)));
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double g = got.at(i), e = expected.at(i);
    if (g == e || (std::isnan(g) && std::isnan(e))) continue;
    if (!(std::fabs(g - e) <= tolerance * unit * std::max({std::fabs(e), 1e-2 * largest, 1e-2})))
      return "element " + std::to_string(i) + " of " + shape_text(got.shape()) + ": got " + std::to_string(g) +
             ", expected " + std::to_string(e);
  }
  return {};
}

Array random_array(DType dtype, const Extents& shape, double low, double high, std::uint64_t seed) {
  if (is_only_stored(dtype)) return random_array(computed_as(dtype), shape, low, high, seed).cast(dtype);
  Array a(dtype, shape);
  Random random(seed);
  dispatch(dtype, [&](auto t) {
    using T = typename decltype(t)::type;
    for (T& v : a.view<T>()) {
      const double u = random.uniform();
      if constexpr (std::is_floating_point_v<T>) {
        v = static_cast<T>(low + (high - low) * u);
      } else if constexpr (std::is_same_v<T, bool>) {
        v = u < 0.5;
      } else {
        const double first = std::max(std::ceil(low), static_cast<double>(std::numeric_limits<T>::lowest()));
        const double last = std::min(std::floor(high), static_cast<double>(std::numeric_limits<T>::max()));
        v = static_cast<T>(std::min(last, first + std::floor((last - first + 1) * u)));
      }
    }
  });
  return a;
}

Array stacked(std::span<const Array> parts) {
  Extents shape = parts[0].shape();
  shape.insert(shape.begin(), static_cast<std::int64_t>(parts.size()));
  Array whole(parts[0].dtype(), shape);
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i].bytes())
      std::memcpy(static_cast<char*>(whole.data()) + i * parts[i].bytes(), parts[i].data(), parts[i].bytes());
  return whole;
}

Array part(const Array& whole, std::int64_t index) {
  Array a(whole.dtype(), Extents(whole.shape().begin() + 1, whole.shape().end()));
  if (a.bytes())
    std::memcpy(a.data(), static_cast<const char*>(whole.data()) + static_cast<std::size_t>(index) * a.bytes(),
                a.bytes());
  return a;
}

}  // namespace bitale::tests

#include "tests/unit/ops/op_check.h"

#include <cmath>
#include <random>

#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "tests/support/catch.h"

namespace bitale::tests {

using ir::Dim;
using ir::Sample;
using ir::Shape;
using ir::Tensor;

namespace {

Array draw_array(const Extents& shape, DType dtype, double low, double high, std::mt19937_64& random) {
  Array a(dtype, shape);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for (T& v : a.view<T>()) {
      if constexpr (std::is_floating_point_v<T>)
        v = static_cast<T>(std::uniform_real_distribution<double>(low, high)(random));
      else
        v = static_cast<T>(std::uniform_int_distribution<std::int64_t>(static_cast<std::int64_t>(low),
                                                                       static_cast<std::int64_t>(high))(random));
    }
  });
  return a;
}

Array like(const Array& a, std::mt19937_64& random) { return draw_array(a.shape(), a.dtype(), -1, 1, random); }

Array moved(const Array& a, const Array& direction, double step) {
  Array out = a.clone();
  for (std::int64_t i = 0; i < a.size(); ++i) out.view<double>()[static_cast<std::size_t>(i)] += step * direction.at(i);
  return out;
}

ad::GradOptions zero_if_disconnected() {
  ad::GradOptions options;
  options.disconnected = ad::Disconnected::zero;
  return options;
}

double dot(const Array& a, const Array& b) {
  double total = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) total += a.at(i) * b.at(i);
  return total;
}

Tensor leaf(const Array& value, const std::string& name, bool symbolic) {
  Shape shape;
  for (std::size_t a = 0; a < value.shape().size(); ++a)
    shape.push_back(symbolic ? Dim::symbol(name + std::to_string(a)) : Dim(value.shape()[a]));
  return ir::input(name, {value.dtype(), shape});
}

// d build / d value k along `direction`, by central differences.
std::vector<Array> difference(const Build& build, std::vector<Array> values, std::size_t k, const Array& direction) {
  constexpr double step = 1e-6;
  const Array at = values[k];
  values[k] = moved(at, direction, step);
  const std::vector<Array> above = run(build, values);
  values[k] = moved(at, direction, -step);
  const std::vector<Array> below = run(build, values);
  std::vector<Array> out;
  for (std::size_t o = 0; o < above.size(); ++o) {
    Array d = above[o].clone();
    for (std::int64_t i = 0; i < d.size(); ++i)
      d.view<double>()[static_cast<std::size_t>(i)] = (above[o].at(i) - below[o].at(i)) / (2 * step);
    out.push_back(std::move(d));
  }
  return out;
}

// vjp and jvp of build by the differentiable values, against differences.
void check_first(const Build& build, const std::vector<Array>& values, const std::vector<bool>& differentiable,
                 double tolerance) {
  std::mt19937_64 random(7);
  const std::vector<Array> outputs = run(build, values);
  std::vector<Array> with_dys = values;
  for (const Array& y : outputs) with_dys.push_back(like(y, random));
  const std::size_t n = values.size();
  for (std::size_t k = 0; k < n; ++k) {
    if (!differentiable[k] || values[k].size() == 0) continue;
    INFO("input " << k);
    const Array direction = like(values[k], random);
    const std::vector<Array> expected = difference(build, values, k, direction);
    const auto reverse = [&](std::span<const Tensor> in) {
      const std::vector<Tensor> ys = build(in.subspan(0, n));
      const Tensor wrt[] = {in[k]};
      return ad::vjp(ys, in.subspan(n), wrt, zero_if_disconnected());
    };
    double projected = 0;
    for (std::size_t o = 0; o < outputs.size(); ++o) projected += dot(with_dys[n + o], expected[o]);
    CHECK(dot(run(reverse, with_dys)[0], direction) == Approx(projected).epsilon(tolerance).margin(tolerance));

    std::vector<Array> with_dx = values;
    with_dx.push_back(direction);
    const auto forward = [&](std::span<const Tensor> in) {
      const std::vector<Tensor> ys = build(in.subspan(0, n));
      const Tensor wrt[] = {in[k]};
      return ad::jvp(ys, wrt, in.subspan(n));
    };
    const std::vector<Array> tangents = run(forward, with_dx);
    for (std::size_t o = 0; o < outputs.size(); ++o) check_close(tangents[o], expected[o], tolerance);
  }
}

bool floats_only(const std::vector<Array>& values) {
  for (const Array& v : values)
    if (!is_floating(v.dtype())) return false;
  return true;
}

std::vector<bool> differentiable_inputs(const Sample& s) {
  std::vector<bool> out;
  for (const ir::SampleInput& i : s.inputs) out.push_back(i.differentiable && (!i.dtype || is_floating(*i.dtype)));
  return out;
}

// Member `b` of an array with a leading axis.
Array member(const Array& a, std::int64_t b) {
  const Extents shape(a.shape().begin() + 1, a.shape().end());
  Array out(a.dtype(), shape);
  const std::size_t bytes = out.bytes();
  if (bytes > 0)
    std::copy_n(static_cast<const char*>(a.data()) + static_cast<std::size_t>(b) * bytes, bytes,
                static_cast<char*>(out.data()));
  return out;
}

// The sample's graph over one more axis of extent `size` of the batched inputs, whose values have it.
std::vector<Array> run_batched(const Sample& s, const std::vector<Array>& values, const std::vector<bool>& batched,
                               const Dim& size) {
  std::vector<Tensor> members, leaves;
  std::vector<eval::Binding> bindings;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Shape whole(values[i].shape().begin(), values[i].shape().end());
    if (batched[i]) whole[0] = size;
    members.push_back(ir::input("m", {values[i].dtype(), Shape(whole.begin() + (batched[i] ? 1 : 0), whole.end())}));
    leaves.push_back(ir::input("x", {values[i].dtype(), whole}));
    bindings.push_back({leaves.back(), values[i]});
  }
  return eval::evaluate(ad::vmap(s.build(members), members, leaves, batched, size), bindings);
}

void check_batched(const Sample& s, const std::vector<bool>& batched, std::int64_t size, bool symbolic) {
  std::vector<Array> values = draw(s, DType::f64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!batched[i]) continue;
    Sample wide = s;
    wide.inputs[i].shape.insert(wide.inputs[i].shape.begin(), size);
    values[i] = draw(wide, DType::f64)[i];
  }
  const std::vector<Array> all = run_batched(s, values, batched, symbolic ? Dim::symbol("b") : Dim(size));
  for (const Array& y : all) REQUIRE(y.shape().front() == size);
  for (std::int64_t b = 0; b < size; ++b) {
    std::vector<Array> one;
    for (std::size_t i = 0; i < values.size(); ++i) one.push_back(batched[i] ? member(values[i], b) : values[i]);
    const std::vector<Array> expected = run(s.build, one);
    for (std::size_t o = 0; o < expected.size(); ++o) check_close(member(all[o], b), expected[o], 1e-10);
  }
}

}  // namespace

std::vector<Array> draw(const Sample& sample, DType dtype) {
  std::mt19937_64 random(42);
  std::vector<Array> out;
  for (const ir::SampleInput& i : sample.inputs)
    out.push_back(draw_array(i.shape, i.dtype.value_or(dtype), i.low, i.high, random));
  return out;
}

std::vector<Array> run(const Build& build, std::span<const Array> values, bool prefer_reference, bool symbolic) {
  std::vector<Tensor> leaves;
  std::vector<eval::Binding> bindings;
  for (std::size_t i = 0; i < values.size(); ++i) {
    leaves.push_back(leaf(values[i], "x" + std::to_string(i), symbolic));
    bindings.push_back({leaves.back(), values[i]});
  }
  return eval::evaluate(build(leaves), bindings, prefer_reference);
}

void check_close(const Array& a, const Array& b, double tolerance) {
  REQUIRE(a.dtype() == b.dtype());
  REQUIRE(a.shape() == b.shape());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double x = a.at(i), y = b.at(i);
    if (x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= tolerance * (1 + std::fabs(y))) continue;
    INFO("element " << i << ": " << x << " is not " << y);
    FAIL_CHECK(to_string(a) << "\nis not\n" << to_string(b));
    return;
  }
}

void check_value(const ir::OpDef& op) {
  for (const Sample& s : op.samples())
    for (DType dtype : op.dtypes.empty() ? std::vector{DType::f32, DType::f64} : op.dtypes) {
      INFO(op.name << ", " << s.name << ", " << name_of(dtype));
      const std::vector<Array> values = draw(s, dtype);
      const std::vector<Array> expected = run(s.build, values);
      const double tolerance = s.tolerance * (dtype == DType::f32 ? 3e-6 : 1e-13);
      for (const bool symbolic : {false, true}) {
        const std::vector<Array> got = run(s.build, values, false, symbolic);
        REQUIRE(got.size() == expected.size());
        for (std::size_t o = 0; o < got.size(); ++o) check_close(got[o], expected[o], tolerance);
      }
    }
}

void check_derivatives(const ir::OpDef& op, bool second) {
  for (const Sample& s : op.samples()) {
    INFO(op.name << ", " << s.name);
    const std::vector<Array> values = draw(s, DType::f64);
    const std::vector<Array> outputs = run(s.build, values);
    if (!floats_only(outputs)) continue;
    std::vector<bool> differentiable = differentiable_inputs(s);
    check_first(s.build, values, differentiable, 1e-7 * s.tolerance);
    if (!second) continue;
    // The gradient by the first differentiable input, as a function of the inputs and the cotangents.
    const std::size_t n = values.size();
    for (std::size_t k = 0; k < n; ++k) {
      if (!differentiable[k]) continue;
      INFO("second derivatives, gradient of input " << k);
      std::mt19937_64 random(11);
      std::vector<Array> extended = values;
      std::vector<bool> flags = differentiable;
      for (const Array& y : outputs) {
        extended.push_back(like(y, random));
        flags.push_back(true);
      }
      const auto gradient = [&](std::span<const Tensor> in) {
        const Tensor wrt[] = {in[k]};
        return ad::vjp(s.build(in.subspan(0, n)), in.subspan(n), wrt, zero_if_disconnected());
      };
      check_first(gradient, extended, flags, 1e-6 * s.tolerance);
    }
  }
}

void check_batching(const ir::OpDef& op) {
  for (const Sample& s : op.samples()) {
    const std::size_t n = s.inputs.size();
    for (std::size_t k = 0; k <= n; ++k) {
      INFO(op.name << ", " << s.name << ", batched input " << (k < n ? std::to_string(k) : "all"));
      std::vector<bool> batched(n, k == n);
      if (k < n) batched[k] = true;
      for (const bool symbolic : {false, true})
        for (const std::int64_t size : {3, 1, 0}) check_batched(s, batched, size, symbolic);
    }
  }
}

}  // namespace bitale::tests

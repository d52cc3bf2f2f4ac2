// Every op's vjp and jvp against finite differences in float64, and the vjp of its vjp.
#include <algorithm>
#include <cmath>

#include "compiler/eval/eval.h"
#include "compiler/grad/check.h"
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using namespace bitale::tests;
using ir::Tensor;

namespace {

// A case whose floats are all float64, so that differences are exact enough.
bool is_differentiable(const OpCase& c, const BuiltCase& built) {
  if (c.dtype != DType::f64) return false;
  for (const ir::NodePtr& node : ir::topological(built.outputs))
    for (const ir::TensorType& type : node->outputs())
      if (is_floating(type.dtype) && type.dtype != DType::f64) return false;
  return true;
}

std::vector<Tensor> differentiable_inputs(const OpCase& c, const BuiltCase& built) {
  std::vector<Tensor> wrt;
  for (std::size_t i = 0; i < built.inputs.size(); ++i)
    if (c.sample.inputs[i].differentiable && built.inputs[i].dtype() == DType::f64) wrt.push_back(built.inputs[i]);
  return wrt;
}

std::vector<Tensor> floats(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors)
    if (is_floating(t.dtype())) out.push_back(t);
  return out;
}

std::vector<Array> run(std::span<const Tensor> outputs, const ad::Bindings& leaves) {
  std::vector<eval::Binding> bindings;
  for (const auto& [tensor, value] : leaves) bindings.push_back({tensor, value});
  return eval::evaluate(outputs, bindings, false);
}

ad::GradOptions zero_if_disconnected() {
  ad::GradOptions options;
  options.disconnected = ad::Disconnected::zero;
  return options;
}

ad::Bindings leaves_of(const BuiltCase& built) {
  ad::Bindings leaves;
  for (std::size_t i = 0; i < built.inputs.size(); ++i) leaves.emplace_back(built.inputs[i], built.values[i]);
  return leaves;
}

// Something to differentiate, and differences that exist: operands with elements, finite values.
bool has_differences(const OpCase& c, const BuiltCase& built) {
  const auto outputs = floats(built.outputs);
  if (!is_differentiable(c, built) || differentiable_inputs(c, built).empty() || outputs.empty()) return false;
  for (const Array& x : built.values)
    if (x.size() == 0) return false;
  for (const Array& y : run(outputs, leaves_of(built)))
    for (std::int64_t i = 0; i < y.size(); ++i)
      if (!std::isfinite(y.at(i))) return false;
  return true;
}

// Calls check(graph, inputs to differentiate in) for each case. A point that happens to lie beside a kink gives a wrong
// difference, so that a case fails only if it does so at two points.
template <class F>
void for_each_differentiable(double tolerance, F check) {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      INFO(c.text());
      try {
        if (!has_differences(c, build(c))) continue;
        ad::CheckResult result;
        for (std::uint64_t seed : {1, 2}) {
          const BuiltCase built = build(c, seed);
          result = check(built, differentiable_inputs(c, built));
          if (result.worst < tolerance * c.sample.tolerance) break;
        }
        INFO(result.where);
        CHECK(result.worst < tolerance * c.sample.tolerance);
      } catch (const std::exception& e) {
        FAIL_CHECK(e.what());
      }
    }
  }
}

}  // namespace

TEST_CASE("ops with operands have derivatives and batching rules") {
  for (const ir::OpDef* op : tested_ops()) {
    if (op->composite) continue;
    INFO(op->name);
    CHECK(op->vjp);
    CHECK(op->jvp);
    bool operands = false;
    for (const OpCase& c : op_cases(*op))
      for (const ir::NodePtr& node : ir::topological(build(c).outputs))
        operands = operands || (&node->op() == op && !node->inputs().empty());
    if (operands) CHECK(op->batch);
  }
}

TEST_CASE("vjp and jvp agree with finite differences") {
  for_each_differentiable(1e-7, [](const BuiltCase& built, const std::vector<Tensor>& wrt) {
    ad::CheckOptions options;
    options.forward = true;
    return ad::check_gradient(floats(built.outputs), wrt, leaves_of(built), run, options);
  });
}

// Rules have a branch for each operand that has a tangent, and one for all: the comparison with differences takes the
// operands one by one.
TEST_CASE("the jvp of all operands is the sum of those of each") {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      INFO(c.text());
      try {
        const BuiltCase built = build(c);
        const auto wrt = differentiable_inputs(c, built);
        const auto outputs = floats(built.outputs);
        if (wrt.size() < 2 || !has_differences(c, built)) continue;
        auto bindings = built.bindings();
        std::vector<Tensor> dxs;
        for (const Tensor& x : wrt) {
          const auto i =
              static_cast<std::size_t>(std::find(built.inputs.begin(), built.inputs.end(), x) - built.inputs.begin());
          dxs.push_back(ir::input("dx" + std::to_string(i), x.type()));
          bindings.push_back({dxs.back(), random_array(x.dtype(), built.values[i].shape(), -1, 1, 7 + i)});
        }
        std::vector<Tensor> totals(outputs.size());
        for (std::size_t i = 0; i < wrt.size(); ++i) {
          const auto alone = ad::jvp(outputs, {&wrt[i], 1}, {&dxs[i], 1});
          for (std::size_t k = 0; k < totals.size(); ++k) totals[k] = ir::accumulate(totals[k], alone[k]);
        }
        const auto got = eval::evaluate(ad::jvp(outputs, wrt, dxs), bindings),
                   expected = eval::evaluate(totals, bindings);
        for (std::size_t k = 0; k < got.size(); ++k) CHECK(difference(got[k], expected[k], c.sample.tolerance) == "");
      } catch (const std::exception& e) {
        FAIL_CHECK(e.what());
      }
    }
  }
}

TEST_CASE("the vjp of a vjp agrees with finite differences of it") {
  for_each_differentiable(1e-6, [](const BuiltCase& built, const std::vector<Tensor>& wrt) {
    ad::Bindings leaves = leaves_of(built);
    const std::vector<Tensor> outputs = floats(built.outputs);
    const std::vector<Array> values = run(outputs, leaves);
    std::vector<Tensor> dys, all = wrt;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      dys.push_back(ir::input("dy" + std::to_string(i), outputs[i].type()));
      all.push_back(dys[i]);
      leaves.emplace_back(dys[i], random_array(DType::f64, values[i].shape(), -1, 1, 7 + i));
    }
    return ad::check_gradient(ad::vjp(outputs, dys, wrt, zero_if_disconnected()), all, leaves, run);
  });
}

TEST_CASE("derivatives of float32 samples have the operands' types") {
  for (const ir::OpDef* op : tested_ops()) {
    for (const OpCase& c : op_cases(*op)) {
      if (c.dtype != DType::f32) continue;
      INFO(c.text());
      try {
        const BuiltCase built = build(c);
        std::vector<Tensor> wrt, outputs = floats(built.outputs), dys;
        for (const Tensor& x : built.inputs)
          if (is_floating(x.dtype())) wrt.push_back(x);
        if (wrt.empty() || outputs.empty()) continue;
        for (const Tensor& y : outputs) dys.push_back(ones_like(y));
        const auto gradients = ad::vjp(outputs, dys, wrt, zero_if_disconnected());
        for (std::size_t i = 0; i < wrt.size(); ++i) CHECK(gradients[i].type() == wrt[i].type());
        CHECK_NOTHROW(ir::verify({built.inputs, gradients}));
        CHECK_NOTHROW(eval::evaluate(gradients, built.bindings()));
      } catch (const std::exception& e) {
        FAIL_CHECK(e.what());
      }
    }
  }
}

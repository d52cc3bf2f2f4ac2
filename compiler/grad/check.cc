#include "compiler/grad/check.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "compiler/grad/grad.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/prim.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

double inner(const Array& a, const Array& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.at(i) * b.at(i);
  return sum;
}

class Check {
 public:
  Check(std::span<const Tensor> outputs, std::span<const Tensor> wrt, const Bindings& leaves, const Evaluator& evaluate,
        const CheckOptions& options)
      : wrt_(wrt.begin(), wrt.end()), leaves_(leaves), evaluate_(evaluate), options_(options), random_(options.seed) {
    for (const Tensor& y : outputs)
      if (is_floating(y.dtype())) outputs_.push_back(y);
    for (const Tensor& x : wrt_) {
      const auto bound = std::find_if(leaves.begin(), leaves.end(), [&](const auto& l) { return l.first == x; });
      if (bound == leaves.end()) throw Error("check_gradient: no value is given for " + ir::describe(x));
      if (x.dtype() != DType::f64) throw Error("check_gradient: differences need float64, not " + ir::describe(x));
      at_.push_back(bound - leaves.begin());
    }
    for (const Array& y : evaluate_(outputs_, leaves_)) cotangents_.push_back(draw(y.dtype(), y.shape()));
  }

  CheckResult run() {
    const std::vector<Array> rule = rule_gradients();
    for (std::size_t i = 0; i < wrt_.size(); ++i) check_one(i, rule[i]);
    return result_;
  }

 private:
  void check_one(std::size_t i, const Array& gradient) {
    const Array& x = value_of(i);
    if (gradient.shape() != x.shape())
      throw InternalError("check_gradient: the gradient of " + ir::describe(wrt_[i]) + " has shape " +
                          shape_text(gradient.shape()));
    double worst = 0;
    for (int p = 0; p < options_.projections; ++p) {
      const Array v = draw(DType::f64, x.shape());
      const double expected = difference(i, v);
      worst = std::max(worst, record(inner(gradient, v), expected, i, "along a random direction"));
      if (options_.forward)
        worst = std::max(worst, record(rule_tangent(i, v), expected, i, "along a random direction, forward"));
    }
    if (worst <= options_.element_above) return;
    for (std::int64_t e = 0; e < std::min<std::int64_t>(x.size(), 256); ++e) {
      Array v = Array::zeros(DType::f64, x.shape());
      v.view<double>()[static_cast<std::size_t>(e)] = 1;
      record(gradient.at(e), difference(i, v), i, "at element " + std::to_string(e));
    }
  }

  const Array& value_of(std::size_t i) const { return leaves_[static_cast<std::size_t>(at_[i])].second; }

  Array draw(DType dtype, Extents shape) {
    std::uniform_real_distribution<double> uniform(0.5, 1.5);
    Array a(DType::f64, std::move(shape));
    for (double& v : a.view<double>()) v = (random_() & 1) ? uniform(random_) : -uniform(random_);
    return a.cast(dtype);
  }

  std::vector<Array> rule_gradients() {
    Bindings bound = leaves_;
    std::vector<Tensor> dys;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      dys.push_back(input("dy", outputs_[i].type()));
      bound.emplace_back(dys.back(), cotangents_[i]);
    }
    GradOptions options;
    options.disconnected = Disconnected::zero;
    return evaluate_(vjp(outputs_, dys, wrt_, options), bound);
  }

  double rule_tangent(std::size_t i, const Array& v) {
    Bindings bound = leaves_;
    const Tensor dx = input("dx", wrt_[i].type());
    bound.emplace_back(dx, v);
    return project(evaluate_(jvp(outputs_, {&wrt_[i], 1}, {&dx, 1}), bound));
  }

  // The outputs along the cotangents.
  double project(const std::vector<Array>& outputs) const {
    double sum = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) sum += inner(outputs[i], cotangents_[i]);
    return sum;
  }

  double moved(std::size_t i, const Array& v, double distance) {
    Bindings bound = leaves_;
    Array x = value_of(i).clone();
    for (std::int64_t e = 0; e < x.size(); ++e) x.view<double>()[static_cast<std::size_t>(e)] += distance * v.at(e);
    bound[static_cast<std::size_t>(at_[i])].second = x;
    return project(evaluate_(outputs_, bound));
  }

  double difference(std::size_t i, const Array& v) {
    const double h = options_.step;
    return (8 * (moved(i, v, h) - moved(i, v, -h)) - (moved(i, v, 2 * h) - moved(i, v, -2 * h))) / (12 * h);
  }

  double record(double rule, double expected, std::size_t i, const std::string& where) {
    double error = std::abs(rule - expected) / std::max({1.0, std::abs(rule), std::abs(expected)});
    if (!std::isfinite(rule) || !std::isfinite(expected)) error = INFINITY;
    if (error > result_.worst || result_.where.empty()) {
      result_.worst = error;
      result_.where = "d outputs / d " + ir::describe(wrt_[i]) + " " + where + ": rule " + std::to_string(rule) +
                      ", differences " + std::to_string(expected);
    }
    return error;
  }

  std::vector<Tensor> outputs_, wrt_;
  const Bindings& leaves_;
  const Evaluator& evaluate_;
  const CheckOptions& options_;
  std::mt19937_64 random_;
  std::vector<std::ptrdiff_t> at_;  // where leaves_ binds wrt_[i]
  std::vector<Array> cotangents_;
  CheckResult result_;
};

}  // namespace

CheckResult check_gradient(std::span<const Tensor> outputs, std::span<const Tensor> wrt, const Bindings& leaves,
                           const Evaluator& evaluate, const CheckOptions& options) {
  return Check(outputs, wrt, leaves, evaluate, options).run();
}

}  // namespace bitale::ad

// grad_clip and grad_scale: identities whose vjp acts on the cotangent. Tangents of forward mode pass unchanged.
#include <array>

#include "compiler/grad/grad.h"
#include "compiler/grad/rule_result.h"
#include "compiler/prim/samples.h"
#include "runtime/base/error.h"

namespace bitale::ad {

using namespace ir;

namespace {

struct ClipParams {
  double low = 0, high = 0;
  bool operator==(const ClipParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("low", low);
    v("high", high);
  }
};

struct ScaleParams {
  double factor = 1;
  bool operator==(const ScaleParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("factor", factor);
  }
};

// The operand of a sample is not differentiable: these vjp rules are not derivatives of the value.
std::function<std::vector<Sample>()> identity_samples(std::function<Tensor(const Tensor&)> f) {
  return [f = std::move(f)] {
    SampleInput x = uniform({3, 4});
    x.differentiable = false;
    return std::vector<Sample>{sample("matrix", {x}, [f](auto operands) { return f(operands[0]); })};
  };
}

OpDef identity(std::string name, std::string doc, VjpRule vjp) {
  OpDef op;
  op.name = std::move(name);
  op.doc = std::move(doc);
  op.type = same_float;
  op.scalar = [](std::span<const Expr> x) { return x[0]; };
  op.element = [](Element& e) { return e.input(0); };
  op.vjp = std::move(vjp);
  op.jvp = [](const Jvp& v) { return std::vector{v.dx(0)}; };
  op.batch = [](const Batch& b) { return std::vector{apply1(b.node.op(), b.node.params(), {b.inputs[0]})}; };
  return op;
}

const OpDef clip_op = [] {
  OpDef op = identity("grad_clip", "grad_clip(x, low, high): x, whose cotangent is clipped", [](const Vjp& v) {
    const auto& p = v.node.params_as<ClipParams>();
    return std::vector{minimum(maximum(v.dy(), p.low), p.high)};
  });
  op.samples = identity_samples([](const Tensor& x) { return grad_clip(x, -0.5, 0.5); });
  op.default_params = [] { return make_params(ClipParams{}); };
  return op;
}();

const OpDef scale_op = [] {
  OpDef op = identity("grad_scale", "grad_scale(x, factor): x, whose cotangent is multiplied",
                      [](const Vjp& v) { return std::vector{mul(v.dy(), v.node.params_as<ScaleParams>().factor)}; });
  op.samples = identity_samples([](const Tensor& x) { return grad_scale(x, 2); });
  op.default_params = [] { return make_params(ScaleParams{}); };
  return op;
}();

}  // namespace

Tensor grad_clip(const Tensor& x, double low, double high, SourceLine line) {
  if (!(low <= high))
    throw Error("grad_clip" + at_line(line) + ": the bounds " + std::to_string(low) + " and " + std::to_string(high) +
                " are not in order");
  return apply1(clip_op, make_params(ClipParams{low, high}), {x}, line);
}

Tensor grad_scale(const Tensor& x, double factor, SourceLine line) {
  return apply1(scale_op, make_params(ScaleParams{factor}), {x}, line);
}

std::span<const OpDef* const> grad_ops() {
  static constexpr std::array<const OpDef*, 2> ops{&clip_op, &scale_op};
  return ops;
}

}  // namespace bitale::ad

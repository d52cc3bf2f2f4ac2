// The direct algorithm: every element of the result is the sum over channels and window as it stands, read where the
// operands lie. Gradients are the convolutions that they are (as_forward), so that one formula serves all three forms.
#include "ops/api/checks.h"
#include "ops/conv/algorithm.h"

namespace bitale::ops {

using namespace ir;

namespace {

Tensor original(const Node& node) { return apply1(conv_op, node.params(), node.inputs()); }

std::vector<TensorType> type_rule(const TypeArgs& args) { return conv_op.type(args); }

Expr element(Element& e) {
  const auto& p = e.node().params_as<ConvParams>();
  const Shape& w = e.node().input(1).shape();
  const Dim per_group = exact_quotient(w[0], p.groups).value_or(floordiv(w[0], p.groups));
  const Index& filter = e.index(1);
  std::vector<Dim> window{w[1]};
  window.insert(window.end(), w.begin() + 2, w.end());
  return e.reduce(Combiner::sum, window, [&](std::span<const Index> v) {
    const Index first = p.groups.is(1) ? Index(0) : floordiv(filter, per_group) * w[1];
    std::vector<Index> image{e.index(0), first + v[0]}, filters{filter, v[0]};
    for (std::size_t k = 0; k < p.axes(); ++k) {
      image.push_back(e.index(static_cast<int>(2 + k)) * p.stride[k] + v[1 + k] * p.dilation[k]);
      filters.push_back(p.flip ? Index(w[2 + k] - 1) - v[1 + k] : v[1 + k]);
    }
    return e.input(0, image) * e.input(1, filters);
  });
}

}  // namespace

// conv by its formula: what the direct algorithm makes of it. Type and errors are conv's.
const OpDef conv_direct_op{
    .name = "conv_direct",
    .doc = "conv1d, conv2d and conv3d by the sum over channels and window as it stands (algorithm direct)",
    .type = type_rule,
    .element = element,
    .vjp = vjp_of(original),
    .jvp = jvp_of(original),
    .batch = batch_of(original),
    .reference = [](const Reference& r) { conv_op.reference(r); },
    .samples =
        [] {
          std::vector<Sample> out;
          for (Sample s : conv_op.samples()) {
            s.build = [build = s.build](std::span<const Tensor> in) {
              return std::vector{direct(conv_call(build(in)[0].node()))};
            };
            out.push_back(std::move(s));
          }
          return out;
        },
    .default_params = [] { return make_params(ConvParams{}); },
};

Tensor direct(const ConvCall& c) {
  const AsForward f = as_forward(c);
  return f.finish(apply1(conv_direct_op, make_params(f.call.params), {f.call.image, f.call.filters}));
}

}  // namespace bitale::ops

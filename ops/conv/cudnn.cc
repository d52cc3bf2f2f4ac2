// The algorithm cudnn: NVIDIA's library, on its GPUs (runtime/library/convolution.h). Two spatial axes.
#include "ops/conv/one_side.h"

namespace bitale::ops {

using namespace ir;

namespace {

void reference(const Reference& r) {
  const Tensor convolution = convolution_of(r.node);
  convolution.node().op().reference({convolution.node(), r.inputs, r.outputs, r.symbols});
}

}  // namespace

// One of the three convolutions. Type and errors are the convolution's.
const OpDef conv_cudnn_op{
    .name = "conv_cudnn",
    .doc = "conv2d or one of its gradients by cuDNN on an NVIDIA GPU (algorithm cudnn), elsewhere by plain loops",
    .type = [](const TypeArgs& args) { return std::vector{one_side_type(args)}; },
    .library = "conv_cudnn",
    .library_extents = one_side_extents,
    .library_integers = one_side_integers,
    .library_flops = one_side_flops,
    .vjp = vjp_of(convolution_of),
    .jvp = jvp_of(convolution_of),
    .batch = batch_of(convolution_of),
    .reference = reference,
    .samples = [] { return one_side_samples(cudnn, 4); },
    .default_params = [] { return make_params(OneSideParams{}); },
};

Tensor cudnn(const ConvCall& c) { return apply_one_side(conv_cudnn_op, c)[0]; }

}  // namespace bitale::ops

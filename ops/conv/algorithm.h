// The algorithms of convolutions: which can compute one, and what it becomes then. docs/convolutions.md describes them.
//
// A convolution here is an application of conv, conv_backward_data or conv_backward_filters; padding lies outside of
// it. Each algorithm is a file: what it cannot do, and the graph that does the rest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ops/conv/conv.h"

namespace bitale::ops {

extern const ir::OpDef conv_im2col_op;  // the operands of the conv node that it computes -> its result
extern const ir::OpDef conv_cudnn_op;   // the same
extern const ir::OpDef conv_direct_op;  // image, filters -> result

std::optional<ConvAlgorithm> algorithm_of(std::string_view name);
std::string algorithm_names();  // "automatic, implicit_gemm, ..."

// One application: the bilinear form of conv.h with the side that is computed.
struct ConvCall {
  ConvRole computed = ConvRole::result;
  Tensor image, filters, result;  // the computed one is empty
  Shape image_shape, filters_shape, result_shape;
  DType dtype = DType::f32;
  ConvParams params;
  // Of an image that is computed, what alone is wanted: the first element along each spatial axis, and how many.
  struct Part {
    Shape starts, extents;
  };
  std::optional<Part> part;
  // Zeros around an image that its tensor does not have; of an image that is computed, what is not wanted of it. The
  // image's shape counts them. cuDNN takes them; empty: none.
  struct Margin {
    std::vector<std::int64_t> before, after;
  };
  Margin margin;
  bool tf32 = false;  // cuDNN may round operands of float32 to TF32
  // cuDNN gets operands in this dtype of 16 bits, which holds them, and rounds its result to it, as the graph does.
  std::optional<DType> narrow;
  // Images at a time, by algorithms whose intermediate tensors are large: at most so many, 0: as many as suit the
  // caches.
  std::int64_t block = 0;

  bool for_tensor_cores() const { return tf32 || narrow; }
  bool strided() const;                                    // any stride or dilation but 1
  Dim image_channels() const { return filters_shape[1]; }  // per group
  Dim filters_per_group() const;
  Shape image_extents() const;  // spatial, of the part alone if there is one
};
ConvCall conv_call(const ir::Node& node);
// A node that the algorithm of its parameters alone tells from the call's, for algorithms that are made of others.
Tensor implicit_gemm(const Tensor& image, const Tensor& filters, ConvParams params);

// A gradient as the convolution that it is: of the cotangent, spread by the strides and padded, with filters turned
// around and transposed (`image`; a part of it only without strides); of images and cotangents with batch and channels
// swapped, strides and dilations too
// (`filters`). `finish` gives the gradient from the convolution's result.
struct AsForward {
  ConvCall call;
  std::function<Tensor(const Tensor&)> finish;
};
AsForward as_forward(const ConvCall& call);
// What a slice takes of a computed image, if as_forward can give that alone: constant extents, neither strides nor
// elements that are further outside than the margin of the cotangent.
std::optional<ConvCall::Part> part_of(const ConvCall& call, const ir::SliceParams& slice);
// Whether implicit GEMM takes the part of an image from as_forward: its products are hardly more, and sums stay in
// registers, while those of the gradient as it stands are added to the image in memory.
bool is_convolution_of_part(const ConvCall& call);

// The call with the padding of its image, or what the slice cuts off from the image that it computes, as its margin:
// whether there is one that is constant and narrower than the windows.
bool take_margin(ConvCall& call, const ir::SliceParams* slice);

// Why the algorithm cannot compute it; empty if it can.
std::string why_not(const ConvCall& call, ConvAlgorithm algorithm);
std::string why_not_two_axes(const ConvCall& call);  // im2col, cudnn
std::string why_not_winograd(const ConvCall& call);
std::string why_not_fft(const ConvCall& call);

// What the algorithm computes it by: a tensor of the same type, without the margin. It must be able to.
Tensor compute(const ConvCall& call, ConvAlgorithm algorithm);
Tensor im2col(const ConvCall& call);
Tensor cudnn(const ConvCall& call);
Tensor direct(const ConvCall& call);
Tensor winograd(const ConvCall& call);
Tensor fft(const ConvCall& call);

// For builders: an Error of `op` if the convolution names an algorithm that cannot compute it.
void require_algorithm(const WindowOp& op, const Tensor& convolution);
// For derivatives: the convolution, or an automatic one if the algorithm that it names cannot compute it.
Tensor or_automatic(const Tensor& convolution);

// For ops that compute what a convolution does: their derivatives are the convolution's. `original` gives its node.
using OriginalConv = Tensor (*)(const ir::Node&);
ir::VjpRule vjp_of(OriginalConv original);
ir::JvpRule jvp_of(OriginalConv original);
ir::BatchRule batch_of(OriginalConv original);

}  // namespace bitale::ops

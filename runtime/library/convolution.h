// Convolutions with two spatial axes that cuDNN computes on a GPU; on the host plain loops do, for what has to run
// there.
//
// conv_cudnn: what conv_im2col is (im2col.h), without the scratch: the same extents but the last and buffers but the
// last. The image's extents count a margin of zeros around it, which its buffer does not have (a computed one is cut
// off). Integers: those of conv_im2col, where the dtype may be one of 16 bits; 1 if channels lie last in all buffers; 1
// if operands of float32 may be rounded to TF32 (by cuDNN alone); the margin before and then after the image, along
// both axes. Sums of float32 and of 16 bits are in float32, and rounded once.
#pragma once

#include "runtime/device/cudnn/convolution.h"
#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_convolution(const std::string& name);  // null for a name that is not its

// A call of conv_cudnn as cuDNN sees it: dense operands.
cudnn::Convolution cudnn_convolution(std::span<const std::int64_t> extents, std::span<const std::int64_t> integers);
// Its buffers, in the order of cudnn::ConvolutionMemory.
cudnn::ConvolutionMemory cudnn_memory(std::span<void* const> buffers, std::span<const std::int64_t> integers);

}  // namespace bitale::library

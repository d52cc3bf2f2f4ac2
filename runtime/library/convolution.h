// Convolutions with two spatial axes that cuDNN computes on a GPU; on the host plain loops do, for what has to run
// there.
//
// conv_cudnn: what conv_im2col is (im2col.h), without the scratch: the same integers, extents but the last and buffers
// but the last. Sums of float32 are in float32.
#pragma once

#include "runtime/device/cudnn/convolution.h"
#include "runtime/library/library.h"

namespace bitale::library {

LibraryFn find_convolution(const std::string& name);  // null for a name that is not its

// A call of conv_cudnn as cuDNN sees it: dense operands, channels first.
cudnn::Convolution cudnn_convolution(std::span<const std::int64_t> extents, std::span<const std::int64_t> integers);
// Its buffers, in the order of cudnn::ConvolutionMemory.
cudnn::ConvolutionMemory cudnn_memory(std::span<void* const> buffers, std::span<const std::int64_t> integers);

}  // namespace bitale::library

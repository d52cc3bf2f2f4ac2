// What the stand-in for the driver library offers to those of other libraries, which find it by dlsym.
#pragma once

#include <cstddef>
#include <functional>

extern "C" {

// Writes a line of the record. What the call is to return: CUDA_STUB_FAIL says so.
using CudaStubNote = int(const char* function, const char* arguments);
// "m3+64": which allocation, and where in it; until the next call.
using CudaStubMemory = const char*(const void* address);
// How many bytes its allocation has from this address on.
using CudaStubBytes = std::size_t(const void* address);
// Lets time pass on the GPU, as events measure it; what is not said to take time takes none.
using CudaStubPass = void(double ms);
// Does it, or keeps it for the graph if this stream is captured.
using CudaStubAsk = int(void* stream, const std::function<int()>& request);
}

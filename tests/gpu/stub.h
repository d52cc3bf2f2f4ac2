// The stand-ins for NVIDIA's libraries (tests/cuda_stub).
#pragma once

#include <cstddef>
#include <string>

#include "runtime/device/driver.h"

namespace bitale::tests {

// How often the words are in the text.
std::size_t occurrences(const std::string& text, const std::string& words);

// The driver library's, which then numbers memory from 0, and cuBLASLt's or cuDNN's if that is asked for; they are
// found first from now on. Which of them a process has opened stays so.
class Stub {
 public:
  explicit Stub(bool cublaslt = false, bool cudnn = false);
  std::string log() const;  // one call in a line
  std::size_t count(const std::string& words) const { return occurrences(log(), words); }
  void clear() const;
  void parameters(std::size_t count) const;  // of the launches that follow, which may be captured

 private:
  void* library_;
};

// Device "played": the driver of device "cuda" on the stand-ins, whose kernels are code of the host as those of device
// "emulated". So what a GPU would be asked for is done: launches, products, convolutions, recordings. It is installed
// once.
void install_played(const Stub& stub);

}  // namespace bitale::tests

// Where CUDA's libraries are found at run time. Nothing of CUDA is needed to build, or to run without a GPU.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace bitale {

struct CudaLibrary {
  void* handle = nullptr;  // for dlsym; null: not found. It stays open
  std::string path;
  std::vector<std::string> searched;  // what was tried, in order
};

// The first of the names ("libnvrtc.so.13") in: the folders of flag BITALE_CUDA; where the loader looks; $CUDA_HOME and
// $CUDA_PATH; /usr/local/cuda; the folders of NVIDIA's driver; the wheels that PyPI has, below every Python's
// site-packages in $VIRTUAL_ENV, ~/.local and /usr.
CudaLibrary open_cuda_library(std::span<const char* const> names);

// "a, b, c" for messages.
std::string list_of(const std::vector<std::string>& searched);

}  // namespace bitale

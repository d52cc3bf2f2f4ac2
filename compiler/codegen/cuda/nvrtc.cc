#include "compiler/codegen/cuda/nvrtc.h"

#include <dlfcn.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda_libraries.h"

namespace bitale::codegen::cuda {
namespace {

using Program = void*;

template <class F>
F* symbol(void* library, const char* name) {
  auto* f = reinterpret_cast<F*>(dlsym(library, name));
  if (!f) throw Error(std::string("NVRTC lacks the function ") + name + ": version 12 or later is needed");
  return f;
}

}  // namespace

const Nvrtc& Nvrtc::searched() {
  static const Nvrtc nvrtc = [] {
    constexpr const char* names[] = {"libnvrtc.so.13", "libnvrtc.so.12"};
    const CudaLibrary library = open_cuda_library(names);
    Nvrtc found;
    found.library_ = library.handle;
    found.path_ = library.path;
    if (!library.handle) found.missing_ = list_of(library.searched);
    return found;
  }();
  return nvrtc;
}

const Nvrtc* Nvrtc::find() { return searched().library_ ? &searched() : nullptr; }

const Nvrtc& Nvrtc::get() {
  if (const Nvrtc* found = find()) return *found;
  throw Error(
      "NVRTC, which compiles for GPUs, is not there: looked for " + searched().missing_ +
      "; it is in NVIDIA's CUDA toolkit and in PyPI's nvidia-cuda-nvrtc. Folders to look in first: BITALE_CUDA");
}

std::string Nvrtc::version() const {
  int major = 0, minor = 0;
  symbol<int(int*, int*)>(library_, "nvrtcVersion")(&major, &minor);
  return std::to_string(major) + "." + std::to_string(minor);
}

Nvrtc::Result Nvrtc::compile(const std::string& text, const std::string& architecture) const {
  const auto create = symbol<int(Program*, const char*, const char*, int, const char* const*, const char* const*)>(
      library_, "nvrtcCreateProgram");
  const auto run = symbol<int(Program, int, const char* const*)>(library_, "nvrtcCompileProgram");
  const auto log_size = symbol<int(Program, std::size_t*)>(library_, "nvrtcGetProgramLogSize");
  const auto get_log = symbol<int(Program, char*)>(library_, "nvrtcGetProgramLog");
  const auto image_size = symbol<int(Program, std::size_t*)>(library_, "nvrtcGetCUBINSize");
  const auto get_image = symbol<int(Program, char*)>(library_, "nvrtcGetCUBIN");
  const auto destroy = symbol<int(Program*)>(library_, "nvrtcDestroyProgram");

  Program program = nullptr;
  if (create(&program, text.c_str(), "module.cu", 0, nullptr, nullptr) != 0) return {false, "no program", {}};
  const std::string target = "--gpu-architecture=" + architecture;
  const char* options[] = {target.c_str(), "--std=c++17", "-default-device", "--ptxas-options=-v"};
  Result result;
  result.compiled = run(program, 4, options) == 0;
  std::size_t size = 0;
  if (log_size(program, &size) == 0 && size > 1) {
    result.log.resize(size);
    get_log(program, result.log.data());
    result.log.pop_back();  // its zero
  }
  if (result.compiled && image_size(program, &size) == 0) {
    result.image.resize(size);
    get_image(program, reinterpret_cast<char*>(result.image.data()));
  }
  destroy(&program);
  return result;
}

}  // namespace bitale::codegen::cuda

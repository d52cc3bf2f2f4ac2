#include "tests/gpu/nvrtc.h"

#include <cstdlib>

#include <dlfcn.h>

namespace bitale::tests {
namespace {

using Program = void*;

template <class F>
F* symbol(void* library, const char* name) {
  return reinterpret_cast<F*>(dlsym(library, name));
}

}  // namespace

std::optional<Nvrtc> Nvrtc::open(std::vector<std::string>& searched) {
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* home = std::getenv(variable)) folders.push_back(std::string(home) + "/lib64/");
  folders.push_back("");  // the loader's own path
  folders.push_back("/usr/local/cuda/lib64/");
  for (const std::string& folder : folders)
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"}) {
      searched.push_back(folder + name);
      if (void* library = dlopen(searched.back().c_str(), RTLD_NOW | RTLD_LOCAL)) return Nvrtc(library);
    }
  return std::nullopt;
}

Nvrtc::Result Nvrtc::compile(const std::string& text, const std::vector<std::string>& options) const {
  const auto create = symbol<int(Program*, const char*, const char*, int, const char* const*, const char* const*)>(
      library_, "nvrtcCreateProgram");
  const auto run = symbol<int(Program, int, const char* const*)>(library_, "nvrtcCompileProgram");
  const auto log_size = symbol<int(Program, std::size_t*)>(library_, "nvrtcGetProgramLogSize");
  const auto get_log = symbol<int(Program, char*)>(library_, "nvrtcGetProgramLog");
  const auto destroy = symbol<int(Program*)>(library_, "nvrtcDestroyProgram");
  if (!create || !run || !log_size || !get_log || !destroy) return {false, "the library lacks a function"};

  Program program = nullptr;
  if (create(&program, text.c_str(), "kernel.cu", 0, nullptr, nullptr) != 0) return {false, "no program"};
  std::vector<const char*> pointers;
  pointers.reserve(options.size());
  for (const std::string& option : options) pointers.push_back(option.c_str());
  Result result;
  result.compiled = run(program, static_cast<int>(pointers.size()), pointers.data()) == 0;
  std::size_t size = 0;
  if (log_size(program, &size) == 0 && size > 0) {
    result.log.resize(size);
    get_log(program, result.log.data());
  }
  destroy(&program);
  return result;
}

}  // namespace bitale::tests

// NVIDIA's run-time compiler, whose library is opened at run time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitale::codegen::cuda {

class Nvrtc {
 public:
  // Null if there is none.
  static const Nvrtc* find();
  // Not finding one is an Error that says where it was looked for, and how to get it.
  static const Nvrtc& get();

  std::string version() const;  // "13.0"
  const std::string& path() const { return path_; }

  struct Result {
    bool compiled = false;
    std::string log;
    std::vector<std::uint8_t> image;  // a cubin
  };
  // For an architecture ("sm_90"); the log says what registers and memory each function takes.
  Result compile(const std::string& text, const std::string& architecture) const;

 private:
  Nvrtc() = default;
  static const Nvrtc& searched();

  void* library_ = nullptr;
  std::string path_, missing_;
};

}  // namespace bitale::codegen::cuda

// NVIDIA's run-time compiler, looked up at run time.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bitale::tests {

class Nvrtc {
 public:
  struct Result {
    bool compiled = false;
    std::string log;
  };

  // Where it was looked for, in order, is added to `searched`.
  static std::optional<Nvrtc> open(std::vector<std::string>& searched);

  Result compile(const std::string& text, const std::vector<std::string>& options) const;

 private:
  explicit Nvrtc(void* library) : library_(library) {}

  void* library_;
};

}  // namespace bitale::tests

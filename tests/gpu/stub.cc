#include "tests/gpu/stub.h"

#include <utility>

#include <dlfcn.h>

#include "runtime/base/flags.h"
#include "tests/gpu/forwarding.h"
#include "tests/support/catch.h"

namespace bitale::tests {
namespace {

class Played final : public Forwarding {
 public:
  Played(std::shared_ptr<Driver> cuda, const Stub& stub) : Forwarding(std::move(cuda)), stub_(stub) {}

  std::string target() const override { return "emulated"; }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    stub_.parameters(parameters.size());
    to_->launch(function, blocks, threads, parameters);
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    stub_.parameters(parameters.size());
    to_->launch_together(function, blocks, threads, parameters);
  }
  std::string why_not_convolve() const override { return to_->why_not_convolve(); }
  std::shared_ptr<const cudnn::ConvolutionPlan> plan_convolution(const cudnn::Convolution& convolution,
                                                                 const cudnn::ConvolutionMemory& memory) override {
    return to_->plan_convolution(convolution, memory);
  }
  void convolve(const cudnn::ConvolutionPlan& plan, const cudnn::ConvolutionMemory& memory) override {
    to_->convolve(plan, memory);
  }

 private:
  const Stub stub_;
};

}  // namespace

std::size_t occurrences(const std::string& text, const std::string& words) {
  std::size_t n = 0;
  for (std::size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++n;
  return n;
}

Stub::Stub(bool cublaslt, bool cudnn) : library_(dlopen(BITALE_CUDA_STUB "/libcuda.so.1", RTLD_NOW)) {
  flags().cuda = BITALE_CUDA_STUB;
  if (cublaslt) flags().cuda += ":" BITALE_CUDA_STUB "/cublaslt";
  if (cudnn) flags().cuda += ":" BITALE_CUDA_STUB "/cudnn";
  REQUIRE(library_);
  clear();
  if (!cublaslt && !cudnn) reinterpret_cast<void (*)()>(dlsym(library_, "cuda_stub_number_from_0"))();
}

std::string Stub::log() const { return reinterpret_cast<const char* (*)()>(dlsym(library_, "cuda_stub_log"))(); }
void Stub::clear() const { reinterpret_cast<void (*)()>(dlsym(library_, "cuda_stub_clear"))(); }
void Stub::parameters(std::size_t count) const {
  reinterpret_cast<void (*)(int)>(dlsym(library_, "cuda_stub_parameters"))(static_cast<int>(count));
}

void install_played(const Stub& stub) {
  static const bool once = [&] {
    install_driver("played", std::make_shared<Played>(open_driver("cuda"), stub));
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace bitale::tests

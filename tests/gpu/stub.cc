#include "tests/gpu/stub.h"

#include <utility>

#include <dlfcn.h>

#include "runtime/base/flags.h"
#include "tests/support/catch.h"

namespace bitale::tests {
namespace {

class Played final : public Driver {
 public:
  Played(std::shared_ptr<Driver> cuda, const Stub& stub) : cuda_(std::move(cuda)), stub_(stub) {}

  std::string target() const override { return "emulated"; }
  std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) override { return cuda_->load(image); }
  void* allocate(std::size_t bytes) override { return cuda_->allocate(bytes); }
  void release(void* memory) noexcept override { cuda_->release(memory); }
  void to_device(void* to, const void* from, std::size_t bytes) override { cuda_->to_device(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { cuda_->to_host(to, from, bytes); }
  void wait() override { cuda_->wait(); }
  void copy(void* to, const void* from, std::size_t bytes) override { cuda_->copy(to, from, bytes); }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override { cuda_->fill(to, byte, bytes); }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    stub_.parameters(parameters.size());
    cuda_->launch(function, blocks, threads, parameters);
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    stub_.parameters(parameters.size());
    cuda_->launch_together(function, blocks, threads, parameters);
  }
  bool may_multiply() const override { return cuda_->may_multiply(); }
  std::shared_ptr<const Product> plan(const MatrixProduct& product) override { return cuda_->plan(product); }
  void multiply(const Product& plan, const void* a, const void* b, void* c) override { cuda_->multiply(plan, a, b, c); }
  void record() override { cuda_->record(); }
  std::shared_ptr<const Recording> recorded() override { return cuda_->recorded(); }
  void replay(const Recording& recording) override { cuda_->replay(recording); }

 private:
  const std::shared_ptr<Driver> cuda_;
  const Stub stub_;
};

}  // namespace

std::size_t occurrences(const std::string& text, const std::string& words) {
  std::size_t n = 0;
  for (std::size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++n;
  return n;
}

Stub::Stub(bool cublaslt) : library_(dlopen(BITALE_CUDA_STUB "/libcuda.so.1", RTLD_NOW)) {
  flags().cuda = BITALE_CUDA_STUB;
  if (cublaslt) flags().cuda += ":" BITALE_CUDA_STUB "/cublaslt";
  REQUIRE(library_);
  clear();
  if (!cublaslt) reinterpret_cast<void (*)()>(dlsym(library_, "cuda_stub_number_from_0"))();
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

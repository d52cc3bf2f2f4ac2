#include "runtime/device/offline.h"

#include "runtime/base/error.h"

namespace bitale {
namespace {

class OfflineModule final : public Driver::Module {
 public:
  void* function(const std::string&) const override { return nullptr; }
};

class OfflineDriver final : public Driver {
 public:
  explicit OfflineDriver(std::string architecture) : architecture_(std::move(architecture)) {}

  std::string target() const override { return architecture_; }
  std::shared_ptr<const Module> load(std::span<const std::uint8_t>) override {
    return std::make_shared<OfflineModule>();
  }
  void* allocate(std::size_t) override { refuse(); }
  void release(void*) noexcept override {}
  void to_device(void*, const void*, std::size_t) override { refuse(); }
  void to_host(void*, const void*, std::size_t) override { refuse(); }
  void* allocate_pinned(std::size_t) override { refuse(); }
  void release_pinned(void*) noexcept override {}
  void send(void*, const void*, std::size_t) override { refuse(); }
  void receive(void*, const void*, std::size_t) override { refuse(); }
  std::shared_ptr<const Mark> mark() override { refuse(); }
  void wait_until(const Mark&) override {}
  void wait() override {}
  void copy(void*, const void*, std::size_t) override { refuse(); }
  void fill(void*, std::uint8_t, std::size_t) override { refuse(); }
  void launch(void*, std::int64_t, int, std::span<void* const>) override { refuse(); }
  void launch_together(void*, std::int64_t, int, std::span<void* const>) override { refuse(); }
  bool may_multiply() const override { return true; }
  std::string why_not_convolve() const override { return ""; }
  void record(int) override { refuse(); }
  void choose_stream(int) override { refuse(); }
  int event() override { refuse(); }
  void wait_for(int) override { refuse(); }
  std::shared_ptr<const Recording> recorded() override { refuse(); }
  void replay(const Recording&) override { refuse(); }

 private:
  [[noreturn]] void refuse() const {
    throw Error("device '" + architecture_ + "' is compiled for, and not there to run anything: device cuda is a GPU");
  }

  const std::string architecture_;
};

}  // namespace

std::shared_ptr<Driver> offline_driver(const std::string& architecture) {
  return std::make_shared<OfflineDriver>(architecture);
}

}  // namespace bitale

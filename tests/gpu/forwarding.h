// A driver that hands all on to another one, but for convolutions by a library: for tests that change what they look
// at.
#pragma once

#include <memory>
#include <utility>

#include "runtime/device/driver.h"

namespace bitale::tests {

class Forwarding : public Driver {
 public:
  explicit Forwarding(std::shared_ptr<Driver> to) : to_(std::move(to)) {}

  std::string target() const override { return to_->target(); }
  std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) override { return to_->load(image); }
  void* allocate(std::size_t bytes) override { return to_->allocate(bytes); }
  void release(void* memory) noexcept override { to_->release(memory); }
  void to_device(void* to, const void* from, std::size_t bytes) override { to_->to_device(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { to_->to_host(to, from, bytes); }
  void* allocate_pinned(std::size_t bytes) override { return to_->allocate_pinned(bytes); }
  void release_pinned(void* memory) noexcept override { to_->release_pinned(memory); }
  void send(void* to, const void* pinned, std::size_t bytes) override { to_->send(to, pinned, bytes); }
  void receive(void* pinned, const void* from, std::size_t bytes) override { to_->receive(pinned, from, bytes); }
  std::shared_ptr<const Mark> mark() override { return to_->mark(); }
  void wait_until(const Mark& mark) override { to_->wait_until(mark); }
  void wait() override { to_->wait(); }
  void copy(void* to, const void* from, std::size_t bytes) override { to_->copy(to, from, bytes); }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override { to_->fill(to, byte, bytes); }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    to_->launch(function, blocks, threads, parameters);
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    to_->launch_together(function, blocks, threads, parameters);
  }
  bool may_multiply() const override { return to_->may_multiply(); }
  std::shared_ptr<const Product> plan(const MatrixProduct& product) override { return to_->plan(product); }
  void multiply(const Product& plan, const void* a, const void* b, const void* bias, void* c) override {
    to_->multiply(plan, a, b, bias, c);
  }
  void record(int streams) override { to_->record(streams); }
  void choose_stream(int stream) override { to_->choose_stream(stream); }
  int event() override { return to_->event(); }
  void wait_for(int event) override { to_->wait_for(event); }
  std::shared_ptr<const Recording> recorded() override { return to_->recorded(); }
  void replay(const Recording& recording) override { to_->replay(recording); }

 protected:
  const std::shared_ptr<Driver> to_;
};

}  // namespace bitale::tests

// Host allocations, plain and guarded, and memory from outside.
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/sanitizers.h"
#include "runtime/memory/array.h"
#include "runtime/memory/large.h"

namespace bitale {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t largest = std::size_t{1} << 47;  // the address space of a process

[[noreturn]] void fail(std::size_t bytes) {
  throw Error("cannot allocate " + std::to_string(bytes) + " bytes of host memory (" + std::to_string(bytes >> 20) +
              " MiB)");
}

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

std::string to_string(DeviceId device) {
  return device.kind == DeviceId::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

// Plain storage is padded by at least 64 bytes, so that full-vector loads just past the end stay inside. Guarded
// storage is not: its last byte is followed by an inaccessible page, and it is full of NaN.
std::shared_ptr<Storage> Storage::allocate(std::size_t bytes) {
  std::shared_ptr<Storage> s(new Storage);
  s->size_ = bytes;
  s->allocate_host();
  return s;
}

void Storage::allocate_host() const {
  if (size_ > largest) fail(size_);
  if (!flags().guard && size_ >= large::least && !address_sanitizer) {  // which watches what is freed
    data_ = mapping_ = large::take(size_ + alignment, mapped_);
    large_ = true;
    if (!data_) fail(size_);
    return;
  }
  if (!flags().guard) {
    data_ = std::aligned_alloc(alignment, round_up(size_, alignment) + alignment);
    if (!data_) fail(size_);
    return;
  }
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t usable = round_up(size_, page);
  void* mapping = mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) fail(size_);
  mapping_ = mapping;
  mapped_ = usable + page;
  auto* end = static_cast<std::uint8_t*>(mapping) + usable;
  if (mprotect(end, page, PROT_NONE) != 0) fail(size_);
  data_ = end - size_;
  std::memset(mapping, 0xFF, usable);
}

std::shared_ptr<Storage> Storage::elsewhere(std::size_t bytes, std::shared_ptr<const Remote> remote) {
  std::shared_ptr<Storage> s(new Storage);
  s->size_ = bytes;
  s->remote_ = std::move(remote);
  s->mirrored_ = s->stale_ = true;
  return s;
}

std::shared_ptr<const Remote> Storage::remote() const {
  const std::lock_guard lock(mutex_);
  return remote_;
}

void Storage::mirror(std::shared_ptr<const Remote> remote) {
  const std::lock_guard lock(mutex_);
  remote_ = std::move(remote);
  mirrored_.store(true, std::memory_order_release);
}

void Storage::leave() {
  const std::lock_guard lock(mutex_);
  if (remote_) stale_.store(true, std::memory_order_release);
}

void Storage::fetch() const {
  const std::lock_guard lock(mutex_);
  if (!stale_.load(std::memory_order_relaxed)) return;
  if (!data_) allocate_host();
  if (size_ > 0) remote_->fetch(data_, size_);
  stale_.store(false, std::memory_order_release);
}

void Storage::come_home() const {
  fetch();
  const std::lock_guard lock(mutex_);
  remote_ = nullptr;
  mirrored_.store(false, std::memory_order_release);
}

std::shared_ptr<Storage> Storage::adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner, bool writable) {
  static std::max_align_t nothing;  // no bytes have an address too
  std::shared_ptr<Storage> s(new Storage);
  s->data_ = bytes == 0 ? &nothing : data;
  s->size_ = bytes;
  s->adopted_ = true;
  s->writable_ = writable;
  s->owner_ = std::move(owner);
  return s;
}

Storage::~Storage() {
  if (mapping_ && large_)
    large::give_back(mapping_, mapped_);
  else if (mapping_)
    munmap(mapping_, mapped_);
  else if (!adopted_)
    std::free(data_);
}

}  // namespace bitale

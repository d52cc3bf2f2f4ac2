// Host allocations, plain and guarded, and memory from outside.
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/memory/array.h"

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
  if (bytes > largest) fail(bytes);
  std::shared_ptr<Storage> s(new Storage);
  s->size_ = bytes;
  if (!flags().guard) {
    s->data_ = std::aligned_alloc(alignment, round_up(bytes, alignment) + alignment);
    if (!s->data_) fail(bytes);
    return s;
  }
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t usable = round_up(bytes, page);
  void* mapping = mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) fail(bytes);
  s->mapping_ = mapping;
  s->mapped_ = usable + page;
  auto* end = static_cast<std::uint8_t*>(mapping) + usable;
  if (mprotect(end, page, PROT_NONE) != 0) fail(bytes);
  s->data_ = end - bytes;
  std::memset(mapping, 0xFF, usable);
  return s;
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
  if (mapping_)
    munmap(mapping_, mapped_);
  else if (!adopted_)
    std::free(data_);
}

}  // namespace bitale

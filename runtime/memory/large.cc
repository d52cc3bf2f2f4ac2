#include "runtime/memory/large.h"

#include <algorithm>
#include <list>
#include <mutex>

#include <sys/mman.h>

#include "runtime/base/flags.h"

namespace bitale::large {
namespace {

struct Block {
  void* memory = nullptr;
  std::size_t capacity = 0;
};

// Lives as long as the process: storages may be given back after its statics are gone.
struct Spare {
  std::mutex mutex;
  std::list<Block> blocks;  // the oldest first
  std::size_t bytes = 0;
};
Spare& spare() {
  static auto* s = new Spare;
  return *s;
}

std::size_t bound() { return static_cast<std::size_t>(std::max<std::int64_t>(flags().spare_mb, 0)) << 20; }

// Mapped with room for a whole huge page more, of which the ends go back.
void* map(std::size_t bytes) {
  void* const mapped = mmap(nullptr, bytes + least, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = (least - reinterpret_cast<std::uintptr_t>(mapped) % least) % least;
  if (before > 0) munmap(begin, before);
  if (before < least) munmap(begin + before + bytes, least - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish
  return begin + before;
}

void release_oldest(Spare& s, std::size_t down_to) {
  while (s.bytes > down_to) {
    const Block oldest = s.blocks.front();
    s.blocks.pop_front();
    s.bytes -= oldest.capacity;
    munmap(oldest.memory, oldest.capacity);
  }
}

}  // namespace

void* take(std::size_t bytes, std::size_t& capacity) {
  capacity = (bytes + least - 1) / least * least;
  Spare& s = spare();
  {
    const std::lock_guard lock(s.mutex);
    const auto newest =
        std::find_if(s.blocks.rbegin(), s.blocks.rend(), [&](const Block& b) { return b.capacity == capacity; });
    if (newest != s.blocks.rend()) {
      void* const memory = newest->memory;
      s.bytes -= capacity;
      s.blocks.erase(std::next(newest).base());
      return memory;
    }
  }
  if (void* const memory = map(capacity)) return memory;
  release_spare();
  return map(capacity);
}

void give_back(void* memory, std::size_t capacity) noexcept {
  Spare& s = spare();
  const std::lock_guard lock(s.mutex);
  try {
    s.blocks.push_back({memory, capacity});
    s.bytes += capacity;
  } catch (...) {
    munmap(memory, capacity);
  }
  release_oldest(s, bound());
}

std::size_t spare_bytes() {
  Spare& s = spare();
  const std::lock_guard lock(s.mutex);
  return s.bytes;
}

void release_spare() noexcept {
  Spare& s = spare();
  const std::lock_guard lock(s.mutex);
  release_oldest(s, 0);
}

}  // namespace bitale::large

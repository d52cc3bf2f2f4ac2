// Memory that ends (or starts) at a page that cannot be touched: what a sanitizer is for code that no sanitizer sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace bitale::tests {

// `count` elements with an untouchable page right behind them and one before their first page. Filled with 0xa5.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t body = (count * sizeof(T) + page - 1) / page * page;
    bytes_ = body + 2 * page;
    void* p = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    map_ = static_cast<std::byte*>(p);
    if (body > 0) mprotect(map_ + page, body, PROT_READ | PROT_WRITE);
    std::memset(map_ + page, 0xa5, body);
    data_ = reinterpret_cast<T*>(map_ + page + body - count * sizeof(T));
  }
  explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) data_[i] = values[i];
  }
  ~Guarded() { munmap(map_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  std::size_t size() const { return count_; }
  std::span<T> span() { return {data_, count_}; }

 private:
  std::size_t count_, bytes_ = 0;
  std::byte* map_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace bitale::tests

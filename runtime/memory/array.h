// Array: a concrete tensor value, dense and row-major, owned, in host (or later device) memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/dtype.h"

namespace bitale {

// A device's memory: host, or one GPU.
struct DeviceId {
  enum class Kind : std::uint8_t { cpu, cuda } kind = Kind::cpu;
  int index = 0;
  bool operator==(const DeviceId&) const = default;
};
std::string to_string(DeviceId device);  // "cpu", "cuda:0"

// Where the bytes of a Storage are while they are in a device's memory.
class Remote {
 public:
  virtual ~Remote() = default;
  virtual void fetch(void* to, std::size_t bytes) const = 0;
};

// Bytes with shared ownership: allocated here, 64-byte aligned, or somebody else's. They may be in a device's memory,
// or there, too: who looks at them on the host gets them from there first, and who may write to them gives that up.
class Storage {
 public:
  static std::shared_ptr<Storage> allocate(std::size_t bytes);  // failure is an Error that says how much was asked for
  // Memory from outside, which `owner` keeps alive until the storage is gone; without an owner the caller does.
  static std::shared_ptr<Storage> adopt(void* data, std::size_t bytes, std::shared_ptr<void> owner,
                                        bool writable = true);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Bytes that are in `remote` alone, until somebody looks.
  static std::shared_ptr<Storage> elsewhere(std::size_t bytes, std::shared_ptr<const Remote> remote);

  const void* read() const {
    if (stale_.load(std::memory_order_acquire)) fetch();
    return data_;
  }
  void* data() const {
    if (mirrored_.load(std::memory_order_acquire)) come_home();
    return data_;
  }
  const void* address() const { return data_; }       // without a look: null if it was never on the host
  std::shared_ptr<const Remote> remote() const;       // that has the bytes, too, or alone; null: only the host has them
  void mirror(std::shared_ptr<const Remote> remote);  // it has the same bytes
  void leave();                                       // the remote was written to: the host's bytes are stale

  std::size_t size() const { return size_; }
  bool adopted() const { return adopted_; }  // somebody outside may look at it, however few share it here
  bool writable() const { return writable_; }

 private:
  Storage() = default;
  void allocate_host() const;
  void fetch() const;
  void come_home() const;

  mutable void* data_ = nullptr;
  mutable void* mapping_ = nullptr;  // guard mode (flag BITALE_GUARD): data ends at an inaccessible page; or large.h's
  mutable std::size_t mapped_ = 0;
  mutable bool large_ = false;
  std::size_t size_ = 0;
  bool adopted_ = false, writable_ = true;
  std::shared_ptr<void> owner_;
  mutable std::mutex mutex_;  // of the remote
  mutable std::shared_ptr<const Remote> remote_;
  mutable std::atomic<bool> mirrored_{false};  // there is a remote
  mutable std::atomic<bool> stale_{false};     // and the host's bytes are not the right ones
};

using Extents = std::vector<std::int64_t>;

std::int64_t element_count(std::span<const std::int64_t> shape);  // overflow or a negative extent is an Error
std::string shape_text(std::span<const std::int64_t> shape);      // "[2, 3]"

// Copies share storage; clone() copies elements. Rank 0 is a scalar. Where the storage is not writable, an Array that
// is not const refuses to show it: look at it through a const one, or clone() it.
class Array {
 public:
  Array() = default;
  Array(DType dtype, Extents shape);  // uninitialised (NaN-filled in guard mode)
  Array(DType dtype, Extents shape, std::shared_ptr<Storage> storage);

  static Array zeros(DType dtype, Extents shape);
  template <class T>
  static Array of(std::span<const T> values, Extents shape);
  template <class T>
  static Array scalar(T value);

  DType dtype() const { return dtype_; }
  const Extents& shape() const { return shape_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * size_of(dtype_); }
  bool empty() const { return storage_ == nullptr; }

  void* data() {
    if (storage_ && !storage_->writable()) refuse_writing();
    return storage_ ? storage_->data() : nullptr;
  }
  const void* data() const { return storage_ ? storage_->read() : nullptr; }
  template <class T>
  std::span<T> view();  // a dtype that is not T's is an Error
  template <class T>
  std::span<const T> view() const;

  const std::shared_ptr<Storage>& storage() const { return storage_; }
  Array clone() const;
  Array reshaped(Extents shape) const;  // shares storage; the number of elements must agree
  Array cast(DType dtype) const;        // converts every element as the scalar instruction cast does
  bool same_bits(const Array& other) const;

  // Element as double, for tests and printing (int64 beyond 2^53 loses bits).
  double at(std::int64_t flat) const;

 private:
  void require(DType expected) const;
  [[noreturn]] void refuse_writing() const;

  DType dtype_ = DType::f32;
  Extents shape_;
  std::int64_t size_ = 0;
  std::shared_ptr<Storage> storage_;
};

// Dtype, shape, and elements: of a large array the first and last ones, or all if it is wanted `whole`.
std::string to_string(const Array& array, bool whole = false);

template <class T>
std::span<T> Array::view() {
  require(dtype_of<T>());
  return {static_cast<T*>(data()), static_cast<std::size_t>(size_)};
}

template <class T>
std::span<const T> Array::view() const {
  require(dtype_of<T>());
  return {static_cast<const T*>(data()), static_cast<std::size_t>(size_)};
}

template <class T>
Array Array::of(std::span<const T> values, Extents shape) {
  Array a(dtype_of<T>(), std::move(shape));
  if (a.size() != static_cast<std::int64_t>(values.size()))
    throw Error("Array of shape " + shape_text(a.shape()) + " from " + std::to_string(values.size()) + " values");
  for (std::size_t i = 0; i < values.size(); ++i) a.view<T>()[i] = values[i];
  return a;
}

template <class T>
Array Array::scalar(T value) {
  return of<T>(std::span<const T>(&value, 1), {});
}

}  // namespace bitale

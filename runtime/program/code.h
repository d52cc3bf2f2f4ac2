// Code blobs in memory: mapping is loading.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/program/program.h"

namespace bitale::program {

// Executable memory that holds one blob; unmapped with the last reference.
class LoadedCode {
 public:
  // Copies the bytes to anonymous memory and makes it executable (never writable and executable at once). Offsets
  // outside the blob are an Error.
  static std::shared_ptr<const LoadedCode> load(const Blob& blob);
  ~LoadedCode();
  LoadedCode(const LoadedCode&) = delete;
  LoadedCode& operator=(const LoadedCode&) = delete;

  const void* entry(int index) const;
  std::size_t size() const { return size_; }

 private:
  LoadedCode() = default;
  std::uint8_t* base_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace bitale::program

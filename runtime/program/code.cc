#include "runtime/program/code.h"

#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace bitale::program {

std::shared_ptr<const LoadedCode> LoadedCode::load(const Blob& blob) {
  for (const std::uint64_t offset : blob.offsets)
    if (offset >= blob.bytes.size())
      throw Error("code for " + blob.target + ": an entry at " + std::to_string(offset) + " lies outside its " +
                  std::to_string(blob.bytes.size()) + " bytes");
  std::shared_ptr<LoadedCode> code(new LoadedCode);
  code->offsets_ = blob.offsets;
  code->size_ = blob.bytes.size();
  if (blob.bytes.empty()) return code;
  void* memory = mmap(nullptr, code->size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error("cannot map " + std::to_string(code->size_) + " bytes for code");
  code->base_ = static_cast<std::uint8_t*>(memory);
  std::memcpy(memory, blob.bytes.data(), code->size_);
  if (mprotect(memory, code->size_, PROT_READ | PROT_EXEC) != 0)
    throw Error("this system does not allow anonymous memory to become executable");
  return code;
}

LoadedCode::~LoadedCode() {
  if (base_) munmap(base_, size_);
}

const void* LoadedCode::entry(int index) const {
  if (index < 0 || static_cast<std::size_t>(index) >= offsets_.size())
    throw InternalError("code entry " + std::to_string(index) + " of " + std::to_string(offsets_.size()));
  return base_ + offsets_[static_cast<std::size_t>(index)];
}

}  // namespace bitale::program

// Kernel-level entries of the cache, which make a near miss cheap: where the cache has no program for a function, it
// may have programs with some of its kernels.
//
// The machine code of a kernel or leaf is a piece (compiler/codegen/link.h) that runs in any program, and every cached
// program holds those of its entries. So they are not stored again: an index says, for the structure of an entry, which
// cached program has it. There is one index for each instruction set, for quick code or not, and build of Bitale. It is
// small, guarded by a hash, and believed only as far as the program that it names bears it out. A program that is gone
// is a miss; of processes that write it at the same time one may lose its rows, which costs generating them again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/link.h"
#include "compiler/driver/cache.h"
#include "runtime/device/cpu.h"
#include "runtime/program/program.h"

namespace bitale::driver {

class KernelCache {
 public:
  KernelCache(const Cache& cache, Isa isa, bool quick);

  bool enabled() const { return cache_.enabled(); }

  // The piece of each entry, where a cached program has an entry of the same structure. A damaged index or program is a
  // warning and a miss.
  std::vector<std::optional<codegen::Piece>> find(const std::vector<program::Entry>& entries) const;

  // The program with these entries has been stored under `key`.
  void add(const std::vector<program::Entry>& entries, const Digest& key) const;

 private:
  Cache cache_;
  std::string index_;   // its key
  std::string target_;  // of the code
};

// How many kernels an index knows; nullopt if it cannot be read.
std::optional<std::int64_t> kernels_in(const Cache& cache, const CacheEntry& index);

}  // namespace bitale::driver

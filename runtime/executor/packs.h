// Packed operands that are kept between calls, of one placement.
//
// An operand that the compiler has marked (ContractionStep::keep_a, keep_b) holds the same values until its Shared
// changes. Its whole pack is made by the first call that meets a value, and read by all calls that meet the same one:
// the same version of the Shared in the same memory. A pack is published when it is complete and then never written
// while a call holds it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/executor/pack.h"
#include "runtime/memory/array.h"

namespace bitale::executor {

// A whole pack as the driver reads it; no data: it packs itself.
struct KeptOperand {
  const WholePack* shape = nullptr;
  const void* data = nullptr;
};

// Where a kept pack comes from.
struct KeptPack {
  std::size_t step = 0;  // of the outermost Program
  Side side = Side::a;
  int buffer = -1;  // root: of role shared or constant
  WholePack shape;
};

class Packs {
 public:
  explicit Packs(const std::vector<KeptPack>& plan);

  struct Value {  // of the operand; no memory: its pack is not kept in this call
    std::shared_ptr<const Storage> memory;
    std::int64_t version = 0;
  };
  // What a call holds, by number; null for those that are not kept.
  using Held = std::vector<std::shared_ptr<const Storage>>;
  struct Target {
    std::size_t number;
    std::shared_ptr<Storage> memory;
  };

  // The packs of these values, one for each of the plan. What is missing is made by `pack`, all at once: by one caller,
  // the others wait. While the call lasts the values do not change.
  Held take(const std::vector<Value>& values, const std::function<void(const std::vector<Target>&)>& pack);
  void give_back(Held held);

 private:
  struct Kept {
    std::int64_t bytes = 0;
    std::shared_ptr<Storage> memory;  // null: not there, or being made
    std::weak_ptr<const Storage> of;  // weak: a Shared's memory is written in place if nobody else has it
    std::int64_t version = 0;
    bool holds(const Value& v) const {
      return memory && version == v.version && !of.owner_before(v.memory) && !v.memory.owner_before(of);
    }
  };

  std::vector<std::size_t> find(const std::vector<Value>& values, Held& held);

  std::mutex packing_;  // held while packs are made; before mutex_
  std::mutex mutex_;    // of kept_
  std::vector<Kept> kept_;
};

}  // namespace bitale::executor

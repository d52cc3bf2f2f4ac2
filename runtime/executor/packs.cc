#include "runtime/executor/packs.h"

namespace bitale::executor {

Packs::Packs(const std::vector<KeptPack>& plan) : kept_(plan.size()) {
  for (std::size_t i = 0; i < plan.size(); ++i) kept_[i].bytes = plan[i].shape.bytes;
}

bool Packs::Kept::worth_packing(const Value& v) {
  if (!read_again) doubted = true;
  if (!doubted || is(v, noted, noted_version)) return true;
  noted = v.memory;
  noted_version = v.version;
  return false;
}

// Those that are there go into `held`; returns the numbers of those that are not and are to be made.
std::vector<std::size_t> Packs::find(const std::vector<Value>& values, Held& held) {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (!values[i].memory || held[i]) continue;
    if (kept_[i].holds(values[i])) {
      held[i] = kept_[i].memory;
      kept_[i].read_again = true;
    } else if (kept_[i].worth_packing(values[i])) {
      missing.push_back(i);
    }
  }
  return missing;
}

Packs::Held Packs::take(const std::vector<Value>& values, const std::function<void(const std::vector<Target>&)>& pack) {
  Held held(kept_.size());
  const std::vector<std::size_t> missing = find(values, held);
  if (missing.empty()) return held;
  const std::lock_guard packing(packing_);
  std::vector<Target> targets;
  for (const std::size_t i : missing) {
    std::shared_ptr<Storage> memory;
    {
      const std::lock_guard lock(mutex_);
      if (kept_[i].holds(values[i])) {  // another caller has made it meanwhile
        held[i] = kept_[i].memory;
        continue;
      }
      memory = std::move(kept_[i].memory);
    }
    if (!memory || memory.use_count() > 1) {
      memory = nullptr;  // before there is another
      memory = Storage::allocate(static_cast<std::size_t>(kept_[i].bytes));
    }
    targets.push_back({i, std::move(memory)});
  }
  if (targets.empty()) return held;
  pack(targets);
  const std::lock_guard lock(mutex_);
  for (Target& t : targets) {
    Kept& k = kept_[t.number];
    held[t.number] = t.memory;
    k.memory = std::move(t.memory);
    k.of = values[t.number].memory;
    k.version = values[t.number].version;
    k.read_again = k.doubted = false;
  }
  return held;
}

// Under the lock: who then finds that nobody holds a pack also sees that its readers are done.
void Packs::give_back(Held held) {
  const std::lock_guard lock(mutex_);
  held.clear();
}

}  // namespace bitale::executor

// The state of emitting one kernel, and how its values and addresses are written.
//
// Outside vector loops every value is a scalar. Inside, `width` lanes run at once and a value is in the cheapest of
// three forms: uniform (one scalar for all lanes), linear (int64, scalar base + lane * scalar step: loop variables and
// what is affine in them) or varying (a vector). An address that is linear with step 0 is a scalar load, with step 1 a
// vector load, and so on; see memory.cc.
#pragma once

#include <vector>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/codegen/llvm/scalars.h"
#include "compiler/codegen/llvm/target.h"
#include "compiler/kernel/kernel.h"

namespace bitale::codegen::host {

struct Slot {
  enum class Form { absent, uniform, linear, varying } form = Form::absent;
  Value* value = nullptr;  // linear: at lane 0
  Value* step = nullptr;   // linear only
  int depth = 0;           // number of loops around the computation of `value`
};

class Frame {
 public:
  Frame(Unit& unit, llvm::Function* function, const kernel::Kernel& kernel);

  // The statements' side, used by kernel.cc.
  void let(kernel::ValueId id);
  void store(const kernel::Store& store);

  Value* number(std::int64_t n) { return ir.getInt64(static_cast<std::uint64_t>(n)); }
  Value* extent(const kernel::Extent& e) {
    return e.is_constant() ? number(e.value) : extents_[static_cast<std::size_t>(e.slot)];
  }
  const Slot& slot(kernel::ValueId id);
  void set(kernel::ValueId id, Slot s) { slots_[static_cast<std::size_t>(id)] = s; }
  Slot uniform(Value* v) const { return {Slot::Form::uniform, v, nullptr, depth()}; }
  Slot linear(Value* base, std::int64_t step) { return {Slot::Form::linear, base, number(step), depth()}; }
  // The value in `width` lanes (a scalar if width is 1).
  Value* in_lanes(kernel::ValueId id) { return in_lanes(slot(id)); }
  Value* in_lanes(const Slot& s);

  int depth() const { return static_cast<int>(before_loop.size()); }

  const kernel::Kernel& kernel;
  Unit& unit;
  Ir ir;
  Scalars scalars;
  int width = 1;
  Value* active = nullptr;                      // lanes that run, the first few, as a vector of bool; null: all
  Value* active_lanes = nullptr;                // how many they are
  std::vector<llvm::Instruction*> before_loop;  // per open loop, the end of the block before it

 private:
  // An element offset: base + lane * step + varying, where step and varying may be null.
  struct Offset {
    Value* base = nullptr;
    Value* step = nullptr;
    Value* varying = nullptr;

    bool is_uniform() const { return step == nullptr && varying == nullptr; }
    bool has_step(std::int64_t n) const;
  };
  // A guard: `uniform` for all lanes alike, `lanes` for each; null where always true.
  struct Guard {
    Value* uniform = nullptr;
    Value* lanes = nullptr;
  };

  Offset offset_of(const kernel::Index& index);
  Value* in_lanes(const Offset& offset);
  Guard guard_of(const std::vector<kernel::Bound>& bounds);
  void add_bound(const kernel::Bound& bound, Guard& guard);
  Value* conjunction(Value* a, Value* b) { return a == nullptr ? b : b == nullptr ? a : ir.CreateAnd(a, b); }
  Value* any_lane(Value* mask);

  // Memory, in elements of `type`, the storage type of the buffer at hand.
  struct Place {
    llvm::Type* type;
    int bytes;
    Value* base;  // of the buffer
    llvm::Align align() const { return llvm::Align(static_cast<std::uint64_t>(bytes)); }
  };
  Place place_of(const kernel::Access& access);
  Value* pointer(const Place& place, Value* offset) { return ir.CreateGEP(place.type, place.base, offset); }
  Value* to_value(Value* element, DType dtype);
  Value* to_element(Value* value, DType dtype);
  Value* reversed(Value* vector);

  Slot load(const kernel::Value& v);
  Slot load_uniform(const Place& place, const Offset& at, Guard guard, const kernel::Value& v);
  Value* load_lanes(const Place& place, const Offset& at, const Guard& guard, Value* fill);
  Value* load_contiguous(const Place& place, Value* start, Value* mask, const Guard& guard, Value* fill);
  Value* load_strided(const Place& place, Value* start, int stride);
  Value* gather(const Place& place, const Offset& at, Value* mask, Value* fill);
  void store_lanes(const Place& place, const Offset& at, Value* mask, DType dtype, Value* value, bool accumulate);
  void store_each(const Place& place, const Offset& at, Value* mask, DType dtype, Value* value, bool accumulate);
  Value* lane_offset(const Offset& at, Value* varying, int lane);
  Value* sum(DType dtype, Value* a, Value* b);

  Slot instruction(const kernel::Value& v);
  bool affine(const kernel::Value& v, Slot& result);

  std::vector<Value*> bases_, extents_;
  std::vector<Slot> slots_;
  llvm::GlobalVariable* zeros_ = nullptr;  // read in place of what a guard hides
  Value* spare_ = nullptr;                 // written in place of what a mask hides
};

// The whole function; see kernel.cc.
void emit_kernel(Unit& unit, const kernel::Kernel& kernel);

}  // namespace bitale::codegen::host

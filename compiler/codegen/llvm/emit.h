// Shorthand for writing IR: the loop that every emitter uses, and constants.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <llvm/IR/IRBuilder.h>

namespace bitale::codegen::host {

using Ir = llvm::IRBuilder<>;
using llvm::Value;

// Values that a loop carries from one iteration to the next.
using Carried = std::vector<Value*>;

// for (i = begin; i < end; i += step) body(i, carried), all int64; body replaces `carried` by the next iteration's.
// Returns what is carried out. The builder ends up behind the loop.
Carried emit_loop(Ir& ir, Value* begin, Value* end, std::int64_t step, Carried init,
                  const std::function<void(Value* i, Carried& carried)>& body);

// if (condition) then(); afterwards the values that `then` left in `carried`, or those it got. What is rare is laid out
// and given registers as such.
enum class Chance { even, rare };
Carried emit_if(Ir& ir, Value* condition, Carried values, const std::function<void(Carried& carried)>& then,
                Chance chance = Chance::even);

inline llvm::FixedVectorType* vector_of(llvm::Type* element, int lanes) {
  return llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
}

// <0, 1, 2, ...> of an integer type.
llvm::Constant* iota(llvm::Type* element, int lanes);

// Signed minimum and maximum of scalars.
inline Value* smin(Ir& ir, Value* a, Value* b) { return ir.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); }
inline Value* smax(Ir& ir, Value* a, Value* b) { return ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b); }

// lanes first <= l < last, for int64 scalars of any value.
Value* lanes_from(Ir& ir, Value* first, int lanes);
Value* lanes_below(Ir& ir, Value* last, int lanes);

}  // namespace bitale::codegen::host

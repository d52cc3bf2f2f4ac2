#include "compiler/ir/type.h"

#include <algorithm>
#include <array>

namespace bitale::ir {

std::string to_string(const TensorType& type) { return std::string(name_of(type.dtype)) + to_string(type.shape); }

namespace {

// Promotion of every pair, in the order of dtypes.def: the committed table.
using enum DType;
constexpr DType table[10][10] = {
    /*        bool  i8    i16   i32   i64   u8    f32   f64   f16   bf16 */
    /*bool*/ {bool_, i8, i16, i32, i64, u8, f32, f64, f16, bf16},
    /*i8  */ {i8, i8, i16, i32, i64, i16, f32, f64, f16, bf16},
    /*i16 */ {i16, i16, i16, i32, i64, i16, f32, f64, f16, bf16},
    /*i32 */ {i32, i32, i32, i32, i64, i32, f32, f64, f16, bf16},
    /*i64 */ {i64, i64, i64, i64, i64, i64, f32, f64, f16, bf16},
    /*u8  */ {u8, i16, i16, i32, i64, u8, f32, f64, f16, bf16},
    /*f32 */ {f32, f32, f32, f32, f32, f32, f32, f64, f32, f32},
    /*f64 */ {f64, f64, f64, f64, f64, f64, f64, f64, f64, f64},
    /*f16 */ {f16, f16, f16, f16, f16, f16, f32, f64, f16, f32},
    /*bf16*/ {bf16, bf16, bf16, bf16, bf16, bf16, f32, f64, f32, bf16},
};

}  // namespace

DType promote(DType a, DType b) { return table[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]; }

DType promote_weak(DType tensor, DTypeKind weak) {
  const DTypeKind own = kind_of(tensor);
  if (weak <= own) return tensor;
  return weak == DTypeKind::floating ? default_float : i64;
}

}  // namespace bitale::ir

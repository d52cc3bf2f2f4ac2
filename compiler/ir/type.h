// TensorType: dtype and shape of a symbolic value; and how dtypes promote.
#pragma once

#include <string>

#include "compiler/ir/dim.h"
#include "runtime/base/dtype.h"

namespace bitale::ir {

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;

  int rank() const { return static_cast<int>(shape.size()); }
  bool operator==(const TensorType&) const = default;
};

std::string to_string(const TensorType& type);  // "float32[n, 784]"

inline constexpr DType default_float = DType::f32;

// The dtype of an arithmetic result. Bool gives way to any number, integers to floats; two integers go to the smallest
// that holds both (uint8 with int8: int16); an integer tensor with a float tensor gives the float's dtype; float16 with
// bfloat16, neither of which holds the other, gives float32.
DType promote(DType a, DType b);

// The same where `weak` came from a C++ scalar: it never widens a tensor of its own kind. An integer tensor with a weak
// float becomes default_float; a bool tensor takes default int (int64) or default_float.
DType promote_weak(DType tensor, DTypeKind weak);

}  // namespace bitale::ir

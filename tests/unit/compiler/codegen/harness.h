// Runs generated kernels beside the interpreter, on memory that ends at guard pages, and compares every byte they
// leave.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/codegen.h"
#include "compiler/kernel/builder.h"
#include "compiler/kernel/kernel.h"

namespace bitale::codegen {

struct Data {
  DType storage = DType::f32;
  std::vector<std::byte> bytes;

  std::size_t count() const { return bytes.size() / size_of(storage); }
};

// `count` elements: edge values first (those that the type has of 0, 1, -1, lowest, highest, inf, NaN...), then random
// ones.
Data edge_values(DType dtype, std::size_t count, unsigned seed);
Data random_values(DType dtype, std::size_t count,
                   unsigned seed);  // floats in [-3, 3], integers in [-9, 9] as far as there are
template <class T>
Data values(const std::vector<T>& v) {
  Data d{dtype_of<T>(), std::vector<std::byte>(v.size() * sizeof(T))};
  for (std::size_t i = 0; i < v.size(); ++i) reinterpret_cast<T*>(d.bytes.data())[i] = v[i];
  return d;
}

struct Case {
  kernel::Kernel kernel;
  std::vector<Data> buffers;
  std::vector<std::int64_t> extents;
  double tolerance =
      0;  // of floats: |difference| <= tolerance * (scale + |value|); 0: equal bits (any NaN equals any NaN)
  double scale = 1;
};

// Generates code for all cases at once, on every isa that this machine executes, and runs each with 1, 2 and 3 threads.
void check(const std::vector<Case>& cases, bool quick = false);

}  // namespace bitale::codegen

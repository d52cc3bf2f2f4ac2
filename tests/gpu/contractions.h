// Contractions to be run on the device of the tests, and what they have to give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/contraction.h"
#include "compiler/codegen/cuda/module.h"

namespace bitale::tests {

// A dim with its element strides; `symbolic`: the text has an argument for its extent.
struct Axis {
  std::int64_t extent = 1, a = 0, b = 0, bias = 0, out = 0;
  bool symbolic = false;
};

// out = sum over k of a * b, plus bias; or added to what out holds.
struct ContractionCase {
  std::string name;
  DType dtype = DType::f32;
  std::optional<DType> a_storage{}, b_storage{};  // if they are not in dtype
  std::vector<Axis> batch, m, n, k;
  std::int64_t a_offset = 0, b_offset = 0;
  bool aligned = false, accumulating = false, symbolic_strides = false;
  std::optional<codegen::cuda::Tile> tile{};
  std::vector<std::int64_t> parameters{};  // of the function that it shares with others
};

// a is m x k and b is k x n, each stored so or the other way around; out is m x n.
ContractionCase product(std::int64_t m, std::int64_t n, std::int64_t k, bool a_turned, bool b_turned);
ContractionCase symbolic(ContractionCase c);
ContractionCase with_tile(ContractionCase c, const codegen::cuda::Tile& tile);

// How the compiler has it: out is operand 1, bias is operand 0 of the epilogue, whose name is given.
codegen::cuda::Contraction form_of(const ContractionCase& c, const std::string& epilogue, std::size_t number);
kernel::Kernel epilogue_of(DType type, bool accumulating);

// The module of these, in order.
codegen::cuda::Modules modules_of(const std::vector<ContractionCase>& cases);

// The module of one function that does all of these; they get its parameters. What is not alike is an InternalError.
codegen::cuda::Modules shared_module_of(std::vector<ContractionCase>& cases);

// Runs contraction `number` of the module of `cases` several times; what differs from the sums in double, or is written
// elsewhere, as a sentence; nothing if all is right.
std::string fault_of(const codegen::cuda::Modules& modules, const std::vector<ContractionCase>& cases,
                     const std::vector<std::int64_t>& blocks, int launches = 1);

}  // namespace bitale::tests

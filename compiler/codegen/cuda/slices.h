// How the threads of a block copy slices of a contraction's operands to shared memory, and find their addresses.
#pragma once

#include <optional>
#include <string>

#include "compiler/codegen/cuda/addresses.h"
#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/tile.h"

namespace bitale::codegen::cuda {

// One operand; a slice of it is `span` rows (of m, or of n) by the tile's depth. Consecutive threads take consecutive
// rows, in pieces of 16 bytes where they may; or, where the operand is contiguous along k, eight of them take
// consecutive steps of k. In shared memory a slice lies with rows innermost. elements(): of what is multiplied, for
// which there would be room in its place.
struct Slices {
  char name = 'a';
  DType dtype = DType::f32, storage = DType::f32;  // of what is multiplied, and of the operand
  ContractionDims row_dims, k_dims;
  StrideOf stride;
  std::string row_type;  // of their indices
  std::string begin;     // the tile's first
  std::string table_type;
  int span = 0, depth = 0, threads = 0;

  bool along_k = false;
  int lanes = 1;                                             // threads side by side
  int width = 1;                                             // elements of a piece
  int row_count = 1, row_step = 0, k_count = 1, k_step = 1;  // of a thread's pieces
  int line = 0;                                              // elements between two steps of k in shared memory
  std::optional<kernel::Extent> row_by{};                    // the stride of rows, if it is one constant
  bool near = true;                                          // int holds the distance of two rows of a tile
  std::optional<kernel::Extent> k_by{};                      // the stride along k; nothing: a table has the offsets

  // In shared memory they are as in the operand, or widened by whoever copies them, which cp.async cannot do.
  bool widens() const { return storage != dtype && width == 1; }
  DType copied_as() const { return widens() ? dtype : storage; }
  int elements() const {
    return depth * line * static_cast<int>(size_of(copied_as())) / static_cast<int>(size_of(dtype));
  }
  // Where many rows' offsets lie: in shared memory, if they would occupy too many registers.
  bool row_table() const { return row_count > 1 && !row_by && (!near || row_count > 8); }
};

struct SlicesOf {
  char name;
  DType storage;
  const ContractionDims& row_dims;
  StrideOf stride;
  kernel::Extent offset;
  bool aligned;
  int span;
  std::string row_type, begin, k_type;
};
Slices plan_slices(const Contraction& contraction, const Tile& tile, const SlicesOf& of);

// A thread's place in slices, once for all tiles.
void print_place(Lines& out, const Slices& s);
// From where it copies in this tile; `start` is text: the offset of the tile's batch and of the operand.
void print_source(Lines& out, const Slices& s, const std::string& start);
// Begins to copy the slice of which `left` steps are there (all of them, if `whole`) to `to`, an expression; copies it,
// if it is widened.
void print_copies(Lines& out, const Slices& s, const std::string& to, bool whole);

}  // namespace bitale::codegen::cuda

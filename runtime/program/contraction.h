// Contractions: sum-of-products over an affine iteration space, executed by one driver
// (executor/contraction.cc) over generated leaves (micro-kernel, epilogue) and packing (executor/packing.h).
//
// out(b, m, n) = sum over k of A(b, m, k) * B(b, n, k), where b, m, n, k are flattened groups of dims and every address
// is a sum of dim index * stride: so address(m, k) = off_m[m] + off_k[k], and packing any operand (implicit im2col,
// transposes, dilation, flips) is one gather with two offset tables. n is the lane dimension. Operands are stored as
// what is multiplied, or, where that is float32, in 16 bits each: whoever packs them widens them, exactly.
//
// Blocking. The output of one batch index is cut into blocks of at most mc x nc; blocks are independent, dealt to the
// threads in order. A block keeps its
// accumulators acc[mc][nc] in the thread's workspace, runs over k in chunks of kc (packing A and B of the chunk), and
// then hands acc to the epilogue. If there are fewer blocks than threads, k is split: each thread sums its share into
// an accumulator of its own, and the shares are added in thread order before the epilogue (deterministic for one thread
// count). An accumulating step is never split this way. In a block of few rows, full panels of B are read where they
// lie if the lanes have stride 1 and k a uniform stride.
//
// Epilogue: a kernel of the ordinary signature that reads the accumulators and writes the outputs. It is called for
// maximal runs of columns in which the column address of every operand advances uniformly by its declared column stride
// (0 or 1, `unit` below), with buffers
//   acc, then for each operand: base address, row table (int64 element offsets, one per row of the run)
// and extents rows, cols, ld of acc. In a `sliced` step n has two dims, the slices and the columns of each; a block has
// the same columns of all slices, and the epilogue is called for these columns, and told as a fourth extent how far
// apart the accumulators of two slices are. Its operands do not move along the slices. Rows are visited in order, and
// calls for one output come from one thread if the step is `accumulating` (its blocks are then dealt by batch index),
// so that an epilogue may add to overlapping outputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/dtype.h"

namespace bitale::program {

// One dim of the iteration space: its extent (slot of the program's extents) and the element stride it has in A, in B
// and in each epilogue operand (slots; -1: zero). At most 16 dims in a group and 24 operands. Extents and strides do
// not change with the iteration of a loop; offsets may. Every element that the dims reach lies in its buffer: padding
// is made by an earlier step.
struct ContractionDim {
  int extent = -1;
  int a = -1, b = -1;
  std::vector<int> operands;
};

struct ContractionOperand {
  int buffer = -1;
  int offset = -1;       // slot of a constant element offset; -1: zero
  bool unit = true;      // column stride 1 within a run; else 0 (the same element for every column)
  bool written = false;  // by the epilogue
};

// What runs a contraction. Libraries can where the operands are plain matrices (runtime/program/matrix_form.h);
// elsewhere it is the generated code whatever is asked for. On the CPU: openblas; tuned: the one that was measured to
// be faster for the extents at hand (runtime/executor/tune.h). On a device: cublaslt, where there is work enough for it
// (runtime/program/device_product.h).
enum class ContractionCandidate : std::uint8_t { generated, openblas, tuned, cublaslt };

// The tile that the micro-kernel was generated for.
struct ContractionTile {
  int mr = 0, nr = 0;
  int micro = -1;  // entry of the code table
};

// On a device one function does it all: an entry of its module, whose parameters are a, b, the operands and these
// slots. No workspace and no leaves are used then.
//
// Where cuBLASLt multiplies, its product goes to the workspace, one dense matrix behind the other, and entry `finish`
// hands every element to the epilogue; its parameters are the product, the operands and the same slots.
//
// The product goes straight to the last operand where the library does all that the epilogue does: it stores the
// elements as they are, or rounded to the 16 bits that a and b are in (finish -1); before that it adds the only other
// operand, whose dtype is that which is stored (bias), or makes 0 of what is below 0 (relu). Of these two, only the
// extents say whether it can: what finishes the product is there, too.
struct WholeContraction {
  int entry = -1;
  std::vector<int> extents;
  int finish = -1;
  bool tf32 = false;    // operands of the library's products may be rounded to TF32
  bool rounds = false;  // the product that goes straight to an operand is rounded to 16 bits
  bool bias = false, relu = false;  // the library does these, where it can

  bool may_go_straight() const { return finish < 0 || bias || relu; }
};

struct ContractionStep {
  DType dtype = DType::f32;                              // of what is multiplied and summed
  DType a_storage = DType::f32, b_storage = DType::f32;  // of the buffers: what is computed with as `dtype`
  std::vector<ContractionDim> batch, m, n, k;            // outermost first
  int a = -1, b = -1;                                    // buffers
  int a_offset = -1, b_offset = -1;                      // slots of constant element offsets; -1: zero
  bool keep_a = false, keep_b = false;                   // the operand's pack may be kept between calls; see kept.h
  std::vector<ContractionOperand> operands;
  int epilogue = -1;  // entry of the code table
  bool accumulating = false, sliced = false;
  ContractionCandidate candidate = ContractionCandidate::generated;
  ContractionTile tile;
  int workspace = -1;  // buffer of role workspace
  WholeContraction whole;
};

// Whether a library that multiplies may store the product so: as it is summed, or in the 16 bits of both operands.
bool may_store_product(const ContractionStep& step, DType storage);
// As what a product that goes straight to an operand is stored.
DType stored_product(const ContractionStep& step);

// Block sizes for one set of extents, from the tile, the cache sizes and the thread count.
struct ContractionBlocking {
  std::int64_t batch = 0, m = 0, n = 0, k = 0;  // flattened extents
  std::int64_t slices = 1;                      // that n consists of; nc counts the columns of all of them
  std::int64_t mc = 0, nc = 0, kc = 0;
  int k_split = 1;                   // threads that share one block
  std::int64_t workspace_bytes = 0;  // of one thread
};
// shares: how many parts m is dealt in before; the plan is of the largest.
ContractionBlocking plan_contraction(const ContractionStep& step, std::span<const std::int64_t> extents, int threads,
                                     int shares = 1);

// Of rows of B this many bytes apart, how many find room in three quarters of L2: those a power of two apart share its
// sets. And whether tiles read them there as fast as from a copy, which takes rows of two cache lines.
std::int64_t rows_in_l2(std::int64_t bytes_apart);
bool reads_from_l2(const ContractionTile& tile, std::int64_t element_bytes);

}  // namespace bitale::program

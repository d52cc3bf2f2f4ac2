// Kernel IR: one kernel as a tree of loops over a DAG of scalar values.
//
// A Kernel is what every backend consumes: the LLVM and CUDA printers and the interpreter. Values are numbered;
// operands come before their users in `values`. A value is computed where a Let statement names it and may be used in
// that region after the Let, and in regions nested there. constant, var and extent values need no Let. Statements:
//
//   Let v                      compute v here (a load, or an instruction)
//   Store access = v           write one element
//   Loop var < extent          run the body for var = 0 .. extent-1; what it reduces is defined after it
//
// Loop kinds. parallel: iterations are independent and are split among the threads that run the kernel; only at the top
// level of the kernel, whose top-level loops are separate phases (a phase may read what an earlier one wrote; the
// backend puts a barrier between phases). vector: iterations are independent but for the loop's reductions, and run in
// lanes; a vector loop holds no other vector loop, and may hold sequential ones. sequential: in order. A kernel without
// a parallel loop runs on thread 0 alone, unless it is one vector loop without reductions: a backend may share that
// among the threads. Beside a parallel loop the top level has only loops without reductions, those that are not
// parallel for thread 0, and Lets, which every thread computes for itself and which load from no buffer that is
// written: what crosses phases goes through memory. A store inside a parallel loop (but to scratch) or inside a vector
// loop has an index or a guard that depends on the loop's variable, unless the extent is the constant 1.
//
// Memory. Buffers are dense; an access's element offset is constant + sum of term.value * term.stride. Offsets are in
// elements of the buffer's storage dtype; values have the compute dtype (they differ only for bool, stored as one byte
// 0 or 1). A value of a dtype that is only stored, float16 or bfloat16, is a constant, loaded, stored, selected, or
// cast to and from the dtype that is computed with, nothing else. A guarded access is performed only where 0 <=
// bound.index < bound.upper holds for all bounds: else a load gives its fill value (args[0]) and a store does nothing.
// Buffers never overlap, except that an output may be the same buffer as an input that is read only at the very element
// that is then stored.
//
// Extents are constants or run-time arguments: Extent{slot} refers to extents[slot] of the call.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "compiler/kernel/scalar_op.h"
#include "runtime/base/dtype.h"
#include "runtime/base/source.h"

namespace bitale::kernel {

// A constant, or a slot of the extents array.
struct Extent {
  std::int64_t value = 0;
  int slot = -1;

  static Extent constant(std::int64_t v) { return {v, -1}; }
  static Extent argument(int s) { return {0, s}; }
  bool is_constant() const { return slot < 0; }
  bool operator==(const Extent&) const = default;
};

using ValueId = std::int32_t;
inline constexpr ValueId no_value = -1;

// One scalar instruction. What `constant`, `index` mean by op: constant: the bits of `number` (double for floats, int64
// for integers and bool); var: index is the loop variable's number; extent: `extent`; load: index is the access;
// result: defined by a loop's reduction.
struct Value {
  ScalarOp op = ScalarOp::constant;
  DType type = DType::f32;
  std::array<ValueId, 3> args{no_value, no_value, no_value};
  std::int64_t integer = 0;
  double real = 0;
  Extent extent = {};
  int index = -1;
};

struct Term {
  ValueId value = no_value;  // int64: a loop variable, or anything computed (a gathered index)
  Extent stride;
};

struct Index {
  Extent constant;
  std::vector<Term> terms;
};

struct Bound {
  Index index;
  Extent upper;
};

struct Access {
  int buffer = -1;
  Index index;
  std::vector<Bound> guard;
};

enum class LoopKind : std::uint8_t { parallel, vector, sequential };

// After the loop, results[i] is the combination of all yields[i]. One of each, or two (value, index) for arg_max,
// arg_min.
struct Reduction {
  Combiner combiner = Combiner::sum;
  std::vector<ValueId> yields = {};
  std::vector<ValueId> results = {};
};

struct Stmt;
using Region = std::vector<Stmt>;

struct Let {
  ValueId value = no_value;
};

struct Store {
  int access = -1;
  ValueId value = no_value;
  bool accumulate = false;  // add to the element instead of replacing it; sequential order of the loops around it
};

struct Loop {
  LoopKind kind = LoopKind::sequential;
  ValueId var = no_value;
  Extent extent;
  std::vector<Reduction> reductions = {};
  Region body;
};

struct Stmt {
  std::variant<Let, Store, Loop> node;
};

struct Buffer {
  std::string name;
  DType dtype = DType::f32;    // of the values
  DType storage = DType::f32;  // of the elements in memory
  bool read = false, written = false;
  std::int64_t scratch = 0;  // > 0: private to the thread, this many elements, not an argument of the kernel
  bool aligned = false;      // whoever calls it promises that this argument begins at a multiple of 16 bytes
};

struct Kernel {
  std::string name;                   // a valid C identifier
  std::vector<std::string> comments;  // one line per fused op: its name and the user's source line
  std::vector<Buffer> buffers;        // arguments first, in order; scratch last
  int extents = 0;                    // number of run-time extents
  int vars = 0;                       // number of loop variables
  std::vector<Value> values;
  std::vector<Access> accesses;
  Region body;

  const Value& value(ValueId v) const { return values[static_cast<std::size_t>(v)]; }
  const Access& access(int a) const { return accesses[static_cast<std::size_t>(a)]; }
  int arguments() const;  // number of buffers that are not scratch
};

// Deterministic text, for dumps and golden tests.
std::string to_string(const Kernel& kernel);

// Checks every rule stated above; throws InternalError with the kernel's text.
void verify(const Kernel& kernel);

// The structure without names and comments: equal texts mean interchangeable kernels.
std::string structure_of(const Kernel& kernel);

}  // namespace bitale::kernel

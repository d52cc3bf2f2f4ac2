// A Program: what a compiled function is, without pointers, threads or a device. Buffers, extents, code and steps;
// loops and branches hold Programs of their own. It is plain data: printed, verified, serialised and executed
// elsewhere.
//
// Extents. extents[i] is an expression over earlier ones; all are computed at call entry, in order, from the shapes of
// inputs and Shared variables, and from integer inputs. Everything that has a size refers to slots of this table, so
// one Program serves all shapes. `checks` are the equalities and bounds that the shapes must satisfy.
//
// Buffers. Dense, row-major. Roles: input (the caller's array), output (an array made for the caller, or one that the
// caller has: a destination, or the memory of an input that is given up), shared (the
// value of a Shared), update (the new value of a Shared: committed after the last step if the error word is clear; in
// the memory of the present value if it is in_place and the caller owns that, else in memory of its own),
// constant (bytes in the Program), temporary (in the arena, live from its first to its last step), workspace (in the
// arena, one piece per thread, sized by the step that uses it). A buffer with alias_of >= 0 has no memory of its own:
// it is the other buffer, with other dims (a reshape); elements must agree.
//
// Steps run in order; all threads enter each step, and a barrier follows it. A step reads and writes buffers as its
// lists say; the verifier checks that what is read was written before, on every path.
//
// Bodies of loops and branches are Programs without ports, checks, Shareds or code: their buffers of role input are
// what bindings fill, those of role output what bindings take (`index` is not used), their entry numbers are the
// outermost Program's, and their extents come from `outer`, `iteration`, constants and arithmetic. An extent that
// changes with the iteration may be an argument of a kernel or an offset, but not the dim of a buffer, of a
// contraction, of a blocked step or of a library call, nor a number of trips.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/source.h"
#include "runtime/program/contraction.h"

namespace bitale::program {

enum class ExtentOp : std::uint8_t {
  constant,     // a
  input_axis,   // extent of axis b of input a
  shared_axis,  // extent of axis b of Shared a
  input_value,  // value of input a, an integer scalar
  outer,        // slot a of the enclosing program (loop and branch bodies)
  iteration,    // the number of the loop's iteration (loop bodies; the only extent that changes within a call)
  add,
  sub,
  mul,
  floordiv,
  min,
  max,    // of slots a and b
  isqrt,  // of slot a, which is b, too: the largest q with q * q <= a; 0 where a < 0
};

struct ExtentDef {
  ExtentOp op = ExtentOp::constant;
  std::int64_t a = 0, b = 0;
  bool operator==(const ExtentDef&) const = default;
};

// A condition on extents that holds at call entry, or the call is an Error with this message.
struct ExtentCheck {
  enum class Kind : std::uint8_t { equal, at_least } kind = Kind::equal;
  int a = -1, b = -1;   // slots
  std::string message;  // names the op, the dims and the source lines; the values are added
};

enum class Role : std::uint8_t { input, output, shared, update, constant, temporary, workspace };

struct Buffer {
  std::string name;
  DType storage = DType::f32;
  std::vector<int> dims;  // slots
  Role role = Role::temporary;
  int index = -1;  // which input, output, Shared (also for update) or constant
  int alias_of = -1;
  bool keep = false;        // temporary that keeps its contents between calls with the same placement
  bool in_place = false;    // update that may be the memory of its Shared's present value; see in_place.h
  std::vector<int> over{};  // output: the inputs whose memory it may be, if the caller gives that up; see in_place.h
};

// One kernel launch.
struct KernelStep {
  int entry = -1;            // of the code table
  std::vector<int> buffers;  // arguments, in the kernel's order
  std::vector<bool> writes;  // per argument: written (may be read as well)
  std::vector<int> extents;  // slots, in the kernel's order
};

// A call of a named entry of the runtime's library table (OpenBLAS, Eigen, cuBLASLt, cuDNN...). Its meaning is the
// library's.
struct LibraryStep {
  std::string function;
  std::vector<int> buffers;
  std::vector<bool> writes;
  std::vector<int> extents;
  std::vector<std::int64_t> integers;
  std::vector<double> reals;
  // On a device that does the same by kernels of its own, their entry of the module; -1: the host does it. Parameters
  // are the buffers, the error word of the call, the extents and the number of the step
  // (compiler/codegen/cuda/library.h).
  int entry = -1;
};

// Copies elements; both buffers have the same number of them and the same storage.
struct CopyStep {
  int from = -1, to = -1;
};

struct Program;

enum class BindingKind : std::uint8_t {
  invariant,  // outer_in is inner_in in every iteration
  sequence,   // iteration i sees row i of outer_in (first axis) as inner_in
  carry,      // inner_in is outer_in at first, then the last inner_out; outer_out receives the final one (also for zero
              // trips)
  stacked,    // iteration i writes inner_out to row i of outer_out; rows that no iteration writes are zero
};
// One inner_out may be carried and stacked at once (its row is then what the next iteration reads), and bound several
// times. The inner_out of a carry may be another input of the body: it then passes on what that was filled with in the
// iteration before, for which an address moves and nothing is copied. (That input is not updated in place, and carries
// pass on in no circle.) A carry whose inner_out is an alias of its inner_in is updated in place, in outer_out, which
// may then be outer_in's memory; other outer_outs share no memory with any outer_in. outer_out of a carry may be -1 if
// nobody wants the final value (not in place). `backwards` counts rows from trips - 1 down. Buffers have at least
// `trips` rows.
//
// Blocks. A sequence or stacked binding with `blocks` sees or writes several rows at once: inner_in and inner_out have
// the rows of a block, and iteration i has those from i times as many on, or, where fewer are left, the last ones, so
// that the last block may share rows with the one before. Blocks cover all rows of the outer buffer, which has at least
// one block's (none if there are no trips). Such a loop runs all of its iterations: it has no bounds and no end.
//
// Rows. If `rows` is a slot of the body, and not -1, all that the body writes has that many rows (first axis), and row
// r of it is computed from row r of what the body writes or carries, and from anything that it does neither with.
// Kernels, contractions and copies deal the rows to the threads alike (runtime/program/rows.h), so each thread may go
// through all iterations without waiting for the others.
//
// Iterations first <= i < last among 0 <= i < trips are run, all of them where there are no such bounds; and none if
// `ended` is true. All three are read before the first iteration.

struct LoopBinding {
  BindingKind kind = BindingKind::invariant;
  int outer_in = -1, inner_in = -1, inner_out = -1, outer_out = -1;  // buffers; -1 where the kind has none
  bool backwards = false;                                            // rows from last to first
  bool blocks = false;                                               // several rows at once; not backwards
};

// On a device: a function that runs all iterations by itself, where the steps of each would be launches. Whether it
// does is decided when the extents are known (runtime/program/loop_kernel.h).
struct LoopKernel {
  // What the function is given, 8 bytes each.
  struct Argument {
    enum class Kind : std::uint8_t {
      outer,         // where buffer `index` of the program that the loop is in lies
      own,           // where root `index` of the body lies: a temporary, a constant, an output in memory of its own
      extent,        // slot `index` of the body, which does not change from one iteration to the next
      outer_extent,  // slot `index` of the program that the loop is in
      bytes,         // the size of buffer `index` of that program
    } kind = Kind::outer;
    int index = -1;
  };
  int entry = -1;  // of the code table; -1: there is no such function, and nothing else here
  std::vector<Argument> arguments;
  // Of how many steps of the body each group consists, in order. No step of a group writes what another of it touches:
  // they run at the same time, and buffers live as long as the groups that touch them. by_rows: of a loop that has
  // `rows`, kernels and copies do, but row by row: each row stays with one block, which runs them one after another.
  std::vector<int> groups;
  bool by_rows = false;
  bool clusters = false;  // then rows stay with clusters of blocks (Launch::cluster)
  int barriers = 0;       // of all blocks, or of those of a cluster, in one iteration
  int barriers_once = 0;  // before the first and behind the last
};

struct LoopStep {
  int trips = -1;        // slot
  int until = -1;        // body buffer (bool scalar) that ends the loop when true; -1: none
  int trips_taken = -1;  // outer buffer (int64 scalar) that receives the number of iterations; -1: none
  std::vector<LoopBinding> bindings;
  std::shared_ptr<const Program> body;
  int first = -1, last = -1;  // outer buffers (int64 scalars); -1: none (then both)
  int ended = -1;             // outer buffer (bool scalar); -1: none
  int rows = -1;              // slot of the body; -1: threads meet after every step
  LoopKernel kernel{};
};

struct BranchStep {
  int condition = -1;  // buffer: bool scalar
  struct Binding {
    int outer = -1, inner = -1;
    bool written = false;
  };
  std::shared_ptr<const Program> then, otherwise;
  std::vector<Binding> then_bindings, otherwise_bindings;
};

struct Step;

// Runs `steps` once per tile of the dimension: extent `dim` cut into pieces of at most `tile`; tiles are dealt to the
// threads, and each runs all steps of its tile alone (thread 0 of 1). Slots `begin` and `size` hold the tile's start
// and extent while it runs; extents computed from them follow. They are defined as constants, `size` after `dim`; at
// call entry they are 0 and min(tile, dim), which is what buffers in `local` are sized by: these hold one tile, are
// private to the thread, and are used by no other step. `steps` are kernels, contractions, library calls and copies.
struct BlockedStep {
  int dim = -1, begin = -1, size = -1;
  std::int64_t tile = 1;
  std::vector<int> local;
  std::vector<Step> steps;
};

// A data check: sets the error word if the (bool scalar) buffer is false.
struct CheckStep {
  int condition = -1;
  std::string message;
};

struct Step {
  std::variant<KernelStep, ContractionStep, LibraryStep, CopyStep, LoopStep, BranchStep, BlockedStep, CheckStep> node;
  std::string label;                // what it computes, for profiles and dumps
  std::vector<SourceLine> origins;  // the user's lines
  int flops = -1;  // slot of its floating-point operations (2 per multiply-add of a contraction); -1: not counted
};

struct Entry {
  std::string name;
  std::string structure;  // content hash of the kernel IR, for kernel-level caching
};

// One launch of a device's function: `work` is how many of its threads' iterations, tiles or rows there are, a product
// of what its factors say; a block has something to do for each `per_block` of them. If there is any work, `least`
// blocks find some at least. Any number of blocks gives the same result; the number of threads must be this one.
struct Launch {
  // How many pieces of `per` there are of `value` times one of the entry's extent arguments, the last one perhaps
  // smaller.
  struct Factor {
    std::int64_t value = 1;
    int argument = -1;  // -1: of the value alone
    std::int64_t per = 1;
  };
  struct Part {
    std::int64_t per_block = 1;
    std::vector<Factor> work{};
    std::int64_t least = 1;
  };
  std::string function;
  int image = 0;  // of the blob
  int threads = 1;
  std::int64_t per_block = 1;
  std::vector<Factor> work{};
  std::int64_t least = 1;
  // Not empty: the function of a loop, whose blocks wait for each other and so have to be there at the same time: as
  // many as the widest of its parts needs, or as the device holds, if that is less. `work` is then of no account.
  std::vector<Part> together{};
  // Above 1: blocks come in clusters of so many, which are there at the same time and wait for each other; a cluster
  // has something to do for each `per_block` of the work.
  int cluster = 1;
};

// Code for one target; a Program has code of the CPU or of devices. Of the CPU: bytes that run wherever they are
// mapped, and each entry's offset in them. Of a device: images that its driver loads, where each begins (the first at
// 0), and for each entry the launches that it consists of, in order (none: it is part of another entry).
struct Blob {
  std::string target;  // "x86-64-v3", "sm_90", "emulated"
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint64_t> offsets;
  std::vector<std::vector<Launch>> launches{};
};

struct Constant {
  std::vector<std::uint8_t> bytes;
};

// What a caller sees: one row per input, output, Shared.
struct Port {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int> dims;       // slots; for inputs and Shared: where the extents are checked against
  bool integer_value = false;  // an input read as an extent
};

struct Program {
  std::string name;
  std::vector<ExtentDef> extents;
  std::vector<ExtentCheck> checks;
  std::vector<Port> inputs, outputs, shareds;
  std::vector<Buffer> buffers;
  std::vector<Constant> constants;
  std::vector<Entry> entries;
  std::vector<Blob> blobs;
  std::vector<Step> steps;
};

// Deterministic text; what `bitale graph --stage program` shows.
std::string to_string(const Program& program);

// Checks slots, buffers, roles, aliases, step arguments and definition before use; everything in a Program that was
// read from outside is checked here before it is believed. Throws InternalError (our own output) with the program's
// text.
void verify(const Program& program);

// Calls visit(buffer, written) for every buffer a step touches, bodies' bindings included.
void for_each_buffer(const Step& step, const std::function<void(int buffer, bool written)>& visit);

}  // namespace bitale::program

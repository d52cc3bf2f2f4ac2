// What one call works in: memory, argument tables, and the state of each thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/device/driver.h"
#include "runtime/device/pool.h"
#include "runtime/executor/layout.h"
#include "runtime/executor/packing.h"
#include "runtime/executor/packs.h"
#include "runtime/executor/step_check.h"
#include "runtime/program/abi.h"
#include "runtime/program/contraction.h"
#include "runtime/program/matrix_form.h"
#include "runtime/program/placement.h"

namespace bitale::executor {

// What is known of a step once the extents are.
struct StepFacts {
  bool serial = false;                        // too small to share: runs on thread 0 alone
  program::ContractionBlocking blocking;      // of a contraction
  std::optional<program::MatrixForm> matrix;  // of a contraction that OpenBLAS runs
  library::LibraryFn matrix_function = nullptr;
  std::shared_ptr<const Driver::Product> product;  // of a contraction that the device's library does
  bool product_is_direct = false;                  // it writes to the step's operand, not to its workspace
  bool as_kernel = false;                          // of a loop that one kernel of the device runs
  int kept[2] = {-1, -1};                          // of a contraction: the numbers of its kept packs, by Side
  int loop_packs[2] = {-1, -1};                    // in the body of a loop: the numbers of its packs in Facts, by Side
  std::vector<StepFacts> inner;                    // of a blocked step
};

// The pack of an operand that is the same in all iterations of a loop: made when the loop begins.
struct LoopPack {
  std::size_t step = 0;  // of the body
  Side side = Side::a;
  WholePack shape;
  std::int64_t offset = 0;  // in the frame's memory for these
};

struct Facts {
  std::vector<StepFacts> steps;
  std::vector<LoopPack> packs;  // of a loop's body
  std::vector<Facts> bodies;
  bool serial = false;  // all steps are
  // Of a loop's body: its rows are dealt to the threads, which then do not meet before the loop ends.
  bool by_rows = false;
};

// One thread's view of one Program: where its buffers are and what its extents are, spread over the argument lists.
struct Tables {
  std::vector<void*> pointers;  // per root buffer
  std::vector<void*> own;       // per root buffer: its place in the arena
  std::vector<void*> args;
  std::vector<std::int64_t> extents, extent_args;
  std::vector<Tables> bodies;

  void set_pointer(const Layout& layout, int root, void* p) {
    pointers[static_cast<std::size_t>(root)] = p;
    for (const int i : layout.uses.of(root)) args[static_cast<std::size_t>(i)] = p;
  }
  void set_extent(const Layout& layout, int slot, std::int64_t value) {
    extents[static_cast<std::size_t>(slot)] = value;
    for (const int i : layout.extent_uses.of(slot)) extent_args[static_cast<std::size_t>(i)] = value;
  }
  void* pointer(const Layout& layout, int buffer) const {
    return pointers[static_cast<std::size_t>(layout.groups.root[static_cast<std::size_t>(buffer)])];
  }
};

// A Program that a thread walks, and what it knows of it.
struct Scope {
  const Layout& layout;
  const Facts& facts;
  Tables& tables;
  const program::Placement& placement;
  // Of the body of a loop: the slot of the rows that the threads share, each on its own; -1: they go together.
  int rows = -1;
};

// A placement and what follows from it; shared by the frames made for it.
struct Prepared {
  Prepared(const Layout& layout, program::Placement placement);
  program::Placement placement;
  Facts facts;
  bool serial = false;         // no step would use a second thread
  std::vector<KeptPack> kept;  // by number
  std::shared_ptr<Packs> packs;
  std::int64_t loop_pack_bytes = 0;  // of all loops

  // The step is run by OpenBLAS from now on: it needs no packs.
  void run_by_matrix_call(std::size_t step, program::MatrixForm form, library::LibraryFn function);

 private:
  void plan_packs(const Layout& layout);
  void plan_loop_packs(const Layout& layout, const program::Placement& p, Facts& f);
  void plan_loop_packs(const StepLayout& loop, const Layout& body, const program::Placement& p, Facts& f);
};

struct Failure {
  std::int64_t sequence = std::numeric_limits<std::int64_t>::max();  // barriers that the thread had passed
  int code = 0;                                                      // ErrorCode, or one of the two below
  const StepLayout* step = nullptr;
  std::int64_t value = 0, limit = 0;
  std::string detail;
  std::int64_t pivot = 0;  // as in the context
  double real = 0;
};
inline constexpr int not_finite = 1000;      // found by the NaN guard
inline constexpr int not_as_defined = 1001;  // found by the step checker

struct Cost {
  std::int64_t calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

struct Frame;

struct alignas(64) ThreadState {
  Context context;
  Frame* frame = nullptr;
  int thread = 0;
  std::int64_t sequence = 0;  // barriers passed; the same in all threads wherever they meet
  Failure failure;
  Tables tables;
};

struct DeviceCode;

// What the steps of a Program call: its entries, and the packing for their instruction set.
struct Functions {
  std::vector<const void*> entries;
  Packing packing;
};

struct Frame {
  // Without `device` buffers lie in the host's memory: in `arena`, if there is one (not in guard mode).
  Frame(const Layout& layout, std::shared_ptr<const Prepared> prepared, const Functions& functions,
        const DeviceCode* device, std::shared_ptr<Storage> arena = nullptr);

  const Layout& layout;
  const std::shared_ptr<const Prepared> prepared;
  const Functions& functions;
  const DeviceCode* const device;
  const int threads;
  std::vector<std::shared_ptr<Storage>> memory;  // the frame's own: the arena; in guard mode one piece per buffer
  std::shared_ptr<Storage> arena;                // or one that frames use in turn; null between calls
  std::vector<DeviceMemory> device_memory;       // the same on a device, with its constants; `memory` is empty then
  // On a device: what calls with these addresses of ports ask for; null: there was one such call.
  std::vector<std::pair<std::vector<void*>, std::shared_ptr<const Driver::Recording>>> recordings;
  DeviceMemory workspace;  // on a device, of convolutions by its library, which follow each other
  std::size_t workspace_bytes = 0;
  DeviceMemory error_word;  // on a device, where its program has checks (compiler/codegen/cuda/library.h)
  std::map<int, std::vector<std::shared_ptr<const Remote>>> made;  // on a device, by root buffer: memory of results
  std::map<int, DeviceMemory> ports;    // on a device, by root buffer: of what the caller has on the host
  std::shared_ptr<Storage> loop_packs;  // null if no loop has any
  std::vector<ThreadState> states;
  Barrier barrier;
  std::atomic<std::int64_t> stop_at;     // the least sequence number of a failure
  const StepChecker* checker = nullptr;  // asked after every step
  bool nan_guard = false, guard = false;
  Packs::Held packs;        // of the present call
  std::vector<Cost> costs;  // per step id; empty when not profiling

  // The pack that a step, with its Program's facts, reads in the present call; none if it packs itself.
  KeptOperand kept(const Facts& all, const StepFacts& facts, Side side) const;
  void* memory_of(const LoopPack& pack) const { return static_cast<std::uint8_t*>(loop_packs->data()) + pack.offset; }

  // Of a frame that was made with an arena: it lies there now, as large as the one before.
  void move_to(std::shared_ptr<Storage> there);

  void begin(bool guard_values);   // before a call: no failure
  const Failure* failure() const;  // the first one, after a call

 private:
  void place_all();
  void place(const Layout& l, const program::Placement& p, std::vector<Tables*> tables);
  void* take(std::int64_t bytes);
  void* constant(const Array& value);

  void* arena_ = nullptr;  // not in guard mode
};

}  // namespace bitale::executor

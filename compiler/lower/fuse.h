// Fusion: which tensors become buffers, and which of them one kernel computes.
//
// A node with an element formula is either inlined into everything that reads it, or is a root: a tensor in memory.
// Roots of one shape that share what they read are computed by one kernel. Contractions, library calls and leaves are
// never inlined; views have no memory of their own.
//
// A producer is inlined where that computes nothing often: index maps always; arithmetic into its only reader if each
// element is read once, cheap arithmetic also into several; a reduction where its loop can be hoisted to be run once
// per result (softmax, layer normalisation, losses). Every decision is a function of the graph alone.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/lower/compose.h"

namespace bitale::lower {

// One unit of execution, in program order.
struct Group {
  enum class Kind : std::uint8_t { kernel, contraction, library, control } kind = Kind::kernel;
  std::vector<ir::Tensor> roots;  // kernel: computed together; else outputs of the one node
  // contraction: element roots computed from the finished tile instead of the contraction's own output (none: that)
  std::vector<ir::Tensor> epilogue;
  // Of the contraction's last axis, so many equal pieces, one behind the other, of which the epilogue reads the same
  // element each: the gates of a recurrent cell. Its roots are as wide as one of them.
  int slices = 1;
};

struct Fusion {
  std::vector<Group> groups;
  std::set<std::pair<std::uint64_t, int>> inlined;  // (node id, output)

  // Views are inlined with what they are views of.
  bool is_inlined(const ir::Tensor& t) const;
};

// How kernels are called.
enum class Calls : std::uint8_t {
  once,
  on_device,  // the same; what is only written to memory in another order is computed there
  in_loop,    // in every iteration: also roots that have nothing but their shape in common share one, and epilogues may
              // read slices of a contraction
  in_loop_on_device,  // the same, but only of slices that the tiles of a device can hold, see suits_device() in
                      // epilogue.cc
};

// outputs: what must be in memory at the end.
Fusion fuse(std::span<const ir::Tensor> outputs, Calls calls = Calls::once);

// The tensor whose memory t is in, seen through views.
ir::Tensor storage_of(const ir::Tensor& t);

// What a node's group reads in place of its inputs: a contraction takes operands of 16 bits as they are, so of one that
// is a cast from 16 bits it reads what is cast. Nobody else need compute that cast.
std::vector<ir::Tensor> read_by(const ir::Node& node);

}  // namespace bitale::lower

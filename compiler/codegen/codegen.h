// From kernels to machine code for the host: the door to compiler/codegen/llvm, which is a module of its own that is
// loaded at the first call of host_generator() and never before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/kernel/kernel.h"
#include "runtime/device/cpu.h"
#include "runtime/program/program.h"

namespace bitale::codegen {

// A leaf of a contraction (runtime/program/abi.h): the micro-kernel of an mr x nr tile.
struct Leaf {
  DType dtype = DType::f32;
  int mr = 0, nr = 0;
  bool operator==(const Leaf&) const = default;
};
std::string name_of(const Leaf& leaf);  // "micro_f32_14x32"

// The tile shape that a micro-kernel may have on an isa without spilling and that covers rows x columns with the least
// waste. Unknown rows (0) are a batch, most often of size `batch` or a multiple of it.
struct TileShape {
  int mr = 0, nr = 0;
};
TileShape choose_tile(Isa isa, DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t batch = 64);

struct Request {
  std::vector<const kernel::Kernel*> kernels;
  std::vector<Leaf> leaves;
  Isa isa = Isa::v3;
  int threads = 2;     // that generate code
  bool quick = false;  // less optimisation of elementwise kernels (optimisation level O0)
};

// Per entry: the kernels in order, then the leaves.
struct Generated {
  std::vector<std::string> objects;  // for link.h
  std::vector<double> seconds;       // IR building and code generation
  std::vector<std::string> listing;  // LLVM IR text, if asked for by flag BITALE_DUMP
};

class Generator {
 public:
  virtual ~Generator() = default;
  virtual Generated generate(const Request& request) = 0;
  virtual std::string version() const = 0;  // of the code generator, part of cache keys: "LLVM 19.1.7"
};

// Opens the module beside this library. A missing or unloadable module is an Error that names the path and the reason.
Generator& host_generator();

// The code of a request, generated and linked.
program::Blob code_of(const Request& request);

// What cache keys use without loading the module: the version it was built with.
std::string host_generator_version();

// The file that host_generator() opens.
std::string host_generator_path();

}  // namespace bitale::codegen

#include "compiler/codegen/codegen.h"

#include <algorithm>
#include <filesystem>

#include <dlfcn.h>

#include "compiler/codegen/link.h"
#include "runtime/base/error.h"

namespace bitale::codegen {
namespace {

constexpr const char* module_name = "libbitale_llvm.so";
constexpr const char* symbol_name = "bitale_llvm_generator";

// The folder of the library (or program) that this function is part of.
std::filesystem::path own_folder() {
  Dl_info info{};
  const bool found = dladdr(reinterpret_cast<const void*>(&own_folder), &info) != 0 && info.dli_fname != nullptr;
  BITALE_ASSERT(found, "dladdr does not know its caller");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

Generator& open_module() {
  const std::string path = host_generator_path();
  const auto fail = [&](const std::string& reason) {
    throw Error("code generation needs the module " + path + ", which cannot be used: " + reason +
                ". Programs that were compiled before run without it.");
  };
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) fail(dlerror());
  using Door = Generator* (*)();
  const auto door = reinterpret_cast<Door>(dlsym(module, symbol_name));
  if (door == nullptr) fail(std::string("it does not define ") + symbol_name);
  Generator& generator = *door();
  if (generator.version() != host_generator_version())
    fail("it contains " + generator.version() + ", but this library was built with " + host_generator_version());
  return generator;
}

// What a register tile can be: rows at most, for 1, 2, 3, 4 vectors of columns. With more rows, accumulators, one row
// of b and one element of a no longer fit the registers, and LLVM's schedule spills (measured: half the speed).
constexpr int max_vectors = 4;
constexpr int rows_v4[max_vectors] = {28, 14, 8, 6};  // 32 registers
constexpr int rows_v3[max_vectors] = {12, 6, 4, 0};   // 16
constexpr int rows_v2[max_vectors] = {12, 6, 4, 0};   // 16, and a product to be added

const int* row_limits(Isa isa) { return isa == Isa::v4 ? rows_v4 : isa == Isa::v3 ? rows_v3 : rows_v2; }

int lanes_of(Isa isa, DType dtype) {
  const int bytes = isa == Isa::v2 ? 16 : isa == Isa::v3 ? 32 : 64;
  return bytes / static_cast<int>(size_of(dtype));
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The share of peak that an mr x (vectors) tile reaches: two FMAs and two loads a cycle, a little over four cycles from
// an accumulator to its next use (measured on Zen 4). A tile of one column folds the load of a into the FMA and is
// bound by loads.
double efficiency(int mr, int vectors) {
  const double multiply = mr * vectors / 2.0, load = (mr + vectors) / 2.0, latency = 4.3;
  return multiply / std::max({multiply, load * 1.02, latency});
}

}  // namespace

std::string name_of(const Leaf& leaf) {
  const std::string dtype = leaf.dtype == DType::f64 ? "f64" : "f32";
  return "micro_" + dtype + "_" + std::to_string(leaf.mr) + "x" + std::to_string(leaf.nr);
}

TileShape choose_tile(Isa isa, DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t batch) {
  BITALE_ASSERT(is_floating(dtype), "contractions are of floats");
  constexpr std::int64_t many = 1 << 20;  // unknown columns: the tile that is best for many
  const int lanes = lanes_of(isa, dtype);
  const std::int64_t m = rows > 0 ? rows : batch, n = columns > 0 ? columns : many;
  TileShape best;
  double best_cost = 0;
  for (int vectors : {2, 3, 4, 1}) {  // in order of preference among equals
    const int limit = row_limits(isa)[vectors - 1], nr = vectors * lanes;
    if (limit == 0) continue;
    // The fewest tiles that cover the rows, then the fewest rows that still do.
    const int mr = static_cast<int>(divide_up(m, divide_up(m, limit)));
    const double cost = static_cast<double>(divide_up(m, mr) * mr) * static_cast<double>(divide_up(n, nr) * nr) /
                        efficiency(mr, vectors);
    if (best.mr == 0 || cost < best_cost * 0.99) {
      best = {mr, nr};
      best_cost = cost;
    }
  }
  return best;
}

Generator& host_generator() {
  static Generator& generator = open_module();
  return generator;
}

program::Blob code_of(const Request& request) {
  std::vector<Piece> pieces;
  for (const std::string& object : host_generator().generate(request).objects) pieces.push_back(link(object));
  return join(pieces, target_of(request.isa));
}

std::string host_generator_path() { return (own_folder() / module_name).string(); }

std::string host_generator_version() { return "LLVM " BITALE_LLVM_VERSION; }

}  // namespace bitale::codegen

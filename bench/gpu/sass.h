// What NVIDIA's compiler makes of a module's contractions and of the kernels of its loops: registers, shared memory,
// and of contractions the instructions of the loop along k.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bitale::bench {

// The instructions of a slice of k.
struct MainLoop {
  int instructions = 0, multiply_adds = 0;
  double share() const { return instructions > 0 ? static_cast<double>(multiply_adds) / instructions : 0; }
};

struct ContractionCode {
  std::string function, ops, tile;  // of its comment in the text; the tile of a loop is "a loop"
  int threads = 0, registers = 0, shared_bytes = 0, spilled_bytes = 0;
  int blocks = 0;  // that a multiprocessor holds
  int slice = 0;   // multiply-adds of a thread for a slice of k
  std::optional<MainLoop> loop;
};

// Of the module's text, compiled for the architecture by NVRTC (Error if that is not there). Without `disassembler`
// there are no loops.
std::vector<ContractionCode> contraction_code(const std::string& text, const std::string& architecture,
                                              const std::string& disassembler);

// nvdisasm, from the folders of BITALE_CUDA, of PATH, of CUDA, or of the wheels that PyPI has; nothing if it is not
// there.
std::string find_disassembler();

// Of a function in what nvdisasm -c prints: of the smallest loop that has at least half as many multiply-adds as any;
// where it has fewer than a slice, it is run several times by the loop around it.
std::optional<MainLoop> main_loop(const std::string& assembly, const std::string& function, int multiply_adds_of_slice);

}  // namespace bitale::bench

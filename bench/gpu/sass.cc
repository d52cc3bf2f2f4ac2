#include "bench/gpu/sass.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "bench/harness/process.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/temporary_folder.h"

namespace bitale::bench {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A multiprocessor's, by NVIDIA's tables of compute capabilities. Registers are given to warps in units of 256; every
// block takes a KB of shared memory for itself.
int blocks_of(const ContractionCode& c, const std::string& architecture) {
  const int shared = (architecture.starts_with("sm_90") || architecture.starts_with("sm_10") ? 228
                      : architecture == "sm_80" || architecture == "sm_87"                   ? 164
                                                                                             : 100) *
                     1024;
  const int most_warps = architecture == "sm_80" || architecture.starts_with("sm_90") ? 64 : 48;
  const int warps = std::max(1, c.threads / 32), of_warp = std::max(1, (c.registers * 32 + 255) / 256 * 256);
  const int by_registers = 65536 / of_warp / warps, by_shared = shared / (c.shared_bytes + 1024);
  return std::min({by_registers, by_shared, most_warps / warps, 32});
}

// The contractions of the text and the kernels of loops, by what their comments say.
std::vector<ContractionCode> contractions_in(const std::string& text) {
  static const std::regex name("// (contraction_\\d+|loop_\\d+)(, a loop)?"), bounds("__launch_bounds__\\((\\d+), .*"),
      tile("// Tiles of (\\d+) x (\\d+), each thread (\\d+) x (\\d+) of them; (\\d+) steps of k at a time\\.");
  std::vector<ContractionCode> all;
  bool inside = false;
  for (const std::string& line : lines_of(text)) {
    std::smatch found;
    if (std::regex_match(line, found, name)) {
      all.emplace_back().function = found[1];
      if (found[2].matched) all.back().tile = "a loop";
      inside = true;
    } else if (inside && std::regex_match(line, found, tile)) {
      all.back().slice = std::stoi(found[3]) * std::stoi(found[4]) * std::stoi(found[5]);
      all.back().tile = found[1].str() + " x " + found[2].str() + " x " + found[5].str();
    } else if (inside && line.starts_with("//   ")) {
      all.back().ops += (all.back().ops.empty() ? "" : ", ") + line.substr(5);
    } else if (inside && std::regex_search(line, found, bounds)) {
      all.back().threads = std::stoi(found[1]);
      inside = false;
    }
  }
  return all;
}

// What ptxas says of the functions.
void read_log(const std::string& log, std::map<std::string, ContractionCode*>& by_name) {
  static const std::regex function("Compiling entry function '(\\w+)'"), registers("Used (\\d+) registers"),
      spills("(\\d+) bytes spill stores"), shared("(\\d+) bytes smem");
  ContractionCode* c = nullptr;
  for (const std::string& line : lines_of(log)) {
    std::smatch found;
    if (std::regex_search(line, found, function)) {
      const auto known = by_name.find(found[1]);
      c = known == by_name.end() ? nullptr : known->second;
    }
    if (!c) continue;
    if (std::regex_search(line, found, spills)) c->spilled_bytes = std::stoi(found[1]);
    if (std::regex_search(line, found, registers)) c->registers = std::stoi(found[1]);
    if (std::regex_search(line, found, shared)) c->shared_bytes = std::stoi(found[1]);
  }
}

std::string disassembled(const std::vector<std::uint8_t>& image, const std::string& disassembler) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "module.cubin").string();
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
  return run_program({disassembler, "-c", file}, "");
}

}  // namespace

std::optional<MainLoop> main_loop(const std::string& assembly, const std::string& function, int of_slice) {
  static const std::regex section("\\s*\\.section\\s+\\.text\\.(\\w+).*"), label("(\\.L_x_\\d+):.*"),
      instruction("\\s*/\\*[0-9a-f]+\\*/\\s+(?:@!?U?P\\w+\\s+)?(\\w+)(.*);.*"), target(".*(\\.L_x_\\d+).*");
  std::map<std::string, int> labels;  // how many instructions are before it
  std::vector<int> multiply_adds{0};  // before each instruction
  struct Loop {
    int begin, end;
    MainLoop count;
  };
  std::vector<Loop> loops;
  bool inside = false;
  for (const std::string& line : lines_of(assembly)) {
    std::smatch found;
    if (std::regex_match(line, found, section)) inside = found[1] == function;
    if (!inside) continue;
    const int at = static_cast<int>(multiply_adds.size()) - 1;
    if (std::regex_match(line, found, label)) labels[found[1]] = at;
    if (!std::regex_match(line, found, instruction)) continue;
    const std::string name = found[1], rest = found[2];
    multiply_adds.push_back(multiply_adds.back() + (name == "FFMA" || name == "DFMA"));
    if (name != "BRA" || !std::regex_match(rest, found, target) || !labels.contains(found[1])) continue;
    const int begin = labels[found[1]];
    loops.push_back(
        {begin, at + 1, {at + 1 - begin, multiply_adds.back() - multiply_adds[static_cast<std::size_t>(begin)]}});
  }
  int most = 0;
  for (const Loop& l : loops) most = std::max(most, l.count.multiply_adds);
  const Loop *best = nullptr, *around = nullptr;
  const auto smaller = [](const Loop& l, const Loop* than) {
    return !than || l.count.instructions < than->count.instructions;
  };
  for (const Loop& l : loops)
    if (most > 0 && 2 * l.count.multiply_adds >= most && smaller(l, best)) best = &l;
  if (!best) return std::nullopt;
  MainLoop sum = best->count;
  if (of_slice < 2 * sum.multiply_adds) return sum;
  for (const Loop& l : loops)
    if (&l != best && l.begin <= best->begin && l.end >= best->end && smaller(l, around)) around = &l;
  if (!around) return sum;
  const int times = of_slice / sum.multiply_adds - 1;  // beyond the first
  sum.instructions = around->count.instructions + times * best->count.instructions;
  sum.multiply_adds = around->count.multiply_adds + times * best->count.multiply_adds;
  return sum;
}

std::string find_disassembler() {
  std::vector<fs::path> folders;
  const auto add = [&](const char* list) {
    std::istringstream in(list ? list : "");
    for (std::string folder; std::getline(in, folder, ':');)
      if (!folder.empty()) folders.emplace_back(folder);
  };
  add(flags().cuda.c_str());
  add(std::getenv("PATH"));
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* home = std::getenv(variable)) folders.push_back(fs::path(home) / "bin");
  folders.emplace_back("/usr/local/cuda/bin");
  const char* home = std::getenv("HOME");
  const char* environment = std::getenv("VIRTUAL_ENV");
  std::error_code ignored;
  for (const fs::path& root : {fs::path(environment ? environment : ""), fs::path(home ? home : "") / ".local",
                               fs::path("/usr/local"), fs::path("/usr")})
    for (const auto& python : fs::directory_iterator(root / "lib", ignored))
      for (const char* packages : {"site-packages", "dist-packages"})
        for (const auto& wheel : fs::directory_iterator(python.path() / packages / "nvidia", ignored))
          folders.push_back(wheel.path() / "bin");
  for (const fs::path& folder : folders)
    if (const fs::path file = folder / "nvdisasm"; fs::is_regular_file(file, ignored)) return file.string();
  return "";
}

std::vector<ContractionCode> contraction_code(const std::string& text, const std::string& architecture,
                                              const std::string& disassembler) {
  std::vector<ContractionCode> all = contractions_in(text);
  if (all.empty()) return all;
  const auto result = codegen::cuda::Nvrtc::get().compile(text, architecture);
  if (!result.compiled) throw InternalError("NVRTC does not compile the text:\n" + result.log);
  std::map<std::string, ContractionCode*> by_name;
  for (ContractionCode& c : all) by_name[c.function] = &c;
  read_log(result.log, by_name);
  const std::string assembly = disassembler.empty() ? "" : disassembled(result.image, disassembler);
  for (ContractionCode& c : all) {
    c.blocks = blocks_of(c, architecture);
    if (!assembly.empty() && c.slice > 0) c.loop = main_loop(assembly, c.function, c.slice);
  }
  return all;
}

}  // namespace bitale::bench

#include "compiler/codegen/cuda/module.h"

#include <algorithm>

#include "compiler/codegen/cuda/prelude.h"
#include "compiler/codegen/cuda/print.h"

namespace bitale::codegen::cuda {
namespace {

using program::Launch;

std::vector<Launch::Factor> work_of(const std::vector<kernel::Extent>& extents) {
  std::vector<Launch::Factor> work;
  for (const kernel::Extent& e : extents) work.push_back({e.value, e.slot});
  return work;
}

Launch launch_of(const Phase& phase) {
  return {phase.function, phase.threads, phase.each_block ? 1 : phase.threads, work_of(phase.work)};
}

Launch launch_of(const Contraction& c) {
  std::vector<kernel::Extent> extents;
  for (const auto* dims : {&c.batch, &c.m, &c.n})
    for (const Contraction::Dim& d : *dims) extents.push_back(d.extent);
  return {c.name, contraction_threads, contraction_tile * contraction_tile, work_of(extents)};
}

// Where kernels have several phases, both are said to meet if one does.
bool meets(const std::string& text) { return mentions(text, "__syncthreads") || mentions(text, "block_reduce"); }

}  // namespace

Module print_module(const ModuleParts& parts) {
  Module module;
  std::string functions;
  const auto add = [&](const std::string& text) { functions += (functions.empty() ? "" : "\n") + text; };
  const auto launched = [&](std::vector<Launch> launches, const std::string& text) {
    for (const Launch& l : launches) module.functions.push_back({l.function, meets(text)});
    module.launches.push_back(std::move(launches));
    add(text);
  };
  for (const kernel::Kernel* k : parts.epilogues) add(print_inline(*k));
  for (const kernel::Kernel* k : parts.kernels) {
    if (!k) {
      module.launches.emplace_back();
      continue;
    }
    std::vector<Launch> launches;
    for (const Phase& phase : phases(*k)) launches.push_back(launch_of(phase));
    launched(std::move(launches), print_phases(*k));
  }
  for (const Contraction& c : parts.contractions) launched({launch_of(c)}, print(c));
  for (const LibraryKernel& l : parts.library) launched(l.launches, l.text);
  const std::string prelude = prelude_for(functions);
  module.text = prelude + (prelude.empty() ? "" : "\n") + functions;
  return module;
}

}  // namespace bitale::codegen::cuda

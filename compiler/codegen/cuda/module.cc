#include "compiler/codegen/cuda/module.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "compiler/codegen/cuda/finish.h"
#include "compiler/codegen/cuda/prelude.h"
#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/tile.h"
#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using program::Launch;

std::vector<Launch::Factor> work_of(const std::vector<kernel::Extent>& extents) {
  std::vector<Launch::Factor> work;
  for (const kernel::Extent& e : extents) work.push_back({e.is_constant() ? e.value : 1, e.slot});
  return work;
}

Launch launch_of(const Phase& phase) {
  if (phase.by_all) return {phase.function, 0, phase.threads, 1, {{blocks_of_reduction}}, 2};
  return {phase.function, 0, phase.threads, iterations_of_block(phase, phase.threads), work_of(phase.work)};
}

Launch launch_of_finish(const Contraction& c) {
  std::vector<kernel::Extent> extents;
  for (const auto* dims : {&c.batch, &c.m, &c.n})
    for (const Contraction::Dim& d : *dims) extents.push_back(d.extent);
  return {c.name, 0, finish_threads, finish_threads, work_of(extents)};
}

// Where kernels have several phases, all are said to meet if one does.
bool meets(const std::string& text) {
  constexpr std::string_view words[] = {"__syncthreads", "block_reduce",    "column_reduce",
                                        "grid_barrier",  "cluster_barrier", "sort_row"};
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view word) { return mentions(text, word); });
}

// What an entry consists of; nothing if it is not launched.
struct Entry {
  std::string text;
  std::vector<Launch> launches;
  std::vector<const kernel::Kernel*> epilogues{};  // that the text calls
  std::vector<const Contraction*> contractions{};

  // About how many milliseconds it takes to compile, as measured with NVRTC 13 for the kernels of AlexNet: what counts
  // is, of a contraction, how many sums each thread has, whose loops are unrolled.
  double cost() const {
    const auto size = static_cast<double>(text.size());
    const bool reduces = mentions(text, "block_reduce") || mentions(text, "column_reduce");
    if (contractions.empty()) return 4 * static_cast<double>(launches.size()) + 0.013 * size + (reduces ? 8 : 0);
    double sum = 0.0065 * size;
    for (const Contraction* c : contractions) {
      const Tile tile = choose_tile(*c);
      sum += 10 + 1.3 * tile.high * tile.wide;
    }
    return sum;
  }
};

std::vector<Entry> entries_of(const ModuleParts& parts) {
  std::vector<Entry> entries;
  for (const kernel::Kernel* k : parts.kernels) {
    Entry& e = entries.emplace_back();
    if (!k) continue;
    e.text = print_phases(*k);
    for (const Phase& phase : phases(*k)) e.launches.push_back(launch_of(phase));
  }
  const auto epilogue_of = [&](const Contraction& c) {
    const auto found = std::find_if(parts.epilogues.begin(), parts.epilogues.end(),
                                    [&](const kernel::Kernel* k) { return k->name == c.epilogue; });
    BITALE_ASSERT(found != parts.epilogues.end(), c.epilogue);
    return *found;
  };
  for (const Contraction& c : parts.contractions) {
    if (c.finish)
      entries.push_back({print_finish(c), {launch_of_finish(c)}, {epilogue_of(c)}});
    else
      entries.push_back({print(c), {launch_of(c)}, {epilogue_of(c)}, {&c}});
  }
  for (const LibraryKernel& l : parts.library) entries.push_back({l.text, l.launches});
  for (const LoopForm& loop : parts.loops) {
    LoopText printed = print_loop(loop);
    Entry& e = entries.emplace_back(Entry{std::move(printed.text), {std::move(printed.launch)}});
    for (const LoopPart& part : loop.parts) {
      if (!part.contraction) continue;
      e.epilogues.push_back(epilogue_of(*part.contraction));
      if (!part.resident) e.contractions.push_back(&*part.contraction);
    }
  }
  return entries;
}

constexpr std::size_t least_entries = 6;  // of a module: what NVRTC does at the beginning takes as long as two kernels

// Of each entry, which of so many modules has it: the longest first, each to the module that is the shortest so far.
std::vector<std::size_t> spread(const std::vector<Entry>& entries, std::size_t modules) {
  std::vector<std::size_t> longest_first, module_of(entries.size());
  std::vector<double> costs, sums(modules);
  for (std::size_t i = 0; i < entries.size(); ++i) longest_first.push_back(i);
  for (const Entry& e : entries) costs.push_back(e.cost());
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  for (const std::size_t i : longest_first) {
    const auto shortest = std::min_element(sums.begin(), sums.end());
    *shortest += costs[i];
    module_of[i] = static_cast<std::size_t>(shortest - sums.begin());
  }
  return module_of;
}

class Texts {
 public:
  explicit Texts(std::size_t count) : functions_(count), epilogues_(count), contractions_(count), modules_(count) {}

  void add(const Entry& entry, std::size_t i) {
    for (const kernel::Kernel* epilogue : entry.epilogues) {
      if (std::find(epilogues_[i].begin(), epilogues_[i].end(), epilogue) != epilogues_[i].end()) continue;
      epilogues_[i].push_back(epilogue);
      append(functions_[i], print_inline(*epilogue));
    }
    contractions_[i].insert(contractions_[i].end(), entry.contractions.begin(), entry.contractions.end());
    append(functions_[i], entry.text);
    const bool uses_memory = mentions(entry.text, "contraction_parts") || mentions(entry.text, "leave_part");
    for (const Launch& l : entry.launches) {
      BITALE_ASSERT(!uses_memory || l.least > 1 || !l.together.empty(),
                    l.function + " shares memory and does not say so");
      modules_[i].functions.push_back({l.function, meets(entry.text), !l.together.empty(), l.cluster});
    }
  }

  std::vector<Module> modules() && {
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      std::string prelude = prelude_for(functions_[i]);
      if (const std::string memory = memory_of(contractions_[i]); !memory.empty())
        prelude += (prelude.empty() ? "" : "\n") + memory;
      modules_[i].text = prelude + (prelude.empty() ? "" : "\n") + functions_[i];
    }
    return std::move(modules_);
  }

 private:
  static void append(std::string& text, const std::string& more) { text += (text.empty() ? "" : "\n") + more; }

  std::vector<std::string> functions_;
  std::vector<std::vector<const kernel::Kernel*>> epilogues_;
  std::vector<std::vector<const Contraction*>> contractions_;
  std::vector<Module> modules_;
};

}  // namespace

Modules print_modules(const ModuleParts& parts, int most) {
  std::vector<Entry> entries = entries_of(parts);
  const auto launched = static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [](const Entry& e) { return !e.launches.empty(); }));
  const std::size_t count =
      std::clamp<std::size_t>(launched / least_entries, 1, static_cast<std::size_t>(std::max(most, 1)));
  const std::vector<std::size_t> module_of = spread(entries, count);
  Texts texts(count);
  Modules out;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& e = entries[i];
    if (!e.launches.empty()) texts.add(e, module_of[i]);
    for (Launch& l : e.launches) l.image = static_cast<int>(module_of[i]);
    out.launches.push_back(std::move(e.launches));
  }
  out.modules = std::move(texts).modules();
  return out;
}

}  // namespace bitale::codegen::cuda

// The module's door: splits a request into groups, generates code for the groups in parallel, links.

#include <algorithm>
#include <chrono>
#include <exception>
#include <numeric>
#include <thread>

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/link.h"
#include "compiler/codegen/llvm/frame.h"
#include "compiler/codegen/llvm/leaves.h"
#include "compiler/codegen/llvm/target.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"

namespace bitale::codegen::host {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What one thread generates: numbers of entries.
struct Group {
  std::vector<int> entries;
  double cost = 0;
  std::vector<Object> objects;
  std::exception_ptr error;
};

// Relative cost of generating an entry, for balance only.
double cost_of(const Request& request, int entry) {
  const int kernels = static_cast<int>(request.kernels.size());
  if (entry < kernels) return 10 + static_cast<double>(request.kernels[static_cast<std::size_t>(entry)]->values.size());
  const Leaf& leaf = request.leaves[static_cast<std::size_t>(entry - kernels)];
  return leaf.kind == Leaf::Kind::micro ? 30 : 60;
}

std::vector<Group> split(const Request& request) {
  const int entries = static_cast<int>(request.kernels.size() + request.leaves.size());
  std::vector<int> order(static_cast<std::size_t>(entries));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return cost_of(request, a) > cost_of(request, b); });
  std::vector<Group> groups(static_cast<std::size_t>(std::clamp(request.threads, 1, std::max(entries, 1))));
  for (int entry : order) {
    auto lightest =
        std::min_element(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.cost < b.cost; });
    lightest->entries.push_back(entry);
    lightest->cost += cost_of(request, entry);
  }
  return groups;
}

void emit_entry(Unit& unit, const Request& request, int entry) {
  const std::size_t kernels = request.kernels.size(), i = static_cast<std::size_t>(entry);
  if (i < kernels) return emit_kernel(unit, entry, *request.kernels[i]);
  const Leaf& leaf = request.leaves[i - kernels];
  leaf.kind == Leaf::Kind::micro ? emit_micro(unit, entry, leaf) : emit_pack(unit, entry, leaf);
}

// Kernels and leaves differ in optimisation when the request is quick, so they are units of their own then.
void generate_group(const Request& request, Group& group, Generated& out) {
  const auto is_quick = [&](int entry) {
    return request.quick && static_cast<std::size_t>(entry) < request.kernels.size();
  };
  for (bool quick : {false, true}) {
    if (std::none_of(group.entries.begin(), group.entries.end(), [&](int e) { return is_quick(e) == quick; })) continue;
    Unit unit(request.isa, quick);
    for (int entry : group.entries) {
      if (is_quick(entry) != quick) continue;
      const auto start = Clock::now();
      emit_entry(unit, request, entry);
      out.seconds[static_cast<std::size_t>(entry)] = since(start);
      if (!out.listing.empty()) out.listing[static_cast<std::size_t>(entry)] = unit.text(entry);
    }
    group.objects.push_back(unit.emit(out.seconds));
  }
}

class HostGenerator : public Generator {
 public:
  Generated generate(const Request& request) override {
    const std::size_t entries = request.kernels.size() + request.leaves.size();
    Generated out;
    out.seconds.assign(entries, 0);
    if (!flags().dump.empty()) out.listing.resize(entries);

    std::vector<Group> groups = split(request);
    const auto work = [&](Group& group) {
      try {
        generate_group(request, group, out);
      } catch (...) {
        group.error = std::current_exception();
      }
    };
    std::vector<std::thread> threads;
    for (std::size_t g = 1; g < groups.size(); ++g) threads.emplace_back([&, g] { work(groups[g]); });
    work(groups[0]);
    for (std::thread& t : threads) t.join();

    std::vector<Object> objects;
    for (Group& group : groups) {
      if (group.error) std::rethrow_exception(group.error);
      std::move(group.objects.begin(), group.objects.end(), std::back_inserter(objects));
    }
    const auto start = Clock::now();
    out.blob = link(objects, static_cast<int>(entries), target_of(request.isa));
    out.link_seconds = since(start);
    return out;
  }

  std::string version() const override { return "LLVM " + llvm_version(); }
};

}  // namespace
}  // namespace bitale::codegen::host

extern "C" __attribute__((visibility("default"))) bitale::codegen::Generator* bitale_llvm_generator() {
  static bitale::codegen::host::HostGenerator generator;
  return &generator;
}

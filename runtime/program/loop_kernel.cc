#include "runtime/program/loop_kernel.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/device/gpu_rates.h"
#include "runtime/program/device_product.h"
#include "runtime/program/groups.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Of the time that a product takes by the generated function: what a tile loses that is chosen among few.
constexpr double lost_by_tile = 0.1;

constexpr double multiprocessors = 132;  // of an H100

// Of a product in clusters, by the rates that generated functions are assumed to reach on the whole device.
double lost_by_share(double share) { return 1 / share - 1; }

}  // namespace

double share_of_device(const LoopStep& loop, std::span<const std::int64_t> extents) {
  if (!loop.kernel.clusters) return 1;
  const std::int64_t clusters = std::clamp<std::int64_t>(extents[at(loop.rows)], 1, most_clusters);
  return std::min(static_cast<double>(clusters * cluster_blocks) / multiprocessors, 1.0);
}

bool runs_as_kernel(const LoopStep& loop, std::span<const std::int64_t> extents) {
  const std::string& asked = flags().loops;
  if (!asked.empty() && asked != "kernels" && asked != "grid" && asked != "launches")
    throw Error(fmt::format("BITALE_LOOPS is '{}', expected kernels, grid or launches", asked));
  if (loop.kernel.entry < 0 || asked == "launches") return false;
  if (!asked.empty()) return true;
  const bool clusters = loop.kernel.clusters;
  const double lost = clusters ? lost_by_share(share_of_device(loop, extents)) : lost_by_tile;
  double us_saved = us_of_launch * static_cast<double>(loop.body->steps.size()) -
                    (clusters ? us_of_cluster_barrier : us_of_barrier) * loop.kernel.barriers;
  for (const Step& step : loop.body->steps) {
    const auto* c = std::get_if<ContractionStep>(&step.node);
    if (!c) continue;
    const auto product = device_product(*c, extents);
    if (product && flags().contraction == "cublaslt") return false;
    us_saved -= std::max(product ? product->us_saved : 0, lost * us_by_generated(*c, extents));
  }
  return us_saved > 0;
}

std::string fault_of_groups(const LoopStep& loop) {
  const Program& body = *loop.body;
  const Groups buffers(body);
  if (loop.kernel.by_rows && loop.rows < 0) return "goes by rows that the loop does not have";
  if (loop.kernel.clusters && !loop.kernel.by_rows) return "has clusters and does not go by rows";
  std::size_t begin = 0;
  for (const int steps : loop.kernel.groups) {
    if (steps < 1 || at(steps) > body.steps.size() - begin) return "has groups of steps that are not there";
    constexpr int nobody = -1, several = -2, several_rows = -3;              // steps that go row by row are as one
    std::vector<int> writer(body.buffers.size(), nobody), toucher = writer;  // of this group, by root
    for (std::size_t s = begin; s < begin + at(steps); ++s) {
      const bool row_by_row = loop.kernel.by_rows && !std::holds_alternative<ContractionStep>(body.steps[s].node);
      const int number = row_by_row ? several_rows : static_cast<int>(s);
      std::string fault;
      for_each_buffer(body.steps[s], [&](int buffer, bool written) {
        const auto root = at(buffers.root[at(buffer)]);
        if (buffers.role[root] == Role::workspace) return;  // of launches alone
        const auto other = [&](int step) { return step != nobody && step != number; };
        if (other(writer[root]) || (written && other(toucher[root])))
          fault = fmt::format("has two steps in one group that meet in '{}'", body.buffers[root].name);
        if (written) writer[root] = number;
        toucher[root] = other(toucher[root]) ? several : number;
      });
      if (!fault.empty()) return fault;
    }
    begin += at(steps);
  }
  return begin == body.steps.size() ? "" : "has groups that leave out steps";
}

}  // namespace bitale::program

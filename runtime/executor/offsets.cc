#include "runtime/executor/offsets.h"

#include <algorithm>

#include "runtime/program/contraction_workspace.h"

namespace bitale::executor {

using program::ContractionDim;
using program::most_contraction_dims;

void fill_offsets(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents, int whose,
                  std::int64_t first, std::int64_t count, std::int64_t* out) {
  if (dims.empty()) {
    std::fill(out, out + count, 0);
    return;
  }
  std::int64_t extent[most_contraction_dims], stride[most_contraction_dims], index[most_contraction_dims];
  const std::size_t last = dims.size() - 1;
  std::int64_t base = 0, rest = first;
  for (std::size_t d = dims.size(); d-- > 0;) {
    const int slot = stride_slot(dims[d], whose);
    extent[d] = extents[static_cast<std::size_t>(dims[d].extent)];
    stride[d] = slot < 0 ? 0 : extents[static_cast<std::size_t>(slot)];
    index[d] = d > 0 ? rest % extent[d] : rest;
    rest /= extent[d];
    base += index[d] * stride[d];
  }
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t run = std::min(count - done, extent[last] - index[last]), step = stride[last];
    for (std::int64_t j = 0, value = base; j < run; ++j, value += step) out[done + j] = value;
    done += run;
    index[last] += run;
    base += run * step;
    for (std::size_t d = last; d > 0 && index[d] == extent[d]; --d) {
      base += stride[d - 1] - extent[d] * stride[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

std::int64_t run_length(const std::vector<ContractionDim>& dims, std::span<const std::int64_t> extents, int whose,
                        std::int64_t step) {
  std::int64_t length = 1;
  for (std::size_t d = dims.size(); d-- > 0;) {
    const std::int64_t extent = extents[static_cast<std::size_t>(dims[d].extent)];
    const int slot = stride_slot(dims[d], whose);
    if (extent == 1) continue;
    if ((slot < 0 ? 0 : extents[static_cast<std::size_t>(slot)]) != step * length) break;
    length *= extent;
  }
  return length;
}

}  // namespace bitale::executor

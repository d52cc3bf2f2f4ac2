#include "runtime/library/library.h"

#include "runtime/base/error.h"
#include "runtime/library/callback.h"
#include "runtime/library/convolution.h"
#include "runtime/library/cumulative.h"
#include "runtime/library/fft.h"
#include "runtime/library/fill.h"
#include "runtime/library/im2col.h"
#include "runtime/library/matrices.h"
#include "runtime/library/openblas.h"
#include "runtime/library/rows.h"
#include "runtime/library/scatter.h"
#include "runtime/library/sort.h"

namespace bitale::library {

LibraryFn find(const std::string& name) {
  for (const auto look : {find_rows, find_scatter, find_sort, find_cumulative, find_matrices, find_callback,
                          find_im2col, find_convolution, find_fft, find_fill, find_openblas})
    if (const LibraryFn function = look(name)) return function;
  throw Error("there is no library call '" + name + "'");
}

double shared_work(const std::string& name, std::span<const std::int64_t> extents) {
  if (find_scatter(name)) return scatter_work(extents);
  if (name == "conv_im2col") return im2col_work(extents);
  if (find_fft(name)) return fft_work(extents);
  if (find_fill(name)) return fill_work(extents);
  return find_sort(name) ? sort_work(name, extents) : 0;
}

std::vector<LibraryStatus> status() { return {openblas_status()}; }

}  // namespace bitale::library

#include "runtime/library/library.h"

#include "runtime/base/error.h"
#include "runtime/library/matrices.h"
#include "runtime/library/openblas.h"
#include "runtime/library/rows.h"
#include "runtime/library/scatter.h"

namespace bitale::library {

LibraryFn find(const std::string& name) {
  for (const auto look : {find_rows, find_scatter, find_matrices, find_openblas})
    if (const LibraryFn function = look(name)) return function;
  throw Error("there is no library call '" + name + "'");
}

std::vector<LibraryStatus> status() { return {openblas_status()}; }

}  // namespace bitale::library

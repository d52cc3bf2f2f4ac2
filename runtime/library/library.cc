#include "runtime/library/library.h"

#include "runtime/base/error.h"
#include "runtime/library/openblas.h"
#include "runtime/library/scatter.h"

namespace bitale::library {

LibraryFn find(const std::string& name) {
  if (const LibraryFn function = find_scatter(name)) return function;
  if (const LibraryFn function = find_openblas(name)) return function;
  throw Error("there is no library call '" + name + "'");
}

std::vector<LibraryStatus> status() { return {openblas_status()}; }

}  // namespace bitale::library

#include "runtime/library/openblas.h"

#include <climits>
#include <string>
#include <tuple>

#include <dlfcn.h>

#include "runtime/base/error.h"

namespace bitale::library {
namespace {

// The part of the CBLAS interface that is used, with its constants.
enum : int { row_major = 101, no_transpose = 111, transpose = 112 };
template <class T>
using Gemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, T alpha, const T* a, int lda,
                      const T* b, int ldb, T beta, T* c, int ldc);

struct OpenBlas {
  Gemm<float> sgemm = nullptr;
  Gemm<double> dgemm = nullptr;
  const char* (*config)() = nullptr;
  void (*set_threads)(int) = nullptr;
  std::string failure;  // empty if it is open

  OpenBlas() {
    std::string searched;
    void* handle = nullptr;
    for (const char* name : {"libopenblas.so.0", "libopenblas.so"}) {
      if ((handle = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
      const char* reason = dlerror();
      searched += std::string(searched.empty() ? "" : "; ") + (reason ? reason : name);
    }
    if (!handle) {
      failure = "OpenBLAS cannot be opened: " + searched;
      return;
    }
    sgemm = reinterpret_cast<Gemm<float>>(dlsym(handle, "cblas_sgemm"));
    dgemm = reinterpret_cast<Gemm<double>>(dlsym(handle, "cblas_dgemm"));
    config = reinterpret_cast<const char* (*)()>(dlsym(handle, "openblas_get_config"));
    set_threads = reinterpret_cast<void (*)(int)>(dlsym(handle, "openblas_set_num_threads"));
    if (!sgemm || !dgemm || !set_threads) {
      failure = "OpenBLAS was opened but lacks cblas_sgemm, cblas_dgemm or openblas_set_num_threads";
      return;
    }
    set_threads(1);  // our pool is the only one
  }
};

const OpenBlas& openblas() {
  static const OpenBlas library;
  return library;
}

bool fits(std::int64_t v) { return v >= 0 && v <= INT_MAX; }

template <class T>
int gemm(Gemm<T> function, Context* context, const Arguments& x) {
  if (x.buffers.size() != 3 || x.extents.size() != 6 || x.integers.size() != 2 || x.reals.size() != 2)
    return static_cast<int>(ErrorCode::library);
  int e[6];
  for (std::size_t i = 0; i < 6; ++i) {
    if (!fits(x.extents[i])) {
      context->error = static_cast<int>(ErrorCode::library);
      context->error_value = x.extents[i];
      return context->error;
    }
    e[i] = static_cast<int>(x.extents[i]);
  }
  const auto [m, n, k] = std::tuple(e[0], e[1], e[2]);
  if (m == 0 || n == 0) return 0;
  const auto leading = [](int given) { return given > 0 ? given : 1; };
  function(row_major, x.integers[0] ? transpose : no_transpose, x.integers[1] ? transpose : no_transpose, m, n, k,
           static_cast<T>(x.reals[0]), static_cast<const T*>(x.buffers[0]), leading(e[3]),
           static_cast<const T*>(x.buffers[1]), leading(e[4]), static_cast<T>(x.reals[1]),
           static_cast<T*>(x.buffers[2]), leading(e[5]));
  return 0;
}

int sgemm(Context* context, const Arguments& x) { return gemm<float>(openblas().sgemm, context, x); }
int dgemm(Context* context, const Arguments& x) { return gemm<double>(openblas().dgemm, context, x); }

}  // namespace

LibraryFn find_openblas(const std::string& name) {
  const LibraryFn function = name == "sgemm" ? sgemm : name == "dgemm" ? dgemm : nullptr;
  if (function && !openblas().failure.empty()) throw Error(openblas().failure);
  return function;
}

void set_openblas_threads(int threads) {
  if (!openblas().failure.empty()) throw Error(openblas().failure);
  openblas().set_threads(threads);
}

LibraryStatus openblas_status() {
  const OpenBlas& library = openblas();
  LibraryStatus status{
      .name = "OpenBLAS", .version = "", .detail = library.failure, .available = library.failure.empty()};
  if (!status.available) return status;
  status.detail = "single-threaded, for sgemm and dgemm";
  status.version = library.config ? library.config() : "unknown version";
  return status;
}

}  // namespace bitale::library

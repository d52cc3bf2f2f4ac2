// Products of matrices by NVIDIA's cuBLASLt, whose library, a file of half a gigabyte, is opened when it is first
// needed. Nothing of CUDA is needed to build.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "runtime/device/driver.h"
#include "runtime/device/matrix_product.h"

namespace bitale {

namespace cublaslt {
struct Api;
}

// The library, as it was found.
struct CublasLtLibrary {
  std::string path, version;                 // "13.1"
  std::string problem;                       // why it cannot be used; empty: it can
  std::shared_ptr<const cublaslt::Api> api;  // its functions; null if there is a problem

  // The first of these names where CUDA's libraries are looked for.
  static CublasLtLibrary open(std::span<const char* const> names);
  // libcublasLt.so.13, else .12; searched once in a process.
  static const CublasLtLibrary& get();
};

// cuBLASLt in one context of a device, which is the present one in every call. Its functions may be used by several
// threads at once.
class CublasLt {
 public:
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

  // Error if the library cannot be used, or does not start here: most often there is no GPU.
  explicit CublasLt(const CublasLtLibrary& library);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // How a product is done: the library is asked once for each description. Null: it has no algorithm for it, which a
  // warning says. Error if it cannot be asked.
  std::shared_ptr<const Driver::Product> plan(const MatrixProduct& product);

  // Enqueues it; also while the stream is captured: nothing is allocated, and nothing waited for. `workspace` has
  // workspace_bytes, and what uses it is enqueued in one stream or replayed there. `bias` is of the call, and null
  // unless the product has one. Error that names the product.
  void multiply(const Driver::Product& plan, const void* a, const void* b, const void* bias, void* c, void* workspace,
                void* stream) const;

 private:
  const CublasLtLibrary& library_;
  void* handle_ = nullptr;
  std::mutex mutex_;  // of the plans
  std::map<MatrixProduct, std::shared_ptr<const Driver::Product>> plans_;
};

}  // namespace bitale

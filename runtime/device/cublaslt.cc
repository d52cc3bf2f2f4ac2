#include "runtime/device/cublaslt.h"

#include <algorithm>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/device/cublaslt_values.h"
#include "runtime/device/cuda_libraries.h"

namespace bitale {

using namespace cublaslt;

namespace {

constexpr std::size_t least_version = 120000;
DataType type_of(DType dtype) {
  return dtype == DType::f64 ? type_f64 : dtype == DType::f16 ? type_f16 : dtype == DType::bf16 ? type_bf16 : type_f32;
}

constexpr const char* instead = "; generated kernels multiply instead";

std::string text_of(const Api& api, Status status) {
  const char *name = api.cublasLtGetStatusName(status), *text = api.cublasLtGetStatusString(status);
  return fmt::format("{} ({})", name ? name : "no name", text ? text : "no text");
}

std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

// What a product is told to the library, and the algorithm that it chose.
struct Plan final : Driver::Product {
  Plan(std::shared_ptr<const Api> a, const MatrixProduct& p) : api(std::move(a)), product(p) {}
  ~Plan() override {
    if (operation) api->cublasLtMatmulDescDestroy(operation);
    for (const Layout layout : {first, second, result})
      if (layout) api->cublasLtMatrixLayoutDestroy(layout);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const std::shared_ptr<const Api> api;
  const MatrixProduct product;
  Operation operation = nullptr;
  Layout first = nullptr, second = nullptr, result = nullptr;
  Algorithm algorithm{};
  mutable std::mutex of_bias;  // whose address, the call's, is set in the operation, which all calls share
};

// The library's matrices are column-major: to it, our rows are columns. So every matrix of ours is its transpose there,
// and c = a * b is c^T = b^T * a^T: b comes first.
class Planner {
 public:
  Planner(const std::shared_ptr<const Api>& api, void* handle, const MatrixProduct& product)
      : api_(*api), handle_(handle), p_(product), plan_(std::make_shared<Plan>(api, product)) {}

  // Null: the library has no algorithm.
  std::shared_ptr<const Plan> run() {
    describe();
    Preference preference = nullptr;
    check(api_.cublasLtMatmulPreferenceCreate(&preference));
    const std::shared_ptr<void> owner(preference, api_.cublasLtMatmulPreferenceDestroy);
    const auto prefer = [&](PreferenceAttribute attribute, auto value) {
      check(api_.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
    };
    prefer(preference_workspace_bytes, std::uint64_t{CublasLt::workspace_bytes});
    prefer(preference_alignment_a, static_cast<std::uint32_t>(p_.align_b));
    prefer(preference_alignment_b, static_cast<std::uint32_t>(p_.align_a));
    prefer(preference_alignment_c, static_cast<std::uint32_t>(p_.align_c));
    prefer(preference_alignment_d, static_cast<std::uint32_t>(p_.align_c));
    Heuristic found[most_found] = {};  // the fastest first
    int count = 0;
    const Status status =
        api_.cublasLtMatmulAlgoGetHeuristic(handle_, plan_->operation, plan_->first, plan_->second, plan_->result,
                                            plan_->result, preference, most_found, found, &count);
    if (status != status_not_supported) check(status);
    const auto works = std::find_if(found, found + count, [](const Heuristic& h) { return h.state == status_success; });
    if (works == found + count) return nullptr;
    plan_->algorithm = works->algorithm;
    return plan_;
  }

 private:
  static constexpr int most_found = 4;

  void check(Status status) const {
    if (status == status_success) return;
    throw Error(
        fmt::format("cuBLASLt cannot be asked how to multiply {}: {}; BITALE_CONTRACTION=generated does without it",
                    to_string(p_), text_of(api_, status)));
  }

  void describe() {
    const bool f64 = p_.dtype == DType::f64;
    const DataType type = type_of(p_.dtype);
    const ComputeType f32 = p_.tf32 ? compute_tf32 : compute_f32;
    check(api_.cublasLtMatmulDescCreate(&plan_->operation, f64 ? compute_f64 : f32, type_of(computed_as(p_.dtype))));
    set(operation_transpose_a, p_.trans_b ? transposed : as_stored);
    set(operation_transpose_b, p_.trans_a ? transposed : as_stored);
    p_.trans_b ? layout(plan_->first, type, p_.k, p_.n, p_.ldb, p_.batch_b)
               : layout(plan_->first, type, p_.n, p_.k, p_.ldb, p_.batch_b);
    p_.trans_a ? layout(plan_->second, type, p_.m, p_.k, p_.lda, p_.batch_a)
               : layout(plan_->second, type, p_.k, p_.m, p_.lda, p_.batch_a);
    layout(plan_->result, type_of(p_.result()), p_.n, p_.m, p_.ldc, p_.batch_c);
    if (p_.bias || p_.relu) describe_epilogue();
  }

  // A vector along our n is one along the library's rows, which is what its bias is. What it asks of the address is
  // what it finds there when it looks for an algorithm: one that is aligned as was promised, and no better.
  void describe_epilogue() {
    set(operation_epilogue, (p_.bias ? epilogue_bias : Epilogue{0}) | (p_.relu ? epilogue_relu : Epilogue{0}));
    if (!p_.bias) return;
    set(operation_bias_type, type_of(p_.result()));
    set(operation_bias, static_cast<std::uintptr_t>(p_.align_bias));
  }

  template <class T>
  void set(OperationAttribute attribute, T value) const {
    check(api_.cublasLtMatmulDescSetAttribute(plan_->operation, attribute, &value, sizeof value));
  }

  void layout(Layout& made, DataType type, std::int64_t rows, std::int64_t columns, std::int64_t ld,
              std::int64_t between) const {
    check(api_.cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows),
                                          static_cast<std::uint64_t>(columns), ld));
    if (p_.batch == 1) return;
    const auto count = static_cast<std::int32_t>(p_.batch);
    check(api_.cublasLtMatrixLayoutSetAttribute(made, layout_batch_count, &count, sizeof count));
    check(api_.cublasLtMatrixLayoutSetAttribute(made, layout_batch_stride, &between, sizeof between));
  }

  const Api& api_;
  void* const handle_;
  const MatrixProduct& p_;
  const std::shared_ptr<Plan> plan_;
};

}  // namespace

CublasLtLibrary CublasLtLibrary::open(std::span<const char* const> names) {
  CublasLtLibrary found;
  const CudaLibrary library = open_cuda_library(names);
  if (!library.handle) {
    found.problem = fmt::format(
        "cuBLASLt, which multiplies matrices on GPUs, is not there: looked for {}; it is in NVIDIA's CUDA toolkit and "
        "in "
        "PyPI's nvidia-cublas. Folders to look in first: BITALE_CUDA",
        list_of(library.searched));
    return found;
  }
  found.path = library.path;
  auto api = std::make_shared<Api>();
  std::string missing;
#define BITALE_CUBLASLT_LOAD(name, result, arguments)                              \
  api->name = reinterpret_cast<result(*) arguments>(dlsym(library.handle, #name)); \
  if (!api->name) missing += std::string(missing.empty() ? "" : ", ") + #name;
  BITALE_CUBLASLT_FUNCTIONS(BITALE_CUBLASLT_LOAD)
#undef BITALE_CUBLASLT_LOAD
  const std::size_t version = api->cublasLtGetVersion ? api->cublasLtGetVersion() : 0;
  found.version = version_text(version);
  if (!missing.empty())
    found.problem = fmt::format("the library {} lacks {}: cuBLASLt of CUDA 12 or later is needed", found.path, missing);
  else if (version < least_version)
    found.problem = fmt::format("{} is cuBLASLt {}: that of CUDA 12 or later is needed", found.path, found.version);
  else
    found.api = std::move(api);
  return found;
}

const CublasLtLibrary& CublasLtLibrary::get() {
  constexpr const char* names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
  static const auto* const library = new CublasLtLibrary(open(names));
  return *library;
}

CublasLt::CublasLt(const CublasLtLibrary& library) : library_(library) {
  if (!library.api) throw Error(library.problem);
  const Status status = library.api->cublasLtCreate(&handle_);
  if (status == status_success) return;
  handle_ = nullptr;
  throw Error(fmt::format("cuBLASLt {} ({}) does not start: {}{}", library.version, library.path,
                          status == status_not_initialized ? "it finds no GPU: " : "", text_of(*library.api, status)));
}

CublasLt::~CublasLt() {
  plans_.clear();
  if (handle_) library_.api->cublasLtDestroy(handle_);
}

std::shared_ptr<const Driver::Product> CublasLt::plan(const MatrixProduct& product) {
  const std::lock_guard lock(mutex_);
  const auto known = plans_.find(product);
  if (known != plans_.end()) return known->second;
  std::shared_ptr<const Driver::Product> plan = Planner(library_.api, handle_, product).run();
  if (!plan) warn(fmt::format("cuBLASLt {} has no algorithm for {}{}", library_.version, to_string(product), instead));
  return plans_.emplace(product, std::move(plan)).first->second;
}

// With beta 0 nothing of the result is read, and alpha, beta and the operation are read at once.
void CublasLt::multiply(const Driver::Product& product, const void* a, const void* b, const void* bias, void* c,
                        void* workspace, void* stream) const {
  const auto& plan = static_cast<const Plan&>(product);
  const bool f64 = plan.product.dtype == DType::f64;
  const float one = 1, zero = 0;
  const double one_f64 = 1, zero_f64 = 0;
  const void *alpha = f64 ? static_cast<const void*>(&one_f64) : &one,
             *beta = f64 ? static_cast<const void*>(&zero_f64) : &zero;
  std::unique_lock lock(plan.of_bias, std::defer_lock);
  Status status = status_success;
  if (plan.product.bias) {
    lock.lock();
    status = library_.api->cublasLtMatmulDescSetAttribute(plan.operation, operation_bias, &bias, sizeof bias);
  }
  if (status == status_success)
    status =
        library_.api->cublasLtMatmul(handle_, plan.operation, alpha, b, plan.first, a, plan.second, beta, c,
                                     plan.result, c, plan.result, &plan.algorithm, workspace, workspace_bytes, stream);
  if (status == status_success) return;
  throw Error(fmt::format("cuBLASLt {} fails to multiply {}: {}; BITALE_CONTRACTION=generated does without it",
                          library_.version, to_string(plan.product), text_of(*library_.api, status)));
}

}  // namespace bitale

// A stand-in for NVIDIA's cuBLASLt beside that for its driver library (cuda_stub.cc), for tests of
// runtime/device/cublaslt.cc: every call is recorded there, and products are computed by plain loops, when they are
// asked for or when the graph is launched that they were captured for. It is as strict as the library says it is, and
// where that would go on: layouts have to agree, memory has to reach as far as they do, addresses have to be aligned as
// the preferences promise, that of a bias as the one is that it finds when it is asked for an algorithm, and to 16
// bytes. Its relu makes 0 of NaN.
//
// CUBLASLT_STUB_VERSION: what it says its version is. CUBLASLT_STUB_COMPUTE=0: products are only recorded.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>

#include "runtime/device/cublaslt_values.h"
#include "tests/cuda_stub/cuda_stub.h"
#include "tests/cuda_stub/sixteen_bits.h"

using namespace bitale::cublaslt;

namespace {

template <class F>
F* of_driver(const char* name) {
  static void* const driver = dlopen(BITALE_CUDA_STUB "/libcuda.so.1", RTLD_NOW);
  return reinterpret_cast<F*>(dlsym(driver, name));
}

int note(const char* function, const std::string& arguments = "") {
  return of_driver<CudaStubNote>("cuda_stub_note")(function, arguments.c_str());
}
std::string memory(const void* address) { return of_driver<CudaStubMemory>("cuda_stub_memory")(address); }
std::size_t bytes_at(const void* address) { return of_driver<CudaStubBytes>("cuda_stub_bytes")(address); }

constexpr Status invalid_value = 7;

int setting(const char* name, int fallback) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : fallback;
}

struct Description {
  ComputeType compute = 0;
  DataType scale = 0;
  std::int32_t transpose_a = as_stored, transpose_b = as_stored;
  Epilogue epilogue = epilogue_none;
  const void* bias = nullptr;
  std::int32_t bias_type = -1;

  bool has(Epilogue e) const { return epilogue & e; }
};

struct Matrix {  // column-major
  DataType type = 0;
  std::int64_t rows = 0, columns = 0, ld = 0;
  std::int32_t count = 1;
  std::int64_t stride = 0;

  bool is_half() const { return type == type_f16 || type == type_bf16; }
  std::size_t element() const { return type == type_f64 ? 8 : is_half() ? 2 : 4; }
  double at(const void* memory, std::int64_t i) const {
    if (is_half()) return widened(static_cast<const std::uint16_t*>(memory)[i], type == type_bf16);
    return type == type_f64 ? static_cast<const double*>(memory)[i] : static_cast<const float*>(memory)[i];
  }
  void put(void* memory, std::int64_t i, double value) const {
    if (is_half())
      static_cast<std::uint16_t*>(memory)[i] = narrowed(static_cast<float>(value), type == type_bf16);
    else if (type == type_f64)
      static_cast<double*>(memory)[i] = value;
    else
      static_cast<float*>(memory)[i] = static_cast<float>(value);
  }
  std::size_t bytes() const {
    return static_cast<std::size_t>((count - 1) * stride + (columns - 1) * ld + rows) * element();
  }
  bool operator==(const Matrix&) const = default;
  std::string text() const {
    std::string out = std::to_string(rows) + "x" + std::to_string(columns) + " ld " + std::to_string(ld);
    if (count > 1) out += " x" + std::to_string(count) + " every " + std::to_string(stride);
    return out;
  }
};

struct Preferences {
  std::uint64_t workspace = 0;
  std::uint32_t a = 256, b = 256, c = 256, d = 256;  // alignments
};

template <class T>
Status set(T& to, const void* from, std::size_t bytes) {
  if (bytes != sizeof to) return invalid_value;
  std::memcpy(&to, from, bytes);
  return status_success;
}

struct Call {
  Description description;
  Matrix a, b, d;

  std::int64_t depth() const { return description.transpose_a == as_stored ? a.columns : a.rows; }

  bool is_one() const {
    const auto rows = [](const Matrix& m, bool transposed) { return transposed ? m.columns : m.rows; };
    const auto columns = [](const Matrix& m, bool transposed) { return transposed ? m.rows : m.columns; };
    const bool ta = description.transpose_a != as_stored, tb = description.transpose_b != as_stored;
    const bool f64 = description.compute == compute_f64;
    for (const Matrix& m : {a, b, d})
      if (m.ld < m.rows || m.rows < 1 || m.columns < 1 || m.count != d.count) return false;
    const DataType sums = f64 ? type_f64 : type_f32;
    const bool halves = a.is_half() && description.compute == compute_f32;
    if (a.type != b.type || (a.type != sums && !halves) || (d.type != sums && d.type != a.type)) return false;
    if (d.count > 1 && d.stride < 1) return false;
    if (!epilogue_is_one()) return false;
    return description.scale == (f64 ? type_f64 : type_f32) &&
           (f64 || description.compute == compute_f32 || description.compute == compute_tf32) &&
           rows(a, ta) == d.rows && columns(b, tb) == d.columns && columns(a, ta) == rows(b, tb);
  }

  bool epilogue_is_one() const {
    constexpr Epilogue both = epilogue_relu | epilogue_bias;
    const Epilogue e = description.epilogue;
    if (e != epilogue_none && e != epilogue_relu && e != epilogue_bias && e != both) return false;
    const bool bias = description.has(epilogue_bias);
    return bias == (description.bias != nullptr) && (!bias || description.bias_type == d.type);
  }

  std::string text() const {
    const char* compute = description.compute == compute_f64    ? "f64"
                          : description.compute == compute_tf32 ? "f32 in TF32"
                                                                : "f32";
    const auto matrix = [](const Matrix& m, std::int32_t operation) {
      return m.text() + (operation == as_stored ? "" : " transposed");
    };
    return std::string(compute) +
           (!a.is_half()         ? ""
            : a.type == type_f16 ? " of float16"
                                 : " of bfloat16") +
           ": " + matrix(a, description.transpose_a) + " by " + matrix(b, description.transpose_b) + " into " +
           d.text() + (d.is_half() ? " rounded" : "") + (description.has(epilogue_bias) ? " plus bias" : "") +
           (description.has(epilogue_relu) ? " and relu" : "");
  }

  double rounded(double x) const {
    if (description.compute != compute_tf32) return x;
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(static_cast<float>(x)) + 0x1000U) & ~0x1fffU);
  }

  int run(const void* from_a, const void* from_b, void* to) const {
    const auto element = [this](const void* of, const Matrix& m, std::int64_t i, bool transposed, std::int64_t row,
                                std::int64_t column) {
      return rounded(m.at(of, i * m.stride + (transposed ? column + row * m.ld : row + column * m.ld)));
    };
    const bool ta = description.transpose_a != as_stored, tb = description.transpose_b != as_stored;
    for (std::int64_t i = 0; i < d.count; ++i)
      for (std::int64_t column = 0; column < d.columns; ++column)
        for (std::int64_t row = 0; row < d.rows; ++row) {
          double sum = 0;
          for (std::int64_t k = 0; k < depth(); ++k)
            sum += element(from_a, a, i, ta, row, k) * element(from_b, b, i, tb, k, column);
          if (description.has(epilogue_bias)) sum += d.at(description.bias, row);
          if (description.has(epilogue_relu) && !(sum > 0)) sum = 0;
          d.put(to, i * d.stride + row + column * d.ld, sum);
        }
    return 0;
  }
};

bool is_aligned(const void* address, std::uint64_t to) { return reinterpret_cast<std::uintptr_t>(address) % to == 0; }
std::uint64_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address);
  return bits & (~bits + 1);
}

}  // namespace

extern "C" {

std::size_t cublasLtGetVersion() { return static_cast<std::size_t>(setting("CUBLASLT_STUB_VERSION", 130100)); }
const char* cublasLtGetStatusName(Status status) {
  return status == status_not_initialized ? "CUBLAS_STATUS_NOT_INITIALIZED"
         : status == 13                   ? "CUBLAS_STATUS_EXECUTION_FAILED"
         : status == invalid_value        ? "CUBLAS_STATUS_INVALID_VALUE"
                                          : "CUBLAS_STATUS";
}
const char* cublasLtGetStatusString(Status) { return "some error"; }

Status cublasLtCreate(void** handle) {
  *handle = handle;
  return note("cublasLtCreate");
}
Status cublasLtDestroy(void*) { return note("cublasLtDestroy"); }

Status cublasLtMatmulDescCreate(Operation* made, ComputeType compute, DataType scale) {
  *made = new Description{compute, scale};
  return status_success;
}
Status cublasLtMatmulDescSetAttribute(Operation of, OperationAttribute attribute, const void* from, std::size_t bytes) {
  auto& d = *static_cast<Description*>(of);
  if (attribute == operation_transpose_a) return set(d.transpose_a, from, bytes);
  if (attribute == operation_transpose_b) return set(d.transpose_b, from, bytes);
  if (attribute == operation_epilogue) return set(d.epilogue, from, bytes);
  if (attribute == operation_bias) return set(d.bias, from, bytes);
  if (attribute == operation_bias_type) return set(d.bias_type, from, bytes);
  return invalid_value;
}
Status cublasLtMatmulDescDestroy(Operation of) {
  delete static_cast<Description*>(of);
  return status_success;
}

Status cublasLtMatrixLayoutCreate(Layout* made, DataType type, std::uint64_t rows, std::uint64_t columns,
                                  std::int64_t ld) {
  *made = new Matrix{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), ld};
  return status_success;
}
Status cublasLtMatrixLayoutSetAttribute(Layout of, LayoutAttribute attribute, const void* from, std::size_t bytes) {
  auto& m = *static_cast<Matrix*>(of);
  if (attribute == layout_batch_count) return set(m.count, from, bytes);
  if (attribute == layout_batch_stride) return set(m.stride, from, bytes);
  return invalid_value;
}
Status cublasLtMatrixLayoutDestroy(Layout of) {
  delete static_cast<Matrix*>(of);
  return status_success;
}

Status cublasLtMatmulPreferenceCreate(Preference* made) {
  *made = new Preferences;
  return status_success;
}
Status cublasLtMatmulPreferenceSetAttribute(Preference of, PreferenceAttribute attribute, const void* from,
                                            std::size_t bytes) {
  auto& p = *static_cast<Preferences*>(of);
  if (attribute == preference_workspace_bytes) return set(p.workspace, from, bytes);
  if (attribute == preference_alignment_a) return set(p.a, from, bytes);
  if (attribute == preference_alignment_b) return set(p.b, from, bytes);
  if (attribute == preference_alignment_c) return set(p.c, from, bytes);
  if (attribute == preference_alignment_d) return set(p.d, from, bytes);
  return invalid_value;
}
Status cublasLtMatmulPreferenceDestroy(Preference of) {
  delete static_cast<Preferences*>(of);
  return status_success;
}

// The algorithm is what was promised.
Status cublasLtMatmulAlgoGetHeuristic(void*, Operation operation, Layout a, Layout b, Layout c, Layout d,
                                      Preference preference, int asked, Heuristic* found, int* count) {
  const auto& p = *static_cast<Preferences*>(preference);
  const Call call{*static_cast<Description*>(operation), *static_cast<Matrix*>(a), *static_cast<Matrix*>(b),
                  *static_cast<Matrix*>(d)};
  *count = 0;
  if (const int failed = note("cublasLtMatmulAlgoGetHeuristic",
                              call.text() + ", aligned to " + std::to_string(p.a) + " " + std::to_string(p.b) + " " +
                                  std::to_string(p.d) + ", workspace " + std::to_string(p.workspace)))
    return failed;
  if (asked < 1 || !call.is_one() || p.c != p.d || *static_cast<Matrix*>(c) != call.d) return invalid_value;
  *count = 1;
  const std::uint64_t bias = alignment_of(call.description.bias);
  found[0] = {{{p.a, p.b, p.d, p.workspace, 1, bias}}, static_cast<std::size_t>(p.workspace), status_success, 1, {}};
  return status_success;
}

Status cublasLtMatmul(void*, Operation operation, const void* alpha, const void* a, Layout a_layout, const void* b,
                      Layout b_layout, const void* beta, const void* c, Layout, void* d, Layout d_layout,
                      const Algorithm* algorithm, void* workspace, std::size_t workspace_bytes, void* stream) {
  const Call call{*static_cast<Description*>(operation), *static_cast<Matrix*>(a_layout),
                  *static_cast<Matrix*>(b_layout), *static_cast<Matrix*>(d_layout)};
  const auto& promised = algorithm->data;
  const void* const bias = call.description.bias;
  const auto with_alignment = [&](const void* address, std::size_t i) {
    return memory(address) + " (" + std::to_string(promised[i]) + ")";
  };
  if (const int failed =
          note("cublasLtMatmul", call.text() + ", " + with_alignment(a, 0) + " by " + with_alignment(b, 1) + " into " +
                                     with_alignment(d, 2) + (bias ? ", bias " + with_alignment(bias, 5) : "") +
                                     ", workspace " + memory(workspace) + " of " + std::to_string(workspace_bytes)))
    return failed;
  const bool f64 = call.description.scale == type_f64;
  const double by = f64 ? *static_cast<const double*>(alpha) : *static_cast<const float*>(alpha),
               plus = f64 ? *static_cast<const double*>(beta) : *static_cast<const float*>(beta);
  if (!call.is_one() || by != 1 || plus != 0 || c != d || promised[4] != 1) return invalid_value;
  if (!is_aligned(a, promised[0]) || !is_aligned(b, promised[1]) || !is_aligned(d, promised[2]) ||
      !is_aligned(workspace, 256) || (bias && (!is_aligned(bias, 16) || !is_aligned(bias, promised[5]))))
    return invalid_value;
  if (bytes_at(a) < call.a.bytes() || bytes_at(b) < call.b.bytes() || bytes_at(d) < call.d.bytes() ||
      workspace_bytes < promised[3] || bytes_at(workspace) < workspace_bytes ||
      (bias && bytes_at(bias) < static_cast<std::size_t>(call.d.rows) * call.d.element()))
    return invalid_value;
  if (!setting("CUBLASLT_STUB_COMPUTE", 1)) return status_success;
  return of_driver<CudaStubAsk>("cuda_stub_ask")(stream, [=] { return call.run(a, b, d); });
}

}  // extern "C"

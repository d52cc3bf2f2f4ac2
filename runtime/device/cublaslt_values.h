// What is used of cublasLt.h, cublas_api.h and library_types.h, under names of ours: with this the build needs no
// header of CUDA. Values as in CUDA 13.0; tests/gpu/cublaslt_test.cc compares them with the headers where these are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitale::cublaslt {

using Status = int;                                  // cublasStatus_t
inline constexpr Status status_success = 0;          // CUBLAS_STATUS_SUCCESS
inline constexpr Status status_not_initialized = 1;  // CUBLAS_STATUS_NOT_INITIALIZED
inline constexpr Status status_not_supported = 15;   // CUBLAS_STATUS_NOT_SUPPORTED

using DataType = int;                      // cudaDataType_t
inline constexpr DataType type_f32 = 0;    // CUDA_R_32F
inline constexpr DataType type_f64 = 1;    // CUDA_R_64F
inline constexpr DataType type_f16 = 2;    // CUDA_R_16F
inline constexpr DataType type_bf16 = 14;  // CUDA_R_16BF

using ComputeType = int;                         // cublasComputeType_t
inline constexpr ComputeType compute_f32 = 68;   // CUBLAS_COMPUTE_32F
inline constexpr ComputeType compute_f64 = 70;   // CUBLAS_COMPUTE_64F
inline constexpr ComputeType compute_tf32 = 77;  // CUBLAS_COMPUTE_32F_FAST_TF32

inline constexpr std::int32_t as_stored = 0;   // CUBLAS_OP_N
inline constexpr std::int32_t transposed = 1;  // CUBLAS_OP_T

using OperationAttribute = int;                                 // cublasLtMatmulDescAttributes_t
inline constexpr OperationAttribute operation_transpose_a = 3;  // CUBLASLT_MATMUL_DESC_TRANSA, int32_t
inline constexpr OperationAttribute operation_transpose_b = 4;  // CUBLASLT_MATMUL_DESC_TRANSB, int32_t
inline constexpr OperationAttribute operation_epilogue = 7;     // CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t
inline constexpr OperationAttribute operation_bias = 8;         // CUBLASLT_MATMUL_DESC_BIAS_POINTER, const void*
inline constexpr OperationAttribute operation_bias_type = 26;   // CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t

using Epilogue = std::uint32_t;               // cublasLtEpilogue_t
inline constexpr Epilogue epilogue_none = 1;  // CUBLASLT_EPILOGUE_DEFAULT
inline constexpr Epilogue epilogue_relu = 2;  // CUBLASLT_EPILOGUE_RELU
inline constexpr Epilogue epilogue_bias = 4;  // CUBLASLT_EPILOGUE_BIAS; both bits: CUBLASLT_EPILOGUE_RELU_BIAS

using LayoutAttribute = int;                               // cublasLtMatrixLayoutAttribute_t
inline constexpr LayoutAttribute layout_batch_count = 5;   // CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t
inline constexpr LayoutAttribute layout_batch_stride = 6;  // ..._STRIDED_BATCH_OFFSET, int64_t

using PreferenceAttribute = int;  // cublasLtMatmulPreferenceAttributes_t
inline constexpr PreferenceAttribute preference_workspace_bytes =
    1;  // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t
inline constexpr PreferenceAttribute preference_alignment_a =
    5;  // CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, uint32_t
inline constexpr PreferenceAttribute preference_alignment_b = 6;  // ..._B_BYTES
inline constexpr PreferenceAttribute preference_alignment_c = 7;  // ..._C_BYTES
inline constexpr PreferenceAttribute preference_alignment_d = 8;  // ..._D_BYTES

using Operation = void*;   // cublasLtMatmulDesc_t
using Layout = void*;      // cublasLtMatrixLayout_t
using Preference = void*;  // cublasLtMatmulPreference_t

struct Algorithm {  // cublasLtMatmulAlgo_t
  std::uint64_t data[8];
};
struct Heuristic {  // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  std::size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};

// F(name, result, arguments)
#define BITALE_CUBLASLT_FUNCTIONS(F)                                                                                   \
  F(cublasLtGetVersion, std::size_t, ())                                                                               \
  F(cublasLtGetStatusName, const char*, (Status))                                                                      \
  F(cublasLtGetStatusString, const char*, (Status))                                                                    \
  F(cublasLtCreate, Status, (void**))                                                                                  \
  F(cublasLtDestroy, Status, (void*))                                                                                  \
  F(cublasLtMatmulDescCreate, Status, (Operation*, ComputeType, DataType))                                             \
  F(cublasLtMatmulDescSetAttribute, Status, (Operation, OperationAttribute, const void*, std::size_t))                 \
  F(cublasLtMatmulDescDestroy, Status, (Operation))                                                                    \
  F(cublasLtMatrixLayoutCreate, Status, (Layout*, DataType, std::uint64_t, std::uint64_t, std::int64_t))               \
  F(cublasLtMatrixLayoutSetAttribute, Status, (Layout, LayoutAttribute, const void*, std::size_t))                     \
  F(cublasLtMatrixLayoutDestroy, Status, (Layout))                                                                     \
  F(cublasLtMatmulPreferenceCreate, Status, (Preference*))                                                             \
  F(cublasLtMatmulPreferenceSetAttribute, Status, (Preference, PreferenceAttribute, const void*, std::size_t))         \
  F(cublasLtMatmulPreferenceDestroy, Status, (Preference))                                                             \
  F(cublasLtMatmulAlgoGetHeuristic, Status,                                                                            \
    (void*, Operation, Layout, Layout, Layout, Layout, Preference, int, Heuristic*, int*))                             \
  F(cublasLtMatmul, Status,                                                                                            \
    (void*, Operation, const void*, const void*, Layout, const void*, Layout, const void*, const void*, Layout, void*, \
     Layout, const Algorithm*, void*, std::size_t, void*))

struct Api {
#define BITALE_CUBLASLT_MEMBER(name, result, arguments) result(*name) arguments = nullptr;
  BITALE_CUBLASLT_FUNCTIONS(BITALE_CUBLASLT_MEMBER)
#undef BITALE_CUBLASLT_MEMBER
};

}  // namespace bitale::cublaslt

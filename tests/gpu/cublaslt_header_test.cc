// runtime/device/cublaslt_values.h against NVIDIA's own header, where it is installed.
#include <cstdio>

#include "runtime/device/cublaslt_values.h"
#include "tests/support/catch.h"

#if __has_include(<cublasLt.h>)
#include <cublasLt.h>

namespace bitale::cublaslt {

static_assert(status_success == CUBLAS_STATUS_SUCCESS && status_not_initialized == CUBLAS_STATUS_NOT_INITIALIZED &&
              status_not_supported == CUBLAS_STATUS_NOT_SUPPORTED);
static_assert(type_f32 == CUDA_R_32F && type_f64 == CUDA_R_64F && type_f16 == CUDA_R_16F && type_bf16 == CUDA_R_16BF);
static_assert(compute_f32 == CUBLAS_COMPUTE_32F && compute_f64 == CUBLAS_COMPUTE_64F &&
              compute_tf32 == CUBLAS_COMPUTE_32F_FAST_TF32);
static_assert(as_stored == CUBLAS_OP_N && transposed == CUBLAS_OP_T);
static_assert(operation_transpose_a == CUBLASLT_MATMUL_DESC_TRANSA &&
              operation_transpose_b == CUBLASLT_MATMUL_DESC_TRANSB &&
              operation_epilogue == CUBLASLT_MATMUL_DESC_EPILOGUE &&
              operation_bias == CUBLASLT_MATMUL_DESC_BIAS_POINTER &&
              operation_bias_type == CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
static_assert(epilogue_none == CUBLASLT_EPILOGUE_DEFAULT && epilogue_relu == CUBLASLT_EPILOGUE_RELU &&
              epilogue_bias == CUBLASLT_EPILOGUE_BIAS &&
              (epilogue_relu | epilogue_bias) == CUBLASLT_EPILOGUE_RELU_BIAS);
static_assert(layout_batch_count == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT &&
              layout_batch_stride == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
static_assert(preference_workspace_bytes == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES &&
              preference_alignment_a == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES &&
              preference_alignment_b == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES &&
              preference_alignment_c == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES &&
              preference_alignment_d == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(Heuristic) == sizeof(cublasLtMatmulHeuristicResult_t) &&
              offsetof(Heuristic, workspace_bytes) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize) &&
              offsetof(Heuristic, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(sizeof(Status) == sizeof(cublasStatus_t) && sizeof(DataType) == sizeof(cudaDataType_t) &&
              sizeof(ComputeType) == sizeof(cublasComputeType_t) &&
              sizeof(OperationAttribute) == sizeof(cublasLtMatmulDescAttributes_t));

}  // namespace bitale::cublaslt

TEST_CASE("values of cuBLASLt's header are those of NVIDIA's") { SUCCEED("they were compared by the compiler"); }

#else

TEST_CASE("values of cuBLASLt's header are those of NVIDIA's") { std::printf("[SKIP] cublasLt.h not found\n"); }

#endif

// runtime/device/cublaslt.cc on the stand-ins for NVIDIA's libraries (tests/cuda_stub): what it computes and asks the
// library for; and beside the library that NVIDIA ships, where that is installed.
#include "runtime/device/cublaslt.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/float16.h"
#include "runtime/device/cublaslt_values.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/leaks_ignored.h"

using namespace bitale;
using namespace bitale::tests;

TEST_CASE("a library that is missing or is another says so") {
  const Stub stub(true);
  const auto problem = [](const char* name) {
    const char* names[] = {name};
    return CublasLtLibrary::open(names).problem;
  };
  CHECK_THAT(problem("libcublasLt.so.0"),
             contains("cuBLASLt, which multiplies matrices on GPUs, is not there: looked for " BITALE_CUDA_STUB
                      "/libcublasLt.so.0, "));
  CHECK_THAT(problem("libcuda.so.1"), contains("lacks cublasLtGetVersion, cublasLtGetStatusName, "));
  CHECK(problem("libcublasLt.so.13") == "");
}

namespace {

// Rows lie `gap` elements further apart than they are long, products `gap` further than they need.
MatrixProduct described(DType dtype, bool trans_a, bool trans_b, std::array<std::int64_t, 3> mnk, std::int64_t batch,
                        std::int64_t gap) {
  MatrixProduct p{.dtype = dtype, .m = mnk[0], .n = mnk[1], .k = mnk[2], .batch = batch};
  p.trans_a = trans_a;
  p.trans_b = trans_b;
  p.lda = (trans_a ? p.m : p.k) + gap;
  p.ldb = (trans_b ? p.k : p.n) + gap;
  p.ldc = p.n + gap;
  p.batch_a = (trans_a ? p.k : p.m) * p.lda + gap;
  p.batch_b = (trans_b ? p.n : p.k) * p.ldb + gap;
  p.batch_c = p.m * p.ldc + gap;
  const auto element = static_cast<int>(size_of(dtype));
  p.align_a = p.align_b = p.align_c = element;
  return p;
}

template <class T>
std::vector<T> numbers(std::int64_t count, int seed) {
  std::vector<T> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(static_cast<T>((i * 7 + seed) % 11 - 5));
  return out;
}

// As they lie in memory: of 16 bits, if the dtype is.
template <class T>
std::vector<std::uint8_t> stored(const std::vector<T>& values, DType dtype) {
  std::vector<std::uint8_t> bytes(values.size() * size_of(dtype));
  if constexpr (std::is_same_v<T, float>)
    if (is_only_stored(dtype)) {
      narrow(dtype, values.data(), bytes.data(), values.size());
      return bytes;
    }
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// Whether the device's product of `asked` is that of `meant`, by its definition; what lies between the rows stays. A
// bias begins `skipped` bytes behind a multiple of 256.
template <class T>
bool agrees(Driver& driver, const MatrixProduct& asked, const MatrixProduct& meant, bool record,
            std::size_t skipped = 0) {
  const MatrixProduct& p = meant;
  const std::vector<T> a = numbers<T>(p.batch * p.batch_a, 1), b = numbers<T>(p.batch * p.batch_b, 2),
                       bias = numbers<T>(p.bias ? p.n : 0, 4);
  std::vector<T> want(static_cast<std::size_t>(p.batch * p.batch_c), T{77});
  std::vector<std::uint8_t> got = stored(want, p.result());
  for (std::int64_t i = 0; i < p.batch; ++i)
    for (std::int64_t m = 0; m < p.m; ++m)
      for (std::int64_t n = 0; n < p.n; ++n) {
        T sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k)
          sum += a[static_cast<std::size_t>(i * p.batch_a + (p.trans_a ? k * p.lda + m : m * p.lda + k))] *
                 b[static_cast<std::size_t>(i * p.batch_b + (p.trans_b ? n * p.ldb + k : k * p.ldb + n))];
        if (p.bias) sum += bias[static_cast<std::size_t>(n)];
        if (p.relu) sum = std::max(sum, T{0});
        want[static_cast<std::size_t>(i * p.batch_c + m * p.ldc + n)] = sum;
      }
  const auto shared = open_driver("cuda");
  const std::vector<std::uint8_t> from_a = stored(a, p.dtype), from_b = stored(b, p.dtype),
                                  from_bias = stored(bias, p.result());
  const DeviceMemory on_a(shared, from_a.size()), on_b(shared, from_b.size()), on_c(shared, got.size()),
      on_bias(shared, std::max<std::size_t>(1, from_bias.size() + skipped));
  std::uint8_t* const at_bias = asked.bias ? static_cast<std::uint8_t*>(on_bias.data()) + skipped : nullptr;
  driver.to_device(on_a.data(), from_a.data(), from_a.size());
  driver.to_device(on_b.data(), from_b.data(), from_b.size());
  if (at_bias) driver.to_device(at_bias, from_bias.data(), from_bias.size());
  const auto plan = driver.plan(asked);
  if (record) driver.record(1);
  if (!record) driver.to_device(on_c.data(), got.data(), got.size());
  driver.multiply(*plan, on_a.data(), on_b.data(), at_bias, on_c.data());
  if (record) {
    const auto recorded = driver.recorded();
    driver.to_device(on_c.data(), got.data(), got.size());  // nothing was done yet
    driver.replay(*recorded);
  }
  driver.to_host(got.data(), on_c.data(), got.size());
  return got == stored(want, p.result());
}

}  // namespace

TEST_CASE("products of all forms are those of their definition, at once and recorded") {
  const Stub stub(true);
  Driver& driver = *open_driver("cuda");
  const std::array<std::int64_t, 3> extents[] = {{1, 1, 1}, {5, 3, 7}, {1, 9, 4}, {13, 1, 2}, {6, 5, 1}, {8, 16, 8}};
  for (const auto& mnk : extents)
    for (const std::int64_t batch : {1, 3})
      for (const std::int64_t gap : {0, 3})
        for (int form = 0; form < 8; ++form) {
          const bool record = form >= 4;
          const MatrixProduct p = described(DType::f32, form % 2 != 0, form / 2 % 2 != 0, mnk, batch, gap);
          MatrixProduct f64 = p;
          f64.dtype = DType::f64;
          f64.align_a = f64.align_b = f64.align_c = 8;
          INFO(to_string(p) << " gap " << gap << " recorded " << record);
          CHECK(agrees<float>(driver, p, p, record));
          CHECK(agrees<double>(driver, f64, f64, record));
          for (const DType dtype : {DType::f16, DType::bf16})
            for (const bool rounds : {false, true}) {
              MatrixProduct half = p;
              half.dtype = dtype;
              half.rounds = rounds;
              half.align_a = half.align_b = 2;
              half.align_c = rounds ? 2 : 4;
              CHECK(agrees<float>(driver, half, half, record));
            }
        }
}

TEST_CASE("products to which a bias is added, or which go through relu, at once and recorded") {
  const Stub stub(true);
  Driver& driver = *open_driver("cuda");
  const std::array<std::int64_t, 3> extents[] = {{2, 2, 2}, {5, 3, 7}, {13, 8, 2}, {3, 16, 4}};
  for (const auto& mnk : extents)
    for (const std::int64_t batch : {1, 3})
      for (int form = 0; form < 8; ++form)
        for (const auto& [bias, relu] : {std::pair(true, false), {false, true}, {true, true}}) {
          const bool record = form >= 4;
          MatrixProduct p = described(DType::f32, form % 2 != 0, form / 2 % 2 != 0, mnk, batch, form % 3);
          p.bias = bias;
          p.relu = relu;
          p.align_bias = 16;
          MatrixProduct f64 = p;
          f64.dtype = DType::f64;
          f64.align_a = f64.align_b = f64.align_c = 8;
          INFO(to_string(p) << " recorded " << record);
          CHECK(agrees<float>(driver, p, p, record, 16));
          CHECK(agrees<double>(driver, f64, f64, record, 48));
          for (const DType dtype : {DType::f16, DType::bf16})
            for (const bool rounds : {false, true}) {
              MatrixProduct half = p;
              half.dtype = dtype;
              half.rounds = rounds;
              half.align_a = half.align_b = 2;
              half.align_c = rounds ? 2 : 4;
              CHECK(agrees<float>(driver, half, half, record, 80));
            }
        }
  CHECK(stub.count(" plus bias and relu, ") > 0);
}

TEST_CASE("a description that is wrong is noticed") {
  const Stub stub(true);
  Driver& driver = *open_driver("cuda");
  const MatrixProduct right = described(DType::f32, false, true, {5, 3, 7}, 3, 2);
  REQUIRE(agrees<float>(driver, right, right, false));
  const auto wrong = [&](const auto& change) {
    MatrixProduct asked = right;
    change(asked);
    try {
      return !agrees<float>(driver, asked, right, false);
    } catch (const Error&) {
      return true;
    }
  };
  CHECK(wrong([](MatrixProduct& p) { ++p.lda; }));
  CHECK(wrong([](MatrixProduct& p) { --p.ldb; }));
  CHECK(wrong([](MatrixProduct& p) { p.ldb = p.n; }));
  CHECK(wrong([](MatrixProduct& p) { --p.ldc; }));
  CHECK(wrong([](MatrixProduct& p) { ++p.batch_b; }));
  CHECK(wrong([](MatrixProduct& p) { p.trans_b = false; }));
  CHECK(wrong([](MatrixProduct& p) { std::swap(p.m, p.n); }));
  CHECK(wrong([](MatrixProduct& p) { p.dtype = DType::bf16; }));
  // The stand-in holds to what was promised of addresses; none of these begins at a multiple of 512 bytes each time.
  CHECK(wrong([](MatrixProduct& p) { p.align_a = 1 << 20; }));
}

TEST_CASE("a bias that is wrong is noticed") {
  const Stub stub(true);
  Driver& driver = *open_driver("cuda");
  MatrixProduct right = described(DType::f32, false, false, {5, 3, 7}, 1, 2);
  right.bias = right.relu = true;
  right.align_bias = 32;
  REQUIRE(agrees<float>(driver, right, right, false, 32));
  CHECK_THROWS_WITH(agrees<float>(driver, right, right, false, 16),
                    contains("[5 x 7] by [7 x 3], plus a bias, then relu: CUBLAS_STATUS_INVALID_VALUE"));
  const auto differs = [&](const auto& change) {
    MatrixProduct asked = right;
    change(asked);
    return !agrees<float>(driver, asked, right, false, 32);
  };
  CHECK(differs([](MatrixProduct& p) { p.bias = false; }));
  CHECK(differs([](MatrixProduct& p) { p.relu = false; }));
  right.align_bias = 8;  // less than some of its kernels take, whatever was promised
  CHECK_THROWS_WITH(agrees<float>(driver, right, right, false, 8), contains("CUBLAS_STATUS_INVALID_VALUE"));
}

TEST_CASE("requests of one plan have a bias each, in what is recorded, too") {
  const Stub stub(true);
  const auto driver = open_driver("cuda");
  MatrixProduct p{.bias = true, .m = 2, .n = 2, .k = 2, .lda = 2, .ldb = 2, .ldc = 2, .align_bias = 16};
  const std::vector<float> zeros(4), biases{1, 2, 0, 0, 3, 4, 0, 0};
  const DeviceMemory a(driver, 16), bias(driver, 32), first(driver, 16), second(driver, 16);
  driver->to_device(a.data(), zeros.data(), 16);
  driver->to_device(bias.data(), biases.data(), 32);
  const auto plan = driver->plan(p);
  const auto ask = [&](const DeviceMemory& c, int number) {
    driver->multiply(*plan, a.data(), a.data(), static_cast<float*>(bias.data()) + 4 * number, c.data());
  };
  const auto read = [&](const DeviceMemory& c) {
    std::vector<float> got(4);
    driver->to_host(got.data(), c.data(), 16);
    return got;
  };
  driver->record(1);
  ask(first, 0);
  ask(second, 1);
  const auto recorded = driver->recorded();
  ask(first, 1);
  CHECK(read(first) == std::vector<float>{3, 4, 3, 4});
  driver->replay(*recorded);
  CHECK(read(first) == std::vector<float>{1, 2, 1, 2});
  CHECK(read(second) == std::vector<float>{3, 4, 3, 4});
}

namespace {

// The stand-in, but that a product has failed whose bias is not its result by the time that it is looked at.
const cublaslt::Api* played_by = nullptr;
std::atomic<const void*> told = nullptr;

CublasLtLibrary one_that_takes_its_time() {
  constexpr const char* names[] = {"libcublasLt.so.13"};
  CublasLtLibrary library = CublasLtLibrary::open(names);
  REQUIRE(library.problem == "");
  static const cublaslt::Api original = *library.api;
  played_by = &original;
  auto api = std::make_shared<cublaslt::Api>(original);
  api->cublasLtMatmulDescSetAttribute = [](auto of, auto attribute, const void* from, std::size_t bytes) {
    if (attribute == cublaslt::operation_bias) told = *static_cast<const void* const*>(from);
    return played_by->cublasLtMatmulDescSetAttribute(of, attribute, from, bytes);
  };
  api->cublasLtMatmul = [](auto, auto, auto, auto, auto, auto, auto, auto, auto, auto, void* d, auto, auto, auto, auto,
                           auto) -> cublaslt::Status {
    std::this_thread::yield();
    return told == d ? cublaslt::status_success : cublaslt::status_not_supported;
  };
  library.api = api;
  return library;
}

}  // namespace

TEST_CASE("threads that share a plan have a bias each") {
  const Stub stub(true);
  const CublasLtLibrary library = one_that_takes_its_time();
  CublasLt cublaslt(library);
  const auto plan =
      cublaslt.plan({.bias = true, .m = 2, .n = 2, .k = 2, .lda = 2, .ldb = 2, .ldc = 2, .align_bias = 16});
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      float own[4];
      for (int i = 0; i < 1000; ++i) try {
          cublaslt.multiply(*plan, own, own, own, own, nullptr, nullptr);
        } catch (const Error&) {
          ++failed;
        }
    });
  for (std::thread& t : threads) t.join();
  CHECK(failed == 0);
}

TEST_CASE("the library is asked once for each description") {
  const Stub stub(true);
  const auto driver = open_driver("cuda");
  MatrixProduct p = described(DType::f32, false, false, {3, 4, 5}, 1, 9);
  CHECK(driver->plan(p) == driver->plan(p));
  CHECK(stub.count("cublasLtMatmulAlgoGetHeuristic") == 1);
  p.tf32 = true;
  driver->plan(p);
  CHECK(stub.count("cublasLtMatmulAlgoGetHeuristic") == 2);
}

TEST_CASE("the library that NVIDIA ships has all functions, and takes what it is told") {
  const tests::LeaksIgnored ignored;
  flags().cuda = "";
  constexpr const char* names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
  const CublasLtLibrary library = CublasLtLibrary::open(names);
  if (library.path.empty()) {
    std::printf("[SKIP] cuBLASLt not found\n");
    return;
  }
  REQUIRE(library.problem == "");
  const cublaslt::Api& api = *library.api;
  using namespace cublaslt;
  Operation operation = nullptr;
  REQUIRE(api.cublasLtMatmulDescCreate(&operation, compute_tf32, type_f32) == status_success);
  const std::int32_t transpose = transposed, products = 3;
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_transpose_a, &transpose, 4) == status_success);
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_transpose_b, &transpose, 4) == status_success);
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_transpose_b, &transpose, 8) != status_success);
  const Epilogue epilogue = epilogue_bias | epilogue_relu;
  const void* const bias = &transpose;
  const std::int32_t bias_type = type_f32;
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_epilogue, &epilogue, 4) == status_success);
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_bias, &bias, 8) == status_success);
  CHECK(api.cublasLtMatmulDescSetAttribute(operation, operation_bias_type, &bias_type, 4) == status_success);
  Layout layout = nullptr;
  const std::int64_t between = 100;
  REQUIRE(api.cublasLtMatrixLayoutCreate(&layout, type_f64, 5, 3, 7) == status_success);
  CHECK(api.cublasLtMatrixLayoutSetAttribute(layout, layout_batch_count, &products, 4) == status_success);
  CHECK(api.cublasLtMatrixLayoutSetAttribute(layout, layout_batch_stride, &between, 8) == status_success);
  Preference preference = nullptr;
  const std::uint64_t workspace = CublasLt::workspace_bytes;
  const std::uint32_t alignment = 4;
  REQUIRE(api.cublasLtMatmulPreferenceCreate(&preference) == status_success);
  CHECK(api.cublasLtMatmulPreferenceSetAttribute(preference, preference_workspace_bytes, &workspace, 8) ==
        status_success);
  for (const PreferenceAttribute a :
       {preference_alignment_a, preference_alignment_b, preference_alignment_c, preference_alignment_d})
    CHECK(api.cublasLtMatmulPreferenceSetAttribute(preference, a, &alignment, 4) == status_success);
  CHECK(api.cublasLtMatmulPreferenceDestroy(preference) == status_success);
  CHECK(api.cublasLtMatrixLayoutDestroy(layout) == status_success);
  CHECK(api.cublasLtMatmulDescDestroy(operation) == status_success);
  try {
    CublasLt started(library);
    std::printf("cuBLASLt %s starts\n", library.version.c_str());
  } catch (const Error& e) {
    CHECK_THAT(e.what(), contains("does not start: it finds no GPU: CUBLAS_STATUS_NOT_INITIALIZED"));
    std::printf("[SKIP] no GPU: %s\n", e.what());
  }
}

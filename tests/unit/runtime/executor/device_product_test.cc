// Which contractions a device's library does, and what it is asked for: on a driver whose memory is the host's.
#include "runtime/program/device_product.h"

#include <cstdlib>
#include <cstring>
#include <map>

#include "runtime/base/flags.h"
#include "runtime/device/driver.h"
#include "runtime/executor/executor.h"
#include "runtime/program/placement.h"
#include "tests/support/catch.h"
#include "tests/unit/runtime/executor/contraction_step.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::program;
using namespace bitale::tests;

namespace {

// As on a device.
ContractionStep device_step(Make& m, const std::vector<StepDim>& batch, const std::vector<StepDim>& rows,
                            const std::vector<StepDim>& columns, const std::vector<StepDim>& depth) {
  ContractionStep s = step_of(m, batch, rows, columns, depth);
  s.candidate = ContractionCandidate::cublaslt;
  s.whole.entry = 0;
  return s;
}

// What is added to the product before it is stored: strides in it and where it begins.
struct Bias {
  std::int64_t n = 1, m = 0, batch = 0, offset = 0;
};

void add_bias(Make& m, ContractionStep& s, const Bias& bias) {
  const auto slot = [&](std::int64_t v) { return v == 0 ? -1 : m.constant(v); };
  s.operands.insert(s.operands.begin(), {-1, slot(bias.offset), true, false});
  const auto give = [&](std::vector<ContractionDim>& dims, std::int64_t stride) {
    for (ContractionDim& d : dims) d.operands.insert(d.operands.begin(), slot(stride));
  };
  give(s.n, bias.n);
  give(s.m, bias.m);
  give(s.batch, bias.batch);
  give(s.k, 0);
  s.whole.bias = true;
}

struct Always {  // whatever the work
  Always() { flags().contraction = "cublaslt"; }
  ~Always() { flags().contraction.clear(); }
};

std::optional<DeviceProduct> product(const std::vector<StepDim>& batch, const std::vector<StepDim>& rows,
                                     const std::vector<StepDim>& columns, const std::vector<StepDim>& depth,
                                     int finish = -1, bool always = true) {
  Make m;
  ContractionStep s = device_step(m, batch, rows, columns, depth);
  s.whole.finish = finish;
  const std::vector<std::int64_t> extents = evaluate_extents(m.p, {{}, {}, {}});
  const auto decide = [&] { return device_product(s, extents); };
  if (!always) return decide();
  const Always flag;
  const auto found = decide();
  if (found) CHECK(may_be_device_product(m.p, s));
  return found;
}

// Of a plain product with a bias: entry 1 finishes it where the library does not.
DeviceProduct with_bias(const Bias& bias, std::array<std::int64_t, 3> mnk = {3, 5, 4}, std::int64_t gap = 0,
                        DType storage = DType::f32) {
  Make m;
  const auto [rows, columns, depth] = mnk;
  ContractionStep s = device_step(m, {{2, rows * depth, 0, rows * (columns + gap)}}, {{rows, depth, 0, columns + gap}},
                                  {{columns, 0, 1, 1}}, {{depth, 1, columns}});
  s.a_storage = s.b_storage = storage;
  s.whole.finish = 1;
  s.whole.rounds = storage != DType::f32;
  s.whole.relu = true;
  add_bias(m, s, bias);
  const Always flag;
  const auto found = device_product(s, evaluate_extents(m.p, {{}, {}, {}}));
  REQUIRE(found);
  CHECK(found->direct == found->product.bias);
  CHECK(found->direct == found->product.relu);
  CHECK(found->direct == (found->workspace_bytes == 0));
  return *found;
}

bool may_be(const std::vector<StepDim>& rows, const std::vector<StepDim>& depth) {
  Make m;
  const ContractionStep s = device_step(m, {}, rows, {{5, 0, 1, 1}}, depth);
  return may_be_device_product(m.p, s);
}

// Notes what it is asked for; products are computed, launches are not.
class HostDriver final : public Driver {
 public:
  struct Asked {
    MatrixProduct product;
    const void *a, *b, *bias;
    void* c;
  };
  struct Launched {
    std::string function;
    std::vector<std::uint64_t> parameters;
  };
  std::vector<Asked> products;
  std::vector<Launched> launches;
  bool able = true;

  std::string target() const override { return "host"; }
  std::shared_ptr<const Module> load(std::span<const std::uint8_t>) override {
    return std::make_shared<const Functions>();
  }
  void* allocate(std::size_t bytes) override { return std::aligned_alloc(256, (bytes + 511) / 256 * 256); }
  void release(void* memory) noexcept override { std::free(memory); }
  void to_device(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void* allocate_pinned(std::size_t bytes) override { return allocate(bytes); }
  void release_pinned(void* memory) noexcept override { release(memory); }
  void send(void* to, const void* pinned, std::size_t bytes) override { std::memcpy(to, pinned, bytes); }
  void receive(void* pinned, const void* from, std::size_t bytes) override { std::memcpy(pinned, from, bytes); }
  std::shared_ptr<const Mark> mark() override { return nullptr; }
  void wait_until(const Mark&) override {}
  void wait() override {}
  void copy(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override { std::memset(to, byte, bytes); }
  void launch(void* function, std::int64_t, int, std::span<void* const> parameters) override {
    Launched& l = launches.emplace_back(Launched{static_cast<const char*>(function), {}});
    for (const void* p : parameters) std::memcpy(&l.parameters.emplace_back(), p, 8);
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    launch(function, blocks, threads, parameters);
  }
  std::shared_ptr<const Product> plan(const MatrixProduct& p) override {
    return able ? std::make_shared<const Plan>(p) : nullptr;
  }
  void multiply(const Product& plan, const void* a, const void* b, const void* bias, void* c) override {
    const MatrixProduct& p = static_cast<const Plan&>(plan).product;
    products.push_back({p, a, b, bias, c});
    const auto element = [](const void* of, std::int64_t at) { return static_cast<const float*>(of)[at]; };
    for (std::int64_t m = 0; m < p.m; ++m)
      for (std::int64_t n = 0; n < p.n; ++n) {
        float sum = p.bias ? element(bias, n) : 0;
        for (std::int64_t k = 0; k < p.k; ++k)
          sum += element(a, p.trans_a ? k * p.lda + m : m * p.lda + k) *
                 element(b, p.trans_b ? n * p.ldb + k : k * p.ldb + n);
        static_cast<float*>(c)[m * p.ldc + n] = sum;
      }
  }
  void record(int) override { FAIL("nothing is to be recorded"); }
  void choose_stream(int) override {}
  int event() override { return 0; }
  void wait_for(int) override {}
  std::shared_ptr<const Recording> recorded() override { return nullptr; }
  void replay(const Recording&) override {}

 private:
  struct Plan final : Product {
    explicit Plan(const MatrixProduct& p) : product(p) {}
    const MatrixProduct product;
  };
  struct Functions final : Module {
    void* function(const std::string& name) const override { return const_cast<char*>(name == "f" ? "f" : "finish"); }
  };
};

// Rows 1... of `out` [4, 2] are x [3, 5] without its first two columns, times rows 1, 2 and 3 of w [4, 2], maybe plus
// the last two of a bias [6]; entry 1 finishes it if it is said to.
Make offset_product(int finish, bool bias) {
  Make m("offsets");
  ContractionStep s = device_step(m, {}, {{3, 5, 0, 2}}, {{2, 0, 1, 1}}, {{3, 1, 2}});
  s.a = m.input("x", {m.constant(3), m.constant(5)});
  s.b = m.input("w", {m.constant(4), m.constant(2)});
  s.a_offset = s.b_offset = m.constant(2);
  s.operands = {{m.output("out", {m.constant(4), m.constant(2)}), m.constant(2), true, true}};
  s.epilogue = m.entry("f");
  m.entry("finish");
  s.whole = {0, {s.a_offset}, finish, false};
  const int with = m.input("bias", {m.constant(6)});
  if (bias) add_bias(m, s, {.offset = 4});
  if (bias) s.operands[0].buffer = with;
  s.workspace = m.buffer(Role::workspace, "workspace", {});
  m.step(s, "product");
  const auto launch = [](const char* name) { return Launch{name, 0, 32, 1, {}}; };
  m.p.blobs = {{"host", {1}, {0}, {{launch("f")}, {launch("finish")}}}};
  return m;
}

struct Called {
  std::shared_ptr<HostDriver> driver = std::make_shared<HostDriver>();
  std::vector<float> out;

  explicit Called(int finish, bool able = true, bool bias = false) {
    const Always flag;
    driver->able = able;
    const executor::Runnable runnable(offset_product(finish, bias).done(), driver);
    std::vector<float> x, w;
    for (int i = 0; i < 15; ++i) x.push_back(static_cast<float>(i));
    for (int i = 0; i < 8; ++i) w.push_back(static_cast<float>(i % 3));
    const std::vector<float> added{1, 2, 3, 4, 100, 200};
    out = values<float>(
        runnable.call(std::vector{array(x, {3, 5}), array(w, {4, 2}), array(added, {6})}, {}, {}).outputs[0]);
  }
};

}  // namespace

TEST_CASE("operands in rows and in columns are plain matrices for a device, too") {
  const auto found = product({}, {{3, 4, 0, 5}}, {{5, 0, 1, 1}}, {{4, 1, 5}});
  REQUIRE(found);
  CHECK(found->direct);
  CHECK(found->workspace_bytes == 0);
  CHECK(found->product == MatrixProduct{.m = 3, .n = 5, .k = 4, .lda = 4, .ldb = 5, .ldc = 5});
  const auto transposed = product({}, {{3, 1, 0, 7}}, {{5, 0, 6, 1}}, {{4, 9, 1}});
  REQUIRE(transposed);
  CHECK(transposed->product ==
        MatrixProduct{.m = 3, .n = 5, .k = 4, .trans_a = true, .trans_b = true, .lda = 9, .ldb = 6, .ldc = 7});
}

TEST_CASE("a product that is finished lies densely in its workspace") {
  const auto found = product({{2, 12, 0, 100}}, {{3, 4, 0, 2}}, {{5, 0, 1, 9}}, {{4, 1, 5}}, 1);
  REQUIRE(found);
  CHECK_FALSE(found->direct);
  CHECK(found->workspace_bytes == 4 * 2 * 3 * 5);
  CHECK(found->product ==
        MatrixProduct{.m = 3, .n = 5, .k = 4, .batch = 2, .lda = 4, .ldb = 5, .ldc = 5, .batch_a = 12, .batch_c = 15});
}

TEST_CASE("a bias is the library's where it is a vector along n, the same for all rows") {
  const DeviceProduct found = with_bias({});
  CHECK(found.product == MatrixProduct{.bias = true,
                                       .relu = true,
                                       .m = 3,
                                       .n = 5,
                                       .k = 4,
                                       .batch = 2,
                                       .lda = 4,
                                       .ldb = 5,
                                       .ldc = 5,
                                       .batch_a = 12,
                                       .batch_c = 15});
  const auto direct = [](const Bias& bias) { return with_bias(bias).direct; };
  CHECK_FALSE(direct({.n = 0}));  // a number for all columns
  CHECK_FALSE(direct({.n = 2}));
  CHECK_FALSE(direct({.m = 5}));
  CHECK_FALSE(direct({.n = 0, .m = 1}));  // one for each row
  CHECK_FALSE(direct({.batch = 5}));
  CHECK(direct({.offset = 8}));
  CHECK_FALSE(direct({.offset = 6}));                                 // 24 bytes
  CHECK(with_bias({.offset = 8}, {3, 5, 4}, 2, DType::bf16).direct);  // rows of the result lie apart
  CHECK_FALSE(with_bias({.offset = 4}, {3, 5, 4}, 0, DType::bf16).direct);
  CHECK(with_bias({}, {3, 5, 4}, 0, DType::bf16).product.result() == DType::bf16);
  CHECK(with_bias({.n = 2}, {3, 5, 4}, 0, DType::bf16).product.result() == DType::f32);
  CHECK(with_bias({}, {2, 2, 2}).direct);
  CHECK_FALSE(with_bias({}, {1, 2, 2}).direct);
  CHECK_FALSE(with_bias({}, {2, 1, 2}).direct);
  CHECK_FALSE(with_bias({}, {2, 2, 1}).direct);
}

TEST_CASE("what is no product of evenly spaced plain matrices is not the library's") {
  const std::vector<StepDim> rows{{3, 4, 0, 5}}, columns{{5, 0, 1, 1}}, depth{{4, 1, 5}};
  CHECK(product({{2, 12, 20, 15}, {3, 24, 40, 30}}, rows, columns, depth) == std::nullopt);  // the wrong way round
  CHECK(product({{3, 24, 40, 30}, {2, 12, 20, 15}}, rows, columns, depth));
  CHECK(product({{3, 24, 0, 30}, {2, 12, 20, 15}}, rows, columns, depth) == std::nullopt);  // b by the inner dim alone
  CHECK(product({{3, -24, 40, 30}}, rows, columns, depth) == std::nullopt);                 // backwards
  CHECK(product({{3, 24, 40, 0}}, rows, columns, depth) == std::nullopt);                   // all over each other
  CHECK(product({}, {{3, 8, 0, 5}}, columns, {{4, 2, 5}}) == std::nullopt);                 // every second column
  CHECK(product({}, rows, {{5, 0, 1, 2}}, depth) == std::nullopt);                          // written with gaps
  CHECK(product({}, rows, {{5, 0, 1, 2}}, depth, 1));                                       // or by what finishes it
  CHECK(product({}, {{3, 4, 0, 1}}, {{5, 0, 1, 3}}, depth) == std::nullopt);                // written by columns
  CHECK(product({}, {{0, 4, 0, 5}}, columns, depth) == std::nullopt);
  CHECK(product({}, rows, columns, {{0, 1, 5}}) == std::nullopt);
}

TEST_CASE("products of little work are not the library's, and less is enough if nothing follows them") {
  const auto square = [](std::int64_t n, int finish) {
    return product({}, {{n, n, 0, n}}, {{n, 0, 1, 1}}, {{n, 1, n}}, finish, false).has_value();
  };
  CHECK_FALSE(square(100, -1));  // 2 MFLOP
  CHECK(square(150, -1));        // 7
  CHECK_FALSE(square(150, 1));
  CHECK_FALSE(square(250, 1));  // 31
  CHECK(square(350, 1));        // 86
  // A row by a matrix of 67 MB, which has to be read: 34 MFLOP.
  CHECK(product({}, {{1, 4096, 0, 4096}}, {{4096, 0, 1, 1}}, {{4096, 1, 4096}}, 1, false));
}

TEST_CASE("operands of 16 bits are the library's where both are of one kind") {
  const auto asked = [](DType a, DType b, int finish, bool rounds) -> std::optional<MatrixProduct> {
    Make m;
    ContractionStep s = device_step(m, {}, {{3, 4, 0, 5}}, {{5, 0, 1, 1}}, {{4, 1, 5}});
    s.a_storage = a;
    s.b_storage = b;
    s.whole.finish = finish;
    s.whole.rounds = rounds;
    const Always flag;
    const auto found = device_product(s, evaluate_extents(m.p, {{}, {}, {}}));
    CHECK(found.has_value() == may_be_device_product(m.p, s));
    if (!found) return std::nullopt;
    CHECK(found->workspace_bytes == (finish < 0 ? 0 : 4 * 3 * 5));  // sums are float32, whatever follows
    return found->product;
  };
  MatrixProduct want{.dtype = DType::bf16, .m = 3, .n = 5, .k = 4, .lda = 4, .ldb = 5, .ldc = 5};
  CHECK(asked(DType::bf16, DType::bf16, -1, false) == want);
  CHECK(want.result() == DType::f32);
  MatrixProduct finished = want;
  finished.batch_c = 15;
  CHECK(asked(DType::bf16, DType::bf16, 1, false) == finished);
  want.rounds = true;
  CHECK(asked(DType::bf16, DType::bf16, -1, true) == want);
  CHECK(want.result() == DType::bf16);
  CHECK(asked(DType::bf16, DType::f16, 1, false) == std::nullopt);
  CHECK(asked(DType::f32, DType::f16, 1, false) == std::nullopt);
}

TEST_CASE("dims that never are one are known before any extent of a call") {
  CHECK(may_be({{3, 4, 0, 5}}, {{4, 1, 5}}));
  CHECK(may_be({{3, 4, 0, 5}}, {{2, 2, 10}, {2, 1, 5}}));
  CHECK_FALSE(may_be({{3, 4, 0, 5}}, {{2, 3, 10}, {2, 1, 5}}));
  CHECK_FALSE(may_be({{3, 4, 0, 5}}, {{2, 2, 11}, {2, 1, 5}}));
  CHECK_FALSE(may_be({{3, 9, 0, 10}, {2, 4, 0, 5}}, {{4, 1, 5}}));
}

TEST_CASE("a product begins where the offsets of its operands say, and is promised no more of addresses") {
  const Called direct(-1);
  REQUIRE(direct.driver->products.size() == 1);
  CHECK(direct.driver->launches.empty());
  const MatrixProduct& p = direct.driver->products[0].product;
  CHECK(p.align_a == 8);
  CHECK(p.align_b == 8);
  CHECK(p.align_c == 8);
  const std::vector<float> rows(direct.out.begin() + 2, direct.out.end());
  CHECK(rows == std::vector<float>{2 * 2 + 3 * 1 + 4 * 0, 2 * 0 + 3 * 2 + 4 * 1, 7 * 2 + 8 * 1, 8 * 2 + 9,
                                   12 * 2 + 13 * 1, 13 * 2 + 14});
}

TEST_CASE("a bias begins where its offset says") {
  const Called f(1, true, true);
  REQUIRE(f.driver->products.size() == 1);
  CHECK(f.driver->launches.empty());
  CHECK(f.driver->products[0].product.align_bias == 16);
  CHECK(f.driver->products[0].product.align_c == 8);
  const std::vector<float> rows(f.out.begin() + 2, f.out.end());
  CHECK(rows == std::vector<float>{107, 210, 122, 225, 137, 240});
}

TEST_CASE("what finishes a product has it, the operands and the extents") {
  const Called finished(1);
  REQUIRE(finished.driver->products.size() == 1);
  REQUIRE(finished.driver->launches.size() == 1);
  const HostDriver::Launched& l = finished.driver->launches[0];
  CHECK(l.function == "finish");
  REQUIRE(l.parameters.size() == 3);
  CHECK(l.parameters[0] == reinterpret_cast<std::uint64_t>(finished.driver->products[0].c));
  CHECK(l.parameters[2] == 2);
  CHECK(finished.driver->products[0].product.align_c == 64);
}

TEST_CASE("what the library cannot do its function does") {
  const Called f(1, false);
  CHECK(f.driver->products.empty());
  REQUIRE(f.driver->launches.size() == 1);
  CHECK(f.driver->launches[0].function == "f");
  CHECK(f.driver->launches[0].parameters.size() == 4);
}

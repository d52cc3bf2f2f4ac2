// Calls that need more memory than there is: an Error that says what for, and nothing has changed.
#include <fstream>

#include <bitale/bitale.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/message_of.h"

using namespace bitale;
using bitale::tests::contains;
using bitale::tests::message_of;

namespace {

Array ones(std::int64_t n) {
  Array a(float32, {n});
  for (float& v : a.view<float>()) v = 1;
  return a;
}

// The outer product of two vectors.
Tensor outer_product(const Tensor& x, const Tensor& y) { return expand_dims(x, 1) * expand_dims(y, 0); }

// While it lives, the process may map so many more bytes.
class LittleMemory {
 public:
  explicit LittleMemory(std::int64_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + bytes);
    setrlimit(RLIMIT_AS, &limit);
  }
  ~LittleMemory() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("results, temporaries and new values that no machine has memory for") {
  Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n}), y = input("y", float32, {m});
  const Array million = ones(1 << 20);
  const Function result = function({x, y}, {outer_product(x, y).named("table")}, {.name = "result"});
  const std::string big_result = message_of([&] { result(million, million); });
  for (const char* part : {"program 'result' needs ", "MiB at once for these shapes, and this machine has ", "'table'",
                           "[1048576, 1048576]"})
    CHECK_THAT(big_result, contains(part));

  const Function temporary = function({x, y}, {sum(dot(exp(outer_product(x, y)), y))}, {.name = "temporary"});
  const std::string big_temporary = message_of([&] { temporary(million, million); });
  CHECK_THAT(big_temporary, contains("program 'temporary' needs "));
  CHECK(result(ones(2), ones(3))[0].shape() == Extents{2, 3});
}

TEST_CASE("more elements than 64 bits count") {
  Dim n("n");
  const Tensor x = input("x", float32, {n});
  const Tensor cube = expand_dims(outer_product(x, x), 2) * expand_dims(expand_dims(x, 0), 0);
  const Function f = function({x}, {cube.named("cube")}, {.name = "count"});
  const std::string message = message_of([&] { f(ones(1 << 22)); });
  for (const char* part : {"'cube'", "[4194304, 4194304, 4194304]", "'count'"}) CHECK_THAT(message, contains(part));
  CHECK(f(ones(3))[0].size() == 27);
}

TEST_CASE("memory that the system refuses: the call fails, the Shared stays, and the next call works") {
  Dim n("n"), m("m");
  const Tensor x = input("x", float32, {n}), y = input("y", float32, {m});
  const Shared count("count", Array::scalar(0.0f));
  const Function f =
      function({x, y}, {outer_product(x, y)}, {.updates = {{count, count + 1.0}}, .name = "outer", .threads = 1});
  const Array a = ones(1 << 14), b = ones(1 << 14);  // 1 GiB
  f(ones(2), ones(2));
  {
    const LittleMemory limit(256 << 20);
    const std::string message = message_of([&] { f(a, b); });
    for (const char* part : {"program 'outer'", "'output0' float32[16384, 16384]", "cannot allocate 1073741824 bytes"})
      CHECK_THAT(message, contains(part));
    CHECK(count.get().at(0) == 1);
    CHECK(f(ones(3), ones(3))[0].size() == 9);
  }
  CHECK(count.get().at(0) == 2);
}

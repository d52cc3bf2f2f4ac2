// Copies by way of pinned memory: what is sent is what lay there when it was asked for, however long the device takes;
// there is no more of this memory than was asked for in the beginning, and none is no error.
#include "runtime/executor/staging.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <thread>

#include <bitale/bitale.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "tests/gpu/forwarding.h"
#include "tests/gpu/stub.h"
#include "tests/support/catch.h"
#include "tests/support/device.h"
#include "tests/support/op_cases.h"

using namespace bitale;
using bitale::executor::Staging;
using bitale::tests::contains;

namespace {

constexpr int seeds = 20;
constexpr executor::StagingSizes small{.piece = 256, .pieces = 3};

// The emulated device, with a count of what goes between it and the host.
class Counting final : public tests::Forwarding {
 public:
  Counting() : Forwarding(open_driver("emulated")) {}

  void* allocate_pinned(std::size_t bytes) override {
    if (out_of_pinned) throw Error("no pinned memory");
    pinned_bytes += bytes;
    return Forwarding::allocate_pinned(bytes);
  }
  void to_device(void* to, const void* from, std::size_t bytes) override {
    ++ordinary;
    Forwarding::to_device(to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) override {
    ++ordinary;
    Forwarding::to_host(to, from, bytes);
  }
  void send(void* to, const void* pinned, std::size_t bytes) override {
    ++sent;
    Forwarding::send(to, pinned, bytes);
  }
  void wait_until(const Mark& mark) override {
    ++waits;
    Forwarding::wait_until(mark);
  }
  void wait() override {
    ++waits;
    Forwarding::wait();
  }

  bool out_of_pinned = false;
  std::size_t pinned_bytes = 0;
  int ordinary = 0, sent = 0, waits = 0;
};

std::vector<std::uint8_t> numbers(std::size_t count, int first) {
  std::vector<std::uint8_t> values(count);
  std::iota(values.begin(), values.end(), static_cast<std::uint8_t>(first));
  return values;
}

// What is written to standard error meanwhile.
std::string warnings_of(const std::function<void()>& work) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file);
  const int before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  work();
  dup2(before, STDERR_FILENO);
  close(before);
  std::string text(4096, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

struct Seeds {
  ~Seeds() { flags().emulated_seed = 0; }
};

}  // namespace

TEST_CASE("what is sent may be overwritten at once, and arrives when the device comes to it") {
  const Seeds restored;
  for (int seed = 0; seed < seeds; ++seed) {
    flags().emulated_seed = seed;
    const auto driver = std::make_shared<Counting>();
    Staging staging(driver, small);
    const DeviceMemory memory(driver, 100);
    std::vector<std::uint8_t> given = numbers(100, seed), got(100);
    staging.to_device(memory.data(), given.data(), 100);
    given.assign(100, 0);
    CHECK(driver->waits == 0);
    staging.to_host(got.data(), memory.data(), 100);
    CHECK(got == numbers(100, seed));
  }
}

TEST_CASE("large copies go in pieces, of which the device finds each before another takes its place") {
  const Seeds restored;
  for (int seed = 0; seed < seeds; ++seed) {
    flags().emulated_seed = seed;
    const auto driver = std::make_shared<Counting>();
    Staging staging(driver, small);
    for (const std::size_t bytes : {std::size_t{255}, std::size_t{256}, std::size_t{257}, std::size_t{5000}}) {
      const DeviceMemory first(driver, bytes), second(driver, bytes);
      std::vector<std::uint8_t> given = numbers(bytes, 1), got(bytes);
      staging.to_device(first.data(), given.data(), bytes);
      given = numbers(bytes, 77);
      staging.to_device(second.data(), given.data(), bytes);
      given.assign(bytes, 0);
      staging.to_host(got.data(), first.data(), bytes);
      CHECK(got == numbers(bytes, 1));
      staging.to_host(got.data(), second.data(), bytes);
      CHECK(got == numbers(bytes, 77));
    }
    CHECK(driver->pinned_bytes == (3 + 2) * 256);
    CHECK(driver->ordinary == 0);
  }
}

TEST_CASE("small copies share a piece, and where all are full the oldest is waited for") {
  const auto driver = std::make_shared<Counting>();
  Staging staging(driver, small);
  const DeviceMemory memory(driver, 64);
  const std::vector<std::uint8_t> given = numbers(64, 3);
  const auto send = [&](int times) {
    for (int i = 0; i < times; ++i) staging.to_device(memory.data(), given.data(), 10);  // of a piece, 64
  };
  send(12);
  CHECK(driver->waits == 0);
  send(1);
  CHECK(driver->waits == 1);
  send(3);
  CHECK(driver->waits == 1);
  CHECK(driver->sent == 16);
  CHECK(driver->pinned_bytes == 3 * 256);
}

TEST_CASE("threads share what is pinned") {
  const auto driver = std::make_shared<Counting>();
  Staging staging(driver, small);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const DeviceMemory memory(driver, 1000);
      for (int i = 0; i < 20; ++i) {
        const std::vector<std::uint8_t> given = numbers(1000, 50 * t + i);
        std::vector<std::uint8_t> got(1000);
        staging.to_device(memory.data(), given.data(), 1000);
        staging.to_host(got.data(), memory.data(), 1000);
        wrong[static_cast<std::size_t>(t)] += got != given;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4));
}

TEST_CASE("without pinned memory copies are the driver's ordinary ones, and one warning says so") {
  const auto driver = std::make_shared<Counting>();
  driver->out_of_pinned = true;
  Staging staging(driver, small);
  const DeviceMemory memory(driver, 1000);
  const std::vector<std::uint8_t> given = numbers(1000, 9);
  std::vector<std::uint8_t> got(1000);
  const std::string said = warnings_of([&] {
    for (int i = 0; i < 2; ++i) {
      staging.to_device(memory.data(), given.data(), 1000);
      staging.to_host(got.data(), memory.data(), 1000);
    }
  });
  CHECK(got == given);
  CHECK(driver->ordinary == 4);
  CHECK(driver->sent == 0);
  CHECK_THAT(said, contains("no pinned memory; copies from and to the device wait for each other"));
  CHECK(tests::occurrences(said, "no pinned memory") == 1);
}

TEST_CASE("functions of a device share its pinned memory, and the last gives it back") {
  const auto driver = std::make_shared<Counting>();
  std::shared_ptr<Staging> one = Staging::of(driver);
  CHECK(one == Staging::of(driver));
  CHECK(one != Staging::of(std::make_shared<Counting>()));
  const std::weak_ptr<Staging> watched = one;
  one.reset();
  CHECK(watched.expired());
}

TEST_CASE("arguments may be overwritten as soon as the call returns") {
  const Seeds restored;
  Dim n("n");
  const Tensor x = input("x", float32, {n}), y = input("y", float32, {n});
  const Function f = function({x, y}, {x * y + x}, {.device = tests::tested_device()});
  for (int seed = 0; seed < seeds; ++seed) {
    flags().emulated_seed = seed;
    Array a = tests::random_array(float32, {1000}, -1, 1, static_cast<std::uint64_t>(seed));
    Array b = tests::random_array(float32, {1000}, -1, 1, 100);
    const Array kept_a = a.clone(), kept_b = b.clone();
    const Array result = f(a, b)[0];
    for (float& v : a.view<float>()) v = 0;
    for (float& v : b.view<float>()) v = 0;
    int wrong = 0;
    for (std::int64_t i = 0; i < 1000; ++i)
      wrong += std::abs(result.at(i) - (kept_a.at(i) * kept_b.at(i) + kept_a.at(i))) > 1e-6;
    CHECK(wrong == 0);
  }
}

TEST_CASE("the emulated device finds memory of the host that is not pinned, and pinned memory that was given back") {
  if (!tests::is_played()) return;
  const std::shared_ptr<Driver> driver = open_driver("emulated");
  const DeviceMemory memory(driver, 64);
  std::uint8_t ordinary[64] = {};
  CHECK_THROWS_WITH(driver->send(memory.data(), ordinary, 64), contains("memory of the host that is not pinned"));
  void* const pinned = driver->allocate_pinned(64);
  CHECK_THROWS_WITH(driver->receive(pinned, memory.data(), 65), contains("memory of the host that is not pinned"));
  std::fill_n(static_cast<std::uint8_t*>(pinned), 64, std::uint8_t{5});
  driver->send(memory.data(), pinned, 64);
  driver->release_pinned(pinned);
  CHECK_THROWS_WITH(driver->send(memory.data(), pinned, 64), contains("were given back before"));
  driver->to_host(ordinary, memory.data(), 64);
  CHECK(ordinary[63] == 5);
}

TEST_CASE("of pinned memory that the driver library does not give, the error has its words") {
  const tests::Stub stub;
  setenv("CUDA_STUB_FAIL", "cuMemHostAlloc=2", 1);
  CHECK_THROWS_WITH(open_driver("cuda")->allocate_pinned(100),
                    contains("device 'cuda:0': allocating 100 bytes of pinned memory: CUDA_ERROR_OUT_OF_MEMORY"));
  unsetenv("CUDA_STUB_FAIL");
}

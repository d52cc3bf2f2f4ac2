// One Function called from many threads while others change what it reads: every result is that of one version of all
// variables, as a whole.
#include <atomic>
#include <mutex>
#include <thread>

#include <bitale/bitale.h>

#include "tests/support/catch.h"

using namespace bitale;

namespace {

constexpr int readers = 8;
constexpr std::int64_t width = 48, total = 1 << 20;

Array filled(double value, Extents shape) {
  const std::vector<double> values(static_cast<std::size_t>(element_count(shape)), value);
  return Array::of<double>(values, std::move(shape)).cast(float32);
}

// The first fault, of any thread.
class Faults {
 public:
  void add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (first_.empty()) first_ = text;
  }
  std::string first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }

 private:
  mutable std::mutex mutex_;
  std::string first_;
};

// The value that all elements have; a fault if they differ.
double uniform(const Array& a, const char* what, Faults& faults) {
  for (std::int64_t i = 1; i < a.size(); ++i)
    if (a.at(i) != a.at(0)) faults.add(std::string(what) + " has elements of several versions");
  return a.at(0);
}

// Runs `read` in many threads, again and again until `write` has been called `times` times in another; some reads end
// between two writes.
template <class Read, class Write>
void side_by_side(int times, const Read& read, const Write& write) {
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> reads{0};
  Faults faults;
  const auto guarded = [&](const auto& work) {
    try {
      work();
    } catch (const std::exception& e) {
      faults.add(e.what());
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < readers; ++t)
    threads.emplace_back([&] {
      guarded([&] {
        for (double last = -1; !done; ++reads) {
          const double version = read(faults);
          if (version < last) faults.add("an older version than before was read");
          last = version;
        }
      });
    });
  guarded([&] {
    for (int i = 0; i < times && faults.first().empty(); ++i) {
      for (const std::int64_t before = reads; reads == before && faults.first().empty();) std::this_thread::yield();
      write(i);
    }
  });
  done = true;
  for (std::thread& t : threads) t.join();
  CHECK(faults.first() == "");
  CHECK(reads >= times);
}

}  // namespace

TEST_CASE("calls from eight threads see the updates of another function whole") {
  // w is what a product reads (and keeps packed between calls), b an elementwise operand; w + b is the same in all
  // versions. In-place and not: w is replaced by a product of itself, b by its own elements.
  for (const int threads : {1, 2}) {
    INFO(threads << " threads in a call");
    Dim n("n");
    const Tensor x = input("x", float32, {n, width});
    const Shared w("w", filled(1, {width, width})), b("b", filled(total - 1, {width}));
    const Function read = function({x}, {dot(x, w), b + 0.0, w * 1.0}, {.threads = threads, .cache = false});
    const Tensor moved = dot(w, Tensor(constant(filled(1.0 / width, {width, width})))) + 1.0;
    const Function write =
        function({}, {}, {.updates = {{w, round(moved)}, {b, b - 1.0}}, .threads = threads, .cache = false});
    const Array ones = filled(1, {16, width});
    const auto check = [&](Faults& faults) {
      const std::vector<Array> out = read(ones);
      const double version = uniform(out[2], "w", faults);
      if (uniform(out[0], "the product", faults) != version * width)
        faults.add("a product with a pack of another version");
      if (uniform(out[1], "b", faults) != total - version) faults.add("w and b are of different versions");
      return version;
    };
    side_by_side(50, check, [&](int) { write(); });
    CHECK(w.get().at(0) == 51);
  }
}

TEST_CASE("calls from eight threads see what set() stores whole, whatever its extents") {
  Dim n("n");
  const Tensor x = input("x", float32, {width});
  Shared rows("rows", filled(1, {1, width}), {n, width});
  const Function read = function({x}, {dot(rows, x), rows * 1.0, extent(n)}, {.threads = 2, .cache = false});
  const Array ones = filled(1, {width});
  const auto check = [&](Faults& faults) {
    const std::vector<Array> out = read(ones);
    const double count = out[2].at(0), value = uniform(out[1], "rows", faults);
    if (value != count || static_cast<double>(out[0].size()) != count)
      faults.add("extents and elements of different versions");
    if (uniform(out[0], "the product", faults) != value * width) faults.add("a product with a pack of another version");
    return 0.0;
  };
  side_by_side(50, check, [&](int i) { rows.set(filled(1 + i % 7, {1 + i % 7, width})); });
}

TEST_CASE("updates from eight threads add up") {
  const Shared count("count", filled(0, {width}));
  const Function add = function({}, {count + 1.0}, {.updates = {{count, count + 1.0}}, .cache = false});
  std::vector<std::thread> threads;
  std::atomic<int> uneven{0};
  for (int t = 0; t < readers; ++t)
    threads.emplace_back([&] {
      Faults faults;
      for (int i = 0; i < 100; ++i) uniform(add()[0], "count", faults);
      uneven += !faults.first().empty();
    });
  for (std::thread& t : threads) t.join();
  CHECK(uneven == 0);
  for (std::int64_t i = 0; i < width; ++i) CHECK(count.get().at(i) == 100 * readers);
}

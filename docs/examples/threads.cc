// One function called from several threads while another updates the variable that it reads. A call sees the variable
// before or after an update, never in between.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include <bitale/bitale.h>
using namespace bitale;

int main() {
  Shared w("w", Array::zeros(float32, {1000}));
  Tensor x = input("x", float32, {1000});
  // Asked for one thread each, so that callers do not wait for each other's threads.
  Function spread = function({x}, {max(w * x) - min(w * x)}, {.threads = 1});
  Function advance = function({}, {}, {.updates = {{w, w + 1.0}}, .threads = 1});

  const Array all_ones = function({}, {ones(float32, {1000})})()[0];
  std::atomic<int> torn{0}, calls{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 4; ++t)
    readers.emplace_back([&] {
      for (int i = 0; i < 500; ++i, ++calls) torn += spread(all_ones)[0].at(0) != 0;
    });
  for (int i = 0; i < 200; ++i) advance();
  for (std::thread& t : readers) t.join();
  std::printf("%d calls, %d saw a variable in the middle of an update; w is %.0f now\n", calls.load(), torn.load(),
              w.get().at(0));
  return torn == 0 && w.get().at(0) == 200 ? 0 : 1;
}

#include "runtime/device/emulated.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/hash.h"
#include "runtime/device/emulated_streams.h"

namespace bitale {
namespace {

constexpr std::size_t alignment = 256;

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

// What is asked for is done when somebody waits for it, in order but for what a recording leaves open.
class EmulatedDriver final : public Driver, public std::enable_shared_from_this<EmulatedDriver> {
 public:
  ~EmulatedDriver() override {
    for (const auto* all : {&mappings_, &given_back_})
      for (const auto& [address, mapping] : *all) munmap(mapping.begin, mapping.bytes);
  }

  std::string target() const override { return "emulated"; }
  std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) override;

  void* allocate(std::size_t bytes) override { return map(bytes, false); }
  // What is pending may still use it. Its addresses are not used again for a while, so that what uses it later is
  // found.
  void release(void* memory) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto found = mappings_.find(memory);
    if (found == mappings_.end()) return;
    given_back_[found->second.begin] = found->second;
    unused_.push_back(found->second);
    mappings_.erase(found);
  }

  void* allocate_pinned(std::size_t bytes) override { return map(bytes, true); }
  void release_pinned(void* memory) noexcept override { release(memory); }
  void send(void* to, const void* pinned, std::size_t bytes) override {
    if (bytes > 0) ask_between({[=] { std::memcpy(to, pinned, bytes); }, {to, pinned}}, pinned, bytes);
  }
  void receive(void* pinned, const void* from, std::size_t bytes) override {
    if (bytes > 0) ask_between({[=] { std::memcpy(pinned, from, bytes); }, {from, pinned}}, pinned, bytes);
  }
  std::shared_ptr<const Mark> mark() override {
    BITALE_ASSERT(!recording_, "a mark is made while something is recorded");
    const std::lock_guard lock(mutex_);
    return std::make_shared<const Count>(asked_);
  }
  // What was asked for later may have happened, too, or not.
  void wait_until(const Mark& mark) override {
    const std::lock_guard running(running_);
    const std::uint64_t drawn = hash_combine(static_cast<std::uint64_t>(flags().emulated_seed), ++waits_);
    tell();
    do_pending(drawn >> 33 & 1 ? everything : static_cast<const Count&>(mark).requests);
  }

  void to_device(void* to, const void* from, std::size_t bytes) override {
    across({to});
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) override {
    across({from});
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void wait() override {
    const std::lock_guard running(running_);
    tell();
    do_pending();
  }
  // Where nobody can be told now that something failed: the next to wait is.
  void wait_quietly() noexcept {
    const std::lock_guard running(running_);
    try {
      do_pending();
    } catch (const std::exception& e) {
      failure_ = e.what();
    }
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) ask({[=] { std::memcpy(to, from, bytes); }, {to, from}});
  }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override {
    if (bytes > 0) ask({[=] { std::memset(to, byte, bytes); }, {to}});
  }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    std::vector<std::uint64_t> values(parameters.size());
    for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&values[i], parameters[i], sizeof values[i]);
    std::vector<const void*> touched;
    for (const std::uint64_t v : values) touched.push_back(reinterpret_cast<const void*>(v));
    ask({[=, this]() mutable {
           std::vector<void*> addresses;
           for (std::uint64_t& v : values) addresses.push_back(&v);
           run(function, blocks, threads, addresses);
         },
         std::move(touched)});
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    launch(function, std::min(blocks, emulated_together(threads)), threads, parameters);
  }

  void record(int streams) override { recording_ = std::make_shared<EmulatedStreams>(streams); }
  void choose_stream(int stream) override { recording_->choose_stream(stream); }
  int event() override { return recording_->event(); }
  void wait_for(int event) override { recording_->wait_for(event); }
  std::shared_ptr<const Recording> recorded() override {
    const auto recording = std::exchange(recording_, nullptr);
    recording->finish();
    return recording;
  }
  void replay(const Recording& recording) override {
    const auto streams = static_cast<const EmulatedStreams&>(recording).shared_from_this();
    for (const EmulatedStreams::Request& r : streams->requests()) check(r, "a recording that is replayed");
    pend([=, this] {
      const std::vector<int> order =
          streams->order(hash_combine(static_cast<std::uint64_t>(flags().emulated_seed), ++replays_));
      for (const int i : order) streams->requests()[static_cast<std::size_t>(i)].run();
    });
  }

 private:
  struct Mapping {
    void* begin = nullptr;
    std::size_t bytes = 0, asked = 0;  // with its last page, and without what was not asked for
    bool pinned = false;
  };
  struct Count final : Mark {
    explicit Count(std::uint64_t n) : requests(n) {}
    const std::uint64_t requests;  // that were asked for before
  };

  static constexpr std::size_t most_pending = 4096;  // of requests that nobody waits for
  static constexpr std::size_t most_given_back = 256;
  static constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

  void* map(std::size_t bytes, bool pinned) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t usable = round_up(std::max<std::size_t>(bytes, 1), page);
    void* begin = mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* end = static_cast<std::uint8_t*>(begin) + usable;
    if (begin == MAP_FAILED || mprotect(end, page, PROT_NONE) != 0)
      throw Error("cannot allocate " + std::to_string(bytes) + " bytes of " + (pinned ? "pinned " : "") +
                  "memory of device 'emulated'");
    std::memset(begin, 0xFF, usable);
    void* address = end - round_up(bytes, alignment);
    const std::lock_guard lock(mutex_);
    mappings_[address] = {begin, usable + page, bytes, pinned};
    return address;
  }

  void ask(EmulatedStreams::Request request) {
    if (recording_) return recording_->add(std::move(request));
    check(request, "a request");
    pend(std::move(request.run));
  }
  void pend(std::function<void()> request) {
    std::unique_lock lock(mutex_);
    pending_.push_back(std::move(request));
    ++asked_;
    const bool many = pending_.size() >= most_pending;
    lock.unlock();
    if (many) wait();
  }
  void across(std::vector<const void*> touched) {
    BITALE_ASSERT(!recording_, "a copy between host and device is recorded");
    check({nullptr, std::move(touched)}, "a copy between host and device");
    wait();
  }

  // Memory that is not pinned is the host's, or the device's: a GPU would wait, or do something else.
  void ask_between(EmulatedStreams::Request request, const void* pinned, std::size_t bytes) {
    BITALE_ASSERT(!recording_, "a copy between host and device is recorded");
    check(request, "a copy between host and device");
    {
      const std::lock_guard lock(mutex_);
      auto found = mappings_.upper_bound(const_cast<void*>(pinned));
      const bool known = found != mappings_.begin() && (--found)->second.pinned;
      if (!known || static_cast<const std::uint8_t*>(pinned) + bytes >
                        static_cast<const std::uint8_t*>(found->first) + found->second.asked)
        throw InternalError("device 'emulated': " + std::to_string(bytes) +
                            " bytes are to go to or from memory of the host that is not pinned");
    }
    pend(std::move(request.run));
  }

  void check(const EmulatedStreams::Request& request, const char* what) {
    const std::lock_guard lock(mutex_);
    for (const void* address : request.touched) {
      auto found = given_back_.upper_bound(const_cast<void*>(address));
      if (found == given_back_.begin()) continue;
      const Mapping& m = (--found)->second;
      if (static_cast<const std::uint8_t*>(address) < static_cast<const std::uint8_t*>(m.begin) + m.bytes)
        throw InternalError("device 'emulated': " + std::string(what) + " uses " + std::to_string(m.asked) +
                            " bytes of memory that were given back before");
    }
  }

  // With running_ held: of what failed before, when nobody could be told.
  void tell() {
    if (!failure_.empty()) throw InternalError(std::exchange(failure_, ""));
  }

  // With running_ held: of all requests that there ever were, the first so many. If one fails, those that were pending
  // with it are dropped.
  void do_pending(std::uint64_t last = everything) {
    std::deque<std::function<void()>> requests;
    std::vector<Mapping> unused;
    {
      const std::lock_guard lock(mutex_);
      const std::uint64_t before = asked_ - pending_.size();
      const auto count =
          static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(pending_.size(), last > before ? last - before : 0));
      std::move(pending_.begin(), pending_.begin() + count, std::back_inserter(requests));
      pending_.erase(pending_.begin(), pending_.begin() + count);
      if (pending_.empty()) unused.swap(unused_);  // else what is pending may use it
    }
    try {
      for (const auto& request : requests) request();
    } catch (...) {
      close(unused);
      throw;
    }
    close(unused);
  }

  void close(const std::vector<Mapping>& unused) {
    const std::lock_guard lock(mutex_);
    for (const Mapping& m : unused)
      mmap(m.begin, m.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    closed_.insert(closed_.end(), unused.begin(), unused.end());
    for (; closed_.size() > most_given_back; closed_.pop_front()) {
      munmap(closed_.front().begin, closed_.front().bytes);
      given_back_.erase(closed_.front().begin);
    }
  }

  void run(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) {
    const auto seed = static_cast<std::uint64_t>(19 + flags().emulated_seed);
    const char* failed =
        reinterpret_cast<EmulatedLaunch>(function)(parameters.data(), blocks, threads, hash_combine(seed, ++launches_));
    if (failed) throw InternalError(std::string("device 'emulated': ") + failed);
  }

  std::mutex running_;  // what is asked for is done by one thread at a time: blocks live in their module's memory
  std::uint64_t launches_ = 0, replays_ = 0, waits_ = 0;
  std::string failure_;  // empty: none that nobody was told

  std::mutex mutex_;                     // of what follows; taken after the other
  std::map<void*, Mapping> mappings_;    // by address
  std::map<void*, Mapping> given_back_;  // by begin
  std::vector<Mapping> unused_;          // given back, and may be used by what is pending
  std::deque<Mapping> closed_;           // given back, and can be accessed no more
  std::deque<std::function<void()>> pending_;
  std::uint64_t asked_ = 0;                                         // requests, with those that are done
  static thread_local std::shared_ptr<EmulatedStreams> recording_;  // null: requests are not recorded
};

thread_local std::shared_ptr<EmulatedStreams> EmulatedDriver::recording_;

class EmulatedModule final : public Driver::Module {
 public:
  EmulatedModule(std::shared_ptr<EmulatedDriver> driver, std::span<const std::uint8_t> image)
      : driver_(std::move(driver)) {
    const int file = memfd_create("bitale-emulated", MFD_CLOEXEC);
    if (file < 0) throw Error(std::string("device 'emulated': memfd_create: ") + std::strerror(errno));
    for (std::size_t done = 0; done < image.size();) {
      const ssize_t n = write(file, image.data() + done, image.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const std::string why = std::strerror(errno);
        close(file);
        throw Error("device 'emulated': cannot keep a module in memory: " + why);
      }
      done += static_cast<std::size_t>(n);
    }
    // The file stays open as long as the module is there: to the loader, equal names are the same library.
    library_ = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    file_ = file;
    if (library_) return;
    const char* why = dlerror();
    close(file);
    throw Error(std::string("device 'emulated': cannot load a module: ") + (why ? why : "no reason"));
  }
  ~EmulatedModule() override {
    driver_->wait_quietly();  // launches of its functions may be pending
    dlclose(library_);
    close(file_);
  }

  void* function(const std::string& name) const override {
    void* f = dlsym(library_, (emulated_prefix + name).c_str());
    if (!f) throw InternalError("the emulated module has no function " + name);
    return f;
  }

 private:
  const std::shared_ptr<EmulatedDriver> driver_;
  void* library_ = nullptr;
  int file_ = -1;
};

std::shared_ptr<const Driver::Module> EmulatedDriver::load(std::span<const std::uint8_t> image) {
  return std::make_shared<EmulatedModule>(shared_from_this(), image);
}

}  // namespace

std::shared_ptr<Driver> emulated_driver() {
  static const auto driver = std::make_shared<EmulatedDriver>();
  return driver;
}

}  // namespace bitale

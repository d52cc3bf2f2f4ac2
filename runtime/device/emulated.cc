#include "runtime/device/emulated.h"

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/hash.h"

namespace bitale {
namespace {

constexpr std::size_t alignment = 256;

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

class EmulatedModule final : public Driver::Module {
 public:
  explicit EmulatedModule(std::span<const std::uint8_t> image) {
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
    dlclose(library_);
    close(file_);
  }

  void* function(const std::string& name) const override {
    void* f = dlsym(library_, (emulated_prefix + name).c_str());
    if (!f) throw InternalError("the emulated module has no function " + name);
    return f;
  }

 private:
  void* library_ = nullptr;
  int file_ = -1;
};

class EmulatedDriver final : public Driver {
 public:
  ~EmulatedDriver() override {
    for (const auto& [address, mapping] : mappings_) munmap(mapping.begin, mapping.bytes);
  }

  std::string target() const override { return "emulated"; }

  std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) override {
    return std::make_shared<EmulatedModule>(image);
  }

  void* allocate(std::size_t bytes) override {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t usable = round_up(std::max<std::size_t>(bytes, 1), page);
    void* begin = mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* end = static_cast<std::uint8_t*>(begin) + usable;
    if (begin == MAP_FAILED || mprotect(end, page, PROT_NONE) != 0)
      throw Error("cannot allocate " + std::to_string(bytes) + " bytes of memory of device 'emulated'");
    std::memset(begin, 0xFF, usable);
    void* address = end - round_up(bytes, alignment);
    const std::lock_guard lock(mutex_);
    mappings_[address] = {begin, usable + page};
    return address;
  }
  void release(void* memory) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto found = mappings_.find(memory);
    if (found == mappings_.end()) return;
    munmap(found->second.begin, found->second.bytes);
    mappings_.erase(found);
  }

  void to_device(void* to, const void* from, std::size_t bytes) override { across(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override { across(to, from, bytes); }
  void wait() override {}
  void copy(void* to, const void* from, std::size_t bytes) override {
    ask([=] {
      if (bytes > 0) std::memcpy(to, from, bytes);
    });
  }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override {
    ask([=] {
      if (bytes > 0) std::memset(to, byte, bytes);
    });
  }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    if (!recording_) return run(function, blocks, threads, parameters);
    keep(function, blocks, threads, parameters);
  }
  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    launch(function, std::min(blocks, emulated_together(threads)), threads, parameters);
  }

  void record() override { recording_ = std::make_shared<Requests>(); }
  std::shared_ptr<const Recording> recorded() override { return std::exchange(recording_, nullptr); }
  void replay(const Recording& recording) override {
    for (const auto& request : static_cast<const Requests&>(recording).requests) request();
  }

 private:
  struct Requests final : Recording {
    std::vector<std::function<void()>> requests;
  };

  void keep(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) {
    std::vector<std::uint64_t> values(parameters.size());
    for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&values[i], parameters[i], sizeof values[i]);
    recording_->requests.push_back([=, this]() mutable {
      std::vector<void*> addresses;
      for (std::uint64_t& v : values) addresses.push_back(&v);
      run(function, blocks, threads, addresses);
    });
  }

  template <class F>
  static void ask(F request) {
    if (recording_)
      recording_->requests.push_back(request);
    else
      request();
  }
  static void across(void* to, const void* from, std::size_t bytes) {
    BITALE_ASSERT(!recording_, "a copy between host and device is recorded");
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

  // Blocks and threads of a module live in its static memory: one launch at a time.
  void run(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) {
    const std::lock_guard lock(launching_);
    const char* failed =
        reinterpret_cast<EmulatedLaunch>(function)(parameters.data(), blocks, threads, hash_combine(19, ++launches_));
    if (failed) throw InternalError(std::string("device 'emulated': ") + failed);
  }

  struct Mapping {
    void* begin = nullptr;
    std::size_t bytes = 0;
  };
  std::mutex mutex_, launching_;
  std::map<void*, Mapping> mappings_;
  std::uint64_t launches_ = 0;
  static thread_local std::shared_ptr<Requests> recording_;  // null: requests are done at once
};

thread_local std::shared_ptr<EmulatedDriver::Requests> EmulatedDriver::recording_;

}  // namespace

std::shared_ptr<Driver> emulated_driver() {
  static const std::shared_ptr<Driver> driver = std::make_shared<EmulatedDriver>();
  return driver;
}

}  // namespace bitale

// Everything goes through one stream, so that it happens in the order of the calls; a recording, too, as a whole. Only
// what is inside a recording may go to several.
#include "runtime/device/cuda.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/device/cublaslt.h"
#include "runtime/device/cuda_libraries.h"
#include "runtime/device/cudnn/session.h"

namespace bitale {
namespace {

// The types of cuda.h, and the functions that are used of it, by their versioned names.
using Result = int;
using Address = unsigned long long;
using Handle = void*;

#define BITALE_CUDA_FUNCTIONS(F)                                                                    \
  F(cuInit, (unsigned))                                                                             \
  F(cuDriverGetVersion, (int*))                                                                     \
  F(cuGetErrorName, (Result, const char**))                                                         \
  F(cuGetErrorString, (Result, const char**))                                                       \
  F(cuDeviceGetCount, (int*))                                                                       \
  F(cuDeviceGet, (int*, int))                                                                       \
  F(cuDeviceGetAttribute, (int*, int, int))                                                         \
  F(cuDevicePrimaryCtxRetain, (Handle*, int))                                                       \
  F(cuCtxSetCurrent, (Handle))                                                                      \
  F(cuStreamCreate, (Handle*, unsigned))                                                            \
  F(cuStreamSynchronize, (Handle))                                                                  \
  F(cuStreamDestroy_v2, (Handle))                                                                   \
  F(cuStreamWaitEvent, (Handle, Handle, unsigned))                                                  \
  F(cuEventCreate, (Handle*, unsigned))                                                             \
  F(cuEventRecord, (Handle, Handle))                                                                \
  F(cuEventSynchronize, (Handle))                                                                   \
  F(cuEventDestroy_v2, (Handle))                                                                    \
  F(cuEventElapsedTime, (float*, Handle, Handle))                                                   \
  F(cuStreamBeginCapture_v2, (Handle, int))                                                         \
  F(cuStreamEndCapture, (Handle, Handle*))                                                          \
  F(cuGraphInstantiateWithFlags, (Handle*, Handle, unsigned long long))                             \
  F(cuGraphDestroy, (Handle))                                                                       \
  F(cuGraphExecDestroy, (Handle))                                                                   \
  F(cuGraphLaunch, (Handle, Handle))                                                                \
  F(cuModuleLoadData, (Handle*, const void*))                                                       \
  F(cuModuleUnload, (Handle))                                                                       \
  F(cuModuleGetFunction, (Handle*, Handle, const char*))                                            \
  F(cuMemAlloc_v2, (Address*, std::size_t))                                                         \
  F(cuMemFree_v2, (Address))                                                                        \
  F(cuMemHostAlloc, (void**, std::size_t, unsigned))                                                \
  F(cuMemFreeHost, (void*))                                                                         \
  F(cuMemcpyHtoDAsync_v2, (Address, const void*, std::size_t, Handle))                              \
  F(cuMemcpyDtoHAsync_v2, (void*, Address, std::size_t, Handle))                                    \
  F(cuMemcpyDtoDAsync_v2, (Address, Address, std::size_t, Handle))                                  \
  F(cuMemsetD8Async, (Address, unsigned char, std::size_t, Handle))                                 \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int*, Handle, int, std::size_t))                  \
  F(cuLaunchCooperativeKernel,                                                                      \
    (Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void**)) \
  F(cuLaunchKernel,                                                                                 \
    (Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void**, void**))

struct Api {
#define BITALE_CUDA_MEMBER(name, arguments) Result(*name) arguments = nullptr;
  BITALE_CUDA_FUNCTIONS(BITALE_CUDA_MEMBER)
#undef BITALE_CUDA_MEMBER
};

constexpr Result success = 0, out_of_memory = 2, stub_library = 34, no_device = 100;
constexpr int least_version = 12000;
constexpr int capability_major = 75, capability_minor = 76, multiprocessors = 16;  // attributes of a device
constexpr int of_this_thread = 1;                                                  // what is captured
constexpr unsigned non_blocking = 1;                     // a stream that does not wait for the default one
constexpr unsigned with_timing = 0, without_timing = 2;  // events

constexpr const char* help =
    "; the GPU needs NVIDIA's driver (nvidia-smi shows it), the rest of Bitale works without. Folders to look in "
    "first: "
    "BITALE_CUDA";

std::string text_of(const Api& api, Result result) {
  const char *name = nullptr, *text = nullptr;
  if (api.cuGetErrorName) api.cuGetErrorName(result, &name);
  if (api.cuGetErrorString) api.cuGetErrorString(result, &text);
  return std::string(name ? name : "error " + std::to_string(result)) + (text ? std::string(" (") + text + ")" : "");
}

Api load_api() {
  constexpr const char* names[] = {"libcuda.so.1"};
  const CudaLibrary library = open_cuda_library(names);
  if (!library.handle)
    throw Error("device 'cuda': NVIDIA's driver library is not there: looked for " + list_of(library.searched) + help);
  Api api;
  std::string missing;
#define BITALE_CUDA_LOAD(name, arguments)                                         \
  api.name = reinterpret_cast<Result(*) arguments>(dlsym(library.handle, #name)); \
  if (!api.name) missing += std::string(missing.empty() ? "" : ", ") + #name;
  BITALE_CUDA_FUNCTIONS(BITALE_CUDA_LOAD)
#undef BITALE_CUDA_LOAD
  if (!missing.empty())
    throw Error("device 'cuda': the driver library " + library.path + " lacks " + missing +
                ": it is too old; CUDA 12 or later is needed");
  const Result started = api.cuInit(0);
  if (started == stub_library)
    throw Error("device 'cuda': " + library.path + " is the toolkit's stub, not a driver" + help);
  if (started == no_device) throw Error("device 'cuda': the driver " + library.path + " finds no GPU");
  if (started != success)
    throw Error("device 'cuda': the driver " + library.path + " does not start: " + text_of(api, started) + help);
  int version = 0;
  if (api.cuDriverGetVersion(&version) == success && version < least_version)
    throw Error("device 'cuda': the driver is of CUDA " + std::to_string(version / 1000) + "." +
                std::to_string(version % 1000 / 10) + ", and CUDA 12 or later is needed: update NVIDIA's driver");
  return api;
}

const Api& api() {
  static const Api loaded = load_api();
  return loaded;
}

class CudaDriver;

class CudaModule final : public Driver::Module {
 public:
  CudaModule(const CudaDriver& driver, std::span<const std::uint8_t> image);
  ~CudaModule() override;
  void* function(const std::string& name) const override;

 private:
  const CudaDriver& driver_;
  Handle module_ = nullptr;
};

// Lives as long as the process: what it owns goes with the process, whatever the order of destructors.
class CudaDriver final : public Driver {
 public:
  explicit CudaDriver(int index) : name_("cuda:" + std::to_string(index)) {
    int count = 0;
    check(api().cuDeviceGetCount(&count), "counting GPUs");
    if (index >= count)
      throw Error("device '" + name_ + "': there " +
                  (count == 1 ? "is 1 GPU" : "are " + std::to_string(count) + " GPUs") + ", counted from 0");
    int device = 0, major = 0, minor = 0;
    check(api().cuDeviceGet(&device, index), "opening it");
    check(api().cuDeviceGetAttribute(&major, capability_major, device), "asking for its architecture");
    check(api().cuDeviceGetAttribute(&minor, capability_minor, device), "asking for its architecture");
    check(api().cuDeviceGetAttribute(&multiprocessors_, multiprocessors, device), "asking for its multiprocessors");
    target_ = "sm_" + std::to_string(10 * major + minor);
    check(api().cuDevicePrimaryCtxRetain(&context_, device), "making a context");
    enter();
    check(api().cuStreamCreate(&stream_, non_blocking), "making a stream");
  }

  std::string target() const override { return target_; }

  std::shared_ptr<const Module> load(std::span<const std::uint8_t> image) override {
    return std::make_shared<CudaModule>(*this, image);
  }

  // What is released is kept for the next of its size: calls that repeat allocate nothing. Whoever used it before did
  // so earlier in the stream.
  void* allocate(std::size_t bytes) override {
    enter();
    const std::size_t size = (std::max<std::size_t>(bytes, 1) + 255) / 256 * 256;
    const std::lock_guard lock(mutex_);
    std::vector<Address>& kept = free_[size];
    Address address = 0;
    if (!kept.empty()) {
      address = kept.back();
      kept.pop_back();
    } else {
      address = take(size);
    }
    sizes_[address] = size;
    return reinterpret_cast<void*>(address);
  }
  void release(void* memory) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(address_of(memory));
    if (found == sizes_.end()) return;
    free_[found->second].push_back(found->first);
    sizes_.erase(found);
  }

  void* allocate_pinned(std::size_t bytes) override {
    enter();
    void* memory = nullptr;
    check(api().cuMemHostAlloc(&memory, bytes, 0), "allocating " + std::to_string(bytes) + " bytes of pinned memory");
    return memory;
  }
  // That the stream fails is for whoever waits for what it was asked for.
  void release_pinned(void* memory) noexcept override {
    api().cuCtxSetCurrent(context_);
    api().cuStreamSynchronize(stream_);
    api().cuMemFreeHost(memory);
  }
  void send(void* to, const void* pinned, std::size_t bytes) override {
    if (bytes == 0) return;
    enter();
    check(api().cuMemcpyHtoDAsync_v2(address_of(to), pinned, bytes, stream_), "copying to it");
  }
  void receive(void* pinned, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    enter();
    check(api().cuMemcpyDtoHAsync_v2(pinned, address_of(from), bytes, stream_), "copying from it");
  }
  std::shared_ptr<const Mark> mark() override {
    enter();
    auto event = std::make_shared<Event>();
    check(api().cuEventCreate(&event->handle, without_timing), "making an event");
    check(api().cuEventRecord(event->handle, stream_), "recording an event");
    return event;
  }
  void wait_until(const Mark& mark) override {
    enter();
    check(api().cuEventSynchronize(static_cast<const Event&>(mark).handle), "running");
  }

  // From memory that is not pinned the function returns when it has been read: send() is the one that does not wait.
  void to_device(void* to, const void* from, std::size_t bytes) override { send(to, from, bytes); }
  void to_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    receive(to, from, bytes);
    wait();
  }
  void wait() override {
    enter();
    check(api().cuStreamSynchronize(stream_), "running");
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    enter();
    check(api().cuMemcpyDtoDAsync_v2(address_of(to), address_of(from), bytes, stream()), "copying");
  }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override {
    if (bytes == 0) return;
    enter();
    check(api().cuMemsetD8Async(address_of(to), byte, bytes, stream()), "filling memory");
  }
  void launch(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    enter();
    check(api().cuLaunchKernel(function, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(threads), 1, 1, 0,
                               stream(), const_cast<void**>(parameters.data()), nullptr),
          "launching a kernel");
  }

  void launch_together(void* function, std::int64_t blocks, int threads, std::span<void* const> parameters) override {
    enter();
    const auto grid = static_cast<unsigned>(std::min(blocks, at_once(function, threads)));
    check(api().cuLaunchCooperativeKernel(function, grid, 1, 1, static_cast<unsigned>(threads), 1, 1, 0, stream(),
                                          const_cast<void**>(parameters.data())),
          "launching a kernel of a loop");
  }

  bool may_multiply() const override { return true; }
  std::shared_ptr<const Product> plan(const MatrixProduct& product) override {
    enter();
    const std::lock_guard lock(products_);
    if (!asked_for_cublaslt_) open_cublaslt();
    return cublaslt_ ? cublaslt_->plan(product) : nullptr;
  }
  // The workspace is one for all: products follow each other in the stream, and in what is recorded and replayed there,
  // whose planner sees to it.
  void multiply(const Product& plan, const void* a, const void* b, const void* bias, void* c) override {
    enter();
    cublaslt_->multiply(plan, a, b, bias, c, workspace_, stream());
  }

  std::string why_not_convolve() const override { return cudnn::Library::installed().why_not(); }
  // Deterministic results are the same in every process.
  std::shared_ptr<const cudnn::ConvolutionPlan> plan_convolution(const cudnn::Convolution& convolution,
                                                                 const cudnn::ConvolutionMemory& memory) override {
    enter();
    if (!plans_are_measured() || convolution.deterministic || capture_) return cudnn().plan(convolution, nullptr);
    return cudnn().plan(convolution, [&](const auto& plan, int runs) { return time(plan, memory, runs); });
  }
  void convolve(const cudnn::ConvolutionPlan& plan, const cudnn::ConvolutionMemory& memory) override {
    enter();
    cudnn().run(plan, memory, stream());
  }

  // Streams of its own are captured, so that others can go on meanwhile; all but the first as soon as they wait for an
  // event of one that is.
  void record(int streams) override {
    enter();
    auto capture = std::make_unique<Capture>();
    for (int i = 0; i < streams; ++i)
      check(api().cuStreamCreate(&capture->streams.emplace_back(), non_blocking), "making a stream");
    check(api().cuStreamBeginCapture_v2(capture->streams[0], of_this_thread), "recording");
    capture_ = std::move(capture);
  }
  void choose_stream(int stream) override { capture_->chosen = static_cast<std::size_t>(stream); }
  int event() override {
    enter();
    Handle& event = capture_->events.emplace_back();
    check(api().cuEventCreate(&event, without_timing), "making an event");
    check(api().cuEventRecord(event, stream()), "recording an event");
    return static_cast<int>(capture_->events.size()) - 1;
  }
  void wait_for(int event) override {
    enter();
    check(api().cuStreamWaitEvent(stream(), capture_->events[static_cast<std::size_t>(event)], 0),
          "waiting for an event");
  }
  std::shared_ptr<const Recording> recorded() override {
    const auto capture = std::exchange(capture_, nullptr);
    Handle graph = nullptr, executable = nullptr;
    Result result = api().cuStreamEndCapture(capture->streams[0], &graph);
    if (result == success) result = api().cuGraphInstantiateWithFlags(&executable, graph, 0);
    if (graph) api().cuGraphDestroy(graph);
    check(result, "recording");
    return std::make_shared<const Graph>(executable);
  }
  void replay(const Recording& recording) override {
    enter();
    check(api().cuGraphLaunch(static_cast<const Graph&>(recording).executable, stream_), "launching a graph");
  }

  void unload(Handle module) const noexcept {
    api().cuCtxSetCurrent(context_);
    api().cuModuleUnload(module);
  }

  // The context belongs to a thread: every thread that asks for something enters it.
  void enter() const { check(api().cuCtxSetCurrent(context_), "entering its context"); }
  void check(Result result, const std::string& what) const {
    if (result != success) throw Error("device '" + name_ + "': " + what + ": " + text_of(api(), result));
  }

 private:
  struct Graph final : Recording {
    explicit Graph(Handle e) : executable(e) {}
    ~Graph() override { api().cuGraphExecDestroy(executable); }
    const Handle executable;
  };

  struct Event final : Mark {
    ~Event() override {
      if (handle) api().cuEventDestroy_v2(handle);
    }
    Handle handle = nullptr;
  };

  // Memory that is not kept when it is released.
  struct Passing {
    Passing(CudaDriver& driver, std::size_t bytes) {
      const std::lock_guard lock(driver.mutex_);
      if (bytes > 0) address = driver.take(bytes);
    }
    Passing(const Passing&) = delete;
    ~Passing() {
      if (address) api().cuMemFree_v2(address);
    }
    Address address = 0;
  };

  struct Capture {
    Capture() = default;
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    ~Capture() {
      for (const Handle e : events)
        if (e) api().cuEventDestroy_v2(e);
      for (const Handle s : streams)
        if (s) api().cuStreamDestroy_v2(s);
    }
    std::vector<Handle> streams, events;
    std::size_t chosen = 0;
  };

  static Address address_of(const void* memory) { return reinterpret_cast<Address>(memory); }
  Handle stream() const { return capture_ ? capture_->streams[capture_->chosen] : stream_; }

  cudnn::Session& cudnn() {
    const std::lock_guard lock(mutex_);
    if (!cudnn_) cudnn_ = std::make_unique<cudnn::Session>(stream_);
    return *cudnn_;
  }

  static bool plans_are_measured() {
    const std::string& how = flags().cudnn_plans;
    if (how.empty() || how == "measured") return true;
    if (how == "heuristic") return false;
    throw Error("BITALE_CUDNN_PLANS is '" + how + "', expected measured or heuristic");
  }

  // ms of some runs of a plan. Memory that it used is released when it is over, also if an error ends it.
  double time(const cudnn::ConvolutionPlan& plan, cudnn::ConvolutionMemory memory, int runs) {
    const Passing workspace(*this, static_cast<std::size_t>(plan.workspace_bytes()));
    memory.workspace = reinterpret_cast<void*>(workspace.address);
    Event begin, end;
    for (Event* e : {&begin, &end}) check(api().cuEventCreate(&e->handle, with_timing), "making an event");
    check(api().cuEventRecord(begin.handle, stream_), "recording an event");
    for (int i = 0; i < runs; ++i) cudnn().run(plan, memory, stream_);
    check(api().cuEventRecord(end.handle, stream_), "recording an event");
    check(api().cuEventSynchronize(end.handle), "running");
    float ms = 0;
    check(api().cuEventElapsedTime(&ms, begin.handle, end.handle), "asking how long it took");
    return ms;
  }

  // How many blocks of a function the GPU holds at the same time.
  std::int64_t at_once(void* function, int threads) {
    const std::lock_guard lock(mutex_);
    std::int64_t& blocks = at_once_[function];
    if (blocks > 0) return blocks;
    int of_one = 0;
    check(api().cuOccupancyMaxActiveBlocksPerMultiprocessor(&of_one, function, threads, 0),
          "asking how many blocks it holds");
    if (of_one < 1)
      throw Error("device '" + name_ + "': it holds no block of " + std::to_string(threads) +
                  " threads of a loop's kernel; BITALE_LOOPS=launches does without");
    return blocks = std::int64_t{of_one} * multiprocessors_;
  }

  // New memory; with the mutex held.
  Address take(std::size_t bytes) {
    Address address = 0;
    Result result = api().cuMemAlloc_v2(&address, bytes);
    if (result == out_of_memory && give_back_free() > 0) result = api().cuMemAlloc_v2(&address, bytes);
    check(result, "allocating " + std::to_string(bytes) + " bytes");
    return address;
  }

  // The number of bytes; with the mutex held.
  std::size_t give_back_free() {
    std::size_t bytes = 0;
    for (auto& [size, addresses] : free_)
      for (const Address a : std::exchange(addresses, {}))
        if (api().cuMemFree_v2(a) == success) bytes += size;
    return bytes;
  }

  // Without it generated kernels multiply; a warning says so once.
  void open_cublaslt() {
    asked_for_cublaslt_ = true;
    try {
      auto opened = std::make_unique<CublasLt>(CublasLtLibrary::get());
      workspace_ = allocate(CublasLt::workspace_bytes);
      cublaslt_ = std::move(opened);
    } catch (const Error& e) {
      warn("device '" + name_ + "': " + e.what() + "; generated kernels multiply instead");
    }
  }

  std::mutex products_;  // of what plans them
  bool asked_for_cublaslt_ = false;
  std::unique_ptr<CublasLt> cublaslt_;  // null: it is not there
  void* workspace_ = nullptr;

  std::mutex mutex_;                                  // of what is allocated and opened
  std::map<std::size_t, std::vector<Address>> free_;  // by size
  std::map<Address, std::size_t> sizes_;
  std::map<void*, std::int64_t> at_once_;  // by function
  std::unique_ptr<cudnn::Session> cudnn_;  // null: not opened yet
  const std::string name_;
  std::string target_;
  int multiprocessors_ = 0;
  Handle context_ = nullptr, stream_ = nullptr;
  static thread_local std::unique_ptr<Capture> capture_;  // null: nothing is recorded
};

thread_local std::unique_ptr<CudaDriver::Capture> CudaDriver::capture_;

CudaModule::CudaModule(const CudaDriver& driver, std::span<const std::uint8_t> image) : driver_(driver) {
  driver_.enter();
  driver_.check(api().cuModuleLoadData(&module_, image.data()),
                "loading a module of " + std::to_string(image.size()) + " bytes");
}
CudaModule::~CudaModule() { driver_.unload(module_); }
void* CudaModule::function(const std::string& name) const {
  Handle function = nullptr;
  driver_.enter();
  if (const Result r = api().cuModuleGetFunction(&function, module_, name.c_str()); r != success)
    throw InternalError("the module has no function " + name + ": " + text_of(api(), r));
  return function;
}

}  // namespace

std::shared_ptr<Driver> cuda_driver(int index) {
  static std::mutex mutex;
  static auto* const drivers = new std::map<int, std::shared_ptr<CudaDriver>>;
  const std::lock_guard lock(mutex);
  std::shared_ptr<CudaDriver>& driver = (*drivers)[index];
  if (!driver) driver = std::make_shared<CudaDriver>(index);
  return driver;
}

}  // namespace bitale

// A stand-in for NVIDIA's driver library, for tests of runtime/device/cuda.cc: one GPU of architecture 9.0 whose memory
// is the host's, and a record of every call. An image that is a shared object (compiler/codegen/cuda/emulate.h) is run
// when its functions are launched; one that is a cubin is only noted.
//
// CUDA_STUB_VERSION, CUDA_STUB_GPUS, CUDA_STUB_INIT: what the driver says its version and number of GPUs are, and what
// cuInit returns. CUDA_STUB_FAIL: "cuMemAlloc_v2=2" makes that function fail so.
#include "tests/cuda_stub/cuda_stub.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using Address = unsigned long long;

std::string log_text;
std::map<Address, int> numbers;  // of allocations, for the record
std::map<Address, std::size_t> sizes;
int allocations = 0;
int parameters_of_launches = -1;  // of kernels that are captured and run; -1: not known

struct Function {
  std::string name;
  const char* (*run)(void* const*, std::int64_t, int, std::uint64_t) = nullptr;
};
// What was asked for of streams that are captured; null: none is. What is asked of others is done at once.
using Graph = std::vector<std::function<int()>>;
Graph* captured = nullptr;
void* captured_stream = nullptr;  // the one with which it began
// How many requests of each captured stream come before what a stream is asked for next, or before an event. Streams
// are captured that are here.
using Known = std::map<void*, int>;
std::map<void*, Known> known_by_stream, known_by_event;
std::map<void*, std::string> stream_names;

double clock_ms = 0;
std::map<void*, double> event_times;

bool is_captured(void* stream) { return captured && known_by_stream.count(stream) > 0; }

template <class F>
int ask(void* stream, F request) {
  if (!is_captured(stream)) return request();
  captured->push_back(request);
  ++known_by_stream[stream][stream];
  return 0;
}

bool is_joined() {
  for (const auto& [stream, known] : known_by_stream)
    if (known.at(stream) > known_by_stream[captured_stream][stream]) return false;
  return true;
}

// In the order in which they joined what is captured: "s0" is the one with which it began.
std::string name_of(void* stream) {
  return stream_names.try_emplace(stream, "s" + std::to_string(stream_names.size())).first->second;
}

struct Module {
  void* library = nullptr;  // null: a cubin
  std::map<std::string, Function> functions;
};

int setting(const char* name, int fallback) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : fallback;
}

// Notes the call; what it is to return.
int note(const std::string& function, const std::string& arguments = "") {
  log_text += function + (arguments.empty() ? "" : " " + arguments) + "\n";
  const char* fail = std::getenv("CUDA_STUB_FAIL");
  const std::string prefix = function + "=";
  return fail && std::strncmp(fail, prefix.c_str(), prefix.size()) == 0 ? std::atoi(fail + prefix.size()) : 0;
}

std::string memory(Address a) {
  auto found = numbers.upper_bound(a);
  if (found == numbers.begin()) return "?";
  --found;
  return "m" + std::to_string(found->second) + (found->first == a ? "" : "+" + std::to_string(a - found->first));
}

void* open_image(const void* image) {
  if (std::memcmp(image, "\177ELF", 4) != 0) return nullptr;
  std::uint16_t machine = 0;
  std::memcpy(&machine, static_cast<const char*>(image) + 18, 2);
  if (machine == 190) return nullptr;  // EM_CUDA
  // The end of a shared object is that of its section headers, which linkers put last.
  std::uint64_t at = 0;
  std::uint16_t size = 0, count = 0;
  std::memcpy(&at, static_cast<const char*>(image) + 40, 8);
  std::memcpy(&size, static_cast<const char*>(image) + 58, 2);
  std::memcpy(&count, static_cast<const char*>(image) + 60, 2);
  const std::size_t bytes = at + std::uint64_t{size} * count;
  const int file = memfd_create("cuda-stub", 0);
  if (write(file, image, bytes) != static_cast<ssize_t>(bytes)) return nullptr;
  return dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);  // equal names are the same
}

// Of the GPU, which holds no more than kernels that are played have room for (runtime/device/emulated.h).
constexpr unsigned multiprocessors = 2;
unsigned blocks_of_one(unsigned threads) { return threads > 256 ? 1 : 2; }

int launch(const char* call, void* function, unsigned blocks, unsigned threads, void* stream, void** parameters) {
  const auto& f = *static_cast<const Function*>(function);
  const int result = note(call, f.name + " " + std::to_string(blocks) + " x " + std::to_string(threads));
  if (result || !f.run) return result;
  if (!is_captured(stream)) return f.run(parameters, blocks, static_cast<int>(threads), 1) ? 719 : 0;
  if (parameters_of_launches < 0) return note("", "(a kernel that is run cannot be captured here)"), 1;
  std::vector<std::uint64_t> values(static_cast<std::size_t>(parameters_of_launches));
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&values[i], parameters[i], sizeof values[i]);
  return ask(stream, [=]() mutable {
    std::vector<void*> addresses;
    for (std::uint64_t& v : values) addresses.push_back(&v);
    return f.run(addresses.data(), blocks, static_cast<int>(threads), 1) ? 719 : 0;
  });
}

}  // namespace

extern "C" {

const char* cuda_stub_log() { return log_text.c_str(); }
void cuda_stub_clear() { log_text.clear(); }
void cuda_stub_number_from_0() { allocations = 0; }
// Of the launches that follow: what a launch does not say and a captured one has to keep.
void cuda_stub_parameters(int count) { parameters_of_launches = count; }

int cuda_stub_note(const char* function, const char* arguments) { return note(function, arguments); }
const char* cuda_stub_memory(const void* address) {
  static std::string text;
  text = memory(reinterpret_cast<Address>(address));
  return text.c_str();
}
std::size_t cuda_stub_bytes(const void* address) {
  const auto at = reinterpret_cast<Address>(address);
  auto found = sizes.upper_bound(at);
  if (found == sizes.begin()) return 0;
  --found;
  return at < found->first + found->second ? found->first + found->second - at : 0;
}
void cuda_stub_pass(double ms) { clock_ms += ms; }
int cuda_stub_ask(void* stream, const std::function<int()>& request) { return ask(stream, request); }

int cuInit(unsigned) { return setting("CUDA_STUB_INIT", 0); }
int cuDriverGetVersion(int* version) {
  *version = setting("CUDA_STUB_VERSION", 13000);
  return 0;
}
int cuGetErrorName(int result, const char** name) {
  *name = result == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : result == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR";
  return 0;
}
int cuGetErrorString(int result, const char** text) {
  *text = result == 2 ? "out of memory" : result == 700 ? "an illegal memory access was encountered" : "some error";
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = setting("CUDA_STUB_GPUS", 1);
  return 0;
}
int cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : attribute == 16 ? static_cast<int>(multiprocessors) : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int) {
  *context = &allocations;
  return note("cuDevicePrimaryCtxRetain");
}
int cuCtxSetCurrent(void*) { return 0; }
int cuStreamCreate(void** stream, unsigned) {
  *stream = new char;
  return note("cuStreamCreate");
}
int cuStreamSynchronize(void*) { return note("cuStreamSynchronize"); }

int cuStreamDestroy_v2(void* stream) {
  delete static_cast<char*>(stream);
  return 0;
}
int cuStreamBeginCapture_v2(void* stream, int) {
  if (const int failed = note("cuStreamBeginCapture_v2")) return failed;
  captured_stream = stream;
  captured = new Graph;
  known_by_stream = {{stream, {{stream, 0}}}};
  known_by_event.clear();
  stream_names.clear();
  name_of(stream);
  return 0;
}
int cuStreamEndCapture(void*, void** graph) {
  const bool joined = is_joined();
  if (!joined) delete captured;
  *graph = joined ? captured : nullptr;
  captured = nullptr;
  known_by_stream.clear();
  const int failed = note("cuStreamEndCapture");
  return joined ? failed : 904;
}
int cuEventCreate(void** event, unsigned) {
  *event = new char;
  return note("cuEventCreate");
}
int cuEventDestroy_v2(void* event) {
  delete static_cast<char*>(event);
  event_times.erase(event);
  return 0;
}
int cuEventElapsedTime(float* ms, void* begin, void* end) {
  *ms = static_cast<float>(event_times.at(end) - event_times.at(begin));
  return 0;
}
int cuEventRecord(void* event, void* stream) {
  event_times[event] = clock_ms;
  if (!captured) return note("cuEventRecord");
  if (!is_captured(stream)) return note("cuEventRecord", "(of a stream that is not captured)"), 1;
  known_by_event[event] = known_by_stream[stream];
  return note("cuEventRecord", name_of(stream));
}
int cuEventSynchronize(void*) { return note("cuEventSynchronize"); }
int cuStreamWaitEvent(void* stream, void* event, unsigned) {
  if (!captured || !known_by_event.count(event)) return note("cuStreamWaitEvent", "(an event that is not captured)"), 1;
  Known& known = known_by_stream[stream];
  known.try_emplace(stream, 0);
  for (const auto& [of, requests] : known_by_event[event]) known[of] = std::max(known[of], requests);
  return note("cuStreamWaitEvent", name_of(stream));
}
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  *executable = new Graph(*static_cast<Graph*>(graph));
  return note("cuGraphInstantiateWithFlags");
}
int cuGraphDestroy(void* graph) {
  delete static_cast<Graph*>(graph);
  return 0;
}
int cuGraphExecDestroy(void* executable) {
  delete static_cast<Graph*>(executable);
  return 0;
}
int cuGraphLaunch(void* executable, void*) {
  if (const int failed = note("cuGraphLaunch")) return failed;
  for (const auto& request : *static_cast<Graph*>(executable))
    if (const int failed = request()) return failed;
  return 0;
}

int cuModuleLoadData(void** module, const void* image) {
  auto* m = new Module;
  m->library = open_image(image);
  *module = m;
  return note("cuModuleLoadData");
}
int cuModuleUnload(void* module) {
  auto* m = static_cast<Module*>(module);
  if (m->library) dlclose(m->library);
  delete m;
  return note("cuModuleUnload");
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  auto* m = static_cast<Module*>(module);
  Function& f = m->functions[name];
  f.name = name;
  if (m->library) {
    f.run = reinterpret_cast<decltype(f.run)>(dlsym(m->library, ("launch_" + f.name).c_str()));
    if (!f.run) return 500;
  }
  *function = &f;
  return 0;
}

int cuMemAlloc_v2(Address* address, std::size_t bytes) {
  if (const int failed = note("cuMemAlloc_v2", std::to_string(bytes))) return failed;
  if (bytes > std::size_t{1} << 32) return 2;
  *address = reinterpret_cast<Address>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  std::memset(reinterpret_cast<void*>(*address), 0xFF, bytes);
  numbers[*address] = allocations++;
  sizes[*address] = bytes;
  return 0;
}
int cuMemFree_v2(Address address) {
  const int result = note("cuMemFree_v2", memory(address));
  numbers.erase(address);
  sizes.erase(address);
  std::free(reinterpret_cast<void*>(address));
  return result;
}
int cuMemHostAlloc(void** memory, std::size_t bytes, unsigned) {
  if (const int failed = note("cuMemHostAlloc", std::to_string(bytes))) return failed;
  *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  return 0;
}
int cuMemFreeHost(void* memory) {
  std::free(memory);
  return note("cuMemFreeHost");
}
int cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t bytes, void*) {
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return note("cuMemcpyHtoDAsync_v2", memory(to) + " " + std::to_string(bytes));
}
int cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, void*) {
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return note("cuMemcpyDtoHAsync_v2", memory(from) + " " + std::to_string(bytes));
}
int cuMemcpyDtoDAsync_v2(Address to, Address from, std::size_t bytes, void* stream) {
  if (const int failed = note("cuMemcpyDtoDAsync_v2", memory(to) + " " + memory(from) + " " + std::to_string(bytes)))
    return failed;
  return ask(stream, [=] {
    std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    return 0;
  });
}
int cuMemsetD8Async(Address to, unsigned char byte, std::size_t bytes, void* stream) {
  if (const int failed = note("cuMemsetD8Async", memory(to) + " " + std::to_string(byte) + " " + std::to_string(bytes)))
    return failed;
  return ask(stream, [=] {
    std::memset(reinterpret_cast<void*>(to), byte, bytes);
    return 0;
  });
}
int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned,
                   void* stream, void** parameters, void**) {
  return launch("cuLaunchKernel", function, blocks, threads, stream, parameters);
}
int cuLaunchCooperativeKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                              unsigned, void* stream, void** parameters) {
  if (blocks > multiprocessors * blocks_of_one(threads)) return note("", "(more blocks than fit)"), 720;
  return launch("cuLaunchCooperativeKernel", function, blocks, threads, stream, parameters);
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int threads, std::size_t) {
  *blocks = static_cast<int>(blocks_of_one(static_cast<unsigned>(threads)));
  return note("cuOccupancyMaxActiveBlocksPerMultiprocessor", std::to_string(threads));
}

}  // extern "C"

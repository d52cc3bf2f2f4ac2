#include "compiler/codegen/cuda/emulate.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/temporary_folder.h"
#include "runtime/device/emulated.h"

extern char** environ;

namespace bitale::codegen::cuda {
namespace {

// The threads of a block are fibers. One runs until it comes to a barrier or a shuffle and then gives way to the next
// of its warp. A warp whose threads have all come to a shuffle goes on, one whose threads have come to a barrier waits
// for the other warps; which warp goes on, and which of its threads first, is drawn. Half of the launches take one warp
// as far as it gets before the next. Threads of functions that never meet just run. Threads that wait in different
// places for each other fail the launch.
//
// Blocks follow each other, but for those of a function that has barriers of the grid, or of clusters: then all of
// them, or those of a cluster, are there, each with its threads and its shared memory, which lies in one section of the
// object for the block that runs (compilers do not put variables of templates there, so these have none). Which of them
// goes on is drawn; in half of the launches a block goes as far as the next barrier of blocks, else to that of its
// threads. Clusters follow each other.
constexpr const char* definitions = R"(
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS  // C's own headers compile faster
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __shared__ static __attribute__((section("shared_memory")))
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(n) __attribute__((aligned(n)))
#define EMULATED
#define __syncthreads() meet(__LINE__, of_block)
#define grid_barrier() meet(__LINE__, of_blocks)
#define cluster_barrier() meet(__LINE__, of_blocks)
#define __shfl_xor_sync(mask, value, lanes) shuffle(__LINE__, value, lanes)

// The ends of the section; null if nothing lies there.
extern "C" __attribute__((weak, visibility("hidden"))) char __start_shared_memory[], __stop_shared_memory[];

namespace {

struct Dimension { unsigned x; };
Dimension threadIdx, blockIdx, blockDim, gridDim;

enum Meeting { of_warp, of_block, of_blocks };  // those that are there together
struct Fiber {
  void* at[5];
  void* stack;
  bool started, done;
  int line;         // where it waits
  Meeting meeting;  // for whom
};
constexpr unsigned most_fibers = 2048;
Fiber fibers[most_fibers];
unsigned base;         // of those of the block that runs
unsigned first_block;  // of those that are there together
struct FreeStacks {
  ~FreeStacks() {
    for (Fiber& f : fibers) free(f.stack);
  }
} free_stacks;  // when the module is closed
void* scheduler[5];
void (*body)(const void*);
const void* body_data;
char lanes[most_fibers][16];  // of the block

__attribute__((noinline)) void leave() { __builtin_longjmp(scheduler, 1); }
__attribute__((noinline)) void meet(int line, Meeting meeting) {
  Fiber& fiber = fibers[base + threadIdx.x];
  fiber.line = line;
  fiber.meeting = meeting;
  if (!__builtin_setjmp(fiber.at)) leave();
}
void fiber_main() {
  for (;;) {  // of each launch another thread
    body(body_data);
    fibers[base + threadIdx.x].done = true;
    meet(0, of_warp);
  }
}
__attribute__((noinline)) void start(unsigned i) {
  constexpr unsigned long bytes = 1 << 16;
  ucontext_t context;
  getcontext(&context);
  if (!fibers[i].stack) fibers[i].stack = malloc(bytes);
  context.uc_stack.ss_sp = fibers[i].stack;
  context.uc_stack.ss_size = bytes;
  makecontext(&context, fiber_main, 0);
  fibers[i].started = true;
  setcontext(&context);
}
__attribute__((noinline)) void go(unsigned i) {
  if (fibers[i].started) __builtin_longjmp(fibers[i].at, 1);
  start(i);
}
__attribute__((noinline)) void resume(unsigned i) {
  threadIdx.x = i;
  if (!__builtin_setjmp(scheduler)) go(base + i);
}
template <class T> T shuffle(int line, T v, int mask) {
  memcpy(lanes[threadIdx.x], &v, sizeof v);
  meet(line, of_warp);
  T other;
  memcpy(&other, lanes[threadIdx.x ^ (unsigned)mask], sizeof other);
  meet(line, of_warp);
  return other;
}
void __threadfence() {}
template <class T> T atomicAdd(T* to, T v) {
  const T old = *to;
  *to += v;
  return old;
}
template <class T> void atomicMin(T* to, T v) { *to = v < *to ? v : *to; }

struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };

// What a thread has begun to copy is NaN until it waits for it.
struct Copy {
  void* to;
  const void* from;
  unsigned bytes;
};
Copy copies[most_fibers][128];
unsigned copies_of[most_fibers];
template <class T> void copy_async(T* to, const T* from, bool there) {
  if ((unsigned long)to % sizeof(T) || (there && (unsigned long)from % sizeof(T))) abort();
  unsigned& n = copies_of[base + threadIdx.x];
  memset(to, -1, sizeof(T));
  if (n < 128) copies[base + threadIdx.x][n++] = {to, there ? from : nullptr, sizeof(T)};  // none has so many who waits
}
template <class T> void copy_async(T* to, const T* from, int by, bool there) { copy_async(to, from + by, there); }
void copies_done() {
  unsigned& n = copies_of[base + threadIdx.x];
  for (unsigned i = 0; i < n; ++i) {
    const Copy& c = copies[base + threadIdx.x][i];
    c.from ? memcpy(c.to, c.from, c.bytes) : memset(c.to, 0, c.bytes);
  }
  n = 0;
}

template <class To, class From> To same_bits(From v) {
  To to;
  memcpy(&to, &v, sizeof to);
  return to;
}
float __int_as_float(int v) { return same_bits<float>(v); }
int __float_as_int(float v) { return same_bits<int>(v); }
double __longlong_as_double(long long v) { return same_bits<double>(v); }
long long __double_as_longlong(double v) { return same_bits<long long>(v); }

// Halley's steps from Winitzki's approximation.
double erfinv(double x) {
  if (!(fabs(x) < 1)) return fabs(x) == 1 ? copysign(INFINITY, x) : NAN;
  const double l = log1p(-x * x), t = 2 / (3.141592653589793 * 0.147) + l / 2, z = fabs(x);
  double y = sqrt(sqrt(t * t - l / 0.147) - t);
  for (int i = 0; i < 4; ++i) {
    const double off = z > 0.5 ? (1 - z) - erfc(y) : erf(y) - z, step = off / (1.1283791670955126 * exp(-y * y));
    y -= step / (1 + y * step);
  }
  return copysign(y, x);
}
float erfinvf(float x) { return (float)erfinv(x); }

unsigned long long drawn;
unsigned draw(unsigned n) {
  drawn = drawn * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)(drawn >> 33) % n;
}

// A rotation of 0 .. threads-1, forwards or backwards.
struct Order {
  unsigned threads, first = draw(threads), backwards = draw(2);
  unsigned operator()(unsigned i) const { return ((backwards ? threads - 1 - i : i) + first) % threads; }
};

char failure[200];
const char* failed(const char* who, int line, int other) {
  if (other > 0)
    snprintf(failure, sizeof failure, "%s wait for each other in lines %d and %d of its text", who, line, other);
  else
    snprintf(failure, sizeof failure, "%s wait in line %d of its text for one that has ended", who, line);
  for (Fiber& f : fibers) f.started = false;  // they begin anew
  return failure;
}
const char* threads_failed(int line, int other) {
  char who[40];
  snprintf(who, sizeof who, "threads of block %u", blockIdx.x);
  return failed(who, line, other);
}

enum class Warp { ready, waits, done };

// Runs the threads of a warp to where they meet next.
const char* run_warp(unsigned warp, Warp& state) {
  const Order order{32};
  for (unsigned i = 0; i < 32; ++i)
    if (const unsigned t = 32 * warp + order(i); !fibers[base + t].done) resume(t);
  state = Warp::done;
  int line = 0;
  for (unsigned t = base + 32 * warp; t < base + 32 * warp + 32; ++t) {
    if (fibers[t].done) continue;
    if (line && fibers[t].line != line) return threads_failed(line, fibers[t].line);
    line = fibers[t].line;
    state = fibers[t].meeting == of_warp ? Warp::ready : Warp::waits;
  }
  return nullptr;
}

struct Block {
  Warp warps[32];
  int line;   // where it waits for the other blocks; 0: it does not
  bool done;  // to its end
};
void begin(Block& block) {
  for (unsigned t = 0; t < blockDim.x; ++t) fibers[base + t].done = false;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) block.warps[w] = Warp::ready;
  block.line = 0;
  block.done = false;
}

// Runs a block to its end, or to a barrier of blocks; or, if it is not to go far, to one of its threads.
const char* run_block(Block& block, bool goes_far) {
  const unsigned warps = blockDim.x / 32;
  const bool far = draw(2);
  for (;;) {
    unsigned ready = 0;
    for (unsigned w = 0; w < warps; ++w) ready += block.warps[w] == Warp::ready;
    if (ready > 0) {
      unsigned chosen = draw(ready), w = 0;
      while (block.warps[w] != Warp::ready || chosen-- > 0) ++w;
      do {
        if (const char* failed = run_warp(w, block.warps[w])) return failed;
      } while (far && block.warps[w] == Warp::ready);
      continue;
    }
    int line = 0;
    Meeting meeting = of_block;
    for (unsigned w = 0; w < warps; ++w) {
      if (block.warps[w] == Warp::done) continue;
      block.warps[w] = Warp::ready;
      unsigned t = base + 32 * w;
      while (fibers[t].done) ++t;
      if (line && fibers[t].line != line) return threads_failed(line, fibers[t].line);
      line = fibers[t].line;
      meeting = fibers[t].meeting;
    }
    block.done = line == 0;
    block.line = meeting == of_blocks ? line : 0;
    for (unsigned t = 0; block.line && t < blockDim.x; ++t)  // all threads are to be there
      if (fibers[base + t].done) return threads_failed(line, 0);
    if (block.done || block.line || !goes_far) return nullptr;
  }
}

// Blocks that wait for each other. All begin with shared memory of NaN.
Block all_blocks[most_fibers / 32];
const char* run_round(unsigned blocks, char* shared) {
  const unsigned long bytes = __stop_shared_memory - __start_shared_memory;
  const bool goes_far = draw(2);
  for (;;) {
    unsigned ready = 0;
    for (unsigned b = 0; b < blocks; ++b) ready += !all_blocks[b].done && !all_blocks[b].line;
    if (ready == 0) return nullptr;
    unsigned chosen = draw(ready), b = 0;
    while (all_blocks[b].done || all_blocks[b].line || chosen-- > 0) ++b;
    blockIdx.x = first_block + b;
    base = b * blockDim.x;
    memcpy(__start_shared_memory, shared + b * bytes, bytes);
    if (const char* failed = run_block(all_blocks[b], goes_far)) return failed;
    memcpy(shared + b * bytes, __start_shared_memory, bytes);
  }
}
const char* run_rounds(unsigned blocks, char* shared) {
  for (;;) {
    if (const char* failed = run_round(blocks, shared)) return failed;
    int line = 0;
    bool any_done = false;
    for (unsigned b = 0; b < blocks; ++b) {
      any_done = any_done || all_blocks[b].done;
      if (all_blocks[b].done) continue;
      if (line && all_blocks[b].line != line) return failed("blocks", line, all_blocks[b].line);
      line = all_blocks[b].line;
      all_blocks[b].line = 0;
    }
    if (!line) return nullptr;
    if (any_done) return failed("blocks", line, 0);
  }
}
const char* run_together(unsigned blocks) {
  const unsigned long bytes = __stop_shared_memory - __start_shared_memory;
  if (blocks * blockDim.x > most_fibers) return "more blocks are to be there together than there is room for";
  char* shared = (char*)malloc(blocks * bytes + 1);
  memset(shared, -1, blocks * bytes);
  for (unsigned b = 0; b < blocks; ++b) {
    base = b * blockDim.x;
    begin(all_blocks[b]);
  }
  const char* failed = run_rounds(blocks, shared);
  free(shared);
  base = 0;
  return failed;
}
const char* run_freely() {
  const Order order{blockDim.x};
  for (unsigned i = 0; i < blockDim.x; ++i) {
    threadIdx.x = order(i);
    body(body_data);
  }
  return nullptr;
}

template <unsigned... I> struct Numbers {};
template <unsigned n, unsigned... I> struct Count : Count<n - 1, n - 1, I...> {};
template <unsigned... I> struct Count<0, I...> : Numbers<I...> {};

template <class... A> struct Call {
  void (*function)(A...);
  void* const* parameters;
  template <unsigned... I> void run(Numbers<I...>) const { function(*(A*)parameters[I]...); }
};
const char* run_alone() {
  Block block;
  begin(block);
  if (const char* failed = run_block(block, true)) return failed;
  return block.done ? nullptr : failed("blocks that are not there together", block.line, 0);
}
template <class... A>
const char* launch(void (*f)(A...), bool meets, bool together, int cluster, void* const* parameters, long blocks, int threads, unsigned long long seed) {
  const Call<A...> call{f, parameters};
  body = [](const void* c) { ((const Call<A...>*)c)->run(Count<sizeof...(A)>()); };
  body_data = &call;
  drawn = seed;
  gridDim.x = blocks, blockDim.x = threads;
  first_block = 0;
  if (together) return run_together(gridDim.x);
  if (cluster > 1) {
    if (blocks % cluster) return "there is a part of a cluster";
    for (; first_block < blocks; first_block += cluster)
      if (const char* failed = run_together(cluster)) return failed;
    return nullptr;
  }
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    if (const char* failed = meets && threads % 32 == 0 ? run_alone() : run_freely()) return failed;
  return nullptr;
}

}  // namespace

)";

std::string launchers(const Module& module) {
  std::string text;
  for (const Module::Function& f : module.functions)
    text += fmt::format(
        "extern \"C\" const char* {}{}(void* const* parameters, long blocks, int threads, unsigned long long seed) {{\n"
        "  return launch({}, {}, {}, {}, parameters, blocks, threads, seed);\n}}\n",
        emulated_prefix, f.name, f.name, f.meets, f.together, f.cluster);
  return text;
}

std::filesystem::path on_path(const std::string& program) {
  if (program.find('/') != program.npos) return access(program.c_str(), X_OK) == 0 ? program : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path file = std::filesystem::path(folder.empty() ? "." : folder) / program;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Its exit status; what it says goes to the file.
int run(const std::vector<std::string>& command, const std::filesystem::path& messages) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int failed = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) throw Error(fmt::format("device 'emulated': cannot run {}: {}", command[0], std::strerror(failed)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

std::string host_compiler() {
  const char* chosen = std::getenv("CXX");
  for (const char* name : {chosen, "c++", "g++", "clang++"})
    if (name && *name)
      if (const auto file = on_path(name); !file.empty()) return file.string();
  throw Error(
      "device 'emulated' needs a C++ compiler, which makes code of the host out of CUDA text; looked for $CXX, c++, "
      "g++ "
      "and clang++ in the folders of $PATH. On Debian and Ubuntu: apt install g++");
}

std::vector<std::uint8_t> emulate(const Module& module) {
  const TemporaryFolder folder;
  const auto source = folder.path() / "module.cc", object = folder.path() / "module.so",
             messages = folder.path() / "messages";
  std::ofstream(source) << definitions << "namespace {\n\n"
                        << module.text << "\n}  // namespace\n\n"
                        << launchers(module);
  const int status = run({host_compiler(), "-std=c++20", "-O1", "-w", "-ffp-contract=off", "-fPIC", "-shared", "-o",
                          object.string(), source.string()},
                         messages);
  if (status != 0) {
    std::string text = contents(messages);
    if (text.size() > 4000) text.resize(4000);
    throw InternalError("the CUDA text does not compile for the host:\n" + text + "\n" + module.text);
  }
  const std::string bytes = contents(object);
  return {bytes.begin(), bytes.end()};
}

}  // namespace bitale::codegen::cuda

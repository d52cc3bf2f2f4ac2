#include "tests/gpu/emulator.h"

#include <cstdlib>

#include <dlfcn.h>

#include "compiler/codegen/cuda/print.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "tests/support/temp_folder.h"

namespace bitale::tests {
namespace {

// A thread runs until it comes to a barrier or a shuffle and then gives way to the next, so that when it runs again all
// have been there. All threads of a block come to the same ones.
constexpr const char* definitions = R"(
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)

struct Dimension { unsigned x; };
static Dimension threadIdx, blockIdx, blockDim, gridDim;

struct Thread {
  ucontext_t context;
  std::vector<char> stack;
  bool done;
};
static ucontext_t scheduler;
static std::vector<Thread> all_threads;
static void (*body)(void** buffers, const long long* extents);
static void** body_buffers;
static const long long* body_extents;
static char lanes[1024][16];

static void give_way() {
  const unsigned self = threadIdx.x;
  swapcontext(&all_threads[self].context, &scheduler);
  threadIdx.x = self;
}
static void run_thread() {
  const unsigned self = threadIdx.x;
  body(body_buffers, body_extents);
  all_threads[self].done = true;
}

static void __syncthreads() { give_way(); }
template <class T> static T __shfl_xor_sync(unsigned, T v, int mask) {
  std::memcpy(lanes[threadIdx.x], &v, sizeof v);
  give_way();
  T other;
  std::memcpy(&other, lanes[threadIdx.x ^ (unsigned)mask], sizeof other);
  give_way();
  return other;
}
template <class To, class From> static To same_bits(From v) {
  To to;
  std::memcpy(&to, &v, sizeof to);
  return to;
}
static float __int_as_float(int v) { return same_bits<float>(v); }
static int __float_as_int(float v) { return same_bits<int>(v); }
static double __longlong_as_double(long long v) { return same_bits<double>(v); }
static long long __double_as_longlong(double v) { return same_bits<long long>(v); }

static void launch(void (*f)(void**, const long long*), void** buffers, const long long* extents, unsigned blocks,
                   unsigned threads) {
  body = f, body_buffers = buffers, body_extents = extents;
  gridDim.x = blocks, blockDim.x = threads;
  all_threads.resize(threads);
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    for (Thread& t : all_threads) {
      t.done = false;
      t.stack.resize(1 << 16);
      getcontext(&t.context);
      t.context.uc_stack.ss_sp = t.stack.data();
      t.context.uc_stack.ss_size = t.stack.size();
      t.context.uc_link = &scheduler;
      makecontext(&t.context, run_thread, 0);
    }
    for (bool live = true; live;) {
      live = false;
      for (unsigned i = 0; i < threads; ++i) {
        if (all_threads[i].done) continue;
        threadIdx.x = i;
        swapcontext(&scheduler, &all_threads[i].context);
        live = live || !all_threads[i].done;
      }
    }
  }
}
)";

// A launcher per phase, which unpacks the arguments.
std::string launchers(const kernel::Kernel& k) {
  std::string text;
  for (const codegen::cuda::Phase& phase : codegen::cuda::phases(k)) {
    std::string arguments;
    for (int i = 0; i < k.arguments(); ++i) {
      const DType storage = k.buffers[static_cast<std::size_t>(i)].storage;
      arguments += (arguments.empty() ? "(" : ", (") + std::string(codegen::cuda::type_name(storage)) + "*)buffers[" +
                   std::to_string(i) + "]";
    }
    for (int i = 0; i < k.extents; ++i)
      arguments += (arguments.empty() ? "extents[" : ", extents[") + std::to_string(i) + "]";
    text += "extern \"C\" void launch_" + phase.function +
            "(void** buffers, const long long* extents, unsigned blocks, unsigned threads) {\n" +
            "  launch([](void** buffers, const long long* extents) { " + phase.function + "(" + arguments +
            "); },\n         buffers, extents, blocks, threads);\n}\n";
  }
  return text;
}

}  // namespace

std::optional<Emulator> Emulator::compile(const std::vector<kernel::Kernel>& kernels) {
  const TempFolder folder;
  std::string text = definitions;
  for (const kernel::Kernel& k : kernels)
    text += "namespace of_" + k.name + " {\n" + codegen::cuda::print(k) + launchers(k) + "}\n";
  const std::string source = folder.write("kernels.cc", text).string(),
                    object = (folder.path() / "kernels.so").string();
  const char* compiler = std::getenv("CXX");
  const std::string command =
      std::string(compiler ? compiler : "c++") + " -std=c++20 -O1 -w -fPIC -shared -o " + object + " " + source;
  const bool compiled = std::system(command.c_str()) == 0;
  void* library = compiled ? dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!library) return std::nullopt;
  Emulator emulator;
  emulator.library_ = std::shared_ptr<void>(library, [](void* l) { dlclose(l); });
  return emulator;
}

void Emulator::run(const kernel::Kernel& kernel, std::span<void* const> buffers, std::span<const std::int64_t> extents,
                   unsigned blocks) const {
  using Launch = void(void* const*, const std::int64_t*, unsigned, unsigned);
  for (const codegen::cuda::Phase& phase : codegen::cuda::phases(kernel)) {
    auto* launch = reinterpret_cast<Launch*>(dlsym(library_.get(), ("launch_" + phase.function).c_str()));
    BITALE_ASSERT(launch, phase.function);
    launch(buffers.data(), extents.data(), blocks, static_cast<unsigned>(phase.threads));
  }
}

}  // namespace bitale::tests

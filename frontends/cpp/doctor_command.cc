// bitale doctor: what this build is, and what this machine has for it.

#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/cuda/emulate.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "compiler/driver/cache.h"
#include "frontends/cpp/command.h"
#include "frontends/cpp/commands.h"
#include "runtime/base/flags.h"
#include "runtime/base/sanitizers.h"
#include "runtime/base/version.h"
#include "runtime/device/cpu.h"
#include "runtime/device/cublaslt.h"
#include "runtime/device/cudnn/backend.h"
#include "runtime/device/driver.h"
#include "runtime/device/pool.h"
#include "runtime/library/library.h"

namespace bitale {
namespace {

void row(const char* what, const std::string& value) { fmt::print("{:<16} {}\n", what, value); }

std::string build_type() {
#ifdef NDEBUG
  std::string type = "release";
#else
  std::string type = "debug";
#endif
  if (BITALE_VERIFY) type += ", internal verification";
  if (address_sanitizer) type += ", address sanitizer";
  if (thread_sanitizer) type += ", thread sanitizer";
  return type;
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string bytes(std::int64_t count) {
  if (count >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(count) / (1 << 20));
  return fmt::format("{:.0f} KiB", static_cast<double>(count) / 1024);
}

std::string isa_names() {
  std::string names;
  for (const Isa isa : executable_isas()) names += to_string(isa) + " ";
  return names + "(code is generated for " + to_string(default_isa()) + ")";
}

std::string cache_state() {
  const driver::Cache cache = driver::Cache::from_flags();
  if (!cache.enabled()) return "off";
  std::int64_t total = 0, functions = 0;
  for (const driver::CacheEntry& e : cache.entries()) {
    total += e.bytes;
    functions += e.kind == driver::CacheEntry::Kind::function;
  }
  return fmt::format("{} ({} functions, {}; at most {} MiB)", cache.directory(), functions, bytes(total),
                     flags().cache_mb);
}

// Found is not yet loadable: that is tried only on request, since it maps all of LLVM.
std::string code_generator(bool load) {
  const std::string path = codegen::host_generator_path();
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) return fmt::format("not found: {} is missing", path);
  if (!load) return fmt::format("{}, built with {} (--load opens it)", path, codegen::host_generator_version());
  return fmt::format("{}, {}", path, codegen::host_generator().version());
}

void print_libraries() {
  fmt::print("\nlibraries\n");
  for (const library::LibraryStatus& s : library::status())
    fmt::print("  {:<14} {:<10} {}\n", s.name, s.available ? s.version : "not found", s.detail);
}

template <class F>
std::string found_or_why(F find) {
  try {
    return find();
  } catch (const Error& e) {
    return e.what();
  }
}

void print_devices() {
  fmt::print("\ndevices beside the CPU\n");
  const auto device = [](const char* what, const std::string& found) { fmt::print("  {:<14} {}\n", what, found); };
  device("cuda", found_or_why([] { return open_driver("cuda")->target(); }));
  device("its compiler", found_or_why([] {
           const codegen::cuda::Nvrtc& nvrtc = codegen::cuda::Nvrtc::get();
           return fmt::format("NVRTC {}, {}", nvrtc.version(), nvrtc.path());
         }));
  device("its products", found_or_why([] {
           const CublasLtLibrary& library = CublasLtLibrary::get();
           if (!library.problem.empty()) throw Error(library.problem);
           return fmt::format("cuBLASLt {}, {}", library.version, library.path);
         }));
  device("cuDNN", found_or_why([] {
           const cudnn::Library& library = cudnn::Library::get();
           return fmt::format("{}, {}", library.version(), library.path());
         }));
  device("emulated", found_or_why([] { return codegen::cuda::host_compiler(); }));
}

void print_flags() {
  fmt::print("\nenvironment flags (with their values if they are not the defaults)\n");
  for (const FlagRow& flag : flag_rows()) {
    const std::string value = flag.value == flag.fallback ? "" : fmt::format(" = '{}'", flag.value);
    fmt::print("  {:<18}{} {}\n", flag.variable, value, flag.help);
  }
}

}  // namespace

int doctor_command(std::span<const std::string> arguments) {
  bool load = false;
  CLI::App app("Shows what this build is, and what this machine has for it.", "bitale doctor");
  app.add_flag("--load", load, "also open the code generator");
  if (!parse_command_line(app, arguments)) return 0;

  const CpuInfo& cpu = cpu_info();
  row("bitale", fmt::format("{} ({})", version(), build_type()));
  row("compiled with", compiler());
  row("CPU", cpu.model);
  row("caches", fmt::format("L1d {}, L2 {}, L3 {}", bytes(cpu.l1d_bytes), bytes(cpu.l2_bytes), bytes(cpu.l3_bytes)));
  row("instruction sets", isa_names());
  row("threads", fmt::format("{} by default, {} CPUs available", default_threads(), available_cpus()));
  row("function cache", cache_state());
  row("code generator", code_generator(load));
  print_libraries();
  print_devices();
  print_flags();
  return 0;
}

}  // namespace bitale

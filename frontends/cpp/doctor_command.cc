// bitale doctor: what this build is, and what this machine has for it.

#include <cstdio>
#include <filesystem>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <link.h>
#include <nlohmann/json.hpp>

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

struct Row {
  std::string name, text;
  bool found = true;
};

struct Section {
  const char* title;  // null: of the first
  const char* key;    // in JSON
  std::vector<Row> rows{};
};

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
Row code_generator(bool load) {
  const char* const name = "code generator";
  const std::string path = codegen::host_generator_path();
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) return {name, fmt::format("not found: {} is missing", path), false};
  if (!load) return {name, fmt::format("{}, built with {} (--load opens it)", path, codegen::host_generator_version())};
  return {name, fmt::format("{}, {}", path, codegen::host_generator().version())};
}

Section about_build(bool load) {
  Section s{nullptr, "build"};
  const CpuInfo& cpu = cpu_info();
  s.rows = {
      {"bitale", fmt::format("{} ({})", version(), build_type())},
      {"compiled with", compiler()},
      {"CPU", cpu.model},
      {"caches", fmt::format("L1d {}, L2 {}, L3 {}", bytes(cpu.l1d_bytes), bytes(cpu.l2_bytes), bytes(cpu.l3_bytes))},
      {"instruction sets", isa_names()},
      {"threads", fmt::format("{} by default, {} CPUs available", default_threads(), available_cpus())},
      {"function cache", cache_state()},
      code_generator(load)};
  return s;
}

Section libraries() {
  Section s{"libraries", "libraries"};
  for (const library::LibraryStatus& l : library::status())
    s.rows.push_back({l.name, fmt::format("{:<10} {}", l.available ? l.version : "not found", l.detail), l.available});
  return s;
}

// The shared objects of this process, and the folder that each was found in: in a bundle all but those of the C library
// are its own.
Section shared_objects() {
  Section s{"shared libraries of this program", "shared_libraries"};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* rows) {
        const std::filesystem::path path = info->dlpi_name;
        if (path.has_filename() && path.has_parent_path())
          static_cast<std::vector<Row>*>(rows)->push_back(
              {path.filename().string(), std::filesystem::weakly_canonical(path.parent_path()).string()});
        return 0;
      },
      &s.rows);
  return s;
}

template <class F>
Row found_or_why(const char* name, F find) {
  try {
    return {name, find()};
  } catch (const Error& e) {
    return {name, e.what(), false};
  }
}

Section devices() {
  Section s{"devices beside the CPU", "devices"};
  s.rows = {
      found_or_why("cuda", [] { return open_driver("cuda")->target(); }),
      found_or_why("its compiler",
                   [] {
                     const codegen::cuda::Nvrtc& nvrtc = codegen::cuda::Nvrtc::get();
                     return fmt::format("NVRTC {}, {}", nvrtc.version(), nvrtc.path());
                   }),
      found_or_why("its products",
                   [] {
                     const CublasLtLibrary& library = CublasLtLibrary::get();
                     if (!library.problem.empty()) throw Error(library.problem);
                     return fmt::format("cuBLASLt {}, {}", library.version, library.path);
                   }),
      found_or_why("cuDNN",
                   [] {
                     const cudnn::Library& library = cudnn::Library::get();
                     return fmt::format("{}, {}", library.version(), library.path());
                   }),
      found_or_why("emulated", [] { return codegen::cuda::host_compiler(); }),
  };
  return s;
}

void print_flags() {
  fmt::print("\nenvironment flags (with their values if they are not the defaults)\n");
  for (const FlagRow& flag : flag_rows()) {
    const std::string value = flag.value == flag.fallback ? "" : fmt::format(" = '{}'", flag.value);
    fmt::print("  {:<18}{} {}\n", flag.variable, value, flag.help);
  }
}

void print(const std::vector<Section>& sections) {
  for (const Section& s : sections) {
    if (s.title) fmt::print("\n{}\n", s.title);
    for (const Row& row : s.rows)
      fmt::print("{}{:<{}} {}\n", s.title ? "  " : "", row.name, s.title ? 14 : 16, row.text);
  }
  print_flags();
}

void print_json(const std::vector<Section>& sections) {
  nlohmann::ordered_json json;
  for (const Section& s : sections)
    for (const Row& row : s.rows) json[s.key][row.name] = {{"found", row.found}, {"text", row.text}};
  fmt::print("{}\n", json.dump(2));
}

}  // namespace

int doctor_command(std::span<const std::string> arguments) {
  bool load = false, json = false;
  CLI::App app("Shows what this build is, and what this machine has for it.", "bitale doctor");
  app.add_flag("--load", load, "also open the code generator");
  app.add_flag("--json", json, "for programs to read, without the flags");
  if (!parse_command_line(app, arguments)) return 0;

  const std::vector<Section> sections = {about_build(load), libraries(), shared_objects(), devices()};
  if (json) {
    print_json(sections);
  } else {
    print(sections);
  }
  return 0;
}

}  // namespace bitale

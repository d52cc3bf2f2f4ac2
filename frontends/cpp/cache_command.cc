// bitale cache {path,list,clear}: the on-disk cache of compiled functions.

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "compiler/driver/cache.h"
#include "compiler/driver/kernel_cache.h"
#include "frontends/cpp/command.h"
#include "frontends/cpp/commands.h"

namespace bitale {
namespace {

std::tm local_time(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm broken_down{};
  ::localtime_r(&time, &broken_down);
  return broken_down;
}

// Empty if it cannot be read.
std::string content_of(const driver::Cache& cache, const driver::CacheEntry& entry) {
  if (entry.kind == driver::CacheEntry::Kind::function) return cache.function_of(entry);
  const auto kernels = driver::kernels_in(cache, entry);
  return kernels ? fmt::format("(index of {} kernels of these functions)", *kernels) : "";
}

void list(const driver::Cache& cache) {
  std::vector<driver::CacheEntry> entries = cache.entries();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.used > b.used; });
  std::int64_t total = 0, functions = 0;
  for (const driver::CacheEntry& e : entries) {
    const std::string content = content_of(cache, e);
    fmt::print("{}  {:>9} bytes  used {:%Y-%m-%d %H:%M}  {}\n", e.key, e.bytes, local_time(e.used),
               content.empty() ? "(unreadable)" : content);
    total += e.bytes;
    functions += e.kind == driver::CacheEntry::Kind::function;
  }
  fmt::print("{} functions, {} bytes, in {}\n", functions, total, cache.directory());
}

}  // namespace

int cache_command(std::span<const std::string> arguments) {
  std::string action;
  CLI::App app("The on-disk cache of compiled functions.", "bitale cache");
  app.add_option("action", action, "path: where it is; list: what is in it; clear: remove all of it")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"path", "list", "clear"}));
  if (!parse_command_line(app, arguments)) return 0;

  const driver::Cache cache = driver::Cache::from_flags();
  if (!cache.enabled()) {
    fmt::print("off\n");
  } else if (action == "path") {
    fmt::print("{}\n", cache.directory());
  } else if (action == "list") {
    list(cache);
  } else {
    fmt::print("{} files removed from {}\n", cache.clear(), cache.directory());
  }
  return 0;
}

}  // namespace bitale

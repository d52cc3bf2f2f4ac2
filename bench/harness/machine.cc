#include "bench/harness/machine.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include "runtime/device/cpu.h"
#include "runtime/device/pool.h"

namespace bitale::bench {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path) >> std::ws, line);
  return line;
}

// A file that holds one number; `unlimited` if it does not ("max", or no such file).
std::int64_t number_in(const std::string& path) {
  std::int64_t value = 0;
  return std::ifstream(path) >> value ? value : unlimited;
}

std::vector<std::string> siblings_of_own_cpus() {
  std::vector<std::string> siblings;
  cpu_set_t own;
  CPU_ZERO(&own);
  if (::sched_getaffinity(0, sizeof own, &own) != 0) return siblings;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &own)) continue;
    const std::string line =
        first_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    siblings.push_back(line.empty() ? std::to_string(cpu) : line);
  }
  return siblings;
}

std::int64_t system_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::int64_t kib = 0;
  for (std::string name; file >> name >> kib; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n'))
    if (name == "MemAvailable:") return kib * 1024;
  return unlimited;
}

// Of the group whose files are seen at the root: what containers have.
std::int64_t group_memory_bytes() {
  const std::int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const std::int64_t used = number_in("/sys/fs/cgroup/memory.current");
  return limit == unlimited || used == unlimited ? unlimited : std::max<std::int64_t>(0, limit - used);
}

}  // namespace

int count_cores(const std::vector<std::string>& siblings) {
  return static_cast<int>(std::set<std::string>(siblings.begin(), siblings.end()).size());
}

Machine this_machine() {
  Machine machine{.cpu = cpu_info().model, .cpus = available_cpus(), .gpus = find_gpus()};
  machine.cores = std::clamp(count_cores(siblings_of_own_cpus()), 1, machine.cpus);
  return machine;
}

std::int64_t available_memory_bytes() { return std::min(system_memory_bytes(), group_memory_bytes()); }

std::int64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace bitale::bench

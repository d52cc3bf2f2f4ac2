#include "runtime/device/quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace bitale {
namespace {

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// "max 100000" or "150000 100000".
std::optional<double> unified(const std::string& folder) {
  std::ifstream in(folder + "/cpu.max");
  double quota = 0, period = 0;
  if (in >> quota >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

std::optional<double> legacy(const std::string& folder) {
  std::ifstream q(folder + "/cpu.cfs_quota_us"), p(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (q >> quota && p >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

// The least quota of `path` and everything above it. Inside a container the path of the host may not exist: the mount
// point itself, tried last, is then the container's group.
template <class Read>
std::optional<double> least(const std::string& mount, std::string path, Read read) {
  std::optional<double> cpus;
  while (path.size() > 1) {
    cpus = smaller(cpus, read(mount + path));
    path.resize(path.rfind('/'));
  }
  return smaller(cpus, read(mount));
}

bool names_cpu(const std::string& controllers) {
  std::stringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == "cpu") return true;
  return false;
}

}  // namespace

std::optional<double> cgroup_cpus(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  std::optional<double> cpus;
  for (std::string line; std::getline(groups, line);) {  // "0::/path", "4:cpu,cpuacct:/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (path.find("..") != std::string::npos || path.empty() || path[0] != '/') continue;
    if (controllers.empty()) cpus = smaller(cpus, least(root + "/sys/fs/cgroup", path, unified));
    if (names_cpu(controllers)) {
      cpus = smaller(cpus, least(root + "/sys/fs/cgroup/" + controllers, path, legacy));
      cpus = smaller(cpus, least(root + "/sys/fs/cgroup/cpu", path, legacy));
    }
  }
  return cpus;
}

}  // namespace bitale

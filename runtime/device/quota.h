// CPU time that the control group grants.
#pragma once

#include <optional>
#include <string>

namespace bitale {

// CPUs that this process may use on average by the quotas of its control group and the groups above it (cgroup v2, else
// v1); nothing if there is none. `root` is "/" but in tests.
std::optional<double> cgroup_cpus(const std::string& root);

}  // namespace bitale

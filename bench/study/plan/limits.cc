#include "bench/study/plan/limits.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/zoo/models.h"

namespace bitale::bench {

std::string why_not(const StudyCell& cell, const Machine& machine) {
  const StudySubject& subject = find_subject(cell.subject);
  const auto rows = models::all_models();
  const auto is_it = [&](const models::ModelRow& row) { return subject.model == row.name; };
  if (std::none_of(rows.begin(), rows.end(), is_it)) return fmt::format("this build has no model '{}'", subject.model);
  if (cell.device == "cuda") {
    if (machine.nvidia_gpu.empty()) return "this machine has no NVIDIA GPU, or no driver for it";
    return fmt::format("this build runs nothing on GPUs; here is a {}", machine.nvidia_gpu);
  }
  if (cell.threads > machine.cpus)
    return fmt::format("{} threads on {} CPU{}", cell.threads, machine.cpus, machine.cpus == 1 ? "" : "s");
  return "";
}

}  // namespace bitale::bench

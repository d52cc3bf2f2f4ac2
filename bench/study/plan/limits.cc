#include "bench/study/plan/limits.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compiler/codegen/cuda/emulate.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "models/zoo/models.h"
#include "runtime/device/driver.h"

namespace bitale::bench {

std::string why_not(const StudyCell& cell, const Machine& machine) {
  const StudySubject& subject = find_subject(cell.subject);
  const auto rows = models::all_models();
  const auto is_it = [&](const models::ModelRow& row) { return subject.model == row.name; };
  if (std::none_of(rows.begin(), rows.end(), is_it)) return fmt::format("this build has no model '{}'", subject.model);
  if (cell.played()) {
    if (cell.kind == StudyKind::compile) return "the host's C++ compiler makes its code, which takes no GPU's time";
    if (cell.batch != subject.batch) return "nothing is timed there, and one batch size shows what is computed";
  }
  if (cell.device != "cpu") return why_no_device(cell.device);
  if (cell.threads > machine.cpus)
    return fmt::format("{} threads on {} CPU{}", cell.threads, machine.cpus, machine.cpus == 1 ? "" : "s");
  return "";
}

std::string why_no_device(const std::string& device) {
  static std::map<std::string, std::string> known;
  const auto [reason, asked] = known.try_emplace(device);
  if (!asked) return reason->second;
  try {
    open_driver(device);
    if (device == "emulated")
      codegen::cuda::host_compiler();
    else
      codegen::cuda::Nvrtc::get();
  } catch (const Error& error) {
    reason->second = error.what();
  }
  return reason->second;
}

}  // namespace bitale::bench

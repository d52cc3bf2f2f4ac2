#include <nlohmann/json.hpp>

#include "bench/study/report/page.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const PaperRow& r) {
  return {{"system", r.system},
          {"device", r.device},
          {"backend", r.backend},
          {"threads", or_null(r.threads)},
          {"metric", r.metric},
          {"value", r.value},
          {"unit", r.unit},
          {"network", r.network},
          {"variant", r.variant},
          {"hardware", r.hardware},
          {"batch", or_null(r.batch)},
          {"flag", r.flag},
          {"note", r.note}};
}

Json to_json(const StudyOutcome& outcome) {
  const StudyCell& cell = outcome.cell;
  const StudySubject& subject = find_subject(cell.subject);
  Json j = {{"kind", cell.kind == StudyKind::run ? "run" : "compile"},
            {"model", subject.model},
            {"variant", subject.variant},
            {"step", cell.step},
            {"device", cell.device},
            {"tf32", cell.tf32},
            {"threads", cell.threads}};
  if (cell.kind == StudyKind::run) j["batch"] = cell.batch;
  if (outcome.figures) {
    j["result"] = Json::parse(outcome.figures->json);
  } else if (!outcome.played.empty()) {
    j["not_timed"] = outcome.played;
  } else {
    j["cannot"] = outcome.cannot;
  }
  return j;
}

}  // namespace

std::string study_json(const StudyData& data) {
  Json j;
  j["date"] = data.date;
  j["command"] = data.command;
  j["protocol"] = protocol_text(data);
  j["machine"] = {{"cpu", data.machine.cpu},
                  {"cores", data.machine.cores},
                  {"hardware_threads", data.machine.cpus},
                  {"gpus", Json::array()},
                  {"isa", data.isa}};
  for (const Gpu& gpu : data.machine.gpus.all)
    j["machine"]["gpus"].push_back({{"name", gpu.name}, {"memory_bytes", gpu.memory_bytes}});
  j["versions"] = {{"bitale", data.bitale}, {"code_generator", data.code_generator}, {"compiler", data.compiler}};
  if (!data.machine.gpus.cuda.empty()) j["versions"]["cuda_driver"] = data.machine.gpus.cuda;
  j["peak_gflops"] = Json::object();
  for (const int threads : data.measured_threads())
    if (data.peak_gflops(threads) > 0) j["peak_gflops"][std::to_string(threads)] = data.peak_gflops(threads);
  j["measurements"] = Json::array();
  for (const StudyOutcome& outcome : data.outcomes) j["measurements"].push_back(to_json(outcome));
  j["paper"] = Json::object();
  for (const auto& [number, rows] : data.paper) {
    Json& table = j["paper"][std::to_string(number)] = Json::array();
    for (const PaperRow& row : rows) table.push_back(to_json(row));
  }
  return j.dump(2) + "\n";
}

}  // namespace bitale::bench

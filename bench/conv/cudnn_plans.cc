#include "bench/conv/cudnn_plans.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/options.h"
#include "frontends/cpp/command.h"
#include "runtime/base/version.h"
#include "runtime/device/cudnn/convolution.h"
#include "runtime/device/driver.h"

namespace bitale::bench {
namespace {

using Json = nlohmann::ordered_json;
using cudnn::Form;

template <class T>
T find(const char* option, const std::string& name, std::initializer_list<std::pair<const char*, T>> rows) {
  std::string names;
  for (const auto& [n, value] : rows) {
    if (name == n) return value;
    names += (names.empty() ? "" : ", ") + std::string(n);
  }
  throw UsageError(fmt::format("bitale bench conv: {} {}: there are {}.", option, name, names));
}

using Layout = cudnn::Operand (*)(std::vector<std::int64_t>);
Layout layout(const std::string& name) {
  return find<Layout>("--layout", name, {{"nchw", cudnn::channels_first}, {"nhwc", cudnn::channels_last}});
}

cudnn::DataType data_type(const std::string& name) {
  using cudnn::DataType;
  return find<DataType>("--dtype", name,
                        {{"float32", DataType::f32},
                         {"float64", DataType::f64},
                         {"float16", DataType::f16},
                         {"bfloat16", DataType::bf16}});
}

cudnn::Convolution convolution(const ConvLayer& l, std::int64_t batch, Form form, Layout in,
                               const CudnnPlanSettings& s) {
  return {.form = form,
          .type = data_type(s.dtype),
          .image = in({batch, l.channels, l.size, l.size}),
          .filters = in({l.filters, l.channels / l.groups, l.kernel, l.kernel}),
          .result = in({batch, l.filters, l.positions(), l.positions()}),
          .before = {l.padding, l.padding},
          .after = {l.padding, l.padding},
          .stride = {l.stride, l.stride},
          .dilation = {1, 1},
          .tf32 = s.tf32,
          .deterministic = s.deterministic};
}

Json to_json(const cudnn::Engine& e) {
  Json j = {{"engine", e.number}, {"knobs", Json::object()}, {"notes", Json::array()}};
  for (const cudnn::KnobChoice& k : e.knobs) j["knobs"][name_of(k.knob)] = k.value;
  for (const cudnn::NumericalNote n : e.numerical) j["notes"].push_back(name_of(n));
  for (const cudnn::BehaviorNote n : e.behavior) j["notes"].push_back(name_of(n));
  return j;
}

Json to_json(const cudnn::PlanSearch& search) {
  Json j = {{"plans", Json::array()}, {"refused", Json::array()}};
  for (const cudnn::ConvolutionPlan& p : search.plans) {
    j["plans"].push_back(to_json(p.engine()));
    j["plans"].back()["workspace_bytes"] = p.workspace_bytes();
  }
  for (const cudnn::PlanSearch::Refused& r : search.refused) {
    j["refused"].push_back(to_json(r.engine));
    j["refused"].back()["why"] = r.why;
  }
  return j;
}

void print(const cudnn::PlanSearch& search, bool all) {
  if (search.plans.empty()) fmt::print("{:>14}  cuDNN has no engine for it", "-");
  for (const cudnn::ConvolutionPlan& p : search.plans) {
    if (&p != &search.plans[0]) fmt::print("{:48}", "");
    fmt::print("{:>14.2f}  {}\n", static_cast<double>(p.workspace_bytes()) / (1 << 20), to_string(p.engine()));
    if (!all) return;
  }
  for (const cudnn::PlanSearch::Refused& r : search.refused)
    fmt::print("{:48}{:>14}  engine {}: {}\n", "", "refused", r.engine.number, r.why);
}

}  // namespace

void list_cudnn_plans(const CudnnPlanSettings& s, const std::string& net, const std::vector<ConvLayer>& layers,
                      std::int64_t batch, const std::string& json) {
  if (!is_architecture(s.device))
    throw UsageError(
        fmt::format("bitale bench conv: --device is an architecture here, as in sm_90, not {}.", s.device));
  for (const std::string& name : s.layouts) layout(name);
  data_type(s.dtype);
  const cudnn::Target target(cudnn::description(s.device));
  const std::string version = cudnn::Library::get().version();
  const bool table = json != "-";
  if (table) {
    fmt::print("{}, batch {}, {}{}{}, {}: what cuDNN {} proposes, best first; nothing ran\n\n", net, batch, s.dtype,
               s.tf32 ? ", TF32" : "", s.deterministic ? ", deterministic" : "", s.device, version);
    fmt::print("{:<7}{:<18}{:<7}{:>6}{:>9}{:>15}  {}\n", "layer", "form", "layout", "plans", "refused", "workspace MiB",
               "the best");
  }
  Json report = {{"net", net},
                 {"batch", batch},
                 {"device", s.device},
                 {"dtype", s.dtype},
                 {"tf32", s.tf32},
                 {"deterministic", s.deterministic},
                 {"versions", {{"bitale", bitale::version()}, {"cudnn", version}}},
                 {"rows", Json::array()}};
  for (const ConvLayer& layer : layers)
    for (const Form form : {Form::forward, Form::backward_data, Form::backward_filters})
      for (const std::string& name : s.layouts) {
        const cudnn::PlanSearch search = cudnn::search_plans(convolution(layer, batch, form, layout(name), s), target);
        Json row = {{"layer", layer.name}, {"form", to_string(form)}, {"layout", name}};
        row.update(to_json(search));
        report["rows"].push_back(std::move(row));
        if (!table) continue;
        fmt::print("{:<7}{:<18}{:<7}{:>6}{:>9} ", layer.name, to_string(form), name, search.plans.size(),
                   search.refused.size());
        print(search, s.all);
      }
  if (!json.empty()) write_text(json, report.dump(2) + "\n");
}

}  // namespace bitale::bench

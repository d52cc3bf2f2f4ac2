#include "runtime/device/cudnn/convolution.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/device/cudnn/functions.h"

namespace bitale::cudnn {

// ---- operands ----

namespace {

// Axes from the one with the longest stride to the one with the shortest.
Operand dense(std::vector<std::int64_t> extents, const std::vector<std::size_t>& order) {
  Operand o{std::move(extents), {}};
  o.strides.resize(o.extents.size());
  std::int64_t stride = 1;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    o.strides[*axis] = stride;
    stride *= o.extents[*axis];
  }
  return o;
}

std::vector<std::size_t> axes(std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

}  // namespace

Operand channels_first(std::vector<std::int64_t> extents) {
  const std::size_t count = extents.size();
  return dense(std::move(extents), axes(count));
}

Operand channels_last(std::vector<std::int64_t> extents) {
  std::vector<std::size_t> order = axes(extents.size());
  if (order.size() > 2) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return dense(std::move(extents), order);
}

// ---- texts ----

std::string to_string(Form form) {
  constexpr const char* names[] = {"forward", "backward-data", "backward-filters"};
  return names[static_cast<int>(form)];
}

std::string to_string(const Convolution& c) {
  std::string text = fmt::format("{}, image {}, filters {}, result {}", to_string(c.form), c.image.extents,
                                 c.filters.extents, c.result.extents);
  text += fmt::format(", {} with strides {}, {}, {}", name_of(c.type), c.image.strides, c.filters.strides,
                      c.result.strides);
  text += fmt::format(", padding {} and {}, stride {}, dilation {}", c.before, c.after, c.stride, c.dilation);
  for (const auto& [is, word] :
       {std::pair(c.flip, ", flipped"), {c.tf32, ", TF32"}, {c.deterministic, ", deterministic"}})
    if (is) text += word;
  if (c.alignment != Convolution().alignment) text += fmt::format(", aligned to {} bytes", c.alignment);
  return text;
}

std::string to_string(const Engine& engine) {
  std::string text = fmt::format("engine {}", engine.number);
  for (const KnobChoice& k : engine.knobs) text += fmt::format(", {} {}", name_of(k.knob), k.value);
  std::vector<std::string> notes;
  for (const NumericalNote n : engine.numerical) notes.push_back(name_of(n));
  for (const BehaviorNote n : engine.behavior) notes.push_back(name_of(n));
  return notes.empty() ? text : fmt::format("{}: {}", text, fmt::join(notes, ", "));
}

bool Engine::has(NumericalNote note) const {
  return std::find(numerical.begin(), numerical.end(), note) != numerical.end();
}
bool Engine::has(BehaviorNote note) const {
  return std::find(behavior.begin(), behavior.end(), note) != behavior.end();
}

// ---- the operation as a graph ----

namespace {

enum Name : std::int64_t { image_name = 1, filters_name, result_name };

// What cuDNN would read beyond the ends of, if it were not so.
void check_ranks(const Convolution& c) {
  const std::size_t rank = c.image.extents.size();
  for (const Operand* o : {&c.image, &c.filters, &c.result})
    if (rank < 3 || o->extents.size() != rank || o->strides.size() != rank)
      throw Error(
          fmt::format("convolution {}: cuDNN: operands have the same number of axes, at least 3, and a stride for each",
                      to_string(c)));
  for (const auto* values : {&c.before, &c.after, &c.stride, &c.dilation})
    if (values->size() != rank - 2)
      throw Error(fmt::format(
          "convolution {}: cuDNN: padding, strides and dilations have a number for each spatial axis", to_string(c)));
}

Descriptor tensor(const Operand& o, const Convolution& c, Name name) {
  Descriptor d(Kind::tensor);
  d.set(attribute::tensor_type, c.type);
  d.set(attribute::tensor_extents, o.extents);
  d.set(attribute::tensor_strides, o.strides);
  d.set(attribute::tensor_name, static_cast<std::int64_t>(name));
  d.set(attribute::tensor_alignment, c.alignment);
  d.finalize();
  return d;
}

DataType type_of_sums(DataType type) { return type == DataType::f64 ? DataType::f64 : DataType::f32; }

Descriptor windows(const Convolution& c) {
  Descriptor d(Kind::convolution);
  d.set(attribute::convolution_type, type_of_sums(c.type));
  d.set(attribute::convolution_mode, c.flip ? ConvolutionMode::flipped : ConvolutionMode::as_it_stands);
  d.set(attribute::convolution_axes, static_cast<std::int64_t>(c.stride.size()));
  d.set(attribute::convolution_before, c.before);
  d.set(attribute::convolution_after, c.after);
  d.set(attribute::convolution_strides, c.stride);
  d.set(attribute::convolution_dilations, c.dilation);
  d.finalize();
  return d;
}

// The three operations differ in nothing but the numbers of their attributes.
struct OperationAttributes {
  Kind kind;
  Attribute<float> alpha, beta;
  Attribute<Descriptor> windows, image, filters, result;
};
constexpr OperationAttributes operations[] = {
    {Kind::forward, attribute::forward_alpha, attribute::forward_beta, attribute::forward_convolution,
     attribute::forward_image, attribute::forward_filters, attribute::forward_result},
    {Kind::backward_data, attribute::data_alpha, attribute::data_beta, attribute::data_convolution,
     attribute::data_image, attribute::data_filters, attribute::data_result},
    {Kind::backward_filters, attribute::filters_alpha, attribute::filters_beta, attribute::filters_convolution,
     attribute::filters_image, attribute::filters_filters, attribute::filters_result},
};

// A scale has the type of the sums; cuDNN takes another, too, but says nothing of what it does with it.
void set_scale(Descriptor& operation, Attribute<float> a, double value, DataType sums) {
  if (sums == DataType::f64)
    operation.set(Attribute<double>{a.number}, value);
  else
    operation.set(a, static_cast<float>(value));
}

Descriptor graph(const Convolution& c) {
  const OperationAttributes& attributes = operations[static_cast<int>(c.form)];
  Descriptor operation(attributes.kind);
  operation.set(attributes.windows, windows(c));
  operation.set(attributes.image, tensor(c.image, c, image_name));
  operation.set(attributes.filters, tensor(c.filters, c, filters_name));
  operation.set(attributes.result, tensor(c.result, c, result_name));
  set_scale(operation, attributes.alpha, 1, type_of_sums(c.type));
  set_scale(operation, attributes.beta, 0, type_of_sums(c.type));
  operation.finalize();
  Descriptor d(Kind::graph);
  d.set(attribute::graph_operations, operation);
  d.finalize();
  return d;
}

// ---- engines ----

std::vector<Descriptor> proposed(const Descriptor& graph, const Target& target, HeuristicMode mode) {
  Descriptor heuristic(Kind::heuristic);
  heuristic.set(attribute::heuristic_graph, graph);
  heuristic.set(attribute::heuristic_mode, mode);
  heuristic.set(attribute::heuristic_device, target.device());
  heuristic.finalize();
  return heuristic.get(attribute::heuristic_results, Kind::engine_config,
                       heuristic.count(attribute::heuristic_results));
}

Engine engine_of(const Descriptor& config) {
  const Descriptor engine = config.get_one(attribute::config_engine, Kind::engine);
  Engine e{.number = engine.get(attribute::engine_number).at(0),
           .knobs = {},
           .numerical = engine.get(attribute::engine_numerical_notes),
           .behavior = engine.get(attribute::engine_behavior_notes)};
  // A configuration does not say how many it chose; no more than there are.
  const std::size_t knobs = engine.count(attribute::engine_knobs);
  for (const Descriptor& choice : config.get(attribute::config_knobs, Kind::knob_choice, knobs))
    e.knobs.push_back({choice.get(attribute::knob_type).at(0), choice.get(attribute::knob_value).at(0)});
  return e;
}

// Why its numbers are not those that were asked for; empty if they are.
std::string why_not(const Engine& e, const Convolution& c) {
  if (c.type == DataType::f32 && !c.tf32)
    for (const NumericalNote n : {NumericalNote::tensor_core, NumericalNote::down_convert_inputs})
      if (e.has(n)) return name_of(n) + ", and TF32 was not asked for";
  if (e.has(NumericalNote::reduced_precision_reduction)) return name_of(NumericalNote::reduced_precision_reduction);
  if (c.deterministic && e.has(NumericalNote::nondeterministic))
    return name_of(NumericalNote::nondeterministic) + ", and deterministic was asked for";
  return "";
}

// Adds what the configuration is to the search: a plan, or a refusal.
void consider(PlanSearch& search, const Descriptor& config, const Convolution& c, const Target& target) {
  Engine engine = engine_of(config);
  if (std::string why = why_not(engine, c); !why.empty())
    return void(search.refused.push_back({std::move(engine), std::move(why)}));
  try {
    search.plans.emplace_back(config, target);
  } catch (const Failure& f) {
    if (!f.not_supported()) throw;
    search.refused.push_back({std::move(engine), f.what()});
  }
}

}  // namespace

PlanSearch search_plans(const Convolution& convolution, const Target& target) {
  check_ranks(convolution);
  PlanSearch search;
  try {
    const Descriptor operation = graph(convolution);
    std::set<std::string> seen;  // the fallbacks are partly what was proposed before
    for (const HeuristicMode mode : {HeuristicMode::a, HeuristicMode::fallback})
      for (const Descriptor& config : proposed(operation, target, mode))
        if (seen.insert(to_string(engine_of(config))).second) consider(search, config, convolution, target);
  } catch (const Failure& f) {
    throw Error(fmt::format("convolution {}: {}", to_string(convolution), f.what()));
  }
  return search;
}

std::vector<ConvolutionPlan> find_plans(const Convolution& convolution, const Target& target) {
  PlanSearch search = search_plans(convolution, target);
  if (!search.plans.empty()) return std::move(search.plans);
  std::string why;
  for (const PlanSearch::Refused& r : search.refused)
    why += fmt::format("{}engine {}: {}", why.empty() ? "; it proposes " : "; ", r.engine.number, r.why);
  throw Error(fmt::format("convolution {}: cuDNN {} has no engine for it{}", to_string(convolution),
                          Library::get().version(), why));
}

// ---- plans ----

ConvolutionPlan::ConvolutionPlan(const Descriptor& config, const Target& target)
    : engine_(engine_of(config)), plan_(Kind::execution_plan) {
  plan_.set(attribute::plan_config, config);
  plan_.set(attribute::plan_device, target.device());
  plan_.finalize();
  workspace_bytes_ = plan_.get(attribute::plan_workspace).at(0);
}

void ConvolutionPlan::run(const Handle& handle, const ConvolutionMemory& memory) const {
  Descriptor pack(Kind::variant_pack);
  pack.set(attribute::pack_names, std::vector<std::int64_t>{image_name, filters_name, result_name});
  pack.set(attribute::pack_pointers, std::vector<void*>{memory.image, memory.filters, memory.result});
  pack.set(attribute::pack_workspace, memory.workspace);
  pack.finalize();
  check(Library::get().functions().cudnnBackendExecute(handle.value(), plan_.value(), pack.value()),
        "running " + to_string(engine_));
}

}  // namespace bitale::cudnn

#include "tests/support/random_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/rules.h"
#include "compiler/prim/prim.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "tests/support/random.h"

namespace bitale::tests {
namespace {

using ir::Dim;
using ir::Shape;
using ir::Tensor;
using Axes = std::vector<std::int64_t>;

constexpr std::int64_t largest_tensor = 6000;  // elements

const std::vector<const rewrite::Rule*>& rules() {
  static const std::vector<const rewrite::Rule*> list = [] {
    ops::register_all();
    std::vector<const rewrite::Rule*> all;
    for (const auto& table : {passes::algebra_rules(), passes::stabilising_rules(), driver::rules_of_ops()})
      all.insert(all.end(), table.begin(), table.end());
    return all;
  }();
  return list;
}

// The least and greatest finite value; nullopt without one.
std::optional<std::pair<double, double>> range_of(const Array& a) {
  std::optional<std::pair<double, double>> range;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double v = a.at(i);
    if (!std::isfinite(v)) continue;
    if (!range) range = {v, v};
    range = {std::min(range->first, v), std::max(range->second, v)};
  }
  return range;
}

// Slices and pads of symbolic extents beyond their operand, whose bounds a frontend would have clipped.
bool is_unclipped(const InternalError& e) { return std::string(e.what()).find("reads place") != std::string::npos; }

class Generator {
 public:
  Generator(std::uint64_t seed, const RandomGraphOptions& options) : random_(seed), options_(options) {}

  BuiltCase make() {
    for (int i = 0, accepted = 0; accepted < options_.steps && i < 6 * options_.steps; ++i) accepted += step();
    choose_outputs();
    return without_unused_inputs(std::move(graph_));
  }

 private:
  // ---- one step ----

  // Fresh inputs of a step that is not taken stay in the pool.
  bool step() {
    try {
      const std::vector<Tensor> made = pool_.empty() ? from_sample() : random_step();
      return !made.empty() && std::all_of(made.begin(), made.end(), [](const Tensor& t) { return bool(t); }) &&
             accept(made);
    } catch (const Error&) {  // the type rule or the interpreter says no: what a user would be told
      return false;
    } catch (const InternalError& e) {
      if (!is_unclipped(e)) throw;
      return false;
    }
  }

  std::vector<Tensor> random_step() {
    const double kind = random_.uniform();
    if (kind < 0.35) return from_sample();
    if (kind < 0.50) return from_elementwise_sample();
    if (kind < 0.60) return from_rule();
    if (kind < 0.70) return {with_number()};
    if (kind < 0.85) return {movement()};
    if (kind < 0.95) return {reduction()};
    return {product_of_two()};
  }

  // Slices that a frontend would have clipped: those beyond their operand, though nothing may be read there for want of
  // elements on another axis.
  bool slices_lie_inside(const std::vector<Tensor>& made) const {
    for (const ir::NodePtr& node : ir::topological(made)) {
      if (node->op().name != "slice") continue;
      const auto& p = node->params_as<ir::SliceParams>();
      for (std::size_t a = 0; a < p.steps.size(); ++a) {
        const std::int64_t first = value_of(p.starts[a]), count = value_of(p.extents[a]);
        const std::int64_t last = first + (count - 1) * p.steps[a], n = value_of(node->input(0).shape()[a]);
        if (count < 0 || (count > 0 && (std::min(first, last) < 0 || std::max(first, last) >= n))) return false;
      }
    }
    return true;
  }

  // Interprets the step, and takes it in if its values are worth going on with.
  bool accept(const std::vector<Tensor>& made) {
    if (!slices_lie_inside(made)) return false;
    for (const Tensor& t : made)
      if (element_count(extents_of(t.shape())) > largest_tensor) return false;
    std::vector<eval::Binding> known = graph_.bindings();
    for (const auto& [tensor, value] : values_) known.push_back({tensor, value});
    const std::vector<Array> values = eval::evaluate(made, known);
    for (const Array& value : values) {
      const auto range = range_of(value);
      const bool extreme = is_floating(value.dtype()) && value.size() > 0 &&
                           (!range || std::max(std::fabs(range->first), std::fabs(range->second)) > 1e5);
      if (extreme && random_.chance(0.9)) return false;
    }
    for (std::size_t i = 0; i < made.size(); ++i) add_to_pool(made[i], values[i]);
    return true;
  }

  void add_to_pool(const Tensor& t, const Array& value) {
    if (!values_.try_emplace(t, value).second) return;
    pool_.push_back(t);
  }

  // Shapes of samples with other extents, the same ones through the whole graph so that tensors go on fitting.
  std::vector<Tensor> from_sample() {
    const ir::OpDef& op = *random_.pick(ops());
    const ir::Sample sample = random_.pick(op.samples());
    if (op.name == "searchsorted" || op.name == "digitize") return {};  // of what is in no order, anything
    if (op.name == "svd" && sample.name.find("full") != std::string::npos) return {};  // some of its vectors are any
    const DType dtype = dtype_for(op);
    const bool renamed = random_.chance(0.6);
    std::vector<Tensor> operands;
    for (const ir::SampleInput& input : sample.inputs) {
      Shape shape;
      for (std::int64_t e : input.shape) shape.push_back(renamed ? extent_for(e) : Dim(e));
      operands.push_back(operand(input, input.dtype.value_or(dtype), shape));
    }
    return sample.build(operands);
  }

  // An elementwise op over the shape of a tensor that there is.
  std::vector<Tensor> from_elementwise_sample() {
    const ir::OpDef& op = *random_.pick(elementwise_ops());
    const ir::Sample sample = op.samples()[0];
    const Tensor like = random_.pick(pool_);
    const DType dtype = op.dtypes.empty() || random_.chance(0.7) ? like.dtype() : dtype_for(op);
    std::vector<Tensor> operands;
    for (const ir::SampleInput& input : sample.inputs) {
      Shape shape = like.shape();
      if (!shape.empty() && random_.chance(0.2))
        random_.chance(0.5) ? void(shape[0] = 1) : void(shape.erase(shape.begin()));
      operands.push_back(operand(input, input.dtype.value_or(dtype), shape));
    }
    return sample.build(operands);
  }

  // The left side of a rewrite rule.
  std::vector<Tensor> from_rule() {
    const rewrite::Rule& rule = *random_.pick(rules());
    ir::SampleInput domain{{}, rule.low, rule.high};
    if (rule.left_sides) {
      const auto sides = rule.left_sides([&](DType dtype, const Shape& shape) {
        if (dtype == DType::f64 && random_.chance(0.7)) dtype = DType::f32;
        return operand(domain, dtype, shape);
      });
      return sides.empty() ? std::vector<Tensor>() : std::vector<Tensor>{random_.pick(sides)};
    }
    const Tensor like = random_.pick(pool_);
    const DType dtype = is_floating(rule.dtype) == is_floating(like.dtype()) ? like.dtype() : rule.dtype;
    std::map<std::string, Tensor> variables;
    return {rewrite::instantiate(rule.pattern, {dtype, like.shape()}, [&](const std::string& name, bool boolean) {
      const auto [it, fresh] = variables.try_emplace(name);
      if (fresh) it->second = operand(domain, boolean ? DType::bool_ : dtype, like.shape());
      return it->second;
    })};
  }

  // ---- operands ----

  // A tensor of the pool made to fit, or a fresh input.
  Tensor operand(const ir::SampleInput& wanted, DType dtype, const Shape& shape) {
    for (int i = 0; i < 5 && !pool_.empty() && random_.chance(0.85); ++i) {
      const Tensor from = random_.pick(pool_);
      if (const Tensor fitted = fit(from, shape)) return in_range(cast_to(fitted, dtype), from, wanted);
    }
    return fresh_input(wanted, dtype, shape);
  }

  static Tensor cast_to(const Tensor& x, DType dtype) { return ir::cast(x, dtype); }

  // Mostly inside the domain that the sample names (which makes ties and kinks), at times not.
  Tensor in_range(const Tensor& x, const Tensor& from, const ir::SampleInput& wanted) {
    if (!is_floating(x.dtype())) return x;
    const auto range = range_of(values_.at(from));
    if (!range || (range->first >= wanted.low && range->second <= wanted.high) || random_.chance(0.3)) return x;
    return ir::minimum(ir::maximum(x, wanted.low), wanted.high);
  }

  Tensor fit(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    const bool constant = is_constant(x.shape()) && is_constant(shape);
    if (x.shape().size() == shape.size()) {
      Axes order(shape.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
      random_.shuffle(order);
      Shape moved;
      for (std::int64_t a : order) moved.push_back(x.dim(static_cast<int>(a)));
      if (moved == shape) return ir::transpose(x, order);
    }
    if (broadcasts(x.shape(), shape)) return ir::broadcast_to(x, shape);
    if (x.shape().size() > shape.size() && std::equal(shape.rbegin(), shape.rend(), x.shape().rbegin())) {
      Axes axes;
      for (std::size_t i = 0; i < x.shape().size() - shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
      return random_.chance(0.5) ? ir::sum(x, axes) : ir::max(x, axes);
    }
    if (!constant) return {};
    const std::int64_t have = product(x.shape()).value(), want = product(shape).value();
    if (have == want) return ir::reshape(x, shape);
    if (want > largest_tensor || random_.chance(0.5)) return {};
    const Tensor flat = ir::reshape(x, {have});
    if (have < want) return ir::reshape(ir::pad(flat, {random_.below(want - have + 1)}, {want}, {1}), shape);
    const std::int64_t start = random_.below(have - want + 1);
    return ir::reshape(ir::slice(flat, {start}, {want}, {1}), shape);
  }

  static bool is_constant(const Shape& shape) {
    return std::all_of(shape.begin(), shape.end(), [](const Dim& d) { return d.is_constant(); });
  }

  static bool broadcasts(const Shape& from, const Shape& to) {
    if (from.size() > to.size()) return false;
    for (std::size_t k = 1; k <= from.size(); ++k)
      if (!(from[from.size() - k] == to[to.size() - k]) && !from[from.size() - k].is(1)) return false;
    return true;
  }

  Tensor fresh_input(const ir::SampleInput& wanted, DType dtype, const Shape& shape) {
    const Extents extents = extents_of(shape);
    if (element_count(extents) > largest_tensor) throw Error("too large");
    Array value = random_array(dtype, extents, wanted.low, wanted.high, random_.next());
    if (is_floating(dtype) && random_.chance(options_.hostile)) spoil(value);
    const Tensor t = ir::input("x" + std::to_string(graph_.inputs.size()), {dtype, shape});
    graph_.inputs.push_back(t);
    graph_.values.push_back(value);
    add_to_pool(t, value);
    return t;
  }

  // Some elements become special values.
  void spoil(Array& value) {
    Array wide = is_only_stored(value.dtype()) ? value.cast(computed_as(value.dtype())) : value;
    dispatch(wide.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (std::is_floating_point_v<T>) {
        using Limits = std::numeric_limits<T>;
        for (T& v : wide.view<T>())
          if (random_.chance(0.3))
            v = random_.pick<T>({Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), T(0), T(-0.0), T(1),
                                 T(-1), T(1e-30), T(1e4)});
      }
    });
    if (is_only_stored(value.dtype())) value = wide.cast(value.dtype());
  }

  // ---- extents ----

  Dim extent_for(std::int64_t e) {
    if (e < 2) return e;
    const auto [it, fresh] = extents_.try_emplace(e, Dim(e));
    if (!fresh) return it->second;
    const std::int64_t value = random_.chance(0.5) ? e : random_.pick<std::int64_t>({0, 1, 2, 3, 5, 7, 16, 17, 33});
    it->second = value;
    if (random_.chance(options_.symbolic)) {
      const Dim symbol = Dim::symbol("n" + std::to_string(e));
      symbols_[symbol.as_symbol()->id] = value;
      it->second = symbol;
      fresh_input({}, DType::f32, {symbol});  // binds it
    }
    return it->second;
  }

  std::int64_t value_of(const Dim& d) const {
    return d.evaluate([&](const ir::DimSymbol& s) { return symbols_.at(s.id); });
  }

  Extents extents_of(const Shape& shape) const {
    Extents out;
    for (const Dim& d : shape) out.push_back(value_of(d));
    return out;
  }

  // ---- steps written out ----

  Tensor with_number() {
    const Tensor x = random_.pick(pool_);
    const double number = random_.pick({0.0, 1.0, -1.0, 2.0, 0.5, 3.0});
    const ir::Operand weak = is_floating(x.dtype()) ? ir::Operand(number) : ir::Operand(std::abs(int(number)));
    const bool first = random_.chance(0.3);
    const ir::Operand a = first ? weak : ir::Operand(x), b = first ? ir::Operand(x) : weak;
    switch (random_.below(8)) {
      case 0:
        return ir::add(a, b);
      case 1:
        return ir::sub(a, b);
      case 2:
        return ir::mul(a, b);
      case 3:
        return ir::div(a, b);
      case 4:
        return ir::maximum(a, b);
      case 5:
        return ir::less(a, b);
      case 6:
        return ops::pow(a, b);
      default:
        return ops::mod(a, b);
    }
  }

  Tensor movement() {
    const Tensor x = random_.pick(pool_);
    const int rank = x.rank();
    Axes axes;
    for (int i = 0; i < rank; ++i) axes.push_back(i);
    switch (random_.below(7)) {
      case 0:
        random_.shuffle(axes);
        return ir::transpose(x, axes);
      case 1:
        return ir::flip(x, some_of(axes));
      case 2:
        return sliced(x);
      case 3:
        return padded(x);
      case 4:
        return reshaped(x);
      case 5: {
        Shape shape = x.shape();
        for (Dim& d : shape)
          if (d.is(1)) d = extent_for(3);
        shape.insert(shape.begin(), extent_for(2));
        return ir::broadcast_to(x, shape);
      }
      default: {
        if (rank == 0) return {};
        Tensor other = x;
        for (int i = 0; i < 3; ++i)
          if (const Tensor y = fit(random_.pick(pool_), x.shape())) other = y;
        if (random_.chance(0.5)) other = sliced(other);
        return ir::concat({x, other}, static_cast<int>(random_.below(rank)));
      }
    }
  }

  Axes some_of(const Axes& axes) {
    Axes out;
    for (std::int64_t a : axes)
      if (random_.chance(0.5)) out.push_back(a);
    return out;
  }

  Tensor sliced(const Tensor& x) {
    Shape starts, extents;
    Axes steps;
    for (const Dim& d : x.shape()) {
      const std::int64_t e = value_of(d);
      if (random_.chance(0.4)) {
        starts.emplace_back(0), extents.push_back(d), steps.push_back(1);
      } else if (!d.is_constant()) {
        const bool back = random_.chance(0.5);
        starts.push_back(back ? d - 1 : Dim(1)), extents.push_back(d - 1), steps.push_back(back ? -1 : 1);
      } else {
        const std::int64_t step = random_.pick<std::int64_t>({1, 1, 2, 3, -1, -2});
        const std::int64_t most = (e + std::abs(step) - 1) / std::abs(step), count = random_.between(0, most);
        const std::int64_t slack = count == 0 ? e : e - 1 - (count - 1) * std::abs(step);
        const std::int64_t low = random_.between(0, std::max<std::int64_t>(slack, 0));
        starts.emplace_back(step > 0 || count == 0 ? low : low + (count - 1) * -step);
        extents.emplace_back(count), steps.push_back(step);
      }
    }
    return ir::slice(x, starts, extents, steps);
  }

  Tensor padded(const Tensor& x) {
    Shape starts, shape;
    Axes steps;
    for (const Dim& d : x.shape()) {
      const std::int64_t before = random_.below(3), after = random_.below(3);
      const std::int64_t step = d.is_constant() && d.value() > 0 ? random_.pick<std::int64_t>({1, 1, 2, -1}) : 1;
      const Dim reach = step == 1 ? d : Dim((d.value() - 1) * std::abs(step) + 1);
      starts.push_back(step > 0 ? Dim(before) : reach - 1 + before);
      shape.push_back(reach + before + after);
      steps.push_back(step);
    }
    return ir::pad(x, starts, shape, steps);
  }

  Tensor reshaped(const Tensor& x) {
    Shape shape = x.shape();
    switch (random_.below(4)) {
      case 0:
        return ir::reshape(x, {product(shape)});
      case 1: {
        shape.insert(shape.begin() + random_.between(0, x.rank()), 1);
        return ir::reshape(x, shape);
      }
      case 2: {  // merge two axes
        if (shape.size() < 2) return {};
        const auto at = static_cast<std::size_t>(random_.below(x.rank() - 1));
        shape[at] = shape[at] * shape[at + 1];
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        return ir::reshape(x, shape);
      }
      default: {  // split one
        if (shape.empty()) return {};
        const auto at = static_cast<std::size_t>(random_.below(x.rank()));
        const std::int64_t parts = random_.between(2, 4);
        const auto q = exact_quotient(shape[at], parts);
        if (!q) return {};
        shape[at] = *q;
        shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at) + random_.below(2), parts);
        return ir::reshape(x, shape);
      }
    }
  }

  Tensor reduction() {
    const Tensor x = random_.pick(pool_);
    Axes axes;
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
    const auto axis = static_cast<int>(x.rank() ? random_.below(x.rank()) : 0);
    if (axes.size() > 1 || random_.chance(0.3)) axes = some_of(axes);
    const Tensor number = x.dtype() == DType::bool_ ? ir::cast(x, DType::i32) : x;
    switch (random_.below(8)) {
      case 0:
      case 1:
        return ir::sum(x, axes);
      case 2:
        return ir::max(number, axes);
      case 3:
        return ir::min(number, axes);
      case 4:
        return ir::argmax(number, axes);
      case 5:
        return ops::mean(x, axes, random_.chance(0.5));
      case 6:
        return ops::logsumexp(x, axes, random_.chance(0.5));
      default:
        if (x.rank() == 0 || !is_floating(x.dtype())) return {};
        return random_.chance(0.5) ? ops::softmax(x, axis) : ops::log_softmax(x, axis);
    }
  }

  // A product of two tensors of the pool over random pairs of axes that have one extent.
  Tensor product_of_two() {
    const Tensor a = random_.pick(pool_), b = random_.pick(pool_);
    ir::DotParams p;
    std::vector<bool> taken(static_cast<std::size_t>(b.rank()));
    for (int i = 0; i < a.rank(); ++i)
      for (int k = 0; k < b.rank(); ++k) {
        if (taken[static_cast<std::size_t>(k)] || !(a.dim(i) == b.dim(k)) || random_.chance(0.3)) continue;
        const bool batch = random_.chance(0.3);
        (batch ? p.batch_a : p.sum_a).push_back(i);
        (batch ? p.batch_b : p.sum_b).push_back(k);
        taken[static_cast<std::size_t>(k)] = true;
        break;
      }
    return ir::dot_general(a, b, p);
  }

  // ---- the list of ops ----

  static const std::vector<const ir::OpDef*>& ops() {
    static const std::vector<const ir::OpDef*> list = [] {
      std::vector<const ir::OpDef*> all = tested_ops();
      std::erase_if(all, [](const ir::OpDef* op) { return !op->samples; });
      return all;
    }();
    return list;
  }

  static const std::vector<const ir::OpDef*>& elementwise_ops() {
    static const std::vector<const ir::OpDef*> list = [] {
      std::vector<const ir::OpDef*> all = ops();
      std::erase_if(all, [](const ir::OpDef* op) { return !op->scalar; });
      return all;
    }();
    return list;
  }

  DType dtype_for(const ir::OpDef& op) {
    if (op.dtypes.empty() && random_.chance(0.15)) return random_.chance(0.5) ? DType::f16 : DType::bf16;
    if (op.dtypes.empty()) return random_.chance(0.7) ? DType::f32 : DType::f64;
    return random_.pick(op.dtypes);
  }

  // Mostly what nothing reads, and some of the rest.
  void choose_outputs() {
    std::unordered_set<const ir::Node*> read;
    for (const ir::NodePtr& node : ir::topological(pool_))
      for (const Tensor& t : node->inputs()) read.insert(t.node_ptr().get());
    std::vector<Tensor> candidates;
    for (const Tensor& t : pool_)
      if (t.node().op().leaf != ir::Leaf::input && (!read.contains(t.node_ptr().get()) || random_.chance(0.15)))
        candidates.push_back(t);
    random_.shuffle(candidates);
    const auto most = static_cast<std::size_t>(random_.between(1, 4));
    if (candidates.size() > most) candidates.resize(most);
    if (candidates.empty()) candidates.push_back(pool_.back());
    graph_.outputs = candidates;
  }

  Random random_;
  RandomGraphOptions options_;
  BuiltCase graph_;
  std::vector<Tensor> pool_;
  ir::TensorMap<Array> values_;
  std::map<std::int64_t, Dim> extents_;            // of a sample -> in this graph
  std::map<std::uint64_t, std::int64_t> symbols_;  // values
};

}  // namespace

BuiltCase random_graph(std::uint64_t seed, const RandomGraphOptions& options) {
  return Generator(seed, options).make();
}

BuiltCase without_unused_inputs(BuiltCase graph) {
  std::unordered_set<const ir::Node*> reached;
  std::set<std::uint64_t> wanted;  // symbols
  const auto note = [&](const Dim& d) {
    for (const auto& s : d.symbols()) wanted.insert(s->id);
  };
  for (const ir::NodePtr& node : ir::topological(graph.outputs)) {
    reached.insert(node.get());
    for (const ir::TensorType& type : node->outputs()) std::for_each(type.shape.begin(), type.shape.end(), note);
    if (node->params()) ir::for_each_dim(*node->params(), note);
  }
  BuiltCase out;
  out.outputs = graph.outputs;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Tensor& t = graph.inputs[i];
    const bool binds = t.rank() == 1 && t.dim(0).as_symbol() && wanted.contains(t.dim(0).as_symbol()->id);
    if (!binds && !reached.contains(t.node_ptr().get())) continue;
    out.inputs.push_back(t);
    out.values.push_back(graph.values[i]);
  }
  return out;
}

Tensor random_cost(const BuiltCase& forward, std::uint64_t seed) {
  Random random(seed);
  Tensor cost;
  for (const Tensor& t : forward.outputs) {
    if (!is_floating(t.dtype())) continue;
    Axes axes;
    for (int i = 0; i < t.rank(); ++i) axes.push_back(i);
    const Tensor weighted = random.chance(0.5) ? ir::mul(t, 2 * random.uniform() - 1) : ops::tanh(t);
    cost = ir::accumulate(cost, ir::cast(ir::sum(weighted, axes), DType::f64));
  }
  return cost;
}

BuiltCase random_gradient(const BuiltCase& forward, std::uint64_t seed) {
  const Tensor cost = random_cost(forward, seed);
  BuiltCase out;
  if (!cost) return out;
  std::vector<Tensor> wrt;
  for (const Tensor& t : forward.inputs)
    if (is_floating(t.dtype())) wrt.push_back(t);
  if (wrt.empty()) return out;
  out.inputs = forward.inputs;
  out.values = forward.values;
  ad::GradOptions options;
  options.disconnected = ad::Disconnected::zero;
  out.outputs = ad::grad(cost, wrt, options);
  return has_values(out) ? without_unused_inputs(std::move(out)) : BuiltCase();
}

bool has_values(const BuiltCase& graph) {
  try {
    eval::evaluate(graph.outputs, graph.bindings());
    return true;
  } catch (const InternalError& e) {
    if (!is_unclipped(e)) throw;
    return false;
  } catch (const Error&) {  // what a user would be told: the derivative of a determinant at a singular matrix, say
    return false;
  }
}

}  // namespace bitale::tests

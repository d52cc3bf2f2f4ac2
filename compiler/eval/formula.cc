#include "compiler/eval/formula.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <numeric>

#include "compiler/ir/record.h"
#include "runtime/base/error.h"

namespace bitale::eval {

using ir::Combiner;
using ir::ExprNode;
using ir::ScalarOp;

namespace {

// Which loops an expression depends on.
struct Dependence {
  std::uint64_t reductions = 0, axes = 0;  // bit per reduction, per axis of the output
  Dependence& operator|=(const Dependence& o) {
    reductions |= o.reductions;
    axes |= o.axes;
    return *this;
  }
};

constexpr std::uint64_t bit(std::integral auto r) { return std::uint64_t{1} << r; }

}  // namespace

// Finds for every reachable expression the innermost loop that it depends on, and puts it into that loop's body.
struct CompiledFormula::Compiler {
  CompiledFormula& out;
  const ir::Node& node;
  const ir::Formula& formula;
  const SymbolValues& symbols;
  std::vector<bool> reachable;
  std::vector<Dependence> dependence;
  std::vector<int> owner;  // of a loop variable: its reduction, or -1
  std::vector<std::uint64_t> enclosing;

  void mark(int root) {
    reachable.assign(static_cast<std::size_t>(formula.size()), false);
    owner.assign(static_cast<std::size_t>(formula.size()), -1);
    std::vector<int> stack{root};
    auto push_index = [&](const ir::Index& index) {
      for (const auto& [value, coefficient] : index.terms) stack.push_back(value);
    };
    while (!stack.empty()) {
      const int id = stack.back();
      stack.pop_back();
      if (reachable[static_cast<std::size_t>(id)]) continue;
      reachable[static_cast<std::size_t>(id)] = true;
      const ExprNode& n = formula.node(id);
      for (int a : n.args)
        if (a >= 0) stack.push_back(a);
      for (const auto& i : n.at) push_index(i);
      for (const auto& b : n.guard) push_index(b.index);
      if (n.op != ScalarOp::result) continue;
      BITALE_ASSERT(n.reduction < 64, node.op().name + ": more than 64 reductions in one formula");
      const ir::ExprReduction& r = formula.reduction(n.reduction);
      for (int y : r.yields) stack.push_back(y);
      for (int v : r.vars) owner[static_cast<std::size_t>(v)] = n.reduction;
    }
  }

  // Operands come before users in order of id.
  void find_dependences() {
    dependence.assign(static_cast<std::size_t>(formula.size()), {});
    enclosing.assign(64, 0);
    for (int id = 0; id < formula.size(); ++id) {
      if (!reachable[static_cast<std::size_t>(id)]) continue;
      const ExprNode& n = formula.node(id);
      Dependence d;
      for (int a : n.args)
        if (a >= 0) d |= dependence[static_cast<std::size_t>(a)];
      auto add_index = [&](const ir::Index& index) {
        for (const auto& [value, coefficient] : index.terms) d |= dependence[static_cast<std::size_t>(value)];
      };
      for (const auto& i : n.at) add_index(i);
      for (const auto& b : n.guard) add_index(b.index);
      if (n.op == ScalarOp::var) {
        if (owner[static_cast<std::size_t>(id)] >= 0)
          d.reductions |= bit(owner[static_cast<std::size_t>(id)]);
        else
          d.axes |= bit(n.var);
      }
      if (n.op == ScalarOp::result) {
        for (int y : formula.reduction(n.reduction).yields) d |= dependence[static_cast<std::size_t>(y)];
        d.reductions &= ~bit(n.reduction);
        enclosing[static_cast<std::size_t>(n.reduction)] |= d.reductions;
      }
      dependence[static_cast<std::size_t>(id)] = d;
    }
    // Reductions around the reductions around.
    for (bool changed = true; changed;) {
      changed = false;
      for (auto& mask : enclosing)
        for (int r = 0; r < 64; ++r)
          if ((mask & bit(r)) && (enclosing[static_cast<std::size_t>(r)] & ~mask))
            mask |= enclosing[static_cast<std::size_t>(r)], changed = true;
    }
  }

  // Axes that fewer reductions depend on go innermost, so that those reductions run once for all of them.
  void order_axes() {
    std::vector<int> weight(out.axes_.size(), 0);
    for (int id = 0; id < formula.size(); ++id) {
      if (!reachable[static_cast<std::size_t>(id)] || formula.node(id).op != ScalarOp::result) continue;
      for (std::size_t k = 0; k < weight.size(); ++k)
        if (dependence[static_cast<std::size_t>(id)].axes & bit(k)) ++weight[k];
    }
    out.order_.resize(weight.size());
    std::iota(out.order_.begin(), out.order_.end(), std::size_t{0});
    std::stable_sort(out.order_.begin(), out.order_.end(),
                     [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
    std::vector<int> lanes;
    for (std::size_t k : out.order_) lanes.push_back(out.axes_[k]);
    out.axes_ = lanes;
    out.levels_.resize(weight.size() + 1);
  }

  Block& block_of(int id) {
    const Dependence& d = dependence[static_cast<std::size_t>(id)];
    int deepest = -1;
    for (int r = 0; r < 64; ++r)
      if ((d.reductions & bit(r)) && (deepest < 0 || std::popcount(enclosing[static_cast<std::size_t>(r)]) >
                                                         std::popcount(enclosing[static_cast<std::size_t>(deepest)])))
        deepest = r;
    if (deepest >= 0) return out.reductions_[static_cast<std::size_t>(deepest)].body;
    std::size_t level = out.order_.size();
    while (level > 0 && !(d.axes & bit(out.order_[level - 1]))) --level;
    return out.levels_[level];
  }

  Place place(const ir::Index& index, const ir::Dim& upper) {
    Place p;
    p.constant = index.constant.evaluate(symbols);
    p.upper = upper.evaluate(symbols);
    for (const auto& [value, coefficient] : index.terms) p.terms.emplace_back(value, coefficient.evaluate(symbols));
    return p;
  }

  void emit_load(int id, const ExprNode& n) {
    Instruction i;
    i.kind = Instruction::Kind::load;
    i.type = n.type;
    i.args = n.args;
    i.dest = id;
    i.source = n.source;
    const ir::Shape& shape = node.input(n.source).shape();
    for (std::size_t k = 0; k < n.at.size(); ++k) i.at.push_back(place(n.at[k], shape[k]));
    for (const auto& b : n.guard) i.guard.push_back(place(b.index, b.upper));
    block_of(id).push_back(std::move(i));
  }

  void emit_result(int id, const ExprNode& n) {
    Reduction& r = out.reductions_[static_cast<std::size_t>(n.reduction)];
    r.results[static_cast<std::size_t>(n.part)] = id;
    if (!r.yields.empty()) return;  // its loop is already placed
    const ir::ExprReduction& from = formula.reduction(n.reduction);
    r.combiner = from.combiner;
    r.vars = from.vars;
    r.yields = from.yields;
    r.type = formula.node(from.yields[0]).type;
    for (int v : from.vars) r.extents.push_back(formula.range(formula.node(v).var).evaluate(symbols));
    Instruction i;
    i.kind = Instruction::Kind::loop;
    i.loop = n.reduction;
    block_of(id).push_back(std::move(i));
  }

  void emit(int id) {
    const ExprNode& n = formula.node(id);
    switch (n.op) {
      case ScalarOp::constant:
        out.initial_[static_cast<std::size_t>(id)] = {n.real, n.integer};
        return;
      case ScalarOp::extent:
        out.initial_[static_cast<std::size_t>(id)] = {.integer = n.extent.evaluate(symbols)};
        return;
      case ScalarOp::var:
        return;
      case ScalarOp::load:
        return emit_load(id, n);
      case ScalarOp::result:
        return emit_result(id, n);
      default:
        break;
    }
    Instruction i;
    i.op = n.op;
    i.type = n.type;
    i.args = n.args;
    i.arity = kernel::arity_of(n.op);
    i.operand = formula.node(n.args[static_cast<std::size_t>(i.arity - 1)]).type;
    i.dest = id;
    block_of(id).push_back(std::move(i));
  }
};

CompiledFormula::CompiledFormula(const ir::Node& node, int output, const SymbolValues& symbols) : op_(node.op().name) {
  ir::Formula formula;
  const ir::Expr root = ir::record(node, output, formula);
  axes_.resize(node.type(output).shape.size());
  std::iota(axes_.begin(), axes_.end(), 0);  // a formula's first expressions are its variables
  BITALE_ASSERT(root.type() == node.type(output).dtype,
                op_ + ": the element body gives another dtype than the type rule");
  root_ = root.id;

  Compiler c{*this, node, formula, symbols, {}, {}, {}, {}};
  c.mark(root_);
  c.find_dependences();
  c.order_axes();
  initial_.assign(static_cast<std::size_t>(formula.size()), {});
  reductions_.resize(64);
  for (int id = 0; id < formula.size(); ++id)
    if (c.reachable[static_cast<std::size_t>(id)]) c.emit(id);
}

std::int64_t CompiledFormula::Place::value(const Lane* lanes) const {
  std::int64_t v = constant;
  for (const auto& [lane, coefficient] : terms) v += coefficient * lanes[lane].integer;
  return v;
}

namespace {

using Lane = kernel::Lane;

template <class T>
Lane read(const void* data, std::int64_t i) {
  const T v = static_cast<const T*>(data)[i];
  if constexpr (std::is_floating_point_v<T>)
    return {.real = static_cast<double>(v)};
  else
    return {.integer = static_cast<std::int64_t>(v)};
}

template <class T>
void write(void* data, std::int64_t i, const Lane& v) {
  if constexpr (std::is_floating_point_v<T>)
    static_cast<T*>(data)[i] = static_cast<T>(v.real);
  else
    static_cast<T*>(data)[i] = static_cast<T>(v.integer);
}

using Reader = Lane (*)(const void*, std::int64_t);
using Writer = void (*)(void*, std::int64_t, const Lane&);

Reader reader_of(DType dtype) {
  return dispatch(dtype, [](auto t) -> Reader { return read<typename decltype(t)::type>; });
}

Writer writer_of(DType dtype) {
  return dispatch(dtype, [](auto t) -> Writer { return write<typename decltype(t)::type>; });
}

// Steps through the points of a box, last variable fastest. Returns the outermost variable that went on; -1 after the
// last point.
int advance(Lane* lanes, std::span<const int> vars, std::span<const std::int64_t> extents) {
  for (std::size_t k = vars.size(); k-- > 0;) {
    if (++lanes[vars[k]].integer < extents[k]) return static_cast<int>(k);
    lanes[vars[k]].integer = 0;
  }
  return -1;
}

Lane combine(Combiner c, DType type, const Lane& a, const Lane& b) {
  const Lane args[] = {a, b};
  switch (c) {
    case Combiner::sum:
      return is_floating(type) ? Lane{.real = a.real + b.real} : kernel::evaluate(ScalarOp::add, type, type, args);
    case Combiner::prod:
      return kernel::evaluate(ScalarOp::mul, type, type, args);
    case Combiner::max:
      return kernel::evaluate(ScalarOp::max, type, type, args);
    case Combiner::min:
      return kernel::evaluate(ScalarOp::min, type, type, args);
    case Combiner::any:
      return {.integer = a.integer | b.integer};
    case Combiner::all:
      return {.integer = a.integer & b.integer};
    case Combiner::arg_max:
    case Combiner::arg_min:
      break;
  }
  throw InternalError("eval: a combiner of pairs combines values");
}

// Whether the pair (b, j) replaces (a, i) that came before it.
bool replaces(Combiner c, DType type, const Lane& a, std::int64_t i, const Lane& b, std::int64_t j) {
  const bool greater = c == Combiner::arg_max;
  if (!is_floating(type))
    return a.integer == b.integer ? j < i : greater ? b.integer > a.integer : b.integer < a.integer;
  if (std::isnan(a.real)) return false;
  if (std::isnan(b.real)) return true;
  return a.real == b.real ? j < i : greater ? b.real > a.real : b.real < a.real;
}

Lane identity(Combiner c, DType type) {
  if (is_floating(type)) return {.real = kernel::identity_of(c, type)};
  return {.integer = kernel::integer_identity_of(c, type)};
}

}  // namespace

struct CompiledFormula::Run {
  const CompiledFormula& f;
  std::vector<Lane> lanes;
  std::vector<const void*> data;
  std::vector<Reader> readers;

  void block(const Block& instructions) {
    for (const Instruction& i : instructions) {
      switch (i.kind) {
        case Instruction::Kind::scalar:
          scalar(i);
          break;
        case Instruction::Kind::load:
          lanes[static_cast<std::size_t>(i.dest)] = load(i);
          break;
        case Instruction::Kind::loop:
          loop(f.reductions_[static_cast<std::size_t>(i.loop)]);
          break;
      }
    }
  }

  void scalar(const Instruction& i) {
    std::array<Lane, 3> args;
    for (int k = 0; k < i.arity; ++k)
      args[static_cast<std::size_t>(k)] = lanes[static_cast<std::size_t>(i.args[static_cast<std::size_t>(k)])];
    lanes[static_cast<std::size_t>(i.dest)] =
        kernel::evaluate(i.op, i.type, i.operand, {args.data(), static_cast<std::size_t>(i.arity)});
  }

  Lane load(const Instruction& i) {
    for (const Place& g : i.guard) {
      const std::int64_t v = g.value(lanes.data());
      if (v < 0 || v >= g.upper) return lanes[static_cast<std::size_t>(i.args[0])];
    }
    std::int64_t flat = 0;
    for (const Place& p : i.at) {
      const std::int64_t v = p.value(lanes.data());
      if (v < 0 || v >= p.upper)
        throw InternalError("eval: " + f.op_ + " reads place " + std::to_string(v) + " of an axis of extent " +
                            std::to_string(p.upper) + " of operand " + std::to_string(i.source));
      flat = flat * p.upper + v;
    }
    return readers[static_cast<std::size_t>(i.source)](data[static_cast<std::size_t>(i.source)], flat);
  }

  void loop(const Reduction& r) {
    Lane value = identity(r.combiner, r.type), index;
    bool first = true;
    bool go = true;
    for (std::int64_t e : r.extents) go = go && e > 0;
    for (int v : r.vars) lanes[static_cast<std::size_t>(v)] = {};
    while (go) {
      block(r.body);
      const Lane y = lanes[static_cast<std::size_t>(r.yields[0])];
      if (kernel::takes_pairs(r.combiner)) {
        const Lane j = lanes[static_cast<std::size_t>(r.yields[1])];
        if (first || replaces(r.combiner, r.type, value, index.integer, y, j.integer)) value = y, index = j;
      } else {
        value = combine(r.combiner, r.type, value, y);
      }
      first = false;
      go = advance(lanes.data(), r.vars, r.extents) >= 0;
    }
    if (r.results[0] >= 0) lanes[static_cast<std::size_t>(r.results[0])] = value;
    if (r.results[1] >= 0) lanes[static_cast<std::size_t>(r.results[1])] = index;
  }
};

void CompiledFormula::run(std::span<const Array> inputs, Array& output) const {
  if (output.size() == 0) return;
  Run run{*this, initial_, {}, {}};
  for (const Array& a : inputs) {
    run.data.push_back(a.data());
    run.readers.push_back(reader_of(a.dtype()));
  }
  const Writer store = writer_of(output.dtype());
  Extents extents, strides;  // in the order of the loops
  for (std::size_t axis : order_) {
    extents.push_back(output.shape()[axis]);
    strides.push_back(std::accumulate(output.shape().begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                                      output.shape().end(), std::int64_t{1}, std::multiplies<>()));
  }
  for (int changed = -1;;) {
    for (std::size_t level = static_cast<std::size_t>(changed + 1); level < levels_.size(); ++level)
      run.block(levels_[level]);
    std::int64_t place = 0;
    for (std::size_t k = 0; k < axes_.size(); ++k)
      place += run.lanes[static_cast<std::size_t>(axes_[k])].integer * strides[k];
    store(output.data(), place, run.lanes[static_cast<std::size_t>(root_)]);
    changed = advance(run.lanes.data(), axes_, extents);
    if (changed < 0) return;
  }
}

}  // namespace bitale::eval

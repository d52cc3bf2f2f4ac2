#include "compiler/scan/loop.h"

#include <algorithm>
#include <unordered_set>

#include "compiler/prim/prim.h"
#include "compiler/scan/ops.h"
#include "runtime/base/error.h"

namespace bitale::loops {

using namespace ir;

bool is_scan(const Node& node) { return &node.op() == &scan_op && !node.params_as<ScanParams>().in_blocks(); }

Tensor Loop::placeholder(const std::string& name, TensorType type, SourceLine line) {
  return input(name, std::move(type), line);
}

Tensor rows_of(const Tensor& x, const Dim& first, const Dim& count, SourceLine line) {
  Shape starts(x.shape().size(), Dim(0)), extents = x.shape();
  starts[0] = first;
  extents[0] = count;
  return slice(x, starts, extents, std::vector<std::int64_t>(starts.size(), 1), line);
}

Tensor among_rows(const Tensor& x, const Dim& first, const Dim& count) {
  Shape starts(x.shape().size(), Dim(0)), shape = x.shape();
  starts[0] = first;
  shape[0] = count;
  return pad(x, starts, shape, std::vector<std::int64_t>(starts.size(), 1));
}

TensorType ScanParams::seen(const TensorType& sequence) const {
  TensorType type = Loop::row_type(sequence);
  if (in_blocks()) type.shape.insert(type.shape.begin(), block);
  return type;
}

TensorType ScanParams::stacked(const TensorType& given) const {
  TensorType type{given.dtype, given.shape};
  if (in_blocks())
    type.shape[0] = rows;
  else
    type.shape.insert(type.shape.begin(), trips);
  return type;
}

TensorType Loop::row_type(const TensorType& rows) {
  return {rows.dtype, Shape(rows.shape.begin() + 1, rows.shape.end())};
}

Loop Loop::of(const Node& node) {
  const auto& p = node.params_as<ScanParams>();
  BITALE_ASSERT(!p.in_blocks(), "a loop in blocks is asked for its parts");
  Loop loop{};
  loop.name = p.name;
  loop.trips = p.trips;
  if (p.truncates) loop.truncated = p.truncated;
  loop.keeps = p.keeps;
  loop.stop = p.stop;
  const std::size_t operands = node.inputs().size() - (p.bounded ? 2 : 0);
  if (p.bounded) loop.bounds = {node.inputs()[operands], node.inputs()[operands + 1]};
  std::vector<Tensor> placeholders;
  const auto fresh = [&](const char* kind, const TensorType& type) {
    placeholders.push_back(placeholder(kind + std::to_string(placeholders.size()), type));
    return placeholders.back();
  };
  const auto sequences = static_cast<std::size_t>(p.sequences), carries = static_cast<std::size_t>(p.carries);
  for (std::size_t i = 0; i < operands; ++i) {
    const Tensor& outer = node.inputs()[i];
    if (i < sequences)
      loop.sequences.push_back({outer, fresh("row", row_type(outer.type())), p.backwards[i] != 0});
    else if (i < sequences + carries)
      loop.carries.push_back({outer, fresh("carry", outer.type()), {}});
    else
      loop.invariants.push_back({outer, fresh("invariant", outer.type())});
  }
  const std::vector<Tensor> outputs = call(p.body, placeholders);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i < carries)
      loop.carries[i].after = outputs[i];
    else
      loop.stacked.push_back({outputs[i], p.backwards[sequences + i - carries] != 0});
  }
  return loop;
}

std::vector<Tensor> Loop::Results::all() const {
  std::vector<Tensor> out = last;
  out.insert(out.end(), stacked.begin(), stacked.end());
  return out;
}

std::vector<Tensor> Loop::body_outputs() const {
  std::vector<Tensor> out;
  for (const Carry& c : carries) out.push_back(c.after);
  for (const Stacked& s : stacked) out.push_back(s.row);
  return out;
}

void Loop::set_body_outputs(const std::vector<Tensor>& outputs) {
  auto next = outputs.begin();
  for (Carry& c : carries) c.after = *next++;
  for (Stacked& s : stacked) s.row = *next++;
}

namespace {

// Constants of at most so many elements are the body's own: kernels read them where they are used.
constexpr std::int64_t own_constant = 64;

bool is_small_constant(const Node& node) {
  if (node.op().leaf != Leaf::constant) return false;
  const Dim elements = product(node.outputs()[0].shape);
  return elements.is_constant() && elements.value() <= own_constant;
}

// Finds what a body reads from outside.
class Capture {
 public:
  explicit Capture(const Loop& loop) {
    for (const auto& s : loop.sequences) inside_.insert(s.row.node_ptr().get());
    for (const auto& c : loop.carries) inside_.insert(c.before.node_ptr().get());
    for (const auto& i : loop.invariants) inside_.insert(i.inner.node_ptr().get());
    for (const auto& s : loop.sequences) placeholders_.insert(s.row);
    for (const auto& c : loop.carries) placeholders_.insert(c.before);
    for (const auto& i : loop.invariants) placeholders_.insert(i.inner);
  }

  // The tensors, in a fixed order; `read` receives the placeholders that are read.
  std::vector<Tensor> run(std::span<const Tensor> outputs) {
    const std::vector<NodePtr> order = topological(outputs);
    for (const NodePtr& node : order) {
      const auto& in = node->inputs();
      const bool reads =
          std::any_of(in.begin(), in.end(), [&](const Tensor& t) { return inside_.contains(&t.node()); });
      if (reads) inside_.insert(node.get());
      const bool closed =
          std::all_of(in.begin(), in.end(), [&](const Tensor& t) { return closed_.contains(&t.node()); });
      if (is_small_constant(*node) || (closed && (node->op().element || node->op().view))) closed_.insert(node.get());
    }
    for (const NodePtr& node : order)
      if (inside_.contains(node.get()))
        for (const Tensor& t : node->inputs()) see(t);
    for (const Tensor& t : outputs) see(t);
    return free_;
  }

  bool reads(const Tensor& placeholder) const { return read_.contains(placeholder); }

 private:
  void see(const Tensor& t) {
    if (placeholders_.contains(t)) {
      read_.insert(t);
    } else if (!inside_.contains(&t.node()) && !closed_.contains(&t.node()) && seen_.insert(t).second) {
      free_.push_back(t);
    }
  }

  std::unordered_set<const Node*> inside_, closed_;  // depend on placeholders; on nothing
  std::unordered_set<Tensor, TensorHash> placeholders_, seen_, read_;
  std::vector<Tensor> free_;
};

// Gives arguments their numbers.
class Numbering {
 public:
  void sequence(const Loop::Sequence& s) {
    for (std::size_t i = 0; i < sequences.size(); ++i)
      if (sequences[i] == s.rows && (backwards[i] != 0) == s.backwards) return map(s.row, i);
    sequences.push_back(s.rows);
    backwards.push_back(s.backwards);
    map(s.row, sequences.size() - 1);
  }
  void carry(const Loop::Carry& c) {
    carries.push_back(c.init);
    map(c.before, sequences.size() + carries.size() - 1);
  }
  void invariant(const Tensor& outer, const Tensor& inner) {
    const auto known = std::find(invariants.begin(), invariants.end(), outer);
    const auto i = static_cast<std::size_t>(known - invariants.begin());
    if (known == invariants.end()) invariants.push_back(outer);
    map(inner, sequences.size() + carries.size() + i);
  }

  std::vector<Tensor> sequences, carries, invariants;
  std::vector<std::int64_t> backwards;
  TensorMap<Tensor> arguments;

 private:
  void map(const Tensor& placeholder, std::size_t number) {
    arguments.insert_or_assign(placeholder, argument(static_cast<std::int64_t>(number), placeholder.type()));
  }
};

}  // namespace

Loop::Results Loop::build(SourceLine line) const {
  const std::vector<Tensor> outputs = body_outputs();
  Capture capture(*this);
  const std::vector<Tensor> free = capture.run(outputs);
  Numbering numbers;
  for (const Sequence& s : sequences)
    if (capture.reads(s.row)) numbers.sequence(s);
  for (const Carry& c : carries) numbers.carry(c);
  for (const Invariant& i : invariants)
    if (capture.reads(i.inner)) numbers.invariant(i.outer, i.inner);
  for (const Tensor& t : free) numbers.invariant(t, t);

  ScanParams p{.name = name,
               .sequences = std::ssize(numbers.sequences),
               .carries = std::ssize(carries),
               .trips = trips,
               .block = block,
               .rows = rows,
               .truncates = truncated.has_value(),
               .truncated = truncated.value_or(Dim(0)),
               .keeps = keeps,
               .stop = stop,
               .bounded = bounds.has_value(),
               .backwards = numbers.backwards,
               .body = {substitute(outputs, numbers.arguments)}};
  for (const Stacked& s : stacked) p.backwards.push_back(s.backwards);
  std::vector<Tensor> operands = numbers.sequences;
  operands.insert(operands.end(), numbers.carries.begin(), numbers.carries.end());
  operands.insert(operands.end(), numbers.invariants.begin(), numbers.invariants.end());
  if (bounds) operands.insert(operands.end(), {bounds->first, bounds->last});
  const std::vector<Tensor> made = ir::apply(scan_op, make_params(std::move(p)), std::move(operands), line);
  const auto split = made.begin() + std::ssize(carries);
  return {{made.begin(), split}, {split, made.end()}};
}

}  // namespace bitale::loops

#include "compiler/scan/ops.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "compiler/eval/eval.h"
#include "compiler/prim/prim.h"
#include "compiler/prim/samples.h"
#include "compiler/scan/loop.h"
#include "runtime/base/error.h"

namespace bitale::loops {

using namespace ir;

namespace {

std::string kind_of(std::size_t number, const ScanParams& p) {
  const auto n = static_cast<std::int64_t>(number);
  if (n < p.sequences) return "sequence " + std::to_string(n);
  return n < p.sequences + p.carries ? "carry " + std::to_string(n - p.sequences)
                                     : "invariant " + std::to_string(n - p.sequences - p.carries);
}

// Of sequences, carries and invariants.
int operands_of(const TypeArgs& args, const ScanParams& p) { return args.count() - (p.bounded ? 2 : 0); }

// Every argument has the type of what it stands for.
void check_arguments(const TypeArgs& args, const ScanParams& p) {
  for (const Tensor& a : arguments_of(p.body.outputs)) {
    const std::int64_t number = argument_number(a);
    args.require(number >= 0 && number < operands_of(args, p),
                 "the body reads argument " + std::to_string(number) + " of " + std::to_string(operands_of(args, p)));
    TensorType given = args.type(static_cast<int>(number));
    if (number < p.sequences) given = p.seen(given);
    args.require(a.type() == given, kind_of(static_cast<std::size_t>(number), p) + " is " + to_string(given) +
                                        " in the body, which takes " + to_string(a.type()));
  }
}

void check_carry(const TypeArgs& args, const std::string& what, const TensorType& init, const TensorType& next) {
  const std::string types = what + " is " + to_string(init) + " before the first step and " + to_string(next) +
                            " after it; a step must give it back in the type that it got";
  args.require(init.dtype == next.dtype && init.rank() == next.rank(), types);
  for (std::size_t k = 0; k < init.shape.size(); ++k) args.unify(init.shape[k], next.shape[k], types);
}

void check_steps(const TypeArgs& args, const ScanParams& p) {
  const auto is_scalar = [&](std::int64_t operand, DType dtype) {
    const TensorType& type = args.type(static_cast<int>(operand));
    return type.dtype == dtype && type.rank() == 0;
  };
  if (p.stop >= 0)
    args.require(p.stop < p.carries && is_scalar(p.sequences + p.stop, DType::bool_),
                 "what ends it is no bool scalar among its carries");
  if (p.bounded)
    args.require(is_scalar(args.count() - 2, DType::i64) && is_scalar(args.count() - 1, DType::i64),
                 "the bounds of its steps are no int64 scalars");
}

// What there is one of for every row: of a sequence, or of what a step gives, in blocks.
void check_blocks(const TypeArgs& args, const ScanParams& p) {
  if (!p.in_blocks()) return;
  args.require(
      p.stop < 0 && !p.bounded && std::count(p.backwards.begin(), p.backwards.end(), 0) == std::ssize(p.backwards),
      "steps of blocks are neither left out nor run backwards");
  for (std::size_t i = static_cast<std::size_t>(p.carries); i < p.body.outputs.size(); ++i) {
    const TensorType& type = p.body.outputs[i].type();
    args.require(type.rank() > 0, "the body gives no rows");
    args.unify(type.shape[0], p.block, "the body must give the rows of a block, " + to_string(p.block));
  }
}

std::vector<TensorType> type_of(const TypeArgs& args) {
  const auto& p = args.params_as<ScanParams>();
  const auto outputs = std::ssize(p.body.outputs), stacked = outputs - p.carries;
  args.require(p.sequences >= 0 && p.carries >= 0 && operands_of(args, p) >= p.sequences + p.carries && stacked >= 0 &&
                   std::ssize(p.backwards) == p.sequences + stacked,
               "its operands and parameters do not belong together");
  args.require(outputs > 0, "the body gives nothing");
  for (int i = 0; i < p.sequences; ++i) {
    args.require(args.type(i).rank() > 0, kind_of(static_cast<std::size_t>(i), p) + " has no rows");
    const std::string what = kind_of(static_cast<std::size_t>(i), p);
    if (p.in_blocks())
      args.unify(args.type(i).shape[0], p.rows,
                 what + " must have the rows that blocks are made of, " + to_string(p.rows));
    else
      args.unify(args.type(i).shape[0], p.trips,
                 what + " must have as many rows as there are steps, " + to_string(p.trips));
  }
  check_arguments(args, p);
  check_steps(args, p);
  check_blocks(args, p);
  std::vector<TensorType> types;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const TensorType& type = p.body.outputs[static_cast<std::size_t>(i)].type();
    if (i < p.carries) {
      const TensorType& init = args.type(static_cast<int>(p.sequences + i));
      check_carry(args, "carry " + std::to_string(i), init, type);
      types.push_back(init);
    } else {
      types.push_back(p.stacked(type));
    }
  }
  return types;
}

// Rows of an array from `first` on: one, or as many as a block has.
Array rows_from(const Array& rows, std::int64_t first, std::optional<std::int64_t> block) {
  Extents shape(rows.shape().begin() + 1, rows.shape().end());
  const std::size_t bytes = rows.bytes() / static_cast<std::size_t>(std::max<std::int64_t>(rows.shape()[0], 1));
  if (block) shape.insert(shape.begin(), *block);
  Array seen(rows.dtype(), std::move(shape));
  if (seen.bytes() > 0)
    std::memcpy(seen.data(), static_cast<const char*>(rows.data()) + static_cast<std::size_t>(first) * bytes,
                seen.bytes());
  return seen;
}

void set_rows(Array& to, std::int64_t first, const Array& from) {
  const std::size_t bytes = to.bytes() / static_cast<std::size_t>(std::max<std::int64_t>(to.shape()[0], 1));
  if (from.bytes() > 0)
    std::memcpy(static_cast<char*>(to.data()) + static_cast<std::size_t>(first) * bytes, from.data(), from.bytes());
}

void reference(const Reference& r) {
  const auto& p = r.node.params_as<ScanParams>();
  const std::int64_t trips = p.trips.evaluate(r.symbols);
  const auto sequences = static_cast<std::size_t>(p.sequences), carries = static_cast<std::size_t>(p.carries);
  std::optional<std::int64_t> block;
  if (p.in_blocks()) block = p.block.evaluate(r.symbols);
  const std::int64_t rows = p.rows.evaluate(r.symbols);
  const auto place = [&](std::size_t which, std::int64_t t) {
    if (block) return std::min(t * *block, rows - *block);
    return p.backwards[which] ? trips - 1 - t : t;
  };
  std::vector<Array> arguments(r.inputs.begin(), r.inputs.end());
  for (std::size_t i = carries; i < r.outputs.size(); ++i)
    if (r.outputs[i].bytes() > 0) std::memset(r.outputs[i].data(), 0, r.outputs[i].bytes());
  const auto bound = [&](std::size_t from_end) { return r.inputs[r.inputs.size() - from_end].view<std::int64_t>()[0]; };
  const std::int64_t first = p.bounded ? std::max(bound(2), std::int64_t{0}) : 0,
                     last = p.bounded ? std::min(bound(1), trips) : trips;
  const auto ended = [&] { return p.stop >= 0 && arguments[sequences + static_cast<std::size_t>(p.stop)].at(0) != 0; };
  for (std::int64_t t = first; t < last && !ended(); ++t) {
    for (std::size_t i = 0; i < sequences; ++i) arguments[i] = rows_from(r.inputs[i], place(i, t), block);
    std::vector<Array> results = eval::evaluate(p.body, arguments, r.symbols);
    for (std::size_t i = 0; i < carries; ++i) arguments[sequences + i] = results[i];
    for (std::size_t i = carries; i < results.size(); ++i)
      set_rows(r.outputs[i], place(sequences + i - carries, t), results[i]);
  }
  for (std::size_t i = 0; i < carries; ++i) r.outputs[i] = arguments[sequences + i];
}

// h = tanh(x_t + h w), and its square stacked; or several of its parts alone.
Loop recurrence(const Tensor& x, const Tensor& h0, const Tensor& w) {
  Loop loop{};
  loop.name = "recurrence";
  loop.trips = x.dim(0);
  const Tensor row = Loop::placeholder("x", Loop::row_type(x.type())), h = Loop::placeholder("h", h0.type());
  const Tensor a = row + dot(h, w);
  const Tensor next = a / (1.0 + square(a));
  loop.sequences.push_back({x, row, false});
  loop.carries.push_back({h0, h, next});
  loop.stacked.push_back({square(next), false});
  return loop;
}

std::vector<Sample> samples() {
  return {
      {"recurrence",
       {uniform({4, 2, 3}), uniform({2, 3}), uniform({3, 3})},
       [](auto x) { return recurrence(x[0], x[1], x[2]).build().all(); },
       10},
      {"backwards",
       {uniform({4, 2, 3}), uniform({2, 3}), uniform({3, 3})},
       [](auto x) {
         Loop loop = recurrence(x[0], x[1], x[2]);
         loop.sequences[0].backwards = loop.stacked[0].backwards = true;
         return loop.build().all();
       },
       10},
      {"from a bound to another",
       {uniform({4, 2, 3}), uniform({2, 3}), uniform({3, 3}), integers({}, -1, 2), integers({}, 1, 5)},
       [](auto x) {
         Loop loop = recurrence(x[0], x[1], x[2]);
         loop.bounds = {x[3], x[4]};
         loop.stacked.push_back({dot(loop.carries[0].after, x[2]) + 1.0, true});
         return loop.build().all();
       },
       10},
      {"until a carry is true",
       {uniform({4, 2, 3}), uniform({2, 3}), uniform({3, 3})},
       [](auto x) {
         Loop loop = recurrence(x[0], x[1], x[2]);
         const Tensor large = less(0.5, sum(square(loop.carries[0].after), {0, 1}));
         loop.stop = std::ssize(loop.carries);
         loop.carries.push_back({less(2.0, sum(square(x[1]), {0, 1})), Loop::placeholder("stop", large.type()), large});
         loop.stacked.push_back({dot(loop.carries[0].after, x[2]) + 1.0, true});
         return loop.build().all();
       },
       10},
      {"sums",
       {uniform({5, 3})},
       [](auto x) {
         Loop loop{};
         loop.name = "sums";
         loop.trips = x[0].dim(0);
         const Tensor row = Loop::placeholder("x", Loop::row_type(x[0].type()));
         const Tensor before = Loop::placeholder("sum", row.type());
         loop.sequences.push_back({x[0], row, false});
         loop.carries.push_back({zeros_like(row), before, before + row * row});
         loop.stacked.push_back({before, true});
         return loop.build().all();
       }},
      {"a map",
       {uniform({4, 3}), uniform({3})},
       [](auto x) {
         Loop loop{};
         loop.name = "map";
         loop.trips = x[0].dim(0);
         const Tensor row = Loop::placeholder("x", Loop::row_type(x[0].type()));
         loop.sequences.push_back({x[0], row, false});
         loop.stacked.push_back({row * x[1], false});
         return loop.build().all();
       }},
  };
}

}  // namespace

const OpDef scan_op{
    .name = "scan",
    .doc = "scan(...): a body, once per step: rows of sequences and carries in, new carries and rows of results out",
    .type = type_of,
    .has_bodies = true,
    .label =
        [](const Node& n) {
          const auto& name = n.params_as<ScanParams>().name;
          return name.empty() ? "scan" : "scan " + name;
        },
    .vjp = scan_vjp,
    .jvp = scan_jvp,
    .batch = scan_batch,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(ScanParams{}); },
};

std::span<const OpDef* const> scan_ops() {
  static constexpr std::array<const OpDef*, 2> ops{&scan_op, &cond_op};
  return ops;
}

}  // namespace bitale::loops

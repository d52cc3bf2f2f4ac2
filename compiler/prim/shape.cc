// Primitives that move elements: index maps, and reshape, which is a view.
#include <algorithm>
#include <numeric>

#include "compiler/prim/list.h"
#include "compiler/prim/samples.h"

namespace bitale::ir {

Index flatten(std::span<const Index> at, std::span<const Dim> shape) {
  Index position(0);
  for (std::size_t k = 0; k < at.size(); ++k) position = k == 0 ? at[k] : position * shape[k] + at[k];
  return position;
}

std::vector<Index> unflatten(Index position, std::span<const Dim> shape) {
  std::vector<Index> at(shape.size());
  for (std::size_t k = shape.size(); k-- > 0;) {
    if (k == 0) {
      at[k] = shape[k].is(1) ? Index(0) : position;
      break;
    }
    at[k] = mod(position, shape[k]);
    position = floordiv(position, shape[k]);
  }
  return at;
}

namespace {

using Axes = std::vector<std::int64_t>;

// Steps of slice and pad must not be 0; one per axis, as many starts and extents.
void require_per_axis(const TypeArgs& args, std::size_t starts, std::size_t extents, const Axes& steps) {
  const auto rank = static_cast<std::size_t>(args.type(0).rank());
  args.require(starts == rank && extents == rank && steps.size() == rank,
               "expected one start, extent and step per axis");
  for (std::int64_t s : steps) args.require(s != 0, "a step must not be 0");
}

// `count` places from `start` in steps lie in [0, extent), as far as constants tell.
void require_inside(const TypeArgs& args, const Dim& start, std::int64_t step, const Dim& count, const Dim& extent,
                    std::size_t axis) {
  const Dim last = start + (count - Dim(1)) * Dim(step);
  if (count.is_constant()) args.require(count.value() >= 0, "an extent is negative");
  if (!count.is_constant() || count.value() == 0) return;
  for (const Dim& place : {start, last}) {
    const bool low = place.is_constant() && place.value() < 0;
    const bool high = place.is_constant() && extent.is_constant() && place.value() >= extent.value();
    args.require(!low && !high, "on axis " + std::to_string(axis) + " place " + to_string(place) +
                                    " is outside of extent " + to_string(extent));
  }
}

void require_axes(const TypeArgs& args, const Axes& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    args.require(axes[i] >= 0 && axes[i] < args.type(0).rank(), "there is no axis " + std::to_string(axes[i]));
    args.require(std::count(axes.begin(), axes.end(), axes[i]) == 1,
                 "axis " + std::to_string(axes[i]) + " is named twice");
  }
}

Shape with_leading(const Dim& size, Shape shape) {
  shape.insert(shape.begin(), size);
  return shape;
}

Axes shifted(const Axes& axes) {
  Axes out;
  for (std::int64_t a : axes) out.push_back(a + 1);
  return out;
}

Axes ones(std::size_t n) { return Axes(n, 1); }

}  // namespace

// ---- broadcast_to ----

const OpDef broadcast_to_op{
    .name = "broadcast_to",
    .doc = "broadcast_to(x, shape): repeats missing axes and those of constant extent 1",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          Shape shape = args.params_as<ShapeParams>().shape;
          const Shape& from = args.type(0).shape;
          args.require(from.size() <= shape.size(), "the target " + to_string(shape) + " has too few axes");
          for (std::size_t k = 0; k < from.size(); ++k) {
            Dim& to = shape[shape.size() - from.size() + k];
            if (!from[k].is(1))
              to = args.unify(to, from[k], "only an extent of 1 can be repeated; the target is " + to_string(shape));
          }
          return std::vector<TensorType>{{args.type(0).dtype, std::move(shape)}};
        },
    .element =
        [](Element& e) {
          const Shape& from = e.node().input(0).shape();
          std::vector<Index> at;
          for (std::size_t k = 0; k < from.size(); ++k)
            at.push_back(from[k].is(1) ? Index(0) : e.index(e.rank() - static_cast<int>(from.size() - k)));
          return e.input(0, std::move(at));
        },
    .vjp = [](const Vjp& v) { return std::vector<Tensor>{v.dy() ? sum_to(v.dy(), v.in(0).shape()) : Tensor()}; },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          const Shape& target = b.node.type().shape;
          Shape from = b.node.input(0).shape();
          from.insert(from.begin(), target.size() - from.size(), Dim(1));
          return std::vector<Tensor>{
              broadcast_to(reshape(b.inputs[0], with_leading(b.size, from)), with_leading(b.size, target))};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("row", {uniform({4})}, [](auto x) { return broadcast_to(x[0], {3, 4}); }),
              sample("column", {uniform({3, 1})}, [](auto x) { return broadcast_to(x[0], {2, 3, 4}); }),
              sample("scalar", {uniform({})}, [](auto x) { return broadcast_to(x[0], {2, 2}); })};
        },
    .default_params = [] { return make_params(ShapeParams{}); },
};

Tensor broadcast_to(const Tensor& x, const Shape& shape, SourceLine line) {
  if (x && x.shape() == shape) return x;
  return apply1(broadcast_to_op, make_params(ShapeParams{shape}), {x}, line);
}

// ---- reshape ----

const OpDef reshape_op{
    .name = "reshape",
    .doc = "reshape(x, shape): the same elements in row-major order; one extent may be -1",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          const Shape& shape = args.params_as<ShapeParams>().shape;
          args.unify(product(args.type(0).shape), product(shape),
                     "the numbers of elements differ, the target is " + to_string(shape));
          return std::vector<TensorType>{{args.type(0).dtype, shape}};
        },
    .element =
        [](Element& e) {
          return e.input(0, unflatten(flatten(e.index(), e.node().type().shape), e.node().input(0).shape()));
        },
    .view = true,
    .vjp = [](const Vjp& v) { return std::vector<Tensor>{v.dy() ? reshape(v.dy(), v.in(0).shape()) : Tensor()}; },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          return std::vector<Tensor>{reshape(b.inputs[0], with_leading(b.size, b.node.type().shape))};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("merge", {uniform({2, 3, 4})}, [](auto x) { return reshape(x[0], {6, 4}); }),
              sample("split", {uniform({6, 4})}, [](auto x) { return reshape(x[0], {2, 3, 4}); }),
              sample("regroup", {uniform({4, 6})}, [](auto x) { return reshape(x[0], {3, 8}); }),
              sample("ones", {uniform({1, 3, 1})}, [](auto x) { return reshape(x[0], {3, 1, 1}); })};
        },
    .default_params = [] { return make_params(ShapeParams{}); },
};

Tensor reshape(const Tensor& x, const Shape& shape, SourceLine line) {
  if (x && x.shape() == shape) return x;
  return apply1(reshape_op, make_params(ShapeParams{shape}), {x}, line);
}

Tensor expand_dims(const Tensor& x, int axis, SourceLine line) {
  require_operand("expand_dims", x, line);
  Shape shape = x.shape();
  const int at = axis < 0 ? axis + x.rank() + 1 : axis;
  if (at < 0 || at > x.rank())
    throw Error("expand_dims: there is no place " + std::to_string(axis) + " in " + describe(x) +
                (line ? "; at " + to_string(line) : ""));
  shape.insert(shape.begin() + at, Dim(1));
  return reshape(x, shape, line);
}

// ---- transpose ----

const OpDef transpose_op{
    .name = "transpose",
    .doc = "transpose(x, axes): output axis i is input axis axes[i]; without axes, reversed",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          const Axes& axes = args.params_as<AxesParams>().axes;
          args.require(static_cast<int>(axes.size()) == args.type(0).rank(),
                       "expected one axis for each of the operand's");
          require_axes(args, axes);
          Shape shape;
          for (std::int64_t a : axes) shape.push_back(args.type(0).shape[static_cast<std::size_t>(a)]);
          return std::vector<TensorType>{{args.type(0).dtype, std::move(shape)}};
        },
    .element =
        [](Element& e) {
          const Axes& axes = e.params_as<AxesParams>().axes;
          std::vector<Index> at(axes.size());
          for (std::size_t i = 0; i < axes.size(); ++i)
            at[static_cast<std::size_t>(axes[i])] = e.index(static_cast<int>(i));
          return e.input(0, std::move(at));
        },
    .vjp =
        [](const Vjp& v) {
          const Axes& axes = v.node.params_as<AxesParams>().axes;
          Axes inverse(axes.size());
          for (std::size_t i = 0; i < axes.size(); ++i)
            inverse[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
          return std::vector<Tensor>{v.dy() ? transpose(v.dy(), inverse) : Tensor()};
        },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          Axes axes = shifted(b.node.params_as<AxesParams>().axes);
          axes.insert(axes.begin(), 0);
          return std::vector<Tensor>{transpose(b.inputs[0], axes)};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("matrix", {uniform({3, 4})}, [](auto x) { return transpose(x[0]); }),
              sample("cycle", {uniform({2, 3, 4})}, [](auto x) { return transpose(x[0], {1, 2, 0}); })};
        },
    .default_params = [] { return make_params(AxesParams{}); },
};

Tensor transpose(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  Axes identity(axes.size());
  std::iota(identity.begin(), identity.end(), 0);
  if (x && axes == identity && x.rank() == static_cast<int>(axes.size())) return x;
  return apply1(transpose_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

Tensor transpose(const Tensor& x) {
  require_operand("transpose", x, {});
  Axes axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.rbegin(), axes.rend(), 0);
  return transpose(x, axes);
}

// ---- slice and pad, each the other's derivative ----

const OpDef slice_op{
    .name = "slice",
    .doc = "elements start + i * step of each axis, all of them there: what slice(x, ranges) becomes",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          const auto& p = args.params_as<SliceParams>();
          require_per_axis(args, p.starts.size(), p.extents.size(), p.steps);
          for (std::size_t k = 0; k < p.steps.size(); ++k)
            require_inside(args, p.starts[k], p.steps[k], p.extents[k], args.type(0).shape[k], k);
          return std::vector<TensorType>{{args.type(0).dtype, p.extents}};
        },
    .element =
        [](Element& e) {
          const auto& p = e.params_as<SliceParams>();
          std::vector<Index> at;
          for (std::size_t k = 0; k < p.steps.size(); ++k)
            at.push_back(e.index(static_cast<int>(k)) * Dim(p.steps[k]) + Index(p.starts[k]));
          return e.input(0, std::move(at));
        },
    .vjp =
        [](const Vjp& v) {
          const auto& p = v.node.params_as<SliceParams>();
          return std::vector<Tensor>{v.dy() ? pad(v.dy(), p.starts, v.in(0).shape(), p.steps) : Tensor()};
        },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          auto p = b.node.params_as<SliceParams>();
          p.steps.insert(p.steps.begin(), 1);
          return std::vector<Tensor>{
              slice(b.inputs[0], with_leading(0, p.starts), with_leading(b.size, p.extents), p.steps)};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("block", {uniform({4, 5})}, [](auto x) { return slice(x[0], {1, 2}, {2, 3}, {1, 1}); }),
              sample("steps", {uniform({7, 6})}, [](auto x) { return slice(x[0], {1, 5}, {3, 3}, {2, -2}); }),
              sample("nothing", {uniform({4, 5})}, [](auto x) { return slice(x[0], {4, 0}, {0, 5}, {1, 1}); })};
        },
    .default_params = [] { return make_params(SliceParams{}); },
};

Tensor slice(const Tensor& x, Shape starts, Shape extents, std::vector<std::int64_t> steps, SourceLine line) {
  const auto zero = [](const Dim& d) { return d.is(0); };
  if (x && extents == x.shape() && std::all_of(starts.begin(), starts.end(), zero) && steps == ones(extents.size()))
    return x;
  return apply1(slice_op, make_params(SliceParams{std::move(starts), std::move(extents), std::move(steps)}), {x}, line);
}

const OpDef pad_op{
    .name = "pad",
    .doc = "zeros of a shape with x at start + i * step along each axis: the inverse of slice",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          const auto& p = args.params_as<PadParams>();
          require_per_axis(args, p.starts.size(), p.shape.size(), p.steps);
          for (std::size_t k = 0; k < p.steps.size(); ++k)
            require_inside(args, p.starts[k], p.steps[k], args.type(0).shape[k], p.shape[k], k);
          return std::vector<TensorType>{{args.type(0).dtype, p.shape}};
        },
    .element =
        [](Element& e) {
          const auto& p = e.params_as<PadParams>();
          const TensorType& in = e.node().input(0).type();
          std::vector<Index> at;
          std::vector<IndexBound> bounds;
          for (std::size_t k = 0; k < p.steps.size(); ++k) {
            const Index offset = e.index(static_cast<int>(k)) - Index(p.starts[k]);
            const Index distance = p.steps[k] > 0 ? offset : offset * Dim(-1);
            const Dim step(p.steps[k] > 0 ? p.steps[k] : -p.steps[k]);
            at.push_back(floordiv(distance, step));
            const bool whole = p.steps[k] == 1 && p.starts[k].is(0) && in.shape[k] == p.shape[k];
            if (!whole) bounds.push_back({at.back(), in.shape[k]});
            if (!step.is(1)) bounds.push_back({mod(distance, step), 1});
          }
          return e.input_if(std::move(bounds), 0, std::move(at), e.formula().integer(0, in.dtype));
        },
    .vjp =
        [](const Vjp& v) {
          const auto& p = v.node.params_as<PadParams>();
          return std::vector<Tensor>{v.dy() ? slice(v.dy(), p.starts, v.in(0).shape(), p.steps) : Tensor()};
        },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          auto p = b.node.params_as<PadParams>();
          p.steps.insert(p.steps.begin(), 1);
          return std::vector<Tensor>{
              pad(b.inputs[0], with_leading(0, p.starts), with_leading(b.size, p.shape), p.steps)};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("border", {uniform({2, 3})}, [](auto x) { return pad(x[0], {1, 0}, {4, 5}, {1, 1}); }),
              sample("steps", {uniform({3, 3})}, [](auto x) { return pad(x[0], {1, 5}, {7, 6}, {2, -2}); }),
              sample("of nothing", {uniform({0, 3})}, [](auto x) { return pad(x[0], {0, 0}, {2, 3}, {1, 1}); })};
        },
    .default_params = [] { return make_params(PadParams{}); },
};

Tensor pad(const Tensor& x, Shape starts, Shape shape, std::vector<std::int64_t> steps, SourceLine line) {
  const auto zero = [](const Dim& d) { return d.is(0); };
  if (x && shape == x.shape() && std::all_of(starts.begin(), starts.end(), zero) && steps == ones(shape.size()))
    return x;
  return apply1(pad_op, make_params(PadParams{std::move(starts), std::move(shape), std::move(steps)}), {x}, line);
}

// ---- concat ----

const OpDef concat_op{
    .name = "concat",
    .doc = "concatenate(parts, axis): joined along an axis; dtypes promote",
    .type =
        [](const TypeArgs& args) {
          args.require(args.count() > 0, "expected at least one operand");
          const auto axis = static_cast<std::size_t>(args.params_as<ConcatParams>().axis);
          TensorType type = args.type(0);
          args.require(axis < type.shape.size(), "there is no axis " + std::to_string(axis));
          for (int i = 1; i < args.count(); ++i) {
            const TensorType& other = args.type(i);
            args.require(other.dtype == type.dtype, "operands must have one dtype");
            args.require(other.rank() == type.rank(), "operands must have one rank");
            for (std::size_t k = 0; k < type.shape.size(); ++k)
              type.shape[k] =
                  k == axis ? type.shape[k] + other.shape[k]
                            : args.unify(type.shape[k], other.shape[k], "operands differ on axis " + std::to_string(k));
          }
          return std::vector<TensorType>{type};
        },
    .element =
        [](Element& e) {
          const auto axis = static_cast<std::size_t>(e.params_as<ConcatParams>().axis);
          const auto& inputs = e.node().inputs();
          Dim offset = e.node().type().shape[axis];
          Expr value = e.formula().integer(0, e.node().type().dtype);
          for (std::size_t k = inputs.size(); k-- > 0;) {
            const Dim& extent = inputs[k].shape()[axis];
            offset = offset - extent;
            std::vector<Index> at = e.index();
            at[axis] = at[axis] - Index(offset);
            value = e.input_if({{at[axis], extent}}, static_cast<int>(k), at, value);
          }
          return value;
        },
    .vjp =
        [](const Vjp& v) {
          const auto axis = static_cast<std::size_t>(v.node.params_as<ConcatParams>().axis);
          std::vector<Tensor> dxs(v.node.inputs().size());
          if (!v.dy()) return dxs;
          Shape starts(v.dy().shape().size(), Dim(0));
          for (std::size_t i = 0; i < dxs.size(); ++i) {
            Shape extents = v.dy().shape();
            extents[axis] = v.node.inputs()[i].shape()[axis];
            dxs[i] = slice(v.dy(), starts, extents, ones(extents.size()));
            starts[axis] = starts[axis] + extents[axis];
          }
          return dxs;
        },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          std::vector<Tensor> parts;
          for (std::size_t i = 0; i < b.inputs.size(); ++i) parts.push_back(with_batch_axis(b, static_cast<int>(i)));
          return std::vector<Tensor>{
              concat(std::move(parts), static_cast<int>(b.node.params_as<ConcatParams>().axis) + 1)};
        },
    .samples =
        [] {
          return std::vector<Sample>{sample("columns", {uniform({2, 3}), uniform({2, 1}), uniform({2, 2})},
                                            [](auto x) { return concat({x[0], x[1], x[2]}, 1); }),
                                     sample("with nothing", {uniform({2, 3}), uniform({0, 3})},
                                            [](auto x) { return concat({x[0], x[1], x[0]}, 0); })};
        },
    .default_params = [] { return make_params(ConcatParams{}); },
};

Tensor concat(std::vector<Tensor> parts, int axis, SourceLine line) {
  if (parts.empty())
    throw Error("concat: expected at least one operand" + (line ? "; at " + to_string(line) : std::string()));
  for (const Tensor& t : parts) require_operand("concat", t, line);
  const std::vector<Operand> operands(parts.begin(), parts.end());
  const DType dtype = common_dtype(operands);
  for (Tensor& t : parts) t = cast(t, dtype, line);
  const std::int64_t at = axis < 0 ? axis + parts[0].rank() : axis;
  if (at < 0 || at >= parts[0].rank())
    TypeArgs(concat_op, nullptr, parts, line).fail("there is no axis " + std::to_string(axis));
  if (parts.size() == 1) return parts[0];
  return apply1(concat_op, make_params(ConcatParams{at}), std::move(parts), line);
}

// ---- flip ----

const OpDef flip_op{
    .name = "flip",
    .doc = "flip(x, axes): reverses axes; none: all",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_axes(args, args.params_as<AxesParams>().axes);
          return std::vector<TensorType>{args.type(0)};
        },
    .element =
        [](Element& e) {
          std::vector<Index> at = e.index();
          for (std::int64_t a : e.params_as<AxesParams>().axes) {
            const auto k = static_cast<std::size_t>(a);
            at[k] = Index(e.node().type().shape[k] - Dim(1)) - at[k];
          }
          return e.input(0, std::move(at));
        },
    .vjp =
        [](const Vjp& v) {
          return std::vector<Tensor>{v.dy() ? flip(v.dy(), v.node.params_as<AxesParams>().axes) : Tensor()};
        },
    .jvp = linear_jvp,
    .batch =
        [](const Batch& b) {
          return std::vector<Tensor>{flip(b.inputs[0], shifted(b.node.params_as<AxesParams>().axes))};
        },
    .samples =
        [] {
          return std::vector<Sample>{
              sample("one axis", {uniform({3, 4})}, [](auto x) { return flip(x[0], {1}); }),
              sample("two axes", {uniform({2, 3, 4})}, [](auto x) { return flip(x[0], {0, 2}); })};
        },
    .default_params = [] { return make_params(AxesParams{}); },
};

Tensor flip(const Tensor& x, std::vector<std::int64_t> axes, SourceLine line) {
  if (x && axes.empty()) return x;
  return apply1(flip_op, make_params(AxesParams{std::move(axes)}), {x}, line);
}

// ---- in_memory ----

const OpDef in_memory_op{
    .name = "in_memory",
    .doc = "in_memory(x): x, as an array of its own that nothing is fused through",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          return std::vector<TensorType>{args.type(0)};
        },
    .element = [](Element& e) { return e.input(0); },
    .stored = true,
    .vjp = [](const Vjp& v) { return std::vector<Tensor>{v.dy()}; },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .samples =
        [] {
          return std::vector<Sample>{sample("of a transpose", {uniform({3, 4})},
                                            [](auto x) { return in_memory(transpose(x[0], {1, 0})) * 2.0; })};
        },
};

Tensor in_memory(const Tensor& x, SourceLine line) { return apply1(in_memory_op, nullptr, {x}, line); }

}  // namespace bitale::ir

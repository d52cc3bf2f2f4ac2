// mean, var and stddev. Integers are summed in int64 and divided in default_float.
#include "compiler/prim/samples.h"
#include "ops/api/axes.h"
#include "ops/api/reduce.h"
#include "ops/reduce/root.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef mean_op, var_op, stddev_op;

namespace {

Tensor count_of(const Tensor& x, const Axes& axes, std::int64_t less, DType dtype, SourceLine line) {
  Dim count(1);
  for (std::int64_t a : axes) count = count * x.dim(static_cast<int>(a));
  return cast(ir::extent(max(count - less, Dim(0)), line), dtype, line);
}

DType float_of(const Tensor& x) {
  const Operand operand = x;
  return ir::float_dtype({&operand, 1});
}

// f(x). What is only stored is widened before and narrowed behind: a sum may not fit where the mean does.
template <class F>
Tensor widened(const Tensor& x, SourceLine line, F f) {
  const DType dtype = x.dtype();
  return is_only_stored(dtype) ? cast(f(cast(x, computed_as(dtype), line)), dtype, line) : f(x);
}

template <class Build>
std::vector<ir::Sample> samples(Build build) {
  return {
      ir::sample("rows", {ir::uniform({3, 4})}, [build](auto x) { return build(x[0], Axes{1}, false); }),
      ir::sample("columns, kept", {ir::uniform({4, 3})}, [build](auto x) { return build(x[0], Axes{0}, true); }),
      ir::sample("all", {ir::uniform({2, 5})}, [build](auto x) { return build(x[0], Axes{}, false); }),
      ir::sample("outer and inner", {ir::uniform({2, 3, 4})},
                 [build](auto x) { return build(x[0], Axes{0, -1}, false); }),
      ir::sample("integers", {ir::integers({3, 4}, 0, 200, DType::u8)},
                 [build](auto x) { return build(x[0], Axes{1}, false); }),
  };
}

}  // namespace

const OpDef mean_op{
    .name = "mean",
    .doc = "mean(x, axes, keepdims): integers give a float; NaN for no elements",
    .composite = true,
    .samples = [] { return samples([](const Tensor& x, Axes axes, bool keep) { return mean(x, axes, keep); }); },
};

const OpDef var_op{
    .name = "var",
    .doc = "var(x, axes, ddof, keepdims): mean square distance from the mean, in two passes; divides by n - ddof",
    .composite = true,
    .samples =
        [] {
          auto list = samples([](const Tensor& x, Axes axes, bool keep) { return var(x, axes, 0, keep); });
          list.push_back(ir::sample(
              "far from zero", {ir::uniform({5, 4}, 1000, 1001)}, [](auto x) { return var(x[0], {0}, 1); }, 1e3));
          return list;
        },
};

const OpDef stddev_op{
    .name = "stddev",
    .doc = "stddev(x, axes, ddof, keepdims): root of var; the derivative is 0 where it is 0",
    .composite = true,
    .samples = [] { return samples([](const Tensor& x, Axes axes, bool keep) { return stddev(x, axes, 1, keep); }); },
};

Tensor mean(const Tensor& x, Axes axes, bool keepdims, SourceLine line) {
  axes = normalised_axes("mean", x, std::move(axes), line);
  return widened(x, line, [&](const Tensor& wide) {
    const DType dtype = float_of(wide);
    const Tensor total = cast(ir::sum(wide, axes, line), dtype, line);
    return with_kept_axes(ir::div(total, count_of(x, axes, 0, dtype, line), line), x, axes, keepdims, line);
  });
}

Tensor var(const Tensor& x, Axes axes, std::int64_t ddof, bool keepdims, SourceLine line) {
  axes = normalised_axes("var", x, std::move(axes), line);
  return widened(x, line, [&](const Tensor& wide) {
    const DType dtype = float_of(wide);
    Tensor centre = wide;
    if (!axes.empty()) centre = mean(wide, axes, true, line);
    const Tensor distance = ir::sub(cast(wide, dtype, line), centre, line);
    const Tensor total = ir::sum(ir::square(distance, line), axes, line);
    return with_kept_axes(ir::div(total, count_of(x, axes, ddof, dtype, line), line), x, axes, keepdims, line);
  });
}

Tensor stddev(const Tensor& x, Axes axes, std::int64_t ddof, bool keepdims, SourceLine line) {
  ir::require_operand("stddev", x, line);
  return widened(x, line, [&](const Tensor& wide) { return root(var(wide, axes, ddof, keepdims, line), 2, line); });
}

}  // namespace bitale::ops

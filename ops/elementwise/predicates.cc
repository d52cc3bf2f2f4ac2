// What numbers are, what is larger, and bounds.
#include <limits>

#include "compiler/prim/samples.h"
#include "ops/api/elementwise.h"

namespace bitale::ops {

using ir::OpDef;

extern const OpDef isnan_op, isinf_op, isfinite_op, nan_to_num_op, greater_op, greater_equal_op, clip_op;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Numbers, infinities of both signs and NaN: quotients of small whole numbers.
std::function<std::vector<ir::Sample>()> special_samples(Tensor (*build)(const Tensor&)) {
  return [build] {
    const auto whole = [](std::int64_t n) { return ir::SampleInput{{n}, -1, 1, DType::i32, false}; };
    return std::vector{
        ir::sample("of quotients", {whole(40), whole(40)},
                   [build](auto x) { return build(ir::cast(x[0], DType::f64) / ir::cast(x[1], DType::f64)); }),
        ir::sample("of numbers", {{.shape = {3, 4}, .differentiable = false}}, [build](auto x) { return build(x[0]); }),
    };
  };
}

std::vector<DType> numbers() { return {DType::f32, DType::f64, DType::i32}; }

bool is_float(const Tensor& x) { return is_floating(x.dtype()); }

}  // namespace

const OpDef isnan_op{
    .name = "isnan",
    .doc = "isnan(x): false for integers",
    .composite = true,
    .samples = special_samples([](const Tensor& x) { return isnan(x); }),
    .dtypes = numbers(),
};

const OpDef isinf_op{
    .name = "isinf",
    .doc = "isinf(x): of either sign; false for integers",
    .composite = true,
    .samples = special_samples([](const Tensor& x) { return isinf(x); }),
    .dtypes = numbers(),
};

const OpDef isfinite_op{
    .name = "isfinite",
    .doc = "isfinite(x): neither infinite nor NaN; true for integers",
    .composite = true,
    .samples = special_samples([](const Tensor& x) { return isfinite(x); }),
    .dtypes = numbers(),
};

const OpDef nan_to_num_op{
    .name = "nan_to_num",
    .doc =
        "nan_to_num(x, nan = 0, high, low): replaces NaN and the infinities, by default by the largest and lowest "
        "numbers; gradients pass where x is finite",
    .composite = true,
    .samples =
        [] {
          auto list = special_samples([](const Tensor& x) { return nan_to_num(x); })();
          for (auto& s : special_samples([](const Tensor& x) { return nan_to_num(x, 7, 8, 9); })()) {
            s.name += ", by others";
            list.push_back(s);
          }
          list.push_back(ir::sample("finite", {ir::uniform({3, 4})}, [](auto x) { return nan_to_num(x[0]); }));
          return list;
        },
    .dtypes = numbers(),
};

const OpDef greater_op{
    .name = "greater",
    .doc = "greater(a, b), a > b: less(b, a)",
    .composite = true,
    .samples = ir::binary_samples([](const Tensor& a, const Tensor& b) { return greater(a, b); }),
    .dtypes = numbers(),
};

const OpDef greater_equal_op{
    .name = "greater_equal",
    .doc = "greater_equal(a, b), a >= b: less_equal(b, a)",
    .composite = true,
    .samples = ir::binary_samples([](const Tensor& a, const Tensor& b) { return greater_equal(a, b); }),
    .dtypes = numbers(),
};

// Ties of maximum and minimum go to the first operand.
const OpDef clip_op{
    .name = "clip",
    .doc = "clip(x, low, high): minimum(maximum(x, low), high); NaN stays; the gradient passes at the bounds",
    .composite = true,
    .samples =
        [] {
          return std::vector{
              ir::sample("numbers", {ir::uniform({3, 4}, -3, 3)}, [](auto x) { return clip(x[0], -1, 2); }),
              ir::sample("tensors", {ir::uniform({3, 4}, -3, 3), ir::uniform({4}, -2, -1), ir::uniform({3, 1}, 1, 2)},
                         [](auto x) { return clip(x[0], x[1], x[2]); }),
          };
        },
    .dtypes = numbers(),
};

Tensor isnan(const Tensor& x, SourceLine line) { return not_equal(x, x, line); }

Tensor isinf(const Tensor& x, SourceLine line) {
  ir::require_operand("isinf", x, line);
  return is_float(x) ? equal(abs(x, line), infinity, line) : not_equal(x, x, line);
}

Tensor isfinite(const Tensor& x, SourceLine line) {
  ir::require_operand("isfinite", x, line);
  return is_float(x) ? less(abs(x, line), infinity, line) : equal(x, x, line);
}

Tensor nan_to_num(const Tensor& x, double nan, std::optional<double> high, std::optional<double> low, SourceLine line) {
  ir::require_operand("nan_to_num", x, line);
  if (!is_float(x)) return x;
  const double largest = largest_of(x.dtype());
  const Tensor below = where(equal(x, -infinity, line), low.value_or(-largest), x, line);
  const Tensor inside = where(equal(x, infinity, line), high.value_or(largest), below, line);
  return where(isnan(x, line), nan, inside, line);
}

Tensor greater(const Operand& a, const Operand& b, SourceLine line) { return less(b, a, line); }
Tensor greater_equal(const Operand& a, const Operand& b, SourceLine line) { return less_equal(b, a, line); }

Tensor clip(const Tensor& x, const Operand& low, const Operand& high, SourceLine line) {
  return minimum(maximum(x, low, line), high, line);
}

}  // namespace bitale::ops

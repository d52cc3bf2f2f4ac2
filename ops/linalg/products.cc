// Products in terms of dot_general and elementwise ones.
#include "ops/linalg/products.h"

#include <algorithm>
#include <numeric>

#include "compiler/prim/samples.h"

namespace bitale::ops {

using namespace ir;

namespace {

using Axes = std::vector<std::int64_t>;

Axes range(std::int64_t first, std::int64_t end) {
  Axes out(static_cast<std::size_t>(std::max<std::int64_t>(0, end - first)));
  std::iota(out.begin(), out.end(), first);
  return out;
}

[[noreturn]] void fail(const OpDef& op, const Tensor& a, const Tensor& b, SourceLine line, const std::string& what) {
  const Tensor operands[] = {a, b};
  TypeArgs(op, nullptr, operands, line).fail(what);
}

void require_operands(const OpDef& op, const Tensor& a, const Tensor& b, SourceLine line) {
  require_operand(op.name.c_str(), a, line);
  require_operand(op.name.c_str(), b, line);
}

// Fails if the axes, which are multiplied together, are known to differ.
void require_equal(const OpDef& op, const Tensor& a, std::int64_t axis_a, const Tensor& b, std::int64_t axis_b,
                   SourceLine line) {
  const Dim &m = a.dim(static_cast<int>(axis_a)), &n = b.dim(static_cast<int>(axis_b));
  if (m.is_constant() && n.is_constant() && !(m == n))
    fail(op, a, b, line,
         "axis " + std::to_string(axis_a) + " of the first operand and axis " + std::to_string(axis_b) +
             " of the second are summed over together and differ in extent (" + to_string(m) + " and " + to_string(n) +
             ")");
}

// Products of numbers: bools and integers as int64, as dot takes them.
Tensor multiply(const Tensor& a, const Tensor& b, SourceLine line) {
  const ir::Operand operands[] = {a, b};
  DType dtype = common_dtype(operands);
  if (!is_floating(dtype)) dtype = DType::i64;
  return mul(cast(a, dtype, line), cast(b, dtype, line), line);
}

Tensor flat(const Tensor& x, SourceLine line) { return reshape(x, {product(x.shape())}, line); }

// Axes of the batch of matmul's result, from the right; -1: an operand that does not have it, or of extent 1.
struct BatchAxes {
  Axes a, b;
};
BatchAxes matmul_batch(const Tensor& a, const Tensor& b, SourceLine line) {
  BatchAxes out;
  const int rank = std::max(a.rank(), b.rank()) - 2;
  for (int k = 0; k < rank; ++k) {
    const int at_a = a.rank() - 2 - rank + k, at_b = b.rank() - 2 - rank + k;
    const bool has_a = at_a >= 0 && !a.dim(at_a).is(1), has_b = at_b >= 0 && !b.dim(at_b).is(1);
    if (has_a && has_b && a.dim(at_a).is_constant() && b.dim(at_b).is_constant() && !(a.dim(at_a) == b.dim(at_b)))
      fail(matmul_op, a, b, line,
           "batch axes do not broadcast (" + to_string(a.dim(at_a)) + " and " + to_string(b.dim(at_b)) + ")");
    out.a.push_back(has_a ? at_a : -1);
    out.b.push_back(has_b ? at_b : -1);
  }
  return out;
}

// x without its batch axes that are not used; `axes` says where the used ones are then.
Tensor without_unused(const Tensor& x, Axes& axes, SourceLine line) {
  Shape shape;
  for (std::int64_t& axis : axes) {
    if (axis < 0) continue;
    shape.push_back(x.dim(static_cast<int>(axis)));
    axis = static_cast<std::int64_t>(shape.size()) - 1;
  }
  shape.insert(shape.end(), x.shape().end() - 2, x.shape().end());
  return shape == x.shape() ? x : reshape(x, shape, line);
}

// Batch axes that both have are batch axes of the contraction; one that only one operand has stays free in it, so that
// nothing is repeated. The result's axes are then put in order.
Tensor matmul_matrices(const Tensor& a0, const Tensor& b0, SourceLine line) {
  require_equal(matmul_op, a0, a0.rank() - 1, b0, b0.rank() - 2, line);
  BatchAxes at = matmul_batch(a0, b0, line);
  const Tensor a = without_unused(a0, at.a, line), b = without_unused(b0, at.b, line);
  DotParams p{{}, {}, {a.rank() - 1}, {b.rank() - 2}};
  Axes place(at.a.size(), -1);  // of each batch axis in the result of the contraction
  for (std::size_t k = 0; k < place.size(); ++k)
    if (at.a[k] >= 0 && at.b[k] >= 0) {
      place[k] = static_cast<std::int64_t>(p.batch_a.size());
      p.batch_a.push_back(at.a[k]);
      p.batch_b.push_back(at.b[k]);
    }
  auto next = static_cast<std::int64_t>(p.batch_a.size());
  for (std::size_t k = 0; k < place.size(); ++k)
    if (at.a[k] >= 0 && at.b[k] < 0) place[k] = next++;
  const std::int64_t rows = next++;
  for (std::size_t k = 0; k < place.size(); ++k)
    if (at.a[k] < 0 && at.b[k] >= 0) place[k] = next++;
  const std::int64_t columns = next;

  const Tensor y = dot_general(a, b, p, line);
  Axes order;
  Shape shape;
  for (const std::int64_t k : place) {
    if (k >= 0) order.push_back(k);
    shape.push_back(k >= 0 ? y.dim(static_cast<int>(k)) : Dim(1));
  }
  order.insert(order.end(), {rows, columns});
  shape.insert(shape.end(), {y.dim(static_cast<int>(rows)), y.dim(static_cast<int>(columns))});
  return reshape(transpose(y, order, line), shape, line);
}

Tensor without_axis(const Tensor& x, int axis, SourceLine line) {
  Shape shape = x.shape();
  shape.erase(shape.begin() + axis);
  return reshape(x, shape, line);
}

Samples two(std::vector<std::pair<Extents, Extents>> shapes, std::function<Tensor(const Tensor&, const Tensor&)> f) {
  return [shapes = std::move(shapes), f = std::move(f)] {
    std::vector<Sample> out;
    for (const auto& [a, b] : shapes)
      out.push_back(sample(shape_text(a) + " and " + shape_text(b), {uniform(a, -3, 3), uniform(b, -3, 3)},
                           [f](auto x) { return f(x[0], x[1]); }));
    return out;
  };
}

const std::vector<DType> numbers{DType::f32, DType::f64, DType::i64};

}  // namespace

const OpDef matmul_op{
    .name = "matmul",
    .doc =
        "matmul(a, b): products of the matrices in the last two axes, batch axes broadcast; an operand of rank 1 is a "
        "row on the left, a column on the right",
    .composite = true,
    .samples = two({{{3, 4}, {4, 5}},
                    {{2, 3, 4}, {4, 5}},
                    {{3, 4}, {2, 4, 5}},
                    {{2, 3, 4}, {2, 4, 5}},
                    {{2, 1, 3, 4}, {5, 4, 3}},
                    {{1, 3, 2}, {4, 1, 2, 3}},
                    {{4}, {2, 4, 3}},
                    {{2, 3, 4}, {4}},
                    {{4}, {4}}},
                   [](auto& a, auto& b) { return matmul(a, b); }),
    .dtypes = numbers,
};

Tensor matmul(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(matmul_op, a, b, line);
  if (a.rank() == 0 || b.rank() == 0) fail(matmul_op, a, b, line, "operands must have axes; * multiplies by a scalar");
  const bool row = a.rank() == 1, column = b.rank() == 1;
  Tensor y = matmul_matrices(row ? expand_dims(a, 0, line) : a, column ? expand_dims(b, 1, line) : b, line);
  if (column) y = without_axis(y, y.rank() - 1, line);
  if (row) y = without_axis(y, y.rank() - (column ? 1 : 2), line);
  return y;
}

const OpDef tensordot_op{
    .name = "tensordot",
    .doc =
        "tensordot(a, b, n) or (a, b, axes_a, axes_b): sums of products over the last n axes of a and the first n of "
        "b, or over pairs of axes",
    .composite = true,
    .samples =
        [] {
          return std::vector<Sample>{
              sample("two axes", {uniform({2, 3, 4}), uniform({3, 4, 5})},
                     [](auto x) { return tensordot(x[0], x[1]); }),
              sample("no axes", {uniform({2, 3}), uniform({4})}, [](auto x) { return tensordot(x[0], x[1], 0); }),
              sample("pairs", {uniform({2, 3, 4}), uniform({5, 4, 2})},
                     [](auto x) { return tensordot(x[0], x[1], {0, -1}, {2, 1}); }),
          };
        },
};

Tensor tensordot(const Tensor& a, const Tensor& b, int axes, SourceLine line) {
  require_operands(tensordot_op, a, b, line);
  if (axes < 0 || axes > a.rank() || axes > b.rank())
    fail(tensordot_op, a, b, line, "there are not " + std::to_string(axes) + " axes to sum over");
  return tensordot(a, b, range(a.rank() - axes, a.rank()), range(0, axes), line);
}

Tensor tensordot(const Tensor& a, const Tensor& b, std::vector<std::int64_t> axes_a, std::vector<std::int64_t> axes_b,
                 SourceLine line) {
  require_operands(tensordot_op, a, b, line);
  if (axes_a.size() != axes_b.size())
    fail(tensordot_op, a, b, line,
         std::to_string(axes_a.size()) + " axes of the first operand are paired with " + std::to_string(axes_b.size()) +
             " of the second");
  const auto normal = [&](Axes& axes, const Tensor& x) {
    for (std::int64_t& k : axes) {
      if (k < -x.rank() || k >= x.rank()) fail(tensordot_op, a, b, line, "there is no axis " + std::to_string(k));
      if (k < 0) k += x.rank();
      if (std::count(axes.begin(), axes.end(), k) > 1)
        fail(tensordot_op, a, b, line, "axis " + std::to_string(k) + " is named twice");
    }
  };
  normal(axes_a, a);
  normal(axes_b, b);
  for (std::size_t i = 0; i < axes_a.size(); ++i) require_equal(tensordot_op, a, axes_a[i], b, axes_b[i], line);
  return dot_general(a, b, {{}, {}, std::move(axes_a), std::move(axes_b)}, line);
}

const OpDef inner_op{
    .name = "inner",
    .doc = "inner(a, b): sums of products over the last axes of both",
    .composite = true,
    .samples =
        two({{{2, 4}, {3, 4}}, {{4}, {4}}, {{2, 3, 4}, {4}}, {{}, {3}}}, [](auto& a, auto& b) { return inner(a, b); }),
    .dtypes = numbers,
};

Tensor inner(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(inner_op, a, b, line);
  if (a.rank() == 0 || b.rank() == 0) return multiply(a, b, line);
  require_equal(inner_op, a, a.rank() - 1, b, b.rank() - 1, line);
  return dot_general(a, b, {{}, {}, {a.rank() - 1}, {b.rank() - 1}}, line);
}

const OpDef outer_op{
    .name = "outer",
    .doc = "outer(a, b): [m, n], every element of a times every element of b, both taken row by row",
    .composite = true,
    .samples = two({{{3}, {4}}, {{2, 3}, {2}}, {{}, {3}}}, [](auto& a, auto& b) { return outer(a, b); }),
    .dtypes = numbers,
};

Tensor outer(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(outer_op, a, b, line);
  return multiply(expand_dims(flat(a, line), 1, line), expand_dims(flat(b, line), 0, line), line);
}

const OpDef vdot_op{
    .name = "vdot",
    .doc = "vdot(a, b): the sum of the products of all elements, both taken row by row",
    .composite = true,
    .samples = two({{{4}, {4}}, {{2, 3}, {3, 2}}, {{}, {1}}}, [](auto& a, auto& b) { return vdot(a, b); }),
    .dtypes = numbers,
};

Tensor vdot(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(vdot_op, a, b, line);
  const Dim m = product(a.shape()), n = product(b.shape());
  if (m.is_constant() && n.is_constant() && !(m == n))
    fail(vdot_op, a, b, line, "operands have " + to_string(m) + " and " + to_string(n) + " elements");
  return dot_general(flat(a, line), flat(b, line), {{}, {}, {0}, {0}}, line);
}

const OpDef kron_op{
    .name = "kron",
    .doc =
        "kron(a, b): the Kronecker product: a with every element replaced by its product with b; the operand of less "
        "axes gets leading ones",
    .composite = true,
    .samples = two({{{2, 3}, {3, 2}}, {{3}, {4}}, {{2}, {2, 3}}, {{2, 1, 3}, {2, 2}}, {{}, {3}}},
                   [](auto& a, auto& b) { return kron(a, b); }),
    .dtypes = numbers,
};

Tensor kron(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(kron_op, a, b, line);
  const auto rank = static_cast<std::size_t>(std::max(a.rank(), b.rank()));
  Shape left = a.shape(), right = b.shape(), wide_left, wide_right, out;
  left.insert(left.begin(), rank - left.size(), Dim(1));
  right.insert(right.begin(), rank - right.size(), Dim(1));
  for (std::size_t k = 0; k < rank; ++k) {
    wide_left.insert(wide_left.end(), {left[k], Dim(1)});
    wide_right.insert(wide_right.end(), {Dim(1), right[k]});
    out.push_back(left[k] * right[k]);
  }
  return reshape(multiply(reshape(a, wide_left, line), reshape(b, wide_right, line), line), out, line);
}

const OpDef cross_op{
    .name = "cross",
    .doc = "cross(a, b): the vector product along last axes of extent 3, the others broadcast",
    .composite = true,
    .samples =
        [] {
          const auto build = [](auto x) { return cross(x[0], x[1]); };
          return std::vector<Sample>{sample("vectors", {uniform({3}), uniform({3})}, build),
                                     sample("rows", {uniform({2, 3}), uniform({2, 3})}, build),
                                     sample("broadcast", {uniform({4, 1, 3}), uniform({2, 3})}, build)};
        },
};

Tensor cross(const Tensor& a, const Tensor& b, SourceLine line) {
  require_operands(cross_op, a, b, line);
  for (const Tensor& x : {a, b})
    if (x.rank() == 0 || !x.dim(x.rank() - 1).is(3))
      fail(cross_op, a, b, line, "the last axes of both operands must have the constant extent 3");
  const auto component = [&](const Tensor& x, int k) {
    Shape starts(static_cast<std::size_t>(x.rank()), Dim(0)), extents = x.shape();
    starts.back() = Dim(k);
    extents.back() = Dim(1);
    return slice(x, starts, extents, Axes(starts.size(), 1), line);
  };
  std::vector<Tensor> parts;
  for (int k = 0; k < 3; ++k) {
    const int i = (k + 1) % 3, j = (k + 2) % 3;
    parts.push_back(
        sub(mul(component(a, i), component(b, j), line), mul(component(a, j), component(b, i), line), line));
  }
  return concat(parts, parts[0].rank() - 1, line);
}

}  // namespace bitale::ops

#include "compiler/prim/samples.h"
#include "ops/api/checks.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// x r^-1 or x r^-T.
Tensor over(const Tensor& x, const Tensor& r, bool transpose_r) {
  return transposed(triangular_solve(r, transposed(x), {.lower = false, .transposed = !transpose_r}));
}

// With M = r dr^T - dq^T q, made symmetric from its lower triangle: da = (dq + q M) r^-T.
std::vector<Tensor> vjp(const Vjp& v) {
  const Tensor q = v.out(0), r = v.out(1);
  Tensor m;
  if (v.dy(1)) m = times(r, transposed(upper_part(v.dy(1), true)));
  if (v.dy(0)) m = accumulate(m, -times(transposed(v.dy(0)), q));
  if (!m) return std::vector<Tensor>(1);
  const Tensor symmetric = lower_part(m, true) + transposed(lower_part(m, false));
  return {over(accumulate(v.dy(0), times(q, symmetric)), r, true)};
}

// With B = da r^-1 and C = q^T B, W skew with the lower triangle of C: dr = (C - W) r, dq = B - q (C - W).
std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0)) return std::vector<Tensor>(2);
  const Tensor q = v.out(0), r = v.out(1);
  const Tensor b = over(v.dx(0), r, false), c = times(transposed(q), b), low = lower_part(c, false);
  const Tensor upper = upper_part(c, true) + transposed(low);
  return {b - times(q, upper), times(upper, r)};
}

std::vector<Sample> samples() {
  const auto build = [](std::span<const Tensor> x) {
    const Qr f = qr(full_rank(x[0]));
    return std::vector{f.q, f.r};
  };
  return {
      {"high", {uniform({4, 3})}, build, 4},
      {"square", {uniform({3, 3})}, build, 4},
      {"wide", {uniform({2, 5})}, build, 4},
      {"batch", {uniform({2, 5, 2})}, build, 4},
  };
}

// The columns [from, from + count) of matrices.
Tensor columns(const Tensor& x, const Dim& from, const Dim& count) {
  Shape starts(static_cast<std::size_t>(x.rank()), Dim(0));
  starts.back() = from;
  return slice(x, starts, batched_shape(x, {rows_of(x), count}), std::vector<std::int64_t>(starts.size(), 1));
}

}  // namespace

const OpDef qr_op{
    .name = "qr",
    .doc =
        "qr(a): q with orthonormal columns and upper triangular r with a diagonal that is not negative, q r = a; "
        "thin: [m, k] and [k, n], k = min(m, n), of symbolic extents m >= n; the derivative needs the first k columns "
        "to be independent, else it is a data error; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_matrix(args, 0);
          const Dim& n = columns_of(args.input(0));
          require_at_least(args, rows_of(args.input(0)), n, "the matrices must not be wider than high");
          return std::vector<TensorType>{args.type(0), {args.type(0).dtype, batched_shape(args.input(0), {n, n})}};
        },
    .library = "qr",
    .library_extents =
        [](const Node& n) { return library_extents(n.input(0), {rows_of(n.input(0)), columns_of(n.input(0))}); },
    .library_integers = dtype_integers,
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            auto [q, upper] = reference_qr(in[0]);
            return std::vector{q, upper};
          });
        },
    .samples = samples,
};

// A wide matrix is factored by its first columns: [x, y] = q [r, q^T y] where x = q r.
Qr qr(const Tensor& a0, SourceLine line) {
  const Tensor a = as_matrices(qr_op, a0, line);
  const Dim &m = rows_of(a), &n = columns_of(a);
  if (m.is_constant() && n.is_constant() && m.value() < n.value()) {
    const auto out = apply(qr_op, nullptr, {columns(a, 0, m)}, line);
    return {out[0], concat({out[1], times(transposed(out[0]), columns(a, m, n - m))}, a.rank() - 1, line)};
  }
  const auto out = apply(qr_op, nullptr, {a}, line);
  return {out[0], out[1]};
}

}  // namespace bitale::ops

#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct SvdParams {
  bool full = false;
  bool operator==(const SvdParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("full", full);
  }
};

bool is_full(const Node& n) { return n.params_as<SvdParams>().full; }

std::vector<TensorType> type_rule(const TypeArgs& args) {
  args.require_count(1);
  require_matrix(args, 0);
  const Dim &m = rows_of(args.input(0)), &n = columns_of(args.input(0)), k = min(m, n);
  const bool full = args.params_as<SvdParams>().full;
  Shape s = batch_of(args.input(0));
  s.push_back(k);
  const DType dtype = args.type(0).dtype;
  return {{dtype, batched_shape(args.input(0), {m, full ? m : k})},
          {dtype, s},
          {dtype, batched_shape(args.input(0), {full ? n : k, n})}};
}

// u, s, v and what the derivatives have in common.
struct Parts {
  Tensor a, u, s, v;
  explicit Parts(const Node& n) : a(n.input(0)) {
    const Tensor vt = Tensor(NodePtr(&n), 2);
    u = Tensor(NodePtr(&n), 0), s = Tensor(NodePtr(&n), 1), v = transposed(vt);
    if (!is_full(n)) return;
    const Svd thin = svd(a);
    u = thin.u, v = transposed(thin.vt);
  }
  Tensor gaps() const { return inverse_gaps(s * s); }
  Tensor inverse_s() const { return 1.0 / s; }
  // The part of x outside of the columns of q, over the singular values; empty if those span everything.
  Tensor outside(const Tensor& x, const Tensor& q) const {
    if (rows_of(q) == columns_of(q)) return {};
    return scale_columns(x - times(q, times(transposed(q), x)), inverse_s());
  }
};

void require_thin(const Node& n) {
  if (!is_full(n)) return;
  std::string lines;
  for (const SourceLine& l : n.origins()) lines += "; at " + to_string(l);
  throw Error("svd: the full u and vt have no derivative (those of the thin ones have)" + lines);
}

// Townsend, "Differentiating the singular value decomposition", with F the inverse gaps of s^2:
// da = [u (F * (u^T du - du^T u)) s + (1 - u u^T) du / s] v^T + u ds v^T + the same with u and v exchanged.
std::vector<Tensor> vjp(const Vjp& v) {
  const Parts p(v.node);
  const auto skew = [](const Tensor& x) { return x - transposed(x); };
  Tensor da;
  if (v.dy(0)) {
    require_thin(v.node);
    const Tensor inside = scale_columns(times(p.u, p.gaps() * skew(times(transposed(p.u), v.dy(0)))), p.s);
    da = times(accumulate(inside, p.outside(v.dy(0), p.u)), transposed(p.v));
  }
  if (v.dy(1)) da = accumulate(da, times(scale_columns(p.u, v.dy(1)), transposed(p.v)));
  if (v.dy(2)) {
    require_thin(v.node);
    const Tensor dv = transposed(v.dy(2));
    const Tensor inside = scale_columns(times(p.v, p.gaps() * skew(times(transposed(p.v), dv))), p.s);
    da = accumulate(da, times(p.u, transposed(accumulate(inside, p.outside(dv, p.v)))));
  }
  return {da};
}

// With D = u^T da v: ds its diagonal, du = u (F * (D s + s D^T)) + (1 - u u^T) da v / s, and so for v.
std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0)) return std::vector<Tensor>(3);
  const Parts p(v.node);
  const Tensor av = times(v.dx(0), p.v), d = times(transposed(p.u), av);
  const Tensor ds = diagonal_of(d);
  if (is_full(v.node)) return {Tensor(), ds, Tensor()};
  const Tensor dt = transposed(d), f = p.gaps();
  const Tensor du = accumulate(times(p.u, f * (scale_columns(d, p.s) + scale_rows(dt, p.s))), p.outside(av, p.u));
  const Tensor dv = accumulate(times(p.v, f * (scale_rows(d, p.s) + scale_columns(dt, p.s))),
                               p.outside(times(transposed(v.dx(0)), p.u), p.v));
  return {du, ds, transposed(dv)};
}

void reference(const Reference& r) {
  for_each_matrix(r, [&](const std::vector<Dense>& in) {
    ReferenceSvd d = reference_svd(in[0]);
    if (is_full(r.node)) d.u = in[0].finite() ? complete_basis(d.u) : Dense::nan(in[0].rows, in[0].rows);
    if (is_full(r.node)) d.v = in[0].finite() ? complete_basis(d.v) : Dense::nan(in[0].columns, in[0].columns);
    Dense s(static_cast<std::int64_t>(d.s.size()), 1);
    s.values = d.s;
    return std::vector{d.u, s, transpose(d.v)};
  });
}

// The columns beyond the thin ones are any basis: what does not depend on it is compared.
std::vector<Tensor> full_parts(const Tensor& a) {
  const Svd d = svd(a, true), thin = svd(a);
  const Tensor u = stop_gradient(d.u), vt = stop_gradient(d.vt);
  return {d.s, times(transposed(u), u), times(vt, transposed(vt)), times(transposed(thin.u), u)};
}

std::vector<Sample> samples() {
  const auto build = [](std::span<const Tensor> x) {
    const Svd d = svd(full_rank(x[0]));
    return std::vector{d.u, d.s, d.vt};
  };
  const auto full = [](std::span<const Tensor> x) { return full_parts(full_rank(x[0])); };
  return {
      {"high", {uniform({4, 3})}, build, 20},
      {"wide", {uniform({2, 5})}, build, 20},
      {"square", {uniform({3, 3})}, build, 20},
      {"batch", {uniform({2, 4, 2})}, build, 20},
      {"full, high", {{.shape = {4, 2}, .differentiable = false}}, full, 20},
      {"full, wide", {{.shape = {2, 3, 5}, .differentiable = false}}, full, 20},
  };
}

}  // namespace

// Signs: of the components of a column of u that are at least half as large as its largest, the first is positive.
const OpDef svd_op{
    .name = "svd",
    .doc =
        "svd(a, full): u, s, vt with a = u diag(s) vt, s descending; thin ([m, k], [k], [k, n], k = min(m, n)), or "
        "with square u and vt, which have no derivative; in each column of u the first component at least half as "
        "large as the largest is positive; derivatives of u and vt leave out pairs of equal singular values and need "
        "none to be 0 if a is not square; not finite: NaN",
    .type = type_rule,
    .library = "svd",
    .library_extents =
        [](const Node& n) { return library_extents(n.input(0), {rows_of(n.input(0)), columns_of(n.input(0))}); },
    .library_integers =
        [](const Node& n) {
          return std::vector<std::int64_t>{static_cast<std::int64_t>(n.input(0).dtype()), is_full(n)};
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(SvdParams{}); },
};

Svd svd(const Tensor& a, bool full, SourceLine line) {
  const auto out = apply(svd_op, make_params(SvdParams{full}), {as_matrices(svd_op, a, line)}, line);
  return {out[0], out[1], out[2]};
}

}  // namespace bitale::ops

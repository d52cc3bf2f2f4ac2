#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

TensorType values_type(const TypeArgs& args) {
  const Shape& shape = args.type(0).shape;
  return {args.type(0).dtype, Shape(shape.begin(), shape.end() - 1)};
}

std::vector<Dim> extents(const Node& n) { return library_extents(n.input(0), {columns_of(n.input(0))}); }

// v x v^T.
Tensor turned(const Tensor& v, const Tensor& x) { return times(v, times(x, transposed(v))); }

// With F the inverse gaps of the eigenvalues: da = sym(v (diag(dw) + F * v^T dv) v^T).
std::vector<Tensor> vjp(const Vjp& v) {
  const Tensor w = v.out(0), vectors = v.out(1);
  Tensor middle;
  if (v.dy(0)) middle = diagonal_matrix(v.dy(0));
  if (v.dy(1)) middle = accumulate(middle, inverse_gaps(w) * times(transposed(vectors), v.dy(1)));
  return {middle ? symmetric_part(turned(vectors, middle)) : Tensor()};
}

// With D = v^T da v: dw its diagonal, dv = v (F * D).
std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0)) return std::vector<Tensor>(2);
  const Tensor vectors = v.out(1);
  const Tensor d = times(transposed(vectors), times(symmetric_part(v.dx(0)), vectors));
  return {diagonal_of(d), times(vectors, inverse_gaps(v.out(0)) * d)};
}

Dense column(const std::vector<long double>& values) {
  Dense c(static_cast<std::int64_t>(values.size()), 1);
  c.values = values;
  return c;
}

Samples symmetric_samples(const std::function<std::vector<Tensor>(const Tensor&)>& f) {
  return [f] {
    const auto build = [f](std::span<const Tensor> x) { return f(with_distinct_eigenvalues(x[0])); };
    return std::vector<Sample>{
        {"matrix", {uniform({3, 3})}, build, 10},
        {"batch", {uniform({2, 5, 5})}, build, 20},
        {"negative",
         {uniform({4, 4})},
         [f](std::span<const Tensor> x) { return f(-with_distinct_eigenvalues(x[0])); },
         20},
    };
  };
}

}  // namespace

// Signs: of the components of an eigenvector that are at least half as large as its largest, the first is positive.
const OpDef eigh_op{
    .name = "eigh",
    .doc =
        "eigh(a): eigenvalues, ascending, and eigenvectors, as columns, of symmetric a, of which the lower triangle "
        "is read; in each vector the first component at least half as large as the largest is positive; derivatives "
        "of vectors leave out pairs of equal eigenvalues; the gradient is symmetric; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_square(args, 0);
          return std::vector{values_type(args), args.type(0)};
        },
    .library = "eigh",
    .library_extents = extents,
    .library_integers = dtype_integers,
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(r, [](const std::vector<Dense>& in) {
            const ReferenceEigen e = reference_eigh(in[0]);
            return std::vector{column(e.values), e.vectors};
          });
        },
    .samples = symmetric_samples([](const Tensor& a) {
      const Eigh e = eigh(a);
      return std::vector{e.values, e.vectors};
    }),
};

const OpDef eigvalsh_op{
    .name = "eigvalsh",
    .doc = "eigvalsh(a): the eigenvalues of symmetric a alone, ascending, in less time than eigh",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_square(args, 0);
          return std::vector{values_type(args)};
        },
    .library = "eigvalsh",
    .library_extents = extents,
    .library_integers = dtype_integers,
    .vjp =
        [](const Vjp& v) {
          return std::vector{symmetric_part(turned(eigh(v.in(0)).vectors, diagonal_matrix(v.dy())))};
        },
    .jvp =
        [](const Jvp& v) {
          if (!v.dx(0)) return std::vector<Tensor>(1);
          const Tensor vectors = eigh(v.in(0)).vectors;
          return std::vector{sum(vectors * times(symmetric_part(v.dx(0)), vectors), {vectors.rank() - 2})};
        },
    .batch = batch_elementwise,
    .reference =
        [](const Reference& r) {
          for_each_matrix(
              r, [](const std::vector<Dense>& in) { return std::vector{column(reference_eigh(in[0]).values)}; });
        },
    .samples = symmetric_samples([](const Tensor& a) { return std::vector{eigvalsh(a)}; }),
};

Eigh eigh(const Tensor& a, SourceLine line) {
  const auto out = apply(eigh_op, nullptr, {as_matrices(eigh_op, a, line)}, line);
  return {out[0], out[1]};
}

Tensor eigvalsh(const Tensor& a, SourceLine line) {
  return apply1(eigvalsh_op, nullptr, {as_matrices(eigvalsh_op, a, line)}, line);
}

}  // namespace bitale::ops

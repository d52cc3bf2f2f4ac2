// Decompositions: values on small matrices, products that give large ones back, failures, and what is not finite.
#include "runtime/library/matrices.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/base/dtype.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

using namespace bitale;

namespace {

struct Result {
  Context context;
  int code = 0;
};

// Buffers are the inputs and outputs in the order of matrices.h.
template <class T>
Result call(const std::string& name, std::vector<void*> buffers, std::vector<std::int64_t> extents,
            std::vector<std::int64_t> flags = {}, std::vector<double> reals = {}) {
  Result r;
  flags.insert(flags.begin(), static_cast<std::int64_t>(dtype_of<T>()));
  r.code = library::find(name)(&r.context, {buffers, extents, flags, reals});
  return r;
}

template <class T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed) {
  tests::Random random(seed);
  std::vector<T> out(static_cast<std::size_t>(count));
  for (T& v : out) v = static_cast<T>(2 * random.uniform() - 1);
  return out;
}

// a [m, k] times b [k, n], either transposed.
template <class T>
std::vector<T> product(const std::vector<T>& a, const std::vector<T>& b, std::int64_t m, std::int64_t k, std::int64_t n,
                       bool ta = false, bool tb = false) {
  std::vector<T> c(static_cast<std::size_t>(m * n));
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double total = 0;
      for (std::int64_t l = 0; l < k; ++l)
        total += static_cast<double>(a[static_cast<std::size_t>(ta ? l * m + i : i * k + l)]) *
                 static_cast<double>(b[static_cast<std::size_t>(tb ? j * k + l : l * n + j)]);
      c[static_cast<std::size_t>(i * n + j)] = static_cast<T>(total);
    }
  return c;
}

template <class T>
double distance(const std::vector<T>& a, const std::vector<T>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    worst = std::fmax(worst, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

template <class T>
std::vector<T> identity(std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i * (n + 1))] = 1;
  return out;
}

template <class T>
std::vector<T> definite(std::int64_t n) {
  const auto x = random_values<T>(n * n, 3);
  auto a = product(x, x, n, n, n, false, true);
  for (std::int64_t i = 0; i < n; ++i) a[static_cast<std::size_t>(i * (n + 1))] += 3;
  return a;
}

template <class T>
constexpr double unit = std::is_same_v<T, float> ? 1e-4 : 1e-11;

bool all_nan(const std::vector<double>& v) {
  for (const double x : v)
    if (!std::isnan(x)) return false;
  return true;
}

constexpr std::int64_t large = 93;  // beyond what is done without blocks

}  // namespace

TEMPLATE_TEST_CASE("factors of large matrices multiply to them", "", float, double) {
  using T = TestType;
  const std::int64_t n = large, m = large + 20;
  auto a = definite<T>(n), l = a;
  REQUIRE(call<T>("cholesky", {a.data(), l.data()}, {1, n}).code == 0);
  CHECK(distance(product(l, l, n, n, n, false, true), a) < 100 * unit<T>);

  auto x = random_values<T>(m * n, 5), q = x;
  std::vector<T> r(static_cast<std::size_t>(n * n));
  REQUIRE(call<T>("qr", {x.data(), q.data(), r.data()}, {1, m, n}).code == 0);
  CHECK(distance(product(q, r, m, n, n), x) < unit<T>);
  CHECK(distance(product(q, q, n, m, n, true), identity<T>(n)) < unit<T>);

  std::vector<T> w(static_cast<std::size_t>(n)), v = a, alone = w;
  REQUIRE(call<T>("eigh", {a.data(), w.data(), v.data()}, {1, n}).code == 0);
  REQUIRE(call<T>("eigvalsh", {a.data(), alone.data()}, {1, n}).code == 0);
  CHECK(std::is_sorted(w.begin(), w.end()));
  CHECK(distance(w, alone) < 100 * unit<T>);
  auto scaled = v;
  for (std::int64_t i = 0; i < n * n; ++i) scaled[static_cast<std::size_t>(i)] *= w[static_cast<std::size_t>(i % n)];
  CHECK(distance(product(scaled, v, n, n, n, false, true), a) < 100 * unit<T>);

  std::vector<T> u(static_cast<std::size_t>(m * n)), s(static_cast<std::size_t>(n)),
      vt(static_cast<std::size_t>(n * n));
  REQUIRE(call<T>("svd", {x.data(), u.data(), s.data(), vt.data()}, {1, m, n}, {0}).code == 0);
  CHECK(std::is_sorted(s.rbegin(), s.rend()));
  for (std::int64_t i = 0; i < m * n; ++i) u[static_cast<std::size_t>(i)] *= s[static_cast<std::size_t>(i % n)];
  CHECK(distance(product(u, vt, m, n, n), x) < unit<T>);
}

TEMPLATE_TEST_CASE("solutions of large systems solve them", "", float, double) {
  using T = TestType;
  const std::int64_t n = large, k = 7;
  auto a = random_values<T>(n * n, 1), packed = a, b = random_values<T>(n * k, 2), x = b;
  for (std::int64_t i = 0; i < n; ++i) a[static_cast<std::size_t>(i * n + (i + 5) % n)] += 9;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  REQUIRE(call<T>("lu_factors", {a.data(), packed.data(), rows.data()}, {1, n}).code == 0);
  for (const bool transposed : {false, true}) {
    REQUIRE(
        call<T>("lu_solve", {a.data(), b.data(), packed.data(), rows.data(), x.data()}, {1, n, k}, {transposed}).code ==
        0);
    CHECK(distance(product(a, x, n, n, k, transposed), b) < 100 * unit<T>);
  }
  auto inverse = a;
  REQUIRE(call<T>("lu_inverse", {a.data(), packed.data(), rows.data(), inverse.data()}, {1, n}).code == 0);
  CHECK(distance(product(a, inverse, n, n, n), identity<T>(n)) < 100 * unit<T>);
  std::vector<T> sign(1), log(1), back_sign(1), back_log(1);
  REQUIRE(call<T>("lu_slogdet", {a.data(), packed.data(), rows.data(), sign.data(), log.data()}, {1, n}).code == 0);
  auto factors = inverse;
  call<T>("lu_factors", {inverse.data(), factors.data(), rows.data()}, {1, n});
  call<T>("lu_slogdet", {inverse.data(), factors.data(), rows.data(), back_sign.data(), back_log.data()}, {1, n});
  CHECK(sign[0] == back_sign[0]);
  CHECK(log[0] == Approx(-back_log[0]).epsilon(1e-4));

  auto spd = definite<T>(n), l = spd;
  REQUIRE(call<T>("cholesky", {spd.data(), l.data()}, {1, n}).code == 0);
  REQUIRE(call<T>("cholesky_solve", {spd.data(), b.data(), l.data(), x.data()}, {1, n, k}).code == 0);
  CHECK(distance(product(spd, x, n, n, k), b) < 100 * unit<T>);
  REQUIRE(call<T>("triangular_solve", {l.data(), b.data(), x.data()}, {1, n, k}, {1, 0, 0}).code == 0);
  CHECK(distance(product(l, x, n, n, k), b) < 100 * unit<T>);
}

TEST_CASE("rows exchange: the determinant has the sign of the permutation") {
  std::vector<double> a{0, 1, 0, 0, 0, 1, 1, 0, 0, /**/ 0, 2, 0, 3, 0, 0, 0, 0, 1}, packed(18), det(2);
  std::vector<std::int64_t> rows(6);
  REQUIRE(call<double>("lu_factors", {a.data(), packed.data(), rows.data()}, {2, 3}).code == 0);
  CHECK(rows == std::vector<std::int64_t>{2, 0, 1, 1, 0, 2});
  REQUIRE(call<double>("lu_det", {a.data(), packed.data(), rows.data(), det.data()}, {2, 3}).code == 0);
  CHECK(det == std::vector<double>{1, -6});
}

TEST_CASE("singular matrices have a determinant and no solution") {
  std::vector<double> a{1, 0, 0, 1, /**/ 1, 2, 2, 4}, packed(8), det(2), sign(2), log(2), x(8);
  std::vector<std::int64_t> rows(4);
  REQUIRE(call<double>("lu_factors", {a.data(), packed.data(), rows.data()}, {2, 2}).code == 0);
  CHECK(call<double>("lu_det", {a.data(), packed.data(), rows.data(), det.data()}, {2, 2}).code == 0);
  CHECK(det == std::vector<double>{1, 0});
  CHECK(call<double>("lu_slogdet", {a.data(), packed.data(), rows.data(), sign.data(), log.data()}, {2, 2}).code == 0);
  CHECK(sign == std::vector<double>{1, 0});
  CHECK(log == std::vector<double>{0, -INFINITY});
  const Result r = call<double>("lu_inverse", {a.data(), packed.data(), rows.data(), x.data()}, {2, 2});
  CHECK(r.code == static_cast<int>(ErrorCode::singular));
  CHECK(r.context.error == r.code);
  CHECK(r.context.error_value == 1);
  CHECK(r.context.error_limit == 2);
  CHECK(r.context.error_pivot == 1);
  CHECK(r.context.error_real == 0);
}

TEST_CASE("cholesky reports the matrix and the pivot") {
  std::vector<float> a{4, 9, 2, 5, /**/ 1, 0, 2, 3.5F}, l(8);
  const Result r = call<float>("cholesky", {a.data(), l.data()}, {2, 2});
  CHECK(r.code == static_cast<int>(ErrorCode::not_positive_definite));
  CHECK(r.context.error_value == 1);
  CHECK(r.context.error_pivot == 1);
  CHECK(r.context.error_real == -0.5);
  CHECK(l[0] == 2);  // of the first matrix the lower triangle is read
  CHECK(l[1] == 0);
  CHECK(l[2] == 1);
  CHECK(l[3] == 2);
}

TEST_CASE("triangular_solve looks at one triangle and at its diagonal") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> a{2, nan, 1, 4}, b{2, 9}, x(2);
  CHECK(call<double>("triangular_solve", {a.data(), b.data(), x.data()}, {1, 2, 1}, {1, 0, 0}).code == 0);
  CHECK(x == std::vector<double>{1, 2});
  a = {nan, nan, 3, nan};
  CHECK(call<double>("triangular_solve", {a.data(), b.data(), x.data()}, {1, 2, 1}, {1, 0, 1}).code == 0);
  CHECK(x == std::vector<double>{2, 3});
  a = {1, 5, 7, 0};
  const Result r = call<double>("triangular_solve", {a.data(), b.data(), x.data()}, {1, 2, 1}, {0, 0, 0});
  CHECK(r.code == static_cast<int>(ErrorCode::singular));
  CHECK(r.context.error_pivot == 1);
}

TEST_CASE("lstsq wants independent columns") {
  std::vector<double> a{1, 2, 2, 4, 3, 6}, b{1, 1, 1}, x(2);
  const Result r = call<double>("lstsq", {a.data(), b.data(), x.data()}, {1, 3, 2, 1});
  CHECK(r.code == static_cast<int>(ErrorCode::rank_deficient));
  CHECK(r.context.error_pivot == 1);
}

TEST_CASE("singular vectors of a matrix of rank 1, thin and full") {
  std::vector<double> a{0, 0, 3, 4, 0, 0}, u(4), s(2), vt(6), full_u(9), full_vt(4);
  REQUIRE(call<double>("svd", {a.data(), u.data(), s.data(), vt.data()}, {1, 2, 3}, {0}).code == 0);
  CHECK(s[0] == Approx(4));
  CHECK(s[1] == Approx(3));
  CHECK(distance(u, {0, 1, 1, 0}) < 1e-12);
  CHECK(distance(vt, {1, 0, 0, 0, 0, 1}) < 1e-12);
  std::vector<double> column{0, -2, 0}, t(1), tt(1);
  REQUIRE(call<double>("svd", {column.data(), full_u.data(), t.data(), tt.data()}, {1, 3, 1}, {1}).code == 0);
  CHECK(t[0] == Approx(2));
  CHECK(full_u[3] == Approx(1));  // the first column points up
  CHECK(tt[0] == Approx(-1));
  CHECK(distance(product(full_u, full_u, 3, 3, 3, true), identity<double>(3)) < 1e-12);
}

TEST_CASE("pinv cuts off small singular values") {
  std::vector<double> a{4, 0, 0, 1}, x(4);
  REQUIRE(call<double>("pinv", {a.data(), x.data()}, {1, 2, 2}, {std::bit_cast<std::int64_t>(-1.0)}).code == 0);
  CHECK(distance(x, {0.25, 0, 0, 1}) < 1e-12);
  REQUIRE(call<double>("pinv", {a.data(), x.data()}, {1, 2, 2}, {std::bit_cast<std::int64_t>(0.25)}).code == 0);
  CHECK(distance(x, {0.25, 0, 0, 0}) < 1e-12);
  std::fill(a.begin(), a.end(), 0);
  REQUIRE(call<double>("pinv", {a.data(), x.data()}, {1, 2, 2}, {std::bit_cast<std::int64_t>(-1.0)}).code == 0);
  CHECK(x == std::vector<double>{0, 0, 0, 0});
}

TEST_CASE("expm of nilpotent, diagonal and large matrices") {
  std::vector<double> a{0, 1, 0, 0, /**/ 1, 0, 0, -30, /**/ 0, -100, 100, 0}, x(12);
  REQUIRE(call<double>("expm", {a.data(), x.data()}, {3, 2}).code == 0);
  const std::vector<double> want{
      1, 1, 0, 1, std::exp(1), 0, 0, std::exp(-30), std::cos(100), -std::sin(100), std::sin(100), std::cos(100)};
  CHECK(distance(x, want) < 1e-11);
}

TEST_CASE("a matrix that is not finite gives NaN, and the others of the batch their values") {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const std::int64_t n = 3;
    std::vector<double> a(18), x(18), y(18), z(18);
    a = {1, 0, 0, bad, 1, 0, 0, 0, 1, /**/ 2, 0, 0, 0, 2, 0, 0, 0, 2};
    const auto first = [](const std::vector<double>& v, std::size_t count) {
      return std::vector<double>(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(count));
    };
    INFO("element " << bad);
    REQUIRE(call<double>("cholesky", {a.data(), x.data()}, {2, n}).code == 0);
    CHECK(all_nan(first(x, 9)));
    CHECK(x[9] == Approx(std::sqrt(2.0)));
    REQUIRE(call<double>("qr", {a.data(), x.data(), y.data()}, {2, n, n}).code == 0);
    CHECK(all_nan(first(x, 9)));
    CHECK(all_nan(first(y, 9)));
    CHECK(y[9] == Approx(2));
    REQUIRE(call<double>("eigh", {a.data(), z.data(), x.data()}, {2, n}).code == 0);
    CHECK(all_nan(first(z, 3)));
    CHECK(z[3] == Approx(2));
    REQUIRE(call<double>("svd", {a.data(), x.data(), z.data(), y.data()}, {2, n, n}, {0}).code == 0);
    CHECK(all_nan(first(z, 3)));
    CHECK(z[3] == Approx(2));
    REQUIRE(call<double>("pinv", {a.data(), x.data()}, {2, n, n}, {std::bit_cast<std::int64_t>(-1.0)}).code == 0);
    CHECK(all_nan(first(x, 9)));
    CHECK(x[9] == Approx(0.5));
    REQUIRE(call<double>("expm", {a.data(), x.data()}, {2, n}).code == 0);
    CHECK(all_nan(first(x, 9)));
    CHECK(x[9] == Approx(std::exp(2.0)));
    std::vector<std::int64_t> rows(6);
    std::vector<double> det(2), sign(2), log(2);
    REQUIRE(call<double>("lu_factors", {a.data(), x.data(), rows.data()}, {2, n}).code == 0);
    CHECK(rows == std::vector<std::int64_t>{0, 1, 2, 0, 1, 2});
    REQUIRE(call<double>("lu_det", {a.data(), x.data(), rows.data(), det.data()}, {2, n}).code == 0);
    CHECK(std::isnan(det[0]));
    CHECK(det[1] == 8);
    REQUIRE(call<double>("lu_slogdet", {a.data(), x.data(), rows.data(), sign.data(), log.data()}, {2, n}).code == 0);
    CHECK(std::isnan(sign[0]));
    CHECK(std::isnan(log[0]));
    REQUIRE(call<double>("lu_inverse", {a.data(), x.data(), rows.data(), y.data()}, {2, n}).code == 0);
    CHECK(all_nan(first(y, 9)));
    CHECK(y[9] == Approx(0.5));
  }
}

TEST_CASE("messages say what to do") {
  using library::text_of;
  CHECK(text_of({ErrorCode::not_positive_definite, 3, 5, 2, -0.1})
            .rfind("matrix 3 of 5, counted from 0, is not positive definite (pivot 2 is -0.1); add a multiple of", 0) ==
        0);
  CHECK(text_of({ErrorCode::singular, 0, 1, 1, 0}).rfind("the matrix is singular (pivot 1 is 0); use lstsq", 0) == 0);
  CHECK(text_of({ErrorCode::no_convergence, 0, 1}) == "the iteration for the matrix has not converged");
}

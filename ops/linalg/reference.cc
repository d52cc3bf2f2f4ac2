#include "ops/linalg/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

namespace {

using library::MatrixFailure;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Dense column_order(const Dense& x, const std::vector<std::int64_t>& order) {
  Dense y(x.rows, static_cast<std::int64_t>(order.size()));
  for (std::int64_t i = 0; i < y.rows; ++i)
    for (std::int64_t j = 0; j < y.columns; ++j) y(i, j) = x(i, order[at(j)]);
  return y;
}

long double column_dot(const Dense& x, std::int64_t i, std::int64_t j) {
  long double total = 0;
  for (std::int64_t k = 0; k < x.rows; ++k) total += x(k, i) * x(k, j);
  return total;
}

// The sign that makes the first of the large components of column j positive.
long double sign_of_column(const Dense& x, std::int64_t j) {
  long double largest = 0;
  for (std::int64_t i = 0; i < x.rows; ++i) largest = std::max(largest, std::fabs(x(i, j)));
  for (std::int64_t i = 0; i < x.rows; ++i)
    if (std::fabs(x(i, j)) >= largest / 2) return x(i, j) < 0 ? -1 : 1;
  return 1;
}

// Columns i and j turned by the angle of which c is the cosine.
void rotate_columns(Dense& x, std::int64_t i, std::int64_t j, long double c, long double s) {
  for (std::int64_t k = 0; k < x.rows; ++k) {
    const long double a = x(k, i), b = x(k, j);
    x(k, i) = c * a - s * b;
    x(k, j) = s * a + c * b;
  }
}

// The rotation that makes [[alpha, gamma], [gamma, beta]] diagonal.
std::pair<long double, long double> rotation(long double alpha, long double beta, long double gamma) {
  const long double zeta = (beta - alpha) / (2 * gamma);
  const long double t = (zeta < 0 ? -1 : 1) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
  const long double c = 1 / std::sqrt(1 + t * t);
  return {c, c * t};
}

}  // namespace

Dense Dense::identity(std::int64_t n) {
  Dense x(n, n);
  for (std::int64_t i = 0; i < n; ++i) x(i, i) = 1;
  return x;
}
Dense Dense::nan(std::int64_t m, std::int64_t n) {
  Dense x(m, n);
  std::fill(x.values.begin(), x.values.end(), std::numeric_limits<long double>::quiet_NaN());
  return x;
}
bool Dense::finite(bool below) const {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < (below ? i + 1 : columns); ++j)
      if (!std::isfinite((*this)(i, j))) return false;
  return true;
}

Dense product(const Dense& a, const Dense& b) {
  Dense c(a.rows, b.columns);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.columns; ++j)
      for (std::int64_t k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}
Dense transpose(const Dense& a) {
  Dense t(a.columns, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

void fail_matrix(ErrorCode code, std::int64_t pivot, long double value) {
  throw MatrixFailure{.code = code, .pivot = pivot, .value = static_cast<double>(value)};
}

void for_each_matrix(const Reference& r, const MatrixFn& f) {
  const Extents& first = r.inputs[0].shape();
  const std::size_t batch_rank = first.size() - 2;
  std::int64_t count = 1;
  for (std::size_t k = 0; k < batch_rank; ++k) count *= first[k];
  for (std::int64_t number = 0; number < count; ++number) {
    std::vector<Dense> inputs;
    for (const Array& x : r.inputs) {
      const Extents inner(x.shape().begin() + static_cast<std::ptrdiff_t>(batch_rank), x.shape().end());
      Dense m(inner.empty() ? 1 : inner[0], inner.size() < 2 ? 1 : inner[1]);
      const auto size = static_cast<std::int64_t>(m.values.size());
      for (std::int64_t i = 0; i < size; ++i) m.values[at(i)] = x.at(number * size + i);
      inputs.push_back(std::move(m));
    }
    try {
      const std::vector<Dense> outputs = f(inputs);
      for (std::size_t o = 0; o < outputs.size(); ++o)
        dispatch(r.outputs[o].dtype(), [&](auto tag) {
          using T = typename decltype(tag)::type;
          const auto to = r.outputs[o].template view<T>().subspan(at(number) * outputs[o].values.size());
          for (std::size_t i = 0; i < outputs[o].values.size(); ++i) to[i] = static_cast<T>(outputs[o].values[i]);
        });
    } catch (MatrixFailure& failure) {
      failure.matrix = number;
      failure.count = count;
      std::string message = r.node.op().name + ": " + library::text_of(failure);
      for (const SourceLine& line : r.node.origins()) message += "; at " + to_string(line);
      throw Error(message);
    }
  }
}

Dense reference_cholesky(const Dense& a) {
  if (!a.finite(true)) return Dense::nan(a.rows, a.rows);
  Dense l(a.rows, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      long double rest = a(i, j);
      for (std::int64_t k = 0; k < j; ++k) rest -= l(i, k) * l(j, k);
      if (i == j && !(rest > 0)) fail_matrix(ErrorCode::not_positive_definite, i, rest);
      l(i, j) = i == j ? std::sqrt(rest) : rest / l(j, j);
    }
  return l;
}

Dense reference_solve(Dense a, Dense b) {
  if (!a.finite()) return Dense::nan(b.rows, b.columns);
  const std::int64_t n = a.rows;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::fabs(a(i, k)) > std::fabs(a(pivot, k))) pivot = i;
    if (a(pivot, k) == 0) fail_matrix(ErrorCode::singular, k, 0);
    for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(pivot, j));
    for (std::int64_t j = 0; j < b.columns; ++j) std::swap(b(k, j), b(pivot, j));
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const long double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < n; ++j) a(i, j) -= factor * a(k, j);
      for (std::int64_t j = 0; j < b.columns; ++j) b(i, j) -= factor * b(k, j);
    }
  }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < b.columns; ++j) b(i, j) /= a(i, i);
  return b;
}

// Elimination in long double with the largest element of what is left as the pivot.
long double reference_det(Dense a) {
  if (!a.finite()) return std::numeric_limits<long double>::quiet_NaN();
  const std::int64_t n = a.rows;
  long double det = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t row = k, column = k;
    for (std::int64_t i = k; i < n; ++i)
      for (std::int64_t j = k; j < n; ++j)
        if (std::fabs(a(i, j)) > std::fabs(a(row, column))) row = i, column = j;
    if (a(row, column) == 0) return 0;
    for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(row, j));
    for (std::int64_t i = 0; i < n; ++i) std::swap(a(i, k), a(i, column));
    if ((row != k) != (column != k)) det = -det;
    det *= a(k, k);
    for (std::int64_t i = k + 1; i < n; ++i) {
      const long double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < n; ++j) a(i, j) -= factor * a(k, j);
    }
  }
  return det;
}

ReferenceEigen reference_eigh(const Dense& lower) {
  const std::int64_t n = lower.rows;
  ReferenceEigen out{std::vector<long double>(at(n)), Dense::nan(n, n)};
  if (!lower.finite(true)) {
    std::fill(out.values.begin(), out.values.end(), std::numeric_limits<long double>::quiet_NaN());
    return out;
  }
  Dense a = lower, v = Dense::identity(n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i + 1; j < n; ++j) a(i, j) = a(j, i);
  for (int sweep = 0; sweep < 60; ++sweep)
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i + 1; j < n; ++j) {
        if (a(i, j) == 0) continue;
        const auto [c, s] = rotation(a(i, i), a(j, j), a(i, j));
        rotate_columns(a, i, j, c, s);
        a = transpose(a);
        rotate_columns(a, i, j, c, s);
        a = transpose(a);
        a(i, j) = a(j, i) = 0;
        rotate_columns(v, i, j, c, s);
      }
  std::vector<std::int64_t> order(at(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) { return a(i, i) < a(j, j); });
  out.vectors = column_order(v, order);
  for (std::int64_t j = 0; j < n; ++j) {
    out.values[at(j)] = a(order[at(j)], order[at(j)]);
    const long double sign = sign_of_column(out.vectors, j);
    for (std::int64_t i = 0; i < n; ++i) out.vectors(i, j) *= sign;
  }
  return out;
}

ReferenceSvd reference_svd(const Dense& a) {
  const std::int64_t k = std::min(a.rows, a.columns);
  if (!a.finite())
    return {Dense::nan(a.rows, k), std::vector<long double>(at(k), std::numeric_limits<long double>::quiet_NaN()),
            Dense::nan(a.columns, k)};
  const bool wide = a.rows < a.columns;
  Dense u = wide ? transpose(a) : a, v = Dense::identity(k);
  for (int sweep = 0; sweep < 60; ++sweep)
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = i + 1; j < k; ++j) {
        const long double gamma = column_dot(u, i, j);
        if (gamma == 0) continue;
        const auto [c, s] = rotation(column_dot(u, i, i), column_dot(u, j, j), gamma);
        rotate_columns(u, i, j, c, s);
        rotate_columns(v, i, j, c, s);
      }
  std::vector<long double> s(at(k));
  for (std::int64_t j = 0; j < k; ++j) {
    s[at(j)] = std::sqrt(column_dot(u, j, j));
    for (std::int64_t i = 0; i < u.rows && s[at(j)] > 0; ++i) u(i, j) /= s[at(j)];
  }
  std::vector<std::int64_t> order(at(k));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) { return s[at(i)] > s[at(j)]; });
  u = column_order(u, order);
  v = column_order(v, order);
  std::sort(s.rbegin(), s.rend());
  if (wide) std::swap(u, v);
  for (std::int64_t j = 0; j < k; ++j) {
    const long double sign = sign_of_column(u, j);
    for (std::int64_t i = 0; i < u.rows; ++i) u(i, j) *= sign;
    for (std::int64_t i = 0; i < v.rows; ++i) v(i, j) *= sign;
  }
  return {std::move(u), std::move(s), std::move(v)};
}

std::pair<Dense, Dense> reference_qr(const Dense& a) {
  const std::int64_t n = a.columns;
  if (!a.finite()) return {Dense::nan(a.rows, n), Dense::nan(n, n)};
  Dense q = a, r(n, n);
  for (std::int64_t j = 0; j < n; ++j) {
    for (int twice = 0; twice < 2; ++twice)
      for (std::int64_t i = 0; i < j; ++i) {
        const long double part = column_dot(q, i, j);
        r(i, j) += part;
        for (std::int64_t k = 0; k < a.rows; ++k) q(k, j) -= part * q(k, i);
      }
    r(j, j) = std::sqrt(column_dot(q, j, j));
    for (std::int64_t k = 0; k < a.rows && r(j, j) > 0; ++k) q(k, j) /= r(j, j);
  }
  return {std::move(q), std::move(r)};
}

Dense complete_basis(const Dense& u) {
  Dense whole(u.rows, u.rows);
  std::int64_t have = u.columns;
  for (std::int64_t i = 0; i < u.rows; ++i)
    for (std::int64_t j = 0; j < have; ++j) whole(i, j) = u(i, j);
  for (std::int64_t unit = 0; unit < u.rows && have < u.rows; ++unit) {
    for (std::int64_t i = 0; i < u.rows; ++i) whole(i, have) = i == unit ? 1 : 0;
    for (int twice = 0; twice < 2; ++twice)
      for (std::int64_t j = 0; j < have; ++j) {
        const long double part = column_dot(whole, j, have);
        for (std::int64_t i = 0; i < u.rows; ++i) whole(i, have) -= part * whole(i, j);
      }
    const long double length = std::sqrt(column_dot(whole, have, have));
    if (length < 1e-3L) continue;
    const long double sign = sign_of_column(whole, have);
    for (std::int64_t i = 0; i < u.rows; ++i) whole(i, have) *= sign / length;
    ++have;
  }
  return whole;
}

}  // namespace bitale::ops

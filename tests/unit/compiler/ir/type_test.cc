#include "compiler/ir/type.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

using namespace bitale;
using ir::promote;
using ir::promote_weak;

namespace {

std::vector<DType> all_dtypes() {
  return {
#define BITALE_DTYPE(id, type, text, kind) DType::id,
#define BITALE_STORED_DTYPE(id, bits, text, kind, computed) DType::id,
#include "runtime/base/dtypes.def"
#undef BITALE_DTYPE
  };
}

// True where every value of the integer dtype a is one of b.
bool holds(DType b, DType a) {
  return dispatch(b, [&](auto tb) {
    return dispatch(a, [&](auto ta) {
      using A = std::numeric_limits<typename decltype(ta)::type>;
      using B = std::numeric_limits<typename decltype(tb)::type>;
      return static_cast<long double>(B::lowest()) <= static_cast<long double>(A::lowest()) &&
             static_cast<long double>(A::max()) <= static_cast<long double>(B::max());
    });
  });
}

// The rules of type.h, stated again.
DType expected(DType a, DType b) {
  if (a == b) return a;
  if (kind_of(a) == DTypeKind::boolean) return b;
  if (kind_of(b) == DTypeKind::boolean) return a;
  if (is_floating(a) && is_floating(b)) return size_of(a) == size_of(b) ? DType::f32 : size_of(a) > size_of(b) ? a : b;
  if (is_floating(a)) return a;
  if (is_floating(b)) return b;
  DType best = DType::i64;
  for (DType d : all_dtypes())
    if (is_integer(d) && holds(d, a) && holds(d, b) && size_of(d) < size_of(best)) best = d;
  return best;
}

}  // namespace

TEST_CASE("the promotion table follows its rules") {
  for (DType a : all_dtypes()) {
    for (DType b : all_dtypes()) {
      INFO(name_of(a) << " with " << name_of(b));
      CHECK(promote(a, b) == expected(a, b));
    }
  }
}

TEST_CASE("promotion is commutative, associative and idempotent") {
  for (DType a : all_dtypes()) {
    CHECK(promote(a, a) == a);
    for (DType b : all_dtypes()) {
      CHECK(promote(a, b) == promote(b, a));
      for (DType c : all_dtypes()) {
        INFO(name_of(a) << ", " << name_of(b) << ", " << name_of(c));
        CHECK(promote(promote(a, b), c) == promote(a, promote(b, c)));
      }
    }
  }
}

TEST_CASE("a weak scalar never widens a tensor of its own kind") {
  for (DType a : all_dtypes()) {
    INFO(name_of(a));
    CHECK(promote_weak(a, DTypeKind::boolean) == a);
    CHECK(promote_weak(a, kind_of(a)) == a);
    CHECK(promote_weak(a, DTypeKind::floating) == (is_floating(a) ? a : ir::default_float));
    CHECK(promote_weak(a, DTypeKind::integer) == (a == DType::bool_ ? DType::i64 : a));
  }
}

// Loops, reductions, accesses and threads of generated kernels against the interpreter.

#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/compiler/codegen/harness.h"

namespace bitale::codegen {
namespace {

using kernel::Bound;
using kernel::Builder;
using kernel::Combiner;
using kernel::Extent;
using kernel::Index;
using kernel::LoopKind;
using kernel::Scalar;
using kernel::ScalarOp;

constexpr std::int64_t extents[] = {0, 1, 3, 15, 16, 17, 100};

Extent fixed(std::int64_t n) { return Extent::constant(n); }

struct T {
  Scalar value;
  std::int64_t stride = 1;
};
Index at(std::int64_t constant, std::initializer_list<T> terms) {
  Index index{fixed(constant), {}};
  for (const T& t : terms) index.terms.push_back({t.value.id, fixed(t.stride)});
  return index;
}

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// An extent that is a constant, or the next argument of the kernel.
struct Extents {
  Builder& b;
  bool constant;
  std::vector<std::int64_t> values = {};
  Extent operator()(std::int64_t n) {
    if (constant) return fixed(n);
    values.push_back(n);
    return b.extent_argument();
  }
};

template <class F>
Case make(const std::string& name, bool constant, std::vector<Data> buffers, F body) {
  Builder b(name);
  Extents e{b, constant};
  body(b, e);
  Case c;
  c.kernel = b.finish();
  c.buffers = std::move(buffers);
  c.extents = e.values;
  c.tolerance = 2e-6;
  return c;
}

TEST_CASE("every loop kind covers its extent") {
  std::vector<Case> cases;
  for (const std::int64_t n : extents)
    for (const bool constant : {false, true})
      for (const DType t : {DType::f32, DType::f64, DType::u8, DType::bool_, DType::i64}) {
        if (constant && t != DType::f32 && n != 3 && n != 100) continue;
        const auto body = [&](Builder& b, Scalar i, int in, int out) {
          const Scalar x = b.load(in, at(0, {{i}}));
          b.store(out, at(0, {{i}}), t == DType::bool_ ? call(ScalarOp::bit_not, {x}) : x + b.integer(1, t));
        };
        const std::vector<Data> buffers = {random_values(t, size(n), 1), random_values(t, size(n), 2)};
        for (const LoopKind kind : {LoopKind::sequential, LoopKind::vector, LoopKind::parallel})
          cases.push_back(make("flat", constant, buffers, [&](Builder& b, Extents& e) {
            const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
            b.loop(kind, e(n), [&](Scalar i) { body(b, i, in, out); });
          }));
        const std::vector<Data> rows = {random_values(t, size(5 * n), 3), random_values(t, size(5 * n), 4)};
        for (const LoopKind inner : {LoopKind::vector, LoopKind::sequential})
          cases.push_back(make("rows", constant, rows, [&](Builder& b, Extents& e) {
            const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
            const Extent columns = e(n);
            b.loop(LoopKind::parallel, e(5), [&](Scalar i) {
              b.loop(inner, columns, [&](Scalar j) {
                const Index index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}};
                const Scalar x = b.load(in, index);
                b.store(out, index, t == DType::bool_ ? x : x * x);
              });
            });
          }));
      }
  check(cases);
}

TEST_CASE("reductions combine every element once") {
  std::vector<Case> cases;
  for (const std::int64_t n : {0, 1, 3, 16, 17, 100, 1000})
    for (const Combiner c : {Combiner::sum, Combiner::prod, Combiner::max, Combiner::min, Combiner::any, Combiner::all,
                             Combiner::arg_max, Combiner::arg_min})
      for (const DType t : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::bool_}) {
        if ((c == Combiner::any || c == Combiner::all) != (t == DType::bool_)) continue;
        for (const LoopKind kind : {LoopKind::vector, LoopKind::sequential}) {
          const bool pairs = kernel::takes_pairs(c);
          std::vector<Data> buffers = {random_values(t, size(3 * n), static_cast<unsigned>(n)), random_values(t, 3, 1)};
          if (pairs) buffers.push_back(random_values(DType::i64, 3, 1));
          cases.push_back(make("reduce", n == 16 || n == 100, buffers, [&](Builder& b, Extents& e) {
            const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
            const int index = pairs ? b.buffer("index", DType::i64, true) : -1;
            const Extent columns = e(n);
            b.loop(LoopKind::parallel, e(3), [&](Scalar i) {
              const auto results = b.reduce(kind, columns, [&](Scalar j) {
                const Scalar x = b.load(in, Index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}});
                return std::vector<Builder::Yield>{{c, pairs ? std::vector<Scalar>{x, j} : std::vector<Scalar>{x}}};
              });
              b.store(out, at(0, {{i}}), results[0]);
              if (pairs) b.store(index, at(0, {{i}}), results[1]);
            });
          }));
          cases.back().tolerance = t == DType::f32 ? 1e-5 : 1e-13;
          cases.back().scale = 10;
        }
      }
  check(cases);
}

TEST_CASE("arg_max keeps the first among equals and the first NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  std::vector<Case> cases;
  std::vector<float> ties(70, 1.0f), nans(70, 0.5f), lowest(70, -inf), highest(70, inf);
  ties[0] = 0;
  nans[33] = nans[61] = nan;
  for (const auto& v : {ties, nans, lowest, highest})
    for (const Combiner c : {Combiner::arg_max, Combiner::arg_min, Combiner::max, Combiner::min})
      for (const LoopKind kind : {LoopKind::vector, LoopKind::sequential})
        cases.push_back(make(
            "ties", false, {values(v), random_values(DType::f32, 1, 1), random_values(DType::i64, 1, 1)},
            [&](Builder& b, Extents& e) {
              const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
              const int index = b.buffer("index", DType::i64, true);
              const bool pairs = kernel::takes_pairs(c);
              const auto results = b.reduce(kind, e(70), [&](Scalar j) {
                const Scalar x = b.load(in, at(0, {{j}}));
                return std::vector<Builder::Yield>{{c, pairs ? std::vector<Scalar>{x, j} : std::vector<Scalar>{x}}};
              });
              b.store(out, at(0, {}), results[0]);
              b.store(index, at(0, {}), pairs ? results[1] : b.integer(3));
            }));
  check(cases);
}

TEST_CASE("loads and stores at any stride stay inside their span") {
  std::vector<Case> cases;
  for (const std::int64_t n : {1, 17, 40})
    for (const std::int64_t stride : {-3, -1, 0, 1, 2, 3, 4, 7})
      for (const DType t : {DType::f32, DType::f64, DType::u8})
        for (const bool known : {true, false}) {
          const std::int64_t start = stride < 0 ? -stride * (n - 1) : 0,
                             span = (stride < 0 ? -stride : stride) * (n - 1) + 1;
          const auto stride_of = [&](Extents& e) { return known ? fixed(stride) : e(stride); };
          cases.push_back(make("strided_load", false, {random_values(t, size(span), 1), random_values(t, size(n), 2)},
                               [&](Builder& b, Extents& e) {
                                 const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
                                 const Extent s = stride_of(e);
                                 b.loop(LoopKind::vector, e(n), [&](Scalar i) {
                                   b.store(out, at(0, {{i}}), b.load(in, Index{fixed(start), {{i.id, s}}}));
                                 });
                               }));
          if (stride == 0) continue;
          for (const bool accumulate : {false, true})
            cases.push_back(
                make("strided_store", false, {random_values(t, size(n), 1), random_values(t, size(span), 2)},
                     [&](Builder& b, Extents& e) {
                       const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
                       const Extent s = stride_of(e);
                       b.loop(LoopKind::vector, e(n), [&](Scalar i) {
                         b.store(out, Index{fixed(start), {{i.id, s}}}, b.load(in, at(0, {{i}})), {}, accumulate);
                       });
                     }));
        }
  check(cases);
}

TEST_CASE("index arithmetic in lanes stays affine where it is") {
  check({make("affine", false,
              {random_values(DType::f32, 200, 1), random_values(DType::f32, 60, 2), random_values(DType::i32, 60, 3)},
              [](Builder& b, Extents& e) {
                const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
                const int where = b.buffer("where", DType::i32, true);
                const Extent two = e(2);
                b.loop(LoopKind::vector, e(60), [&](Scalar i) {
                  const Scalar j =
                      (i + i) * b.integer(1) - (-i) + b.integer(5) - b.extent(two) * b.integer(2);  // 3 i + 1
                  const Scalar k = call(ScalarOp::mod, {i * i, b.integer(17)});
                  b.store(out, at(0, {{i}}), b.load(in, at(0, {{j}})) + b.load(in, at(2, {{k, 3}, {i, -1}, {j}})));
                  b.store(where, at(0, {{i}}), call(ScalarOp::cast, DType::i32, {j}));
                });
              })});
}

TEST_CASE("gathered and scattered elements") {
  std::vector<Case> cases;
  for (const std::int64_t n : {1, 7, 16, 50})
    for (const DType t : {DType::f32, DType::f64, DType::u8, DType::i32}) {
      std::vector<std::int64_t> index;
      for (std::int64_t i = 0; i < n; ++i) index.push_back((i * 7 + 3) % n);
      cases.push_back(make("gather", false, {values(index), random_values(t, size(n), 1), random_values(t, size(n), 2)},
                           [&](Builder& b, Extents& e) {
                             const int where = b.buffer("where", DType::i64, false), in = b.buffer("in", t, false),
                                       out = b.buffer("out", t, true);
                             b.loop(LoopKind::vector, e(n), [&](Scalar i) {
                               const Scalar w = b.load(where, at(0, {{i}}));
                               b.store(out, at(0, {{i}}), b.load(in, at(0, {{w}})));
                             });
                           }));
      for (const bool accumulate : {false, true}) {
        if (!accumulate && n % 7 == 0) continue;  // the indices meet: only sums are defined
        cases.push_back(
            make("scatter", false, {values(index), random_values(t, size(n), 1), random_values(t, size(n), 2)},
                 [&](Builder& b, Extents& e) {
                   const int where = b.buffer("where", DType::i64, false), in = b.buffer("in", t, false),
                             out = b.buffer("out", t, true);
                   b.loop(LoopKind::vector, e(n), [&](Scalar i) {
                     const Scalar w = b.load(where, at(0, {{i}}));
                     b.store(out, at(0, {{w}}), b.load(in, at(0, {{i}})), {{at(-1, {{w}}), fixed(n)}}, accumulate);
                   });
                 }));
      }
    }
  check(cases);
}

TEST_CASE("guards hide what lies outside") {
  std::vector<Case> cases;
  for (const std::int64_t n : {1, 16, 33})
    for (const DType t : {DType::f32, DType::f64, DType::u8, DType::bool_})
      for (const std::int64_t stride : {1, -1, 2, 3})
        for (const double fill : {0.0, 1.0}) {
          // out[r][i] = in[r - 1][stride * i - 2 (+ n)] padded
          const std::vector<Data> buffers = {random_values(t, size(3 * n), 1), random_values(t, size(5 * n), 2)};
          cases.push_back(make("padded", false, buffers, [&](Builder& b, Extents& e) {
            const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
            const Extent width = e(n);
            b.loop(LoopKind::parallel, fixed(5), [&](Scalar r) {
              b.loop(LoopKind::vector, width, [&](Scalar i) {
                const std::int64_t start = stride < 0 ? n : -2;
                Index from{fixed(start - n), {{r.id, width}, {i.id, fixed(stride)}}};
                const std::vector<Bound> guard = {{at(-1, {{r}}), fixed(3)}, {at(start, {{i, stride}}), width}};
                b.store(out, Index{fixed(0), {{r.id, width}, {i.id, fixed(1)}}},
                        b.load(in, from, guard, b.constant(fill, t)));
              });
            });
          }));
          // a guard for all lanes alike, and one on the store
          cases.push_back(make("rows_hidden", false, buffers, [&](Builder& b, Extents& e) {
            const int in = b.buffer("in", t, false), out = b.buffer("out", t, true);
            const Extent width = e(n);
            b.loop(LoopKind::parallel, fixed(7), [&](Scalar r) {
              const Scalar one = b.load(in, at(-2, {{r}}), {{at(-2, {{r}}), fixed(1)}}, b.constant(fill, t));
              b.loop(LoopKind::vector, width, [&](Scalar i) {
                const Index from{fixed(-n), {{r.id, width}, {i.id, fixed(1)}}};
                const Scalar x = b.load(in, from, {{at(-1, {{r}}), fixed(3)}}, b.constant(fill, t));
                const Scalar y = b.load(in, at(0, {}), {{at(-3, {{i, stride}}), fixed(2)}}, x);
                const Index to{fixed(-n), {{r.id, width}, {i.id, fixed(1)}}};
                b.store(out, to, call(ScalarOp::select, {call(ScalarOp::eq, {x, one}), y, x}),
                        {{at(-1, {{r}}), fixed(5)}, {at(-1, {{i, stride}}), width}});
              });
            });
          }));
        }
  check(cases);
}

TEST_CASE("one lane of a vector loop may store") {
  check({make("one_lane", false, {random_values(DType::f32, 40, 1), random_values(DType::f32, 1, 2)},
              [](Builder& b, Extents& e) {
                const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
                b.loop(LoopKind::vector, e(40), [&](Scalar i) {
                  b.store(out, at(0, {}), b.load(in, at(0, {{i}})), {{at(-37, {{i}}), fixed(1)}}, true);
                });
              })});
}

TEST_CASE("sequential loops inside lanes, unrolled and not") {
  std::vector<Case> cases;
  for (const std::int64_t n : {1, 16, 19})
    for (const std::int64_t depth : {0, 1, 2, 3, 8, 9, 20})
      for (const bool constant : {true, false}) {
        cases.push_back(make("product", constant,
                             {random_values(DType::f32, size(4 * depth), 1),
                              random_values(DType::f32, size(depth * n), 2), random_values(DType::f32, size(4 * n), 3)},
                             [&](Builder& b, Extents& e) {
                               const int x = b.buffer("x", DType::f32, false), y = b.buffer("y", DType::f32, false),
                                         out = b.buffer("out", DType::f32, true);
                               const Extent columns = e(n), inner = e(depth);
                               b.loop(LoopKind::parallel, fixed(4), [&](Scalar i) {
                                 b.loop(LoopKind::vector, columns, [&](Scalar j) {
                                   const auto sum = b.reduce(LoopKind::sequential, inner, [&](Scalar k) {
                                     const Scalar p = b.load(x, Index{fixed(0), {{i.id, inner}, {k.id, fixed(1)}}});
                                     const Scalar q = b.load(y, Index{fixed(0), {{k.id, columns}, {j.id, fixed(1)}}});
                                     return std::vector<Builder::Yield>{{Combiner::sum, {p * q}},
                                                                        {Combiner::arg_max, {q, k}}};
                                   });
                                   b.store(out, Index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}},
                                           sum[0] + call(ScalarOp::cast, DType::f32, {sum[2]}));
                                 });
                               });
                             }));
      }
  // max pooling, 2 x 2 with stride 2
  cases.push_back(make("pool", false, {random_values(DType::f32, 48 * 48, 1), random_values(DType::f32, 24 * 24, 2)},
                       [](Builder& b, Extents& e) {
                         const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
                         const Extent columns = e(24);
                         b.loop(LoopKind::parallel, e(24), [&](Scalar i) {
                           b.loop(LoopKind::vector, columns, [&](Scalar j) {
                             const auto rows = b.reduce(LoopKind::sequential, fixed(2), [&](Scalar p) {
                               const auto best = b.reduce(LoopKind::sequential, fixed(2), [&](Scalar q) {
                                 return std::vector<Builder::Yield>{
                                     {Combiner::max, {b.load(in, at(0, {{i, 96}, {p, 48}, {j, 2}, {q}}))}}};
                               });
                               return std::vector<Builder::Yield>{{Combiner::max, {best[0]}}};
                             });
                             b.store(out, Index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}}, rows[0]);
                           });
                         });
                       }));
  check(cases);
}

TEST_CASE("scratch is private to a thread") {
  std::vector<Case> cases;
  for (const std::int64_t n : {3, 16, 30})
    cases.push_back(make("normalise", false,
                         {random_values(DType::f32, size(9 * n), 1), random_values(DType::f32, size(9 * n), 2)},
                         [&](Builder& b, Extents& e) {
                           const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true);
                           const int row = b.scratch("row", DType::f32, n);
                           const Extent columns = e(n);
                           b.loop(LoopKind::parallel, e(9), [&](Scalar i) {
                             const auto sum = b.reduce(LoopKind::vector, columns, [&](Scalar j) {
                               const Scalar x = b.load(in, Index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}});
                               b.store(row, at(0, {{j}}), x * x);
                               return std::vector<Builder::Yield>{{Combiner::sum, {x * x}}, {Combiner::max, {x}}};
                             });
                             b.loop(LoopKind::vector, columns, [&](Scalar j) {
                               b.store(out, Index{fixed(0), {{i.id, columns}, {j.id, fixed(1)}}},
                                       b.load(row, at(n - 1, {{j, -1}})) / sum[0] + sum[1]);
                             });
                           });
                         }));
  check(cases);
}

TEST_CASE("phases see what earlier ones wrote") {
  std::vector<Case> cases;
  for (const std::int64_t n : {1, 16, 1000})
    cases.push_back(make("phases", false,
                         {random_values(DType::f32, size(n), 1), random_values(DType::f32, size(n), 2),
                          random_values(DType::f32, 1, 3), random_values(DType::f32, size(n), 4)},
                         [&](Builder& b, Extents& e) {
                           const int in = b.buffer("in", DType::f32, false),
                                     middle = b.buffer("middle", DType::f32, true);
                           const int one = b.buffer("one", DType::f32, true), out = b.buffer("out", DType::f32, true);
                           const Extent count = e(n);
                           const Scalar first = b.load(in, at(0, {}));
                           b.loop(LoopKind::parallel, count,
                                  [&](Scalar i) { b.store(middle, at(0, {{i}}), b.load(in, at(0, {{i}})) * first); });
                           b.loop(LoopKind::sequential, fixed(1),
                                  [&](Scalar) { b.store(one, at(0, {}), b.load(middle, at(n - 1, {}))); });
                           b.loop(LoopKind::parallel, count, [&](Scalar i) {
                             b.store(out, at(0, {{i}}), b.load(middle, at(n - 1, {{i, -1}})) + b.load(one, at(0, {})));
                           });
                         }));
  check(cases);
}

TEST_CASE("quick code is the same code") {
  check({make("quick", false,
              {random_values(DType::f32, 50, 1), random_values(DType::f32, 50, 2), random_values(DType::f32, 1, 2)},
              [](Builder& b, Extents& e) {
                const int in = b.buffer("in", DType::f32, false), out = b.buffer("out", DType::f32, true),
                          total = b.buffer("t", DType::f32, true);
                const auto sum = b.reduce(LoopKind::vector, e(50), [&](Scalar i) {
                  const Scalar x = b.load(in, at(0, {{i}}));
                  b.store(out, at(0, {{i}}), x + x);
                  return std::vector<Builder::Yield>{{Combiner::sum, {x}}};
                });
                b.store(total, at(0, {}), sum[0]);
              })},
        true);
}

}  // namespace
}  // namespace bitale::codegen

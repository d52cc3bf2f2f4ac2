#include "compiler/eval/contraction.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "runtime/base/error.h"

namespace bitale::eval {
namespace {

// A tensor's element offset as an affine function of the iteration point.
struct Walk {
  std::int64_t start = 0;
  std::vector<std::int64_t> steps;  // one per iteration dim
};

Walk walk_of(const ir::ContractionDef::Map& map, const Extents& shape, const Extents& extents,
             const SymbolValues& symbols, const std::string& op) {
  BITALE_ASSERT(map.size() == shape.size(), op + ": a contraction map has another rank than its tensor");
  const bool empty = std::any_of(extents.begin(), extents.end(), [](std::int64_t e) { return e == 0; });
  Walk w;
  w.steps.assign(extents.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t k = map.size(); k-- > 0; stride *= shape[k]) {
    std::int64_t low = map[k].constant.evaluate(symbols), high = low;
    w.start += low * stride;
    for (const auto& [dim, coefficient] : map[k].terms) {
      const std::int64_t c = coefficient.evaluate(symbols), span = c * (extents[static_cast<std::size_t>(dim)] - 1);
      w.steps[static_cast<std::size_t>(dim)] += c * stride;
      (span < 0 ? low : high) += span;
    }
    BITALE_ASSERT(empty || (low >= 0 && high < shape[k]),
                  op + ": a contraction leaves axis " + std::to_string(k) + " of " + shape_text(shape));
  }
  return w;
}

// Puts the dims with the smallest steps innermost, for the cache's sake.
void sort_loops(Extents& extents, std::array<Walk*, 3> walks) {
  std::vector<std::size_t> order(extents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto distance = [&](std::size_t k) {
    std::int64_t total = 0;
    for (const Walk* w : walks) total += std::abs(w->steps[k]);
    return total;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return distance(a) > distance(b); });
  auto permute = [&](std::vector<std::int64_t>& values) {
    const std::vector<std::int64_t> old = values;
    for (std::size_t k = 0; k < order.size(); ++k) values[k] = old[order[k]];
  };
  permute(extents);
  for (Walk* w : walks) permute(w->steps);
}

template <class T>
void loops(const Extents& extents, const Walk& wa, const Walk& wb, const Walk& wo, const T* a, const T* b, T* out) {
  const std::size_t last = extents.size() - 1;
  std::vector<std::int64_t> at(extents.size(), 0);
  std::int64_t ia = wa.start, ib = wb.start, io = wo.start;
  const std::int64_t sa = wa.steps[last], sb = wb.steps[last], so = wo.steps[last], n = extents[last];
  while (true) {
    if (so == 0) {
      T total{};
      for (std::int64_t i = 0; i < n; ++i) total += a[ia + i * sa] * b[ib + i * sb];
      out[io] += total;
    } else {
      for (std::int64_t i = 0; i < n; ++i) out[io + i * so] += a[ia + i * sa] * b[ib + i * sb];
    }
    std::size_t k = last;
    while (k-- > 0) {
      ia += wa.steps[k], ib += wb.steps[k], io += wo.steps[k];
      if (++at[k] < extents[k]) break;
      ia -= wa.steps[k] * extents[k], ib -= wb.steps[k] * extents[k], io -= wo.steps[k] * extents[k];
      at[k] = 0;
    }
    if (k == static_cast<std::size_t>(-1)) return;
  }
}

template <class T>
std::vector<T> widened(const Array& a) {
  std::vector<T> out(static_cast<std::size_t>(a.size()));
  dispatch(a.dtype(), [&](auto t) {
    const auto view = a.view<typename decltype(t)::type>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(view[i]);
  });
  return out;
}

template <class T>
void run(const Extents& extents, const Walk& wa, const Walk& wb, const Walk& wo, const Array& a, const Array& b,
         Array& out) {
  std::vector<T> total(static_cast<std::size_t>(out.size()));
  const bool empty = std::any_of(extents.begin(), extents.end(), [](std::int64_t e) { return e == 0; });
  if (!empty) {
    const std::vector<T> x = widened<T>(a), y = widened<T>(b);
    loops<T>(extents, wa, wb, wo, x.data(), y.data(), total.data());
  }
  dispatch(out.dtype(), [&](auto t) {
    using E = typename decltype(t)::type;
    const auto view = out.view<E>();
    for (std::size_t i = 0; i < total.size(); ++i) view[i] = static_cast<E>(total[i]);
  });
}

}  // namespace

void contract(const ir::Node& node, const SymbolValues& symbols, const Array& a, const Array& b, Array& out) {
  const ir::ContractionDef def = node.op().contraction(node);
  Extents extents;
  for (const ir::Dim& d : def.extents) extents.push_back(d.evaluate(symbols));
  if (extents.empty()) extents.push_back(1);
  const std::string& op = node.op().name;
  Walk wa = walk_of(def.a, a.shape(), extents, symbols, op), wb = walk_of(def.b, b.shape(), extents, symbols, op),
       wo = walk_of(def.out, out.shape(), extents, symbols, op);
  sort_loops(extents, {&wa, &wb, &wo});
  if (is_floating(out.dtype()))
    run<double>(extents, wa, wb, wo, a, b, out);
  else
    run<std::uint64_t>(extents, wa, wb, wo, a, b, out);
}

}  // namespace bitale::eval

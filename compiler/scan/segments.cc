#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "runtime/base/error.h"

namespace bitale::loops {

using namespace ir;

namespace {

// Rows, in the order of the steps, as [segments, length, ...]: zeros behind the last.
Tensor in_segments(const Tensor& rows, bool backwards, const Dim& segments, const Dim& length) {
  const Tensor forward = backwards ? flip(rows, {0}) : rows;
  Shape shape{segments, length};
  shape.insert(shape.end(), forward.shape().begin() + 1, forward.shape().end());
  return reshape(among_rows(forward, Dim(0), segments * length), shape);
}

// The other way round.
Tensor in_steps(const Tensor& segments, bool backwards, const Dim& trips) {
  Shape whole(segments.shape().begin() + 1, segments.shape().end());
  whole[0] = segments.dim(0) * segments.dim(1);
  const Tensor cut = rows_of(reshape(segments, whole), Dim(0), trips);
  return backwards ? flip(cut, {0}) : cut;
}

}  // namespace

Loop::Results segmented(const Loop& loop, const Dim& length, SourceLine line) {
  BITALE_ASSERT(!loop.bounds, "segments of a loop with bounds");
  const Dim segments = floordiv(loop.trips + length - 1, length);
  Loop outer, inner;
  outer.name = loop.name.empty() ? "" : "segments of " + loop.name;
  outer.trips = segments;
  outer.keeps = false;
  outer.stop = inner.stop = loop.stop;
  inner.name = loop.name;
  inner.trips = length;
  const auto sequence = [&](const Tensor& in_rows, const Tensor& row) {
    const Tensor segment = Loop::placeholder("segment", Loop::row_type(in_rows.type()));
    outer.sequences.push_back({in_rows, segment, false});
    inner.sequences.push_back({segment, row, false});
  };
  for (const Loop::Sequence& s : loop.sequences) sequence(in_segments(s.rows, s.backwards, segments, length), s.row);
  for (const Loop::Invariant& v : loop.invariants) inner.invariants.push_back(v);

  // Steps behind the last one leave the carries as they are.
  const Tensor numbers = reshape(iota(DType::i64, {segments * length}, 0), {segments, length});
  const Tensor number = Loop::placeholder("step", {DType::i64, {}});
  if (!(segments * length == loop.trips)) sequence(numbers, number);
  for (const Loop::Carry& c : loop.carries) {
    const Tensor before = Loop::placeholder("carry", c.init.type());
    const Tensor is_step = broadcast_to(less(number, extent(loop.trips)), c.init.shape());
    const bool whole = segments * length == loop.trips;
    inner.carries.push_back({before, c.before, whole ? c.after : where(is_step, c.after, c.before)});
    outer.carries.push_back({c.init, before, {}});
  }
  for (const Loop::Stacked& s : loop.stacked) inner.stacked.push_back({s.row, false});
  const Loop::Results of_segment = inner.build(line);
  for (std::size_t i = 0; i < loop.carries.size(); ++i) outer.carries[i].after = of_segment.last[i];
  for (const Tensor& rows : of_segment.stacked) outer.stacked.push_back({rows, false});
  Loop::Results r = outer.build(line);
  for (std::size_t i = 0; i < r.stacked.size(); ++i)
    r.stacked[i] = in_steps(r.stacked[i], loop.stacked[i].backwards, loop.trips);
  return r;
}

}  // namespace bitale::loops

// Forward mode through a scan: the tangents of the carries are carried beside the carries.
#include "compiler/grad/grad.h"
#include "compiler/prim/prim.h"
#include "compiler/scan/loop.h"
#include "compiler/scan/ops.h"

namespace bitale::loops {

using namespace ir;

std::vector<Tensor> scan_jvp(const Jvp& v) {
  Loop loop = Loop::of(v.node);
  const std::vector<Tensor> outputs = loop.body_outputs();
  const std::size_t sequences = loop.sequences.size(), carries = loop.carries.size();
  std::vector<Tensor> inputs, tangents;
  const auto tangent_of = [&](const Tensor& placeholder) {
    inputs.push_back(placeholder);
    tangents.push_back(Loop::placeholder("d", placeholder.type()));
    return tangents.back();
  };
  for (std::size_t i = 0; i < sequences; ++i)
    if (v.dxs[i]) {
      const Loop::Sequence s = loop.sequences[i];
      loop.sequences.push_back({v.dxs[i], tangent_of(s.row), s.backwards});
    }
  std::vector<std::size_t> of_carry(carries, 0);  // where the tangent of each carry is carried; 0: nowhere
  for (std::size_t i = 0; i < carries; ++i) {
    const Loop::Carry c = loop.carries[i];
    if (!is_floating(c.init.dtype())) continue;
    of_carry[i] = loop.carries.size();
    const Tensor& given = v.dxs[sequences + i];
    loop.carries.push_back({given ? given : zeros_like(c.init), tangent_of(c.before), {}});
  }
  const std::size_t invariants = loop.invariants.size();
  for (std::size_t i = 0; i < invariants; ++i)
    if (const Tensor& given = v.dxs[sequences + carries + i]) {
      const Tensor inner = loop.invariants[i].inner;
      loop.invariants.push_back({given, tangent_of(inner)});
    }

  const std::vector<Tensor> changes = ad::jvp(outputs, inputs, tangents);
  const std::size_t stacked = loop.stacked.size();
  std::vector<std::size_t> of_stacked(stacked, 0);
  for (std::size_t i = 0; i < carries; ++i)
    if (of_carry[i] > 0) loop.carries[of_carry[i]].after = changes[i];
  for (std::size_t i = 0; i < stacked; ++i)
    if (is_floating(loop.stacked[i].row.dtype())) {
      of_stacked[i] = loop.stacked.size();
      loop.stacked.push_back({changes[carries + i], loop.stacked[i].backwards});
    }
  const Loop::Results r = loop.build();
  std::vector<Tensor> out;
  for (const std::size_t at : of_carry) out.push_back(at > 0 ? r.last[at] : Tensor());
  for (const std::size_t at : of_stacked) out.push_back(at > 0 ? r.stacked[at] : Tensor());
  return out;
}

}  // namespace bitale::loops

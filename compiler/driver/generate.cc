#include "compiler/driver/generate.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/link.h"
#include "compiler/driver/dump.h"
#include "runtime/base/flags.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/pool.h"

namespace bitale::driver {
namespace {

// A number of elements: the product of what is constant, and how many factors are not.
struct Count {
  std::int64_t known = 1;
  int unknown = 0;

  void multiply(const program::Program& p, std::int64_t extent) {
    const program::ExtentDef& e = p.extents[static_cast<std::size_t>(extent)];
    if (e.op == program::ExtentOp::mul) {
      multiply(p, e.a);
      multiply(p, e.b);
    } else if (e.op == program::ExtentOp::constant) {
      known *= e.a;
    } else {
      ++unknown;
    }
  }
};

Count count_of(const program::Program& p, const std::vector<program::ContractionDim>& dims) {
  Count count;
  for (const auto& d : dims) count.multiply(p, d.extent);
  return count;
}

// Picks the tile of every contraction, those of bodies included, and collects the leaves they need, each once.
class TileChoice {
 public:
  TileChoice(program::Program& p, Isa isa) : p_(p), isa_(isa) {
    const bool loops = std::any_of(p.steps.begin(), p.steps.end(), [](const program::Step& s) {
      return std::holds_alternative<program::LoopStep>(s.node);
    });
    if (loops) batch_ = 16;
    for (const bool known : {true, false}) visit(p, known);
  }

  std::vector<codegen::Leaf> leaves() && {
    for (const codegen::Leaf& l : leaves_) p_.entries.push_back({codegen::name_of(l), codegen::name_of(l)});
    return std::move(leaves_);
  }

 private:
  // Contractions whose rows are known come first, as they are less free to take a tile that is there already.
  void visit(program::Program& part, bool known) {
    for (program::Step& step : part.steps) {
      if (auto* c = std::get_if<program::ContractionStep>(&step.node)) choose(part, *c, known);
      if (auto* loop = std::get_if<program::LoopStep>(&step.node)) {
        const std::int64_t around = batch_;
        if (loop->rows >= 0) batch_ = 8;  // what a thread gets of a small one
        loop->body = visited(*loop->body, known);
        batch_ = around;
      }
      if (auto* branch = std::get_if<program::BranchStep>(&step.node)) {
        branch->then = visited(*branch->then, known);
        branch->otherwise = visited(*branch->otherwise, known);
      }
    }
  }

  std::shared_ptr<const program::Program> visited(const program::Program& body, bool known) {
    auto copy = std::make_shared<program::Program>(body);
    visit(*copy, known);
    return copy;
  }

  void choose(const program::Program& part, program::ContractionStep& c, bool known) {
    const Count m = count_of(part, c.m), n = count_of(part, c.n);
    if ((m.unknown == 0) != known) return;
    const std::int64_t columns = n.unknown == 0 ? n.known : 0;
    codegen::TileShape t =
        codegen::choose_tile(isa_, c.dtype, known ? m.known : 0, columns,
                             std::max<std::int64_t>(1, m.known) * (m.unknown > 1 ? many_rows : batch_));
    if (!known) t = shared(c.dtype, t);
    c.tile.mr = t.mr;
    c.tile.nr = t.nr;
    c.tile.micro = entry({c.dtype, t.mr, t.nr});
  }

  // A tile that another contraction has, if it is hardly another: one less to compile.
  codegen::TileShape shared(DType dtype, codegen::TileShape t) const {
    for (const codegen::Leaf& l : leaves_)
      if (l.dtype == dtype && l.nr == t.nr && l.mr > 8 && std::abs(l.mr - t.mr) <= 1) return {l.mr, l.nr};
    return t;
  }

  int entry(const codegen::Leaf& leaf) {
    const auto it = std::find(leaves_.begin(), leaves_.end(), leaf);
    const auto i = static_cast<int>(it - leaves_.begin());
    if (it == leaves_.end()) leaves_.push_back(leaf);
    return static_cast<int>(p_.entries.size()) + i;
  }

  program::Program& p_;
  Isa isa_;
  static constexpr std::int64_t many_rows = 4096;  // of all steps of a batch, say
  std::int64_t batch_ = 64;  // what batches of unknown size are like; recurrent networks have small ones
  std::vector<codegen::Leaf> leaves_;
};

using Pieces = std::vector<std::optional<codegen::Piece>>;

Pieces look_up(const program::Program& p, const KernelCache& cache, CompileReport& report) {
  if (!cache.enabled() || !flags().dump.empty()) return Pieces(p.entries.size());
  const Stopwatch clock;
  Pieces pieces = cache.find(p.entries);
  report.phases.push_back(
      {"look for kernels", clock.seconds(), 0,
       fmt::format("{} of {} in the cache",
                   std::count_if(pieces.begin(), pieces.end(), [](const auto& x) { return x.has_value(); }),
                   pieces.size())});
  return pieces;
}

// The entries that have no piece, and their objects.
struct Missing {
  std::vector<std::size_t> entries;
  std::vector<std::string> objects;
};

Missing generate_missing(const lower::Lowered& l, const std::vector<codegen::Leaf>& leaves, Isa isa, bool quick,
                         const Pieces& pieces, CompileReport& report) {
  codegen::Request request;
  request.isa = isa;
  request.quick = quick;
  Missing out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i]) continue;
    out.entries.push_back(i);
    if (i < l.kernels.size())
      request.kernels.push_back(&l.kernels[i]);
    else
      request.leaves.push_back(leaves[i - l.kernels.size()]);
  }
  report.kernel_misses = static_cast<int>(out.entries.size());
  report.kernel_hits = static_cast<int>(pieces.size() - out.entries.size());
  if (out.entries.empty()) return out;
  request.threads = std::min(available_cpus(), report.kernel_misses);

  const Stopwatch opening;
  codegen::Generator& generator = codegen::host_generator();
  report.phases.push_back({"load code generator", opening.seconds(), 0, ""});
  const Stopwatch clock;
  codegen::Generated g = generator.generate(request);
  report.phases.push_back({"generate code", clock.seconds(), 0,
                           fmt::format("{} kernels, {} leaves, {} threads", request.kernels.size(),
                                       request.leaves.size(), request.threads)});
  for (std::size_t k = 0; k < out.entries.size(); ++k) {
    const std::string& name = l.program.entries[out.entries[k]].name;
    report.phases.push_back({name, g.seconds[k], 1, ""});
    if (!g.listing.empty()) dump(l.program.name, name, g.listing[k]);
  }
  out.objects = std::move(g.objects);
  return out;
}

}  // namespace

void generate(lower::Lowered& l, Isa isa, bool quick, const KernelCache& cache, CompileReport& report) {
  const std::vector<codegen::Leaf> leaves = TileChoice(l.program, isa).leaves();
  Pieces found = look_up(l.program, cache, report);
  const Missing missing = generate_missing(l, leaves, isa, quick, found, report);
  const Stopwatch clock;
  for (std::size_t k = 0; k < missing.entries.size(); ++k)
    found[missing.entries[k]] = codegen::link(missing.objects[k]);
  std::vector<codegen::Piece> pieces;
  for (auto& piece : found) pieces.push_back(std::move(*piece));
  l.program.blobs.push_back(codegen::join(pieces, target_of(isa)));
  report.phases.push_back({"link", clock.seconds(), 0, ""});
}

}  // namespace bitale::driver

#include "runtime/executor/products.h"

#include <numeric>

#include "runtime/base/error.h"
#include "runtime/executor/report.h"
#include "runtime/program/device_product.h"
#include "runtime/program/loop_kernel.h"

namespace bitale::executor {

using namespace program;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// What the address of an operand is a multiple of. Memory of a device begins at multiples of 256, buffers in the arena
// at multiples of 64; what the body of a loop has from outside may be a row of a sequence, at a multiple of its size.
class Alignment {
 public:
  Alignment(const Layout& layout, const Placement& placement, bool body)
      : layout_(layout), placement_(placement), body_(body) {}

  // `between`: elements between two products of the batch; 0: there is one.
  int of(int buffer, int offset_slot, std::int64_t between, DType dtype) const {
    const auto element = static_cast<std::int64_t>(size_of(dtype));
    const Role role = layout_.groups.role[at(buffer)];
    const bool own = role == Role::temporary || role == Role::workspace || role == Role::constant;
    std::int64_t bytes = body_ && !own ? std::gcd(std::int64_t{64}, placement_.bytes[at(buffer)]) : 64;
    if (offset_slot >= 0) {
      const bool moves = layout_.varying.iteration[at(offset_slot)];
      bytes = std::gcd(bytes, element * (moves ? 1 : placement_.extents[at(offset_slot)]));
    }
    return static_cast<int>(std::gcd(bytes, between * element));
  }

 private:
  const Layout& layout_;
  const Placement& placement_;
  const bool body_;
};

// The driver's plan; null: it has none.
std::shared_ptr<const Driver::Product> plan_of(const MatrixProduct& product, const Step& step, Driver& driver) try {
  return driver.plan(product);
} catch (const Error& e) {
  throw Error(about(step, e.what()));
}

void plan(const Step& step, const ContractionStep& c, const Alignment& alignment, const Placement& placement,
          Driver& driver, StepFacts& facts) {
  auto found = device_product(c, placement.extents);
  if (!found) return;
  MatrixProduct& p = found->product;
  const bool several = p.batch > 1;
  p.align_a = alignment.of(c.a, c.a_offset, several ? p.batch_a : 0, p.dtype);
  p.align_b = alignment.of(c.b, c.b_offset, several ? p.batch_b : 0, p.dtype);
  const ContractionOperand& out = c.operands.back();
  p.align_c = found->direct ? alignment.of(out.buffer, out.offset, several ? p.batch_c : 0, p.result())
                            : alignment.of(c.workspace, -1, several ? p.batch_c : 0, p.result());
  if (p.bias) {
    const ContractionOperand& bias = c.operands.front();
    p.align_bias = alignment.of(bias.buffer, bias.offset, 0, p.result());
  }
  facts.product = plan_of(p, step, driver);
  facts.product_is_direct = found->direct;
}

// The steps of a loop that is a kernel are walked only where each is looked at: nobody asks the library for them.
void plan(const Layout& layout, const Placement& placement, bool body, Driver& driver, Facts& facts) {
  for (std::size_t i = 0; i < layout.steps.size(); ++i) {
    const StepLayout& step = layout.steps[i];
    if (const auto* c = std::get_if<ContractionStep>(&step.step->node))
      plan(*step.step, *c, {layout, placement, body}, placement, driver, facts.steps[i]);
    if (const auto* loop = std::get_if<LoopStep>(&step.step->node))
      facts.steps[i].as_kernel = runs_as_kernel(*loop, placement.bodies[at(step.bodies[0])].extents);
    if (facts.steps[i].as_kernel) continue;
    for (const int b : step.bodies)
      plan(layout.bodies[at(b)], placement.bodies[at(b)], true, driver, facts.bodies[at(b)]);
  }
}

}  // namespace

void plan_products(const Layout& layout, Driver& driver, Prepared& prepared) {
  plan(layout, prepared.placement, false, driver, prepared.facts);
}

}  // namespace bitale::executor

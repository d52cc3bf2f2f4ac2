// Graph text: that of random graphs is read back, and that of damaged ones is read or refused.
#include "compiler/ir/parse.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// A few bytes changed, removed, doubled or moved.
std::string damaged(std::string text, Random& random) {
  static const std::string spice = "%.:=(){}[],\"\\#-*0123456789nx \n";
  for (std::int64_t n = random.between(1, 4); n > 0 && !text.empty(); --n) {
    const auto at = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(text.size())));
    const auto length = static_cast<std::size_t>(random.between(1, 12));
    const auto other = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(text.size())));
    switch (random.below(5)) {
      case 0:
        text[at] = random.pick(spice);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(other, length));
        break;
      case 3:
        text.insert(at, 1, random.pick(spice));
        break;
      default:
        text[at] = static_cast<char>(random.below(256));
    }
  }
  return text;
}

}  // namespace

TEST_CASE("the text of random graphs and their gradients is read back, damaged text is read or refused") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    const BuiltCase graph = random_graph(seed);
    Random random(seed);
    for (const BuiltCase& g : {graph, random_gradient(graph, seed)}) {
      const std::string text = ir::to_string(ir::Graph{g.inputs, g.outputs}, false, true);
      INFO(text);
      CHECK(ir::to_string(ir::parse(text), false, true) == text);
      for (int i = 0; i < 40; ++i) {
        const std::string bad = damaged(text, random);
        INFO(bad);
        try {
          const ir::Graph read = ir::parse(bad);
          CHECK_NOTHROW(ir::verify(read));
        } catch (const Error&) {
        }
      }
    }
  }
}

// A recurrent cell of one's own learns to say which of two numbers at the ends of a sequence is larger. Sequences have
// any length: what is compiled serves them all.
#include <cstdio>

#include <bitale/bitale.h>
using namespace bitale;

int main() {
  constexpr std::int64_t hidden = 16, batch = 32;
  RandomStream random(3);
  const auto weights = [&](const char* name, const Shape& shape, Extents extents) {
    const Array values = function({}, {0.5 * random.normal(shape)})()[0];
    return Shared(name, values.reshaped(extents));
  };
  Shared w = weights("w", {1, 2 * hidden}, {1, 2 * hidden}),
         u = weights("u", {hidden, 2 * hidden}, {hidden, 2 * hidden});
  Shared b("b", Array::zeros(float32, {2 * hidden})), v = weights("v", {hidden}, {hidden});

  Dim length("length");
  Tensor x = input("x", float32, {length, batch, 1});
  ScanResult r =
      scan({.sequences = {x}, .carries = {zeros(float32, {batch, hidden})}, .name = "cell"}, [&](const ScanStep& t) {
        Tensor a = dot(t.row(0), w) + dot(t.carry(0), u) + b, h = t.carry(0);
        Tensor gate = sigmoid(slice(a, 1, 0, hidden)), next = tanh(slice(a, 1, hidden, 2 * hidden));
        return StepResult{.carries = {h + gate * (next - h)}};
      });
  Tensor score = dot(r.last[0], v);
  Tensor first = reshape(slice(x, 0, 0, 1), {batch}), last = reshape(slice(x, 0, length - 1, length), {batch});
  Tensor answer = cast(first > last, float32);
  Tensor loss = mean(softplus(score) - answer * score);  // cross-entropy
  Tensor right = mean(cast(equal(score > 0.0, first > last), float32));

  auto g = grad(loss, {w, u, b, v});
  FunctionOptions options{.name = "train"};
  std::vector<Shared> parameters{w, u, b, v};
  for (std::size_t i = 0; i < g.size(); ++i) {
    Shared m(parameters[i].name() + ".m", Array::zeros(float32, parameters[i].get().shape()));
    Tensor momentum = 0.9 * m + g[i];
    options.updates.push_back({m, momentum});
    options.updates.push_back({parameters[i], parameters[i] - 0.2 * momentum});
  }
  Function train = function({x}, {loss, right}, options);
  Dim n("n");
  Function draw = function({input("n", float32, {n})}, {random.uniform({n, batch, 1})}, {.unused_inputs = true});

  double recent = 0;
  for (std::int64_t i = 1; i <= 600; ++i) {
    const Array sequences = draw(Array::zeros(float32, {2 + i % 7}))[0];
    recent = 0.95 * recent + 0.05 * train(sequences)[1].at(0);
    if (i % 100 == 0) std::printf("step %3lld  right %.0f %%\n", static_cast<long long>(i), 100 * recent);
  }
  return recent > 0.8 ? 0 : 1;
}

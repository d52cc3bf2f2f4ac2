// A network with one hidden layer learns which side of a circle a point lies on, with momentum.
#include <cstdio>

#include <bitale/bitale.h>
using namespace bitale;

namespace {

Shared weights(RandomStream& random, const char* name, int rows, int columns) {
  return Shared(name, function({}, {0.5 * random.normal({rows, columns})})()[0]);
}

Shared zeros_like(const Shared& s) { return Shared(s.name() + "_velocity", Array::zeros(s.dtype(), s.get().shape())); }

}  // namespace

int main() {
  RandomStream random(7);
  Dim batch("batch");
  Tensor x = input("x", float32, {batch, 2}), label = input("label", int32, {batch});

  Shared w1 = weights(random, "w1", 2, 32), b1("b1", Array::zeros(float32, {32}));
  Shared w2 = weights(random, "w2", 32, 2), b2("b2", Array::zeros(float32, {2}));
  Tensor logits = dot(tanh(dot(x, w1) + b1), w2) + b2;
  Tensor loss = mean(cross_entropy(logits, label));
  Tensor accuracy = mean(cast(equal(argmax(logits, -1), label), float32));

  FunctionOptions options{.name = "train"};
  std::vector<Shared> parameters{w1, b1, w2, b2};
  auto g = grad(loss, {w1, b1, w2, b2});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Shared velocity = zeros_like(parameters[i]);
    Tensor v = 0.9 * velocity - 0.1 * g[i];
    options.updates.push_back({velocity, v});
    options.updates.push_back({parameters[i], parameters[i] + v});
  }
  Function train = function({x, label}, {loss}, options);
  Function evaluate = function({x, label}, {accuracy});

  Tensor points = 2.0 * random.uniform({256, 2}) - 1.0;
  Function draw = function({}, {points, cast(sum(square(points), {1}) < 0.6, int32)});
  for (int i = 0; i < 400; ++i) {
    auto data = draw();  // every call draws other points
    const double l = train(data[0], data[1])[0].at(0);
    if (i % 100 == 0) std::printf("step %3d  loss %.3f\n", i, l);
  }
  auto test = draw();
  const double share = evaluate(test[0], test[1])[0].at(0);
  std::printf("%.1f %% of new points are right\n", 100 * share);
  return share > 0.95 ? 0 : 1;
}

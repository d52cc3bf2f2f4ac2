// Seeds of the readers: what Bitale itself writes.
#include <cstring>
#include <fstream>
#include <iterator>

#include "bench/study/plan/paper.h"
#include "compiler/codegen/link.h"
#include "compiler/driver/pipeline.h"
#include "compiler/grad/grad.h"
#include "compiler/ir/graph.h"
#include "compiler/lower/lower.h"
#include "models/data/datum.h"
#include "models/data/jpeg.h"
#include "models/data/safetensors.h"
#include "ops/api/ops.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/program/format.h"
#include "runtime/program/serialize.h"
#include "tests/fuzz/readers.h"
#include "tests/support/program_of_everything.h"
#include "tests/support/temp_folder.h"

namespace bitale::tests {
namespace {

using ir::Dim;
using ir::Tensor;

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

models::Picture small_picture() {
  models::Picture picture{{17, 9}, {}};
  for (int i = 0; i < 17 * 9 * 3; ++i) picture.pixels.push_back(static_cast<std::uint8_t>(i * i));
  return picture;
}

// Every sample of every op, on inputs of its own shapes.
ir::Graph graph_of(const ir::OpDef& op, const ir::Sample& sample) {
  ir::Graph g;
  for (const ir::SampleInput& in : sample.inputs) {
    const DType dtype = in.dtype.value_or(op.dtypes.empty() ? DType::f32 : op.dtypes[0]);
    ir::Shape shape(in.shape.begin(), in.shape.end());
    g.inputs.push_back(ir::input("x" + std::to_string(g.inputs.size()), {dtype, shape}));
  }
  g.outputs = sample.build(g.inputs);
  return g;
}

template <class F>
void for_each_sample(const F& f) {
  ops::register_all();
  for (const ir::OpDef* op : ir::all_ops())
    if (op->samples)
      for (const ir::Sample& sample : op->samples()) f(*op, sample);
}

// LeNet's layers, small, and a step of training.
lower::FunctionGraph lenet_step() {
  ops::register_all();
  lower::FunctionGraph g;
  g.name = "step";
  const Dim n = Dim::symbol("batch");
  const Tensor x = ir::input("images", {DType::f32, {n, 1, 12, 12}}), y = ir::input("labels", {DType::i32, {n}});
  g.inputs = {x, y};
  const auto parameter = [&](const std::string& name, const ir::Shape& shape) {
    const auto key = static_cast<std::int64_t>(g.shareds.size()) + 1;
    g.shareds.push_back(ir::shared(name, key, {DType::f32, shape}));
    return g.shareds.back();
  };
  const Tensor filters = parameter("filters", {4, 1, 5, 5}), bias = parameter("bias", {4, 1, 1});
  const Tensor maps = ops::tanh(ir::add(ops::max_pool2d(ops::conv2d(x, filters)), bias));
  const Tensor dense = ir::dot(ir::reshape(maps, {n, 64}), parameter("weights", {64, 10}));
  const Tensor loss = ops::mean(ops::cross_entropy(ir::add(dense, parameter("shift", {10})), y));
  g.outputs = {loss, ir::argmax(dense, {1})};
  const std::vector<Tensor> gradients = ad::grad(loss, g.shareds);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    g.updates.emplace_back(static_cast<int>(i), ir::sub(g.shareds[i], ir::mul(gradients[i], 0.1)));
  return g;
}

// As compile() makes it, but with code that is one instruction for each entry.
program::Program program_of(const lower::FunctionGraph& graph) {
  ir::Graph all{graph.inputs, graph.outputs};
  all.inputs.insert(all.inputs.end(), graph.shareds.begin(), graph.shareds.end());
  for (const auto& [number, value] : graph.updates) all.outputs.push_back(value);
  rewrite::PassContext context;
  context.level = 2;
  std::vector<rewrite::PassReport> reports;
  all = rewrite::run_pipeline(driver::pipeline(), all, context, reports);
  lower::FunctionGraph optimised = graph;
  optimised.requirements = lower::requirements_of(graph);
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) optimised.outputs[i] = all.outputs[i];
  for (std::size_t i = 0; i < graph.updates.size(); ++i)
    optimised.updates[i].second = all.outputs[graph.outputs.size() + i];
  program::Program p = lower::lower(optimised).program;
  p.entries.push_back({"leaf", "leaf"});
  const auto leaf = static_cast<int>(p.entries.size()) - 1;
  for (program::Step& step : p.steps)
    if (auto* c = std::get_if<program::ContractionStep>(&step.node)) c->tile = {4, 8, leaf};
  p.blobs = {codegen::join(std::vector<codegen::Piece>(p.entries.size(), codegen::Piece{0xc3}), "x86-64-v3")};
  return p;
}

Bytes payload_of(const program::Program& p) {
  const Bytes file = program::serialize(p);
  const auto payload = program::unseal(file, "seed");
  return {payload.begin(), payload.end()};
}

}  // namespace

std::vector<Bytes> graph_text_seeds() {
  std::vector<Bytes> seeds;
  for_each_sample([&](const ir::OpDef& op, const ir::Sample& sample) {
    seeds.push_back(bytes_of(ir::to_string(graph_of(op, sample), false, true)));
  });
  const lower::FunctionGraph step = lenet_step();
  ir::Graph g{step.inputs, step.outputs};
  for (const auto& [number, value] : step.updates) g.outputs.push_back(value);
  seeds.push_back(bytes_of(ir::to_string(g, false, true)));
  return seeds;
}

// Library calls are what programs of ops differ in most: one seed for each.
std::vector<Bytes> program_seeds() {
  std::vector<Bytes> seeds{payload_of(program_of_everything()), payload_of(program_of_a_device()),
                           payload_of(program_of(lenet_step()))};
  for_each_sample([&](const ir::OpDef& op, const ir::Sample& sample) {
    if (op.library.empty() || sample.name != op.samples()[0].name) return;
    const ir::Graph g = graph_of(op, sample);
    lower::FunctionGraph f;
    f.name = op.name;
    f.inputs = g.inputs;
    f.outputs = g.outputs;
    seeds.push_back(payload_of(program_of(f)));
  });
  return seeds;
}

// Of a cache that has the structures of program "code" in tests/fuzz/readers.cc; the first byte asks for a right frame.
std::vector<Bytes> kernel_index_seeds() {
  const auto row = [](const std::string& structure, const std::string& program) {
    Bytes bytes(32);
    std::memcpy(bytes.data(), Hasher().text(structure).digest().words.data(), 16);
    std::memcpy(bytes.data() + 16, Hasher().text(program).digest().words.data(), 16);
    return bytes;
  };
  const auto joined = [](std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  return {{1},
          joined({{1}, row("structure 0", "code"), row("structure 1", "code")}),
          joined({{1}, row("structure 1", "gone"), row("structure 0", "code"), row("structure 0", "code")})};
}

std::vector<Bytes> safetensors_seeds() {
  const TempFolder folder;
  const auto file_of = [&](const models::NamedArrays& content) {
    const auto path = folder.path() / "seed";
    models::write_safetensors(path, content);
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  };
  models::NamedArrays some;
  some.metadata = {{"epoch", "3"}, {"name", "a \"quoted\" one"}};
  some.arrays = {{"w", Array::zeros(DType::f32, {2, 3})},
                 {"flags", Array::zeros(DType::bool_, {5})},
                 {"none", Array::zeros(DType::f64, {0, 4})},
                 {"step", Array::zeros(DType::i64, {})}};
  return {file_of({}), file_of(some)};
}

std::vector<Bytes> idx_seeds() {
  return {{0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9}, {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4}};
}

std::vector<Bytes> datum_seeds() {
  const models::Picture picture = small_picture();
  return {bytes_of(models::datum_of(picture, 7)), bytes_of(models::encoded_datum("the bytes of a file", {3, 2}, 999)),
          bytes_of(std::string("\x08\x01\x10\x02\x18\x02\x22\x04grey\x28\x00", 14))};
}

// Of each way of coding, and of each number of channels; tests/fuzz/corpus/jpeg has progressive ones and such of inks.
std::vector<Bytes> jpeg_seeds() {
  return {bytes_of(models::encode_jpeg(small_picture())), bytes_of(models::encode_jpeg(small_picture(), 10))};
}

std::vector<Bytes> mean_picture_seeds() {
  return {bytes_of(models::to_bytes({{1, 1}, {123, 117, 104}})),
          bytes_of(models::to_bytes({{2, 1}, {1, 2, 3, 4, 5, 6}})),
          bytes_of(std::string("\x3a\x06\x0a\x04\x01\x03\x01\x01"
                               "\x2d\0\0\x80\x40"
                               "\x2d\0\0\0\x40"
                               "\x2d\0\0\x80\x3f",
                               23))};
}

std::vector<Bytes> picture_labels_seeds() {
  return {bytes_of("file\tclass\na.jpg\t0\n"), bytes_of("wnid\tclass\tfile\r\nn01\t999\tsub/b c.jpg\r\n\t1\tc.jpg")};
}

std::vector<Bytes> reviews_seeds() {
  return {bytes_of("label\trating\treview\n1\t10\tIt's well-made.<br />A \"caf\u00e9\"...\n0\t1\tNo\n"),
          bytes_of("id\trating\tsnippet\n12\t-3.25\tDon't\n7\t0.5\tGood, for 1,000 reasons\n")};
}

std::vector<Bytes> vocabulary_seeds() {
  return {bytes_of("bitale vocabulary 1, words: 0\n"),
          bytes_of("bitale vocabulary 1, words: 4\nthe\n.\ncaf\u00e9\nwell-made\n")};
}

std::vector<Bytes> paper_table_seeds() {
  const std::string header = std::string(bench::paper_header) + "\n";
  return {bytes_of(header + "Torch,cpu,OpenBLAS,12,gradient_time,16.5,ms,lenet,,64,a CPU,,,\n"),
          bytes_of(header + "Neon,gpu,,,ae1_gradient_time,1e-3,ms,sae,\"a, \"\"b\"\"\",64,h,1,f,\"why\"\r\n")};
}

// As `bitale study` appends them.
std::vector<Bytes> study_result_seeds() {
  const std::string ms = R"({"mean":1.5,"std":0.1,"min":1.25,"median":1.5})";
  const std::string side =
      R"({"seconds":0.2,"all_seconds":[0.2],"functions":2,"start_ms":3.0,"phases_ms":{"link":0.1}})";
  return {bytes_of(R"({"key":"run","version":"v","result":{"isa":"v3","warmup":2,"iterations":5,"forward_ms":)" + ms +
                   R"(,"gradient_ms":)" + ms +
                   R"(,"gflop":{"forward":0.2,"gradient":0.8},"peak_gflops":100.0,"planned_bytes":{"forward":1,)"
                   R"("gradient":2},"parameter_bytes":3,"batch_bytes":4,"rss_before_bytes":5,"peak_rss_bytes":6}})"),
          bytes_of(R"({"key":"compile","version":"v","result":{"first":)" + side + R"(,"again":)" + side + "}}")};
}

std::vector<Bytes> lengths_seeds() { return {bytes_of("7"), bytes_of("12\n99\n10000\n")}; }

}  // namespace bitale::tests

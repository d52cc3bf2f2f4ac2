// Values of every op's samples against those of NumPy, SciPy or PyTorch: tests/golden/values, made by
// tests/reference/make.py from the functions in tests/reference/<family>.py. An index map or a formula that is wrong in
// the op's body and in its own reference alike is found here.
#include <cstdlib>
#include <fstream>
#include <map>
#include <type_traits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "compiler/eval/eval.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "tests/support/catch.h"
#include "tests/support/op_cases.h"
#include "tests/support/source_folder.h"

using namespace bitale;
using namespace bitale::tests;
using Json = nlohmann::json;

namespace {

// The samples as they are, in the widest float dtype that the op is tested on, and in its integer dtypes.
std::vector<OpCase> reference_cases(const ir::OpDef& op) {
  std::vector<OpCase> cases = op_cases(op);
  std::erase_if(cases, [](const OpCase& c) { return c.symbolic || !c.variant.empty() || c.dtype == DType::f32; });
  return cases;
}

std::string key_of(const OpCase& c) { return c.sample.name + " / " + std::string(name_of(c.dtype)); }

std::string hash_of(const BuiltCase& built) {
  Hasher hasher;
  for (const Array& a : built.values) {
    hasher.text(name_of(a.dtype())).number(a.rank());
    for (std::int64_t e : a.shape()) hasher.number(e);
    hasher.bytes(a.data(), a.bytes());
  }
  return hasher.digest().hex();
}

// JSON has no infinities: they and NaN are texts.
Json to_json(const Array& a) {
  Json values = Json::array();
  dispatch(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T v : a.view<T>()) {
      if constexpr (std::is_floating_point_v<T>)
        values.push_back(std::isfinite(v) ? Json(v) : Json(fmt::format("{}", v)));
      else
        values.push_back(static_cast<std::int64_t>(v));
    }
  });
  return {{"dtype", name_of(a.dtype())}, {"shape", a.shape()}, {"values", values}};
}

// In the dtype that is expected: the references' integers and bools may have another one.
Array from_json(const Json& json, DType dtype) {
  const auto shape = json.at("shape").get<Extents>();
  Array a(dtype, shape);
  const Json& values = json.at("values");
  if (static_cast<std::int64_t>(values.size()) != a.size()) throw Error("a stored value has the wrong size");
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Json& v = values[i];
      if (v.is_string())
        a.view<T>()[i] = static_cast<T>(std::stod(v.get<std::string>()));
      else if (v.is_boolean())
        a.view<T>()[i] = static_cast<T>(v.get<bool>());
      else
        a.view<T>()[i] = static_cast<T>(v.get<std::conditional_t<std::is_same_v<T, bool>, int, T>>());
    }
  });
  return a;
}

Json stored_values(const std::string& family) {
  std::ifstream file(source_folder() / "tests/golden/values" / (family + ".json"));
  return file ? Json::parse(file) : Json();
}

// What is stored for an op, or says why nothing is.
void check_op(const ir::OpDef& op, const std::string& family, const Json& stored) {
  if (stored.at("without").contains(op.name)) return;
  for (const OpCase& c : reference_cases(op)) {
    INFO(family << " / " << op.name << " / " << key_of(c));
    try {
      const Json& of_op = stored.at("values").value(op.name, Json::object());
      if (!of_op.contains(key_of(c))) {
        FAIL_CHECK("no stored value: tests/reference/" + family + ".py and make.py make it");
        continue;
      }
      const Json& value = of_op.at(key_of(c));
      const BuiltCase built = build(c);
      if (value.at("inputs") != hash_of(built)) {
        FAIL_CHECK("the stored value is of other inputs: run tests/reference/make.py");
        continue;
      }
      const auto got = eval::evaluate(built.outputs, built.bindings());
      const Json& expected = value.at("outputs");
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(difference(got[i], from_json(expected[i], got[i].dtype()), c.sample.tolerance) == "");
    } catch (const std::exception& e) {
      FAIL_CHECK(e.what());
    }
  }
}

// For make.py: every sample's operands.
void write_inputs(const std::string& path) {
  Json all = Json::object();
  for (const ir::OpFamily& family : ir::op_families()) {
    Json& ops = all[family.name] = Json::object();
    for (const ir::OpDef* op : family.ops) {
      if (op->leaf != ir::Leaf::none && op->leaf != ir::Leaf::constant) continue;
      Json& cases = ops[op->name] = Json::object();
      for (const OpCase& c : reference_cases(*op)) {
        const BuiltCase built = build(c);
        Json inputs = Json::array();
        for (const Array& a : built.values) inputs.push_back(to_json(a));
        cases[key_of(c)] = {{"sample", c.sample.name}, {"hash", hash_of(built)}, {"inputs", inputs}};
      }
    }
  }
  std::ofstream file(path);
  file << all.dump();
  if (!file) throw Error("cannot write " + path);
}

}  // namespace

TEST_CASE("samples have the values that other libraries give them") {
  const auto tested = tested_ops();
  if (const char* path = std::getenv("BITALE_WRITE_SAMPLES")) return write_inputs(path);
  for (const ir::OpFamily& family : ir::op_families()) {
    const Json stored = stored_values(family.name);
    if (stored.is_null()) continue;
    for (const ir::OpDef* op : family.ops)
      if (std::find(tested.begin(), tested.end(), op) != tested.end()) check_op(*op, family.name, stored);
    for (const auto& [name, reason] : stored.at("without").items()) {
      INFO(family.name << ".py lists '" << name << "' as an op without reference values");
      CHECK(ir::find_op(name) != nullptr);
      CHECK_FALSE(reason.get<std::string>().empty());
    }
  }
}

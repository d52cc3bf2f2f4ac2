// A small study, as somebody runs it; its report is opened in a browser.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include <nlohmann/json.hpp>

#include "tests/support/browser.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using bitale::tests::contains;
using bitale::tests::opened_in_browser;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the browser is asked about every plot: how large it is drawn, how much of it, and how much text one can see.
const char* const questions = R"(<script>
for (const figure of document.querySelectorAll("figure.plot")) {
  const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
  const seen = e => { const b = e.getBoundingClientRect(); return b.width > 0 || b.height > 0; };
  figure.dataset.size = Math.round(box.width) + "x" + Math.round(box.height);
  figure.dataset.shapes = [...svg.querySelectorAll("path, use, polygon, rect")].filter(seen).length;
  figure.dataset.texts = [...svg.querySelectorAll("text")].filter(seen).map(t => t.textContent.trim()).join("|");
}
</script>)";

// The attributes of a figure as the browser left it.
std::string attribute(const std::string& dom, const std::string& id, const std::string& name) {
  std::smatch found;
  const std::regex figure("<figure[^>]*id=\"" + id + "\"[^>]*>");
  if (!std::regex_search(dom, found, figure)) return "no figure";
  const std::string tag = found.str();
  const std::regex value("data-" + name + "=\"([^\"]*)\"");
  return std::regex_search(tag, found, value) ? found[1].str() : "no attribute";
}

void check_plot(const std::string& dom, const std::string& id, const std::vector<std::string>& texts) {
  INFO(id);
  int width = 0, height = 0;
  const std::string size = attribute(dom, id, "size");
  INFO(size);
  REQUIRE(std::sscanf(size.c_str(), "%dx%d", &width, &height) == 2);
  CHECK(width > 400);
  CHECK(height > 200);
  CHECK(std::atoi(attribute(dom, id, "shapes").c_str()) > 10);
  for (const std::string& text : texts) CHECK_THAT(attribute(dom, id, "texts"), contains(text));
}

}  // namespace

TEST_CASE("a study measures, goes on where it was, and its report shows every plot") {
  const TempFolder folder;
  const auto out = folder.path() / "study";
  const std::vector<std::string> arguments = {"study",     "--quick", "--tables",  "3,6,8", "--figures", "1",
                                              "--batches", "32,64",   "--threads", "1",     "--out",     out.string()};
  const Ran first = run_bitale(arguments);
  INFO(first.err);
  REQUIRE(first.status == 0);
  CHECK_THAT(first.out, contains("Table 3. LeNet, batch 64 (ms)"));
  CHECK_THAT(first.out, contains("Table 6. LSTM, batch 16"));
  CHECK_THAT(first.out, contains("Figure 1. LeNet"));
  CHECK_THAT(first.err, contains(" left: LeNet, batch 32, 1 thread"));
  CHECK_THAT(first.err, !contains("failed"));
  for (const char* name : {"results.jsonl", "tables.txt", "table3.csv", "table6.csv", "table8.csv", "figure1.csv",
                           "study.json", "report.html"})
    CHECK(std::filesystem::file_size(out / name) > 0);

  const auto json = nlohmann::json::parse(content(out / "study.json"));
  int measured = 0;
  for (const auto& one : json["measurements"]) {
    if (one.contains("cannot") || one["kind"] != "run") continue;
    ++measured;
    const auto& result = one["result"];
    CHECK(result["forward_ms"]["mean"].get<double>() > 0);
    CHECK(result["gradient_ms"]["mean"].get<double>() > result["forward_ms"]["min"].get<double>());
    CHECK(result["peak_rss_bytes"].get<double>() > result["rss_before_bytes"].get<double>());
    CHECK(!result["recompiled"].get<bool>());
  }
  CHECK(measured == 3);  // LeNet's batches of 32 and 64, and the LSTM

  const Ran second = run_bitale(arguments);
  CHECK(second.status == 0);
  CHECK_THAT(second.err, !contains(" left: "));

  const std::string page = content(out / "report.html");
  const auto asked = folder.write("asked.html", page + questions);
  const auto dom = opened_in_browser(asked);
  if (!dom) {
    WARN("BITALE_TEST_NO_BROWSER is set: the report was not opened");
    return;
  }
  check_plot(*dom, "plot-figure1", {"gradient, 1 thread", "forward, 1 thread", "examples in a batch", "32", "64"});
  check_plot(*dom, "plot-rates1", {"LeNet", "LSTM", "gradient", "forward", "peak"});
  check_plot(*dom, "plot-compile",
             {"LeNet", "LSTM", "compile, empty cache", "compile, filled cache", "a call of each function"});
}

TEST_CASE("a study's plan says what it would take, and measures nothing") {
  const TempFolder folder;
  const Ran ran = run_bitale({"study", "--plan", "--tables", "3", "--threads", "1,4096", "--out", folder.path() / "s"});
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains("LeNet, batch 64, 1 thread "));
  CHECK_THAT(ran.out, contains("4096 threads on "));
  CHECK_THAT(ran.out, contains("LeNet, batch 64, cuda "));
  CHECK_THAT(ran.out, contains("in all"));
  CHECK(!std::filesystem::exists(folder.path() / "s"));
}

TEST_CASE("a study in which nothing can run says why, row by row") {
  const TempFolder folder;
  const Ran ran = run_bitale({"study", "--tables", "3", "--threads", "4096", "--out", folder.path(), "--no-report"});
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains("cannot run: 4096 threads on "));
  CHECK_THAT(content(folder.path() / "table3.csv"), contains("cannot_run"));
  CHECK(!std::filesystem::exists(folder.path() / "report.html"));
}

TEST_CASE(
    "a study on the emulated device compares with the CPU, and has no times; on a GPU that is not there it says so") {
  const TempFolder folder;
  const Ran played = run_bitale(
      {"study", "--device", "emulated", "--tables", "3,8", "--no-report", "--out", folder.path() / "played"});
  INFO(played.err);
  CHECK(played.status == 0);
  CHECK_THAT(played.err, contains("nothing is timed, since no time there says anything about a GPU"));
  CHECK_THAT(played.out, contains("not timed, computes what the CPU does: batch 2: loss "));
  CHECK_THAT(played.out, contains("cannot run: the host's C++ compiler makes its code"));
  const auto json = nlohmann::json::parse(content(folder.path() / "played" / "study.json"));
  for (const auto& one : json["measurements"]) CHECK(!one.contains("result"));

  const Ran absent = run_bitale(
      {"study", "--device", "cuda:7", "--tf32", "--tables", "3", "--no-report", "--out", folder.path() / "absent"});
  CHECK(absent.status == 0);
  CHECK_THAT(absent.out, contains("cannot run: device 'cuda"));
  CHECK_THAT(absent.out, contains("Bitale, TF32"));
}

TEST_CASE("without gnuplot a study says so before it measures anything") {
  const TempFolder folder;
  const Ran ran =
      run_bitale({"study", "--tables", "3", "--out", folder.path() / "s"}, {{"PATH", folder.path().string()}});
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, contains("gnuplot, which was not found; install it"));
  CHECK(!std::filesystem::exists(folder.path() / "s"));
}

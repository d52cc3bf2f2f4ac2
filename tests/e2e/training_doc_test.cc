// docs/training.md: its commands run, and it leaves out no optimizer, policy or option.
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "models/optim/optimizer.h"
#include "models/optim/rate_policy.h"
#include "models/zoo/train_options.h"
#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/source_folder.h"
#include "tests/support/temp_folder.h"

using namespace bitale::models;
using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;

namespace {

std::string page() {
  std::ifstream in(bitale::tests::source_folder() / "docs/training.md");
  return {std::istreambuf_iterator<char>(in), {}};
}

// The words of a command line whose quotes stand around single words.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    if (word.size() >= 2 && word.front() == '\'' && word.back() == '\'') word = word.substr(1, word.size() - 2);
    words.push_back(word);
  }
  return words;
}

// Lines that begin a shell's command of this program, without its name.
std::vector<std::vector<std::string>> commands() {
  std::vector<std::vector<std::string>> out;
  std::istringstream in(page());
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("    bitale ")) continue;
    std::vector<std::string> words = words_of(line);
    words.erase(words.begin());
    out.push_back(words);
  }
  return out;
}

}  // namespace

TEST_CASE("the commands of docs/training.md run") {
  const bitale::tests::TempFolder folder;
  const auto all = commands();
  CHECK(all.size() >= 9);
  for (std::vector<std::string> arguments : all) {
    std::string line;
    for (const std::string& word : arguments) line += word + " ";
    INFO(line);
    const bool sequences = line.find("lstm") != std::string::npos, whole = line.find("--epochs") == std::string::npos;
    if (whole) arguments.insert(arguments.end(), {"--epochs", "0"});  // what takes longest
    if (sequences) arguments.insert(arguments.end(), {"--hidden", "8", "--max-length", "10"});
    const Ran ran = run_bitale(arguments, {{"BITALE_DATA", ""}}, "", [&] {
      if (::chdir(folder.path().c_str()) != 0) ::_exit(3);
    });
    INFO(ran.err);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.out, contains("held-out accuracy"));
  }
}

TEST_CASE("docs/training.md and the help name every optimizer, policy and option of every network") {
  const std::string text = page(), help = run_bitale({"train", "--help"}).out;
  const auto both = [&](const std::string& in_page, const std::string& in_help) {
    CHECK_THAT(text, contains(in_page));
    CHECK_THAT(help, contains(in_help));
  };
  for (const OptimizerRow& row : all_optimizers()) both("\n| `" + std::string(row.name) + "` | ", row.name);
  for (const RatePolicyRow& row : all_rate_policies()) both("\n| `" + std::string(row.name) + "` | b", row.name);
  for (const TrainOptionRow& row : train_option_rows())
    if (row.of == TrainOptionRow::Of::all || row.of == TrainOptionRow::Of::steps) both("`" + row.flag(), row.flag());
  for (const char* flag : {"--data", "--checkpoint", "--resume", "--every", "--no-pretrain"}) both(flag, flag);
}

// Disks that are full, folders that cannot be written, files that are damaged: what the program says, and that nothing
// is lost.
#include <csignal>
#include <fstream>
#include <iterator>
#include <vector>

#include <sys/resource.h>

#include "tests/support/catch.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_folder.h"

using bitale::tests::contains;
using bitale::tests::Ran;
using bitale::tests::run_bitale;
using bitale::tests::TempFolder;

namespace {

namespace fs = std::filesystem;
using Environment = std::vector<std::pair<std::string, std::string>>;

// A disk on which no file grows beyond 64 KiB: a longer write fails as on one that is full.
void full_disk() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{16 << 10, 16 << 10};  // less than any program of LeNet takes
  setrlimit(RLIMIT_FSIZE, &limit);
}

Ran train(const Environment& environment, const std::vector<std::string>& more = {},
          const std::function<void()>& in_child = {}) {
  std::vector<std::string> arguments = {"train", "lenet", "--epochs", "0", "--quiet", "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_bitale(arguments, environment, "", in_child);
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) out.push_back(entry.path());
  return out;
}

int times(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a full disk for the cache: one warning, no half entries, and the program goes on") {
  const TempFolder folder;
  const fs::path cache = folder.path() / "cache";
  const Ran ran = train({{"BITALE_CACHE", cache}}, {}, full_disk);
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.err, contains("cannot write the cache entry " + cache.string()));
  CHECK_THAT(ran.err, contains("File too large; programs are compiled anew in every process"));
  CHECK(times(ran.err, "warning") == 1);
  for (const fs::path& file : files(cache)) CHECK(file.extension() != ".tmp");  // what is small enough is whole
}

TEST_CASE("a cache that is no folder: one warning, and the program goes on") {
  const TempFolder folder;
  const fs::path file = folder.write("file", "not a folder");
  const Ran ran = train({{"BITALE_CACHE", file / "cache"}});
  INFO(ran.err);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.err, contains("cannot use the cache directory " + (file / "cache").string() + ": Not a directory"));
  CHECK(times(ran.err, "warning") == 1);
  CHECK(content(file) == "not a folder");
}

TEST_CASE("damaged cache entries are named, ignored and rewritten") {
  const TempFolder folder;
  const Environment here = {{"BITALE_CACHE", folder.path()}};
  REQUIRE(train(here).status == 0);
  std::vector<fs::path> entries = files(folder.path());
  std::erase_if(entries, [](const fs::path& file) { return file.extension() != ".bitale"; });
  REQUIRE(entries.size() == 2);
  const std::string whole = content(entries[0]);
  std::string changed = whole;
  changed[whole.size() / 2] ^= 1;
  const std::pair<std::string, std::string> damages[] = {
      {"", "too few for a saved program"},
      {whole.substr(0, whole.size() / 2), "truncated"},
      {"a text of some length that is not a program at all, no", "this is not a saved program"},
      {changed, "corrupt, its hash does not match"}};
  for (const auto& [bytes, why] : damages) {
    INFO(why);
    folder.write(entries[0].filename(), bytes);
    const Ran ran = train(here);
    INFO(ran.err);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.err, contains("ignoring a bad cache entry (it is removed): " + entries[0].string()));
    CHECK_THAT(ran.err, contains(why));
    CHECK(times(ran.err, "warning") == 1);
    CHECK(train(here).err.empty());
    CHECK(content(entries[0]) == whole);
  }
}

TEST_CASE("a full disk for a checkpoint: an error, and the old checkpoint is as it was") {
  const TempFolder folder;
  const std::string file = folder.path() / "lenet.safetensors";
  const Environment no_cache = {{"BITALE_CACHE", "off"}};
  const std::vector<std::string> save = {"--checkpoint", file};
  const std::vector<std::string> once = {"train", "lenet", "--epochs", "1", "--quiet", "--checkpoint", file};
  REQUIRE(run_bitale(once, no_cache).status == 0);
  const std::string before = content(file);
  REQUIRE(before.size() > 1000000);
  std::vector<std::string> again = once;
  again[3] = "2";
  again.insert(again.end(), {"--resume"});
  const Ran ran = run_bitale(again, no_cache, "", full_disk);
  INFO(ran.err);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, contains("'" + file +
                               "' cannot be written: File too large. A file that was there before is "
                               "unchanged."));
  CHECK(content(file) == before);
  CHECK(files(folder.path()).size() == 1);
  CHECK(run_bitale(again, no_cache).status == 0);
}

TEST_CASE("results that cannot be written are an error") {
  const Ran ran = run_bitale({"bench", "lenet", "--threads", "1", "--batch", "2", "--iterations", "1", "--warmup", "0",
                              "--json", "/dev/full"});
  INFO(ran.err);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, contains("/dev/full"));
}

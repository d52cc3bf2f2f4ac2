#include "tests/support/run_program.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"

namespace bitale::tests {
namespace {

namespace fs = std::filesystem;

// Programs and test programs are built into one folder.
fs::path program() { return fs::read_symlink("/proc/self/exe").parent_path() / "bitale"; }

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

[[noreturn]] void become(const fs::path& path, std::vector<char*> argv,
                         const std::vector<std::pair<std::string, std::string>>& environment, int out, int err) {
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(path.c_str(), argv.data());
  _exit(127);
}

}  // namespace

Ran run_bitale(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& environment, const std::string& interrupt_after,
               const std::function<void()>& in_child) {
  const TempFolder folder;
  const fs::path out = folder.path() / "out", err = folder.path() / "err", path = program();
  const int out_file = open(out.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const int err_file = open(err.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  std::vector<std::string> words = {"bitale"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0 && in_child) in_child();
  if (child == 0) become(path, std::move(argv), environment, out_file, err_file);
  close(out_file);
  close(err_file);

  int status = 0;
  bool interrupted = interrupt_after.empty();
  while (waitpid(child, &status, interrupted ? 0 : WNOHANG) == 0) {
    if (content(out).find(interrupt_after) != std::string::npos) {
      kill(child, SIGINT);
      interrupted = true;
    } else {
      usleep(2000);
    }
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out), content(err)};
}

}  // namespace bitale::tests

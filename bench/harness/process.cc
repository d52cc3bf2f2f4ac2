#include "bench/harness/process.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/error.h"

extern char** environ;

namespace bitale::bench {
namespace {

constexpr const char* spawned_variable = "BITALE_BENCH_SPAWNED_NS";
std::int64_t main_started_ns = 0;

// The same clock in all processes of a machine.
std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

[[noreturn]] void fail(const std::string& what, int code) {
  throw Error(fmt::format("a process could not be started: {}: {}.", what, std::generic_category().message(code)));
}

// A pipe; what is still open is closed with the object. The child gets the writing end as its standard output.
struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe", errno);
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  std::string read_all() {
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : variables) replaced = replaced || text.starts_with(name + "=");
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [name, value] : variables) out.push_back(name + "=" + value);
  return out;
}

// What a program reads from its standard input: a file without a name.
class Input {
 public:
  explicit Input(std::string_view text) : file_(::memfd_create("input", MFD_CLOEXEC)) {
    if (file_ < 0) fail("memfd_create", errno);
    while (!text.empty()) {
      const ssize_t written = ::write(file_, text.data(), text.size());
      if (written < 0 && errno != EINTR) fail("write", errno);
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(file_, 0, SEEK_SET);
  }
  ~Input() { ::close(file_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  int file() const { return file_; }

 private:
  int file_;
};

class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  void give(int file, int as) { ::posix_spawn_file_actions_adddup2(&actions_, file, as); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// All that the child writes until it ends. Error if it does not end well.
std::string output_of(pid_t child, Pipe& out, const std::string& name) {
  out.close_end(1);
  std::string text = out.read_all();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid", errno);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Error(fmt::format("`{}` failed in a process of its own ({} {}).", name,
                            WIFSIGNALED(status) ? "signal" : "status",
                            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
  }
  return text;
}

}  // namespace

void note_main_started() { main_started_ns = monotonic_ns(); }

double start_ms() {
  const char* text = std::getenv(spawned_variable);
  std::int64_t spawned = 0;
  if (text == nullptr || std::from_chars(text, text + std::strlen(text), spawned).ec != std::errc{}) return -1;
  return static_cast<double>(main_started_ns - spawned) * 1e-6;
}

std::string spawn_self(const std::vector<std::string>& arguments,
                       const std::vector<std::pair<std::string, std::string>>& variables) {
  Pipe out;
  Actions actions;
  actions.give(out.ends[1], STDOUT_FILENO);

  std::vector<std::string> words = {"bitale"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto with_time = variables;
  with_time.emplace_back(spawned_variable, std::string(20, '0'));
  std::vector<std::string> environment = environment_with(with_time);
  const std::vector<char*> argv = pointers(words), envp = pointers(environment);
  char* digits = environment.back().data() + std::strlen(spawned_variable) + 1;

  pid_t child = 0;
  fmt::format_to_n(digits, 20, "{:020}", monotonic_ns());  // the last thing before the spawn
  const int failure = ::posix_spawn(&child, "/proc/self/exe", actions.get(), nullptr, argv.data(), envp.data());
  if (failure != 0) fail("posix_spawn", failure);
  return output_of(child, out, fmt::format("bitale {}", fmt::join(arguments, " ")));
}

std::string run_program(std::vector<std::string> command, std::string_view input) {
  Pipe out;
  const Input in(input);
  Actions actions;
  actions.give(in.file(), STDIN_FILENO);
  actions.give(out.ends[1], STDOUT_FILENO);
  const std::vector<char*> argv = pointers(command);
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, argv[0], actions.get(), nullptr, argv.data(), environ);
  if (failure != 0) fail(command[0], failure);
  return output_of(child, out, fmt::format("{}", fmt::join(command, " ")));
}

}  // namespace bitale::bench

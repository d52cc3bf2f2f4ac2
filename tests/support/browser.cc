#include "tests/support/browser.h"

#include <cstdlib>
#include <stdexcept>

#include <stdio.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"

namespace bitale::tests {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::string browser() {
  if (const std::string named = variable("BITALE_TEST_BROWSER"); !named.empty()) return named;
  const std::string path = variable("PATH");
  for (const char* name : {"chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"})
    for (std::size_t at = 0; at <= path.size();) {
      const std::size_t end = std::min(path.find(':', at), path.size());
      const fs::path file = fs::path(path.substr(at, end - at)) / name;
      if (::access(file.c_str(), X_OK) == 0) return file.string();
      at = end + 1;
    }
  return "";
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::optional<std::string> opened_in_browser(const fs::path& page) {
  const std::string program = browser();
  if (program.empty()) {
    if (variable("BITALE_TEST_NO_BROWSER") == "1") return std::nullopt;
    throw std::runtime_error(
        "no Chromium was found to open the report with: install one (Debian: chromium), name one in "
        "BITALE_TEST_BROWSER, "
        "or set BITALE_TEST_NO_BROWSER=1 to do without");
  }
  const TempFolder profile;
  const std::string command = "timeout 120 " + quoted(program) +
                              " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=" +
                              quoted(profile.path().string()) + " --dump-dom " + quoted("file://" + page.string()) +
                              " 2>" + quoted((profile.path() / "errors").string());
  FILE* out = ::popen(command.c_str(), "r");
  if (out == nullptr) throw std::runtime_error("popen failed");
  std::string html;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, out)) html.append(buffer, got);
  if (::pclose(out) != 0) throw std::runtime_error("the browser failed: " + command);
  return html;
}

}  // namespace bitale::tests

#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace bitale::tests {

// The page as a browser without a window has it once it is loaded and its scripts have run, as HTML.
// BITALE_TEST_BROWSER names the browser; else it is a Chromium in PATH. Absent where there is none and
// BITALE_TEST_NO_BROWSER=1 allows that; std::runtime_error where it does not, or where the browser fails.
std::optional<std::string> opened_in_browser(const std::filesystem::path& page);

}  // namespace bitale::tests

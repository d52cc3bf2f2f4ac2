// Measurements that need a process of their own: this program, started again with other arguments. And other programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitale::bench {

// main() calls this first. start_ms() is the time from just before spawn_self() to that call, libraries loaded and
// bound included; negative in a process that spawn_self() did not start.
void note_main_started();
double start_ms();

// Runs this program with `arguments` and, added to its environment, `variables`; returns what it printed. Error if it
// cannot be started or ends with another status than 0; what it prints on standard error appears on ours.
std::string spawn_self(const std::vector<std::string>& arguments,
                       const std::vector<std::pair<std::string, std::string>>& variables);

// Runs another program, found in PATH, with `input` on its standard input; returns what it printed. Error as above.
std::string run_program(std::vector<std::string> command, std::string_view input);

}  // namespace bitale::bench

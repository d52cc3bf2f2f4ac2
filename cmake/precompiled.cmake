# Headers that every translation unit includes, parsed once: bitale_precompile(<target> NAME <set> ...) gives a target the
# set's. A set is one object library without code of its own; its flags must be those of its targets.
#
# Library code is compiled so in builds with sanitizers only: there it halves the time, with clang, and the other builds
# find the include that a file forgot.

# bitale_precompiled_set(<name> <header>... [OPTIONS <flag>...])
function(bitale_precompiled_set name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "OPTIONS")
  set(unit "${PROJECT_BINARY_DIR}/precompiled/${name}.cc")
  file(CONFIGURE OUTPUT "${unit}" CONTENT "// A target without sources has no precompiled headers.\n")
  add_library(bitale_precompiled_${name} OBJECT "${unit}")
  target_link_libraries(bitale_precompiled_${name} PRIVATE bitale_flags)
  target_compile_options(bitale_precompiled_${name} PRIVATE ${arg_OPTIONS})
  target_precompile_headers(bitale_precompiled_${name} PRIVATE ${arg_UNPARSED_ARGUMENTS})
endfunction()

function(bitale_precompile target name)
  target_precompile_headers(${target} REUSE_FROM bitale_precompiled_${name})
endfunction()

set(BITALE_STANDARD_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstdint> <cstdio> <cstring> <filesystem> <fstream> <functional>
  <limits> <map> <memory> <mutex> <numeric> <optional> <set> <span> <sstream> <string> <string_view> <thread>
  <unordered_map> <variant> <vector>)

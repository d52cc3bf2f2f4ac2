# How every translation unit is compiled: the interface target bitale_flags, and directory-wide link options.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON)  # cmake --compile-no-warning-as-error turns it off, for compilers yet to come
endif()

# The build tree has the layout of the installed tree, so one relative rpath serves both, and a library that is opened
# at run time lies beside libbitale.so in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN:$ORIGIN/../lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
if(BITALE_SANITIZE)
  # Lines for stack traces; variables cost half the build. cmake/layers.cmake says what is optimised.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1 -fno-omit-frame-pointer")
endif()
if(BITALE_FUZZERS)
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -gline-tables-only")  # builds in half the time; readers are fast enough
endif()

# Checkouts of the repository share their cached objects: nothing in an object depends on where its checkout lies.
find_program(BITALE_CCACHE ccache)
if(BITALE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros  # what it asks for to cache what uses precompiled headers
    "${BITALE_CCACHE}")
endif()

add_library(bitale_flags INTERFACE)
target_include_directories(bitale_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/frontends/cpp")
target_compile_definitions(bitale_flags INTERFACE BITALE_VERIFY=$<BOOL:${BITALE_VERIFY}>)
target_compile_options(bitale_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -march=x86-64-v2  # what every supported machine runs; wider code is generated at run time
  -fno-semantic-interposition
  # __FILE__ from the root of the repository; ccache spells paths from the build folder.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=" "-ffile-prefix-map=../../=")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Reported by g++ 12 on correct uses of std::string (GCC bug 105651).
  target_compile_options(bitale_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # else ccache never finds what uses precompiled headers
  # Reported inside std::stable_sort of libstdc++ 12, which uses a function that it declares deprecated itself.
  target_compile_options(bitale_flags INTERFACE -Wno-deprecated-declarations)
  # Counts a parameter with the name of a function in its namespace; g++, which does not, looks for the others.
  target_compile_options(bitale_flags INTERFACE -Wno-shadow)
endif()

if(BITALE_SANITIZE)
  add_compile_options(-fsanitize=${BITALE_SANITIZE} -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Reads the type of a function from before its first instruction, where generated code has none.
    add_compile_options(-fno-sanitize=function)
  endif()
  add_link_options(-fsanitize=${BITALE_SANITIZE})
else()
  add_link_options(-Wl,-z,defs)  # a library that uses what it does not link fails here, not at run time
endif()
add_link_options(-Wl,--as-needed -Wl,--gc-sections)

# -B makes the compiler driver look for ld.lld in LLVM's own folder, where it has no version in its name.
find_program(BITALE_LLD ld.lld PATHS /usr/lib/llvm-19/bin NO_DEFAULT_PATH)
find_program(BITALE_LLD ld.lld)
find_program(BITALE_GOLD ld.gold)
if(BITALE_LLD)
  cmake_path(GET BITALE_LLD PARENT_PATH lld_folder)
  add_link_options(-fuse-ld=lld "-B${lld_folder}")
elseif(BITALE_GOLD)
  add_link_options(-fuse-ld=gold)
endif()

# One object library bitale_<top>_<sub> per folder listed in tests/structure/layers.txt; folders without sources have
# none. Sources of a top-level folder itself (ops/all_ops.cc) are in bitale_<top>.

set(layers_file "${PROJECT_SOURCE_DIR}/tests/structure/layers.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${layers_file}")

set(BITALE_FOLDERS "")
file(STRINGS "${layers_file}" layer_rows REGEX "^[a-z]")
foreach(row IN LISTS layer_rows)
  string(REGEX REPLACE ":.*" "" folder "${row}")
  list(APPEND BITALE_FOLDERS "${folder}")
endforeach()

# Optimised also in builds with sanitizers, which compile everything else in half the time without: what interprets and
# rewrites, where the tests spend their time.
set(BITALE_OPTIMISED_FOLDERS runtime/memory runtime/executor
  compiler/kernel compiler/ir compiler/eval compiler/rewrite compiler/passes)

# What a folder compiles against besides the standard library and the header-only packages on the default path.
set(BITALE_PACKAGES_runtime_base Eigen3::Eigen)
set(BITALE_PACKAGES_runtime_library Eigen3::Eigen)

if(BITALE_SANITIZE)
  bitale_precompiled_set(library ${BITALE_STANDARD_HEADERS})
  bitale_precompiled_set(optimised ${BITALE_STANDARD_HEADERS} OPTIONS -O1)
endif()

# Initial weights wait for Eigen's singular values, most of what short runs of an LSTM take without optimisation. With it, checks of undefined
# behaviour in Eigen's templates make them compile for three times as long. All that uses Eigen is compiled so, for the
# linker keeps one of equal templates, and it may be the slow one.
if(BITALE_SANITIZE STREQUAL "address,undefined")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/library/*.cc"
    "${PROJECT_SOURCE_DIR}/runtime/base/*.cc")
  foreach(source IN LISTS sources)
    file(STRINGS "${source}" decomposes REGEX "#include .*(Eigen|library/matrices\\.h)")
    if(decomposes)
      set_source_files_properties("${source}" PROPERTIES
        COMPILE_OPTIONS "-O1;-fno-sanitize=undefined" SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endif()

# Packing (runtime/executor/packing.h) is compiled for each instruction set, and optimised whatever the build type: it is
# to tests what generated code is. Loops are written as they are to run.
foreach(level v2 v3 v4)
  set_source_files_properties("${PROJECT_SOURCE_DIR}/runtime/executor/packing_${level}.cc" PROPERTIES
    COMPILE_OPTIONS "-march=x86-64-${level};-O2;-fno-tree-vectorize;-fno-tree-slp-vectorize;-falign-loops=32"
    SKIP_PRECOMPILE_HEADERS ON)
endforeach()

function(bitale_object_library target)
  add_library(${target} OBJECT ${ARGN})
  target_link_libraries(${target} PUBLIC bitale_flags)
endfunction()

foreach(folder IN LISTS BITALE_FOLDERS)
  if(folder MATCHES "/")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cc")
  else()
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cc")
  endif()
  list(FILTER sources EXCLUDE REGEX "/compiler/codegen/llvm/|/bench/bitale\\.cc$")
  if(NOT sources)
    continue()
  endif()
  string(REPLACE "/" "_" name "${folder}")
  bitale_object_library(bitale_${name} ${sources})
  if(BITALE_SANITIZE AND NOT BITALE_FUZZERS AND folder IN_LIST BITALE_OPTIMISED_FOLDERS)
    target_compile_options(bitale_${name} PRIVATE -O1)
    bitale_precompile(bitale_${name} optimised)
  elseif(BITALE_SANITIZE)
    bitale_precompile(bitale_${name} library)
  endif()
  foreach(package IN LISTS BITALE_PACKAGES_${name})
    string(REGEX REPLACE "::.*" "" package_name "${package}")
    find_package(${package_name} REQUIRED)
    target_link_libraries(bitale_${name} PRIVATE ${package})
  endforeach()
endforeach()

# bitale_objects(<out> <top>...): the object files of all folders of these top-level folders.
function(bitale_objects out)
  set(objects "")
  foreach(folder IN LISTS BITALE_FOLDERS)
    string(REGEX REPLACE "/.*" "" top "${folder}")
    string(REPLACE "/" "_" name "${folder}")
    if(top IN_LIST ARGN AND TARGET bitale_${name})
      list(APPEND objects $<TARGET_OBJECTS:bitale_${name}>)
    endif()
  endforeach()
  set(${out} "${objects}" PARENT_SCOPE)
endfunction()

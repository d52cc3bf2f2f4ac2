# Installs the build, and builds and runs docs/examples against what was installed, as a project of its own.
#
#   cmake -DBUILD=<build folder> -DSOURCE=<repository> -DWORK=<folder to use> -DGENERATOR=Ninja -DCXX=<compiler> -P examples.cmake

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
  endif()
  message(STATUS "${output}")
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix")
# Moved, since an installed tree may be.
file(RENAME "${WORK}/prefix" "${WORK}/moved")
run("${CMAKE_COMMAND}" -S "${SOURCE}/docs/examples" -B "${WORK}/build" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${FLAGS}" "-DCMAKE_PREFIX_PATH=${WORK}/moved" -DCMAKE_BUILD_TYPE=Release)
run("${CMAKE_COMMAND}" --build "${WORK}/build")
set(ENV{BITALE_CACHE} "${WORK}/cache")
file(GLOB programs "${SOURCE}/docs/examples/*.cc")
foreach(program IN LISTS programs)
  cmake_path(GET program STEM name)
  run("${WORK}/build/${name}")
endforeach()
run("${WORK}/moved/bin/bitale" version)
file(REMOVE_RECURSE "${WORK}")

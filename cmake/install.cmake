# What `cmake --install` lays down: the program, the three libraries, the public headers, the data of the models, and the
# package that find_package(bitale) reads.

include(CMakePackageConfigHelpers)

foreach(target bitale_runtime bitale_library)
  if(TARGET ${target})
    install(TARGETS ${target} EXPORT bitaleTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
foreach(target bitale_llvm bitale_program)
  if(TARGET ${target})
    install(TARGETS ${target}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

if(EXISTS "${PROJECT_SOURCE_DIR}/frontends/cpp/bitale")
  install(DIRECTORY frontends/cpp/bitale DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
endif()
# The runtime's headers that public ones show (tests/structure/check_layers.py: SHARED).
install(FILES runtime/base/dtype.h runtime/base/dtypes.def runtime/base/error.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/runtime/base)
install(FILES runtime/memory/array.h runtime/memory/view.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/runtime/memory)
foreach(folder mnist_5k snippets study_lstm)
  if(EXISTS "${PROJECT_SOURCE_DIR}/models/data/${folder}")
    install(DIRECTORY models/data/${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/bitale)
  endif()
endforeach()
if(TARGET bitale_bench_study)
  install(DIRECTORY bench/study/paper/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bitale/study_paper)
endif()

if(TARGET bitale_runtime)
  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bitale)
  install(EXPORT bitaleTargets NAMESPACE bitale:: DESTINATION ${package_folder})
  configure_package_config_file(cmake/bitale-config.cmake.in "${PROJECT_BINARY_DIR}/bitale-config.cmake"
    INSTALL_DESTINATION ${package_folder})
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/bitale-config-version.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/bitale-config.cmake" "${PROJECT_BINARY_DIR}/bitale-config-version.cmake"
    DESTINATION ${package_folder})
endif()

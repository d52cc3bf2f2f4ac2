# The libraries and the program. A product whose folders have no sources is left out, and with it what needs it.
#
#   libbitale_runtime.so  runtime/                          runs programs
#   libbitale.so          compiler/ ops/ frontends/         builds and compiles them; opens libbitale_llvm.so when it must
#   libbitale_llvm.so     compiler/codegen/llvm/            code generation; contains LLVM and shows none of its symbols
#   libbitale_models.a    models/
#   libbitale_bench.a     bench/
#   bitale                bench/bitale.cc

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(jpeg REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(stb REQUIRED IMPORTED_TARGET stb)

bitale_objects(objects runtime)
if(objects)
  add_library(bitale_runtime SHARED ${objects})
  set_target_properties(bitale_runtime PROPERTIES EXPORT_NAME runtime)
  target_include_directories(bitale_runtime INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/frontends/cpp> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(bitale_runtime INTERFACE cxx_std_20)
  target_link_libraries(bitale_runtime PRIVATE
    fmt::fmt PkgConfig::xxhash PkgConfig::zstd Threads::Threads ${CMAKE_DL_LIBS})
  add_library(bitale::runtime ALIAS bitale_runtime)
endif()
if(TARGET bitale_models_data)
  target_compile_definitions(bitale_models_data PRIVATE BITALE_BUNDLED_DATA="${PROJECT_SOURCE_DIR}/models/data")
  target_link_libraries(bitale_models_data PRIVATE PkgConfig::jpeg PkgConfig::lmdb PkgConfig::stb)
endif()
if(TARGET bitale_bench_study)
  target_compile_definitions(bitale_bench_study PRIVATE BITALE_STUDY_PAPER="${PROJECT_SOURCE_DIR}/bench/study/paper")
endif()
if(TARGET bitale_runtime_base)
  target_compile_definitions(bitale_runtime_base PRIVATE BITALE_VERSION="${PROJECT_VERSION}")
endif()

bitale_objects(objects compiler ops frontends)
if(objects AND TARGET bitale_runtime)
  add_library(bitale_library SHARED ${objects})
  set_target_properties(bitale_library PROPERTIES OUTPUT_NAME bitale EXPORT_NAME bitale)
  target_link_libraries(bitale_library PUBLIC bitale_runtime PRIVATE
    fmt::fmt PkgConfig::xxhash PkgConfig::zstd Threads::Threads ${CMAKE_DL_LIBS})
  add_library(bitale::bitale ALIAS bitale_library)
endif()

file(GLOB_RECURSE llvm_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/compiler/codegen/llvm/*.cc")
if(llvm_sources AND TARGET bitale_library)
  include(llvm)
endif()

bitale_objects(objects models)
if(objects)
  add_library(bitale_models STATIC ${objects})
  target_link_libraries(bitale_models PUBLIC $<TARGET_NAME_IF_EXISTS:bitale_library> bitale_runtime
    fmt::fmt ZLIB::ZLIB PkgConfig::jpeg PkgConfig::lmdb PkgConfig::stb Threads::Threads)
endif()

bitale_objects(objects bench)
if(objects)
  add_library(bitale_bench_all STATIC ${objects})
  set_target_properties(bitale_bench_all PROPERTIES OUTPUT_NAME bitale_bench)
  target_link_libraries(bitale_bench_all PUBLIC
    $<TARGET_NAME_IF_EXISTS:bitale_models> $<TARGET_NAME_IF_EXISTS:bitale_library> bitale_runtime fmt::fmt)
endif()

# Everything there is to link, in link order: for the program and the tests.
add_library(bitale_everything INTERFACE)
target_link_libraries(bitale_everything INTERFACE
  bitale_flags
  $<TARGET_NAME_IF_EXISTS:bitale_bench_all> $<TARGET_NAME_IF_EXISTS:bitale_models>
  $<TARGET_NAME_IF_EXISTS:bitale_library> $<TARGET_NAME_IF_EXISTS:bitale_runtime>
  fmt::fmt Threads::Threads)

if(TARGET bitale_runtime)
  add_executable(bitale_program bench/bitale.cc)
  set_target_properties(bitale_program PROPERTIES OUTPUT_NAME bitale)
  target_link_libraries(bitale_program PRIVATE bitale_everything)
  if(TARGET bitale_llvm)
    add_dependencies(bitale_program bitale_llvm)  # opened at run time: the program does not link it
  endif()
endif()

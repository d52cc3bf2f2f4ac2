# libbitale_llvm.so: compiler/codegen/llvm with LLVM inside.

find_package(LLVM 19.1 REQUIRED CONFIG)

# Part of cache keys, so it is known without opening the module.
target_compile_definitions(bitale_compiler_codegen PRIVATE BITALE_LLVM_VERSION="${LLVM_PACKAGE_VERSION}")

add_library(bitale_llvm MODULE ${llvm_sources})
set_target_properties(bitale_llvm PROPERTIES PREFIX lib)
target_include_directories(bitale_llvm SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
separate_arguments(llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")
list(REMOVE_ITEM llvm_definitions -D_GNU_SOURCE)  # the C++ compiler sets it
target_compile_options(bitale_llvm PRIVATE ${llvm_definitions} -ffunction-sections -fdata-sections)
target_link_libraries(bitale_llvm PRIVATE bitale_flags bitale_library bitale_runtime fmt::fmt)

# Two LLVMs may meet in one process (a GPU driver or Python package brings its own): ours keeps its symbols to itself.
if(BITALE_LLVM_STATIC_LINK)
  # The passes are listed by hand (compiler/codegen/llvm/target.cc) and the objects linked by ourselves: no pass builder, no JIT.
  llvm_map_components_to_libnames(llvm_libraries
    X86CodeGen X86Desc X86Info InstCombine ScalarOpts TransformUtils CodeGen Target Analysis Core MC Support)
  target_link_libraries(bitale_llvm PRIVATE ${llvm_libraries})
  target_link_options(bitale_llvm PRIVATE -Wl,--exclude-libs,ALL)
else()
  target_link_libraries(bitale_llvm PRIVATE LLVM)
endif()

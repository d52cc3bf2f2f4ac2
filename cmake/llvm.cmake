# libbitale_llvm.so: compiler/codegen/llvm with LLVM inside.

find_package(LLVM 19.1 REQUIRED CONFIG)

add_library(bitale_llvm MODULE ${llvm_sources})
set_target_properties(bitale_llvm PROPERTIES PREFIX lib)
target_include_directories(bitale_llvm SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
separate_arguments(llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")
list(REMOVE_ITEM llvm_definitions -D_GNU_SOURCE)  # the C++ compiler sets it
target_compile_options(bitale_llvm PRIVATE ${llvm_definitions} -ffunction-sections -fdata-sections)
target_link_libraries(bitale_llvm PRIVATE bitale_flags bitale_library bitale_runtime fmt::fmt)

# Two LLVMs may meet in one process (a GPU driver or Python package brings its own): ours keeps its symbols to itself.
if(BITALE_LLVM_STATIC_LINK)
  llvm_map_components_to_libnames(llvm_libraries orcjit jitlink passes native)
  target_link_libraries(bitale_llvm PRIVATE ${llvm_libraries})
  target_link_options(bitale_llvm PRIVATE -Wl,--exclude-libs,ALL)
else()
  target_link_libraries(bitale_llvm PRIVATE LLVM)
endif()

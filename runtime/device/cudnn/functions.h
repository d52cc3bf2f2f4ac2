// The functions of cuDNN that are used, with their types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitale::cudnn {

#define BITALE_CUDNN_FUNCTIONS(F)                                                                      \
  F(std::size_t, cudnnGetVersion, ())                                                                  \
  F(const char*, cudnnGetErrorString, (int status))                                                    \
  F(void, cudnnGetLastErrorString, (char* text, std::size_t size))                                     \
  F(int, cudnnCreate, (void** handle))                                                                 \
  F(int, cudnnDestroy, (void* handle))                                                                 \
  F(int, cudnnSetStream, (void* handle, void* stream))                                                 \
  F(int, cudnnBackendCreateDescriptor, (int kind, void** descriptor))                                  \
  F(int, cudnnBackendDestroyDescriptor, (void* descriptor))                                            \
  F(int, cudnnBackendFinalize, (void* descriptor))                                                     \
  F(int, cudnnBackendSetAttribute,                                                                     \
    (void* descriptor, int attribute, int type, std::int64_t count, const void* values))               \
  F(int, cudnnBackendGetAttribute,                                                                     \
    (void* descriptor, int attribute, int type, std::int64_t room, std::int64_t* count, void* values)) \
  F(int, cudnnBackendExecute, (void* handle, void* plan, void* variant_pack))

struct Functions {
#define BITALE_CUDNN_MEMBER(result, name, arguments) result(*name) arguments = nullptr;
  BITALE_CUDNN_FUNCTIONS(BITALE_CUDNN_MEMBER)
#undef BITALE_CUDNN_MEMBER
};

}  // namespace bitale::cudnn

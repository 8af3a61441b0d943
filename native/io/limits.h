#pragma once
// How much a model's files may hold, whatever their format.
#include <cstdint>

namespace conclave::io {

// The safetensors library has the same bound; the largest published headers, those of GGUF files
// with their vocabularies, have 16 MB.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// Tensors of one file, and of all files of a model; the largest published checkpoints have about
// 100,000. Without them a header of 100 MB would keep its reader, an event loop perhaps, for
// seconds.
inline constexpr uint64_t kMaxFileTensors = 131'072, kMaxModelTensors = 262'144;

}  // namespace conclave::io

#pragma once
// Weight files in memory for fuzzed graphs: one safetensors and one GGUF file of seeded bytes.
//   f32, f16, bf16       (4096)      odd   (1024) bf16 on an odd address      u8   (1)
//   i8, f8 (e4m3)        (1024)      s8    (8)    f32, above zero: scales
//   q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k        (4096)
#include <memory>

#include "io/weight_store.h"

namespace conclave::test {

std::shared_ptr<const io::WeightStore> tiny_store();

}  // namespace conclave::test

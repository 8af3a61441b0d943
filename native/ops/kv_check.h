#pragma once
// What every op on KV pages needs of them, before it touches one.
#include <string>

#include "cache/kv_cache.h"
#include "core/error.h"
#include "cpu/kernels.h"

namespace conclave::ops {

inline void check_pages(const char* op, const KvRegion& region) {
  if (region.num_kv_heads >= 1 && region.head_dim >= 1 && region.head_dim <= cpu::kMaxHeadDim &&
      region.page_size % cpu::kKeyGroup == 0)
    return;
  throw Error("invalid_config", std::string(op) + ": pages of " + std::to_string(region.page_size) +
                                    " positions for " + std::to_string(region.num_kv_heads) +
                                    " kv heads of " + std::to_string(region.head_dim) +
                                    ", expected heads of at most " +
                                    std::to_string(cpu::kMaxHeadDim) + " and a multiple of " +
                                    std::to_string(cpu::kKeyGroup) + " positions");
}

}  // namespace conclave::ops

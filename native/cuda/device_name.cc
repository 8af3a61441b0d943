// Of a card; the harness has a name of its own (simt/driver.cc).
#include "cuda/runtime.h"

namespace conclave::cuda::runtime {
const char* device_name() { return "cuda"; }
}  // namespace conclave::cuda::runtime

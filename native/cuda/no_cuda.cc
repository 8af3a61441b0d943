// The answers of a build without CUDA kernels. Nothing but why_not and open is reached: a stream is
// made from an opened card alone.
#include "core/error.h"
#include "cuda/fused.h"
#include "cuda/hopper_code.h"
#include "cuda/ops.h"
#include "cuda/runtime.h"
#include "cuda/tensor_map.h"

namespace conclave::cuda {

namespace {
[[noreturn]] void refuse() {
  throw Error("gpu_unavailable",
              "Expected a GPU, but " + runtime::why_not() +
                  ". Use device 'cpu' or 'auto', or build with CUDA's nvcc: npm run build:cuda.");
}
}  // namespace

namespace runtime {

std::string why_not() { return "this build has no CUDA kernels"; }
const char* device_name() { return "cuda"; }
Card open() { refuse(); }
int64_t free_bytes() { refuse(); }
void check(int, const char*) { refuse(); }
std::string failure() { return ""; }
void expect_usable() {}
void set_patience(std::chrono::milliseconds) {}
void* allocate(int64_t) { refuse(); }
void free(void*) noexcept {}
void* allocate_pinned(int64_t) { refuse(); }
void free_pinned(void*) noexcept {}
void* create_queue() { refuse(); }
void destroy_queue(void*) noexcept {}
void copy(void*, const void*, int64_t, void*) { refuse(); }
void copy_rows(void*, const void*, int64_t, int64_t, int64_t, void*) { refuse(); }
void wait(void*) { refuse(); }
void* create_mark() { refuse(); }
void destroy_mark(void*) noexcept {}
void set_mark(void*, void*) { refuse(); }
bool reach_mark(void*, const std::function<bool()>&) { refuse(); }
void begin_recording(void*) { refuse(); }
void* end_recording(void*) { refuse(); }
void replay(void*, void*) { refuse(); }
void destroy_recording(void*) noexcept {}

}  // namespace runtime

bool has_hopper_code(const runtime::Card&, void*) { refuse(); }
TensorMap make_tensor_map(const void*, int, int64_t, int64_t, int, int) { refuse(); }

void add(Tensor, Tensor, Tensor, CudaStream&) { refuse(); }
void add_rms_norm(Tensor, Tensor, Tensor, Tensor, Tensor, float, CudaStream&) { refuse(); }
void store_heads(Tensor, const HeadRows&, const HeadRows&, Tensor, Tensor, float, const KvRegion&,
                 const BatchView&, CudaStream&) {
  refuse();
}
void attention(Tensor, Tensor, const KvRegion&, const BatchView&, float, CudaStream&) { refuse(); }
void embed(Tensor, Tensor, Tensor, const Weight&, CudaStream&) { refuse(); }
void gather_rows(Tensor, Tensor, Tensor, CudaStream&) { refuse(); }
void matmul(Tensor, Tensor, const Weight&, Tensor, CudaStream&) { refuse(); }
void moe_experts(Tensor, Tensor, Tensor, Tensor, const ops::ExpertTable&, CudaStream&) { refuse(); }
void moe_route(Tensor, Tensor, Tensor, bool, CudaStream&) { refuse(); }
void rms_norm(Tensor, Tensor, Tensor, float, CudaStream&) { refuse(); }
void rope(Tensor, Tensor, Tensor, int64_t, float, CudaStream&) { refuse(); }
ops::AskedRows ask_sample(Tensor, const std::vector<ops::SamplerState*>&, int32_t*, CudaStream&) {
  refuse();
}
void take_sampled(std::vector<ops::SampleResult>&, const std::vector<ops::SamplerState*>&,
                  const ops::AskedRows&) {
  refuse();
}
void silu_mul(Tensor, Tensor, Tensor, CudaStream&) { refuse(); }
void store_kv(const KvRegion&, Tensor, Tensor, const BatchView&, CudaStream&) { refuse(); }

}  // namespace conclave::cuda

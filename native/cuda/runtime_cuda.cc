// The CUDA runtime on a card. It is linked statically and looks for the driver by itself at the
// first call, so that the addon loads on a machine without one.
#include <cuda_runtime_api.h>

#include "core/error.h"
#include "cuda/runtime.h"

namespace conclave::cuda::runtime {

namespace {

std::string version(int v) {
  return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10);
}

// The oldest card that the kernels are compiled for.
constexpr int kOldest = 80;

std::string too_old_driver() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver was found";
  return "the NVIDIA driver supports CUDA " + version(driver) + ", and this build needs " +
         version(runtime);
}

std::string describe(cudaError_t status) {
  switch (status) {
    case cudaSuccess: return "";
    case cudaErrorNoDevice: return "the NVIDIA driver shows no card to this process";
    case cudaErrorInsufficientDriver: return too_old_driver();
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return std::string("this build has no kernels for the card: ") + cudaGetErrorString(status);
    default: return std::string("CUDA says: ") + cudaGetErrorString(status);
  }
}

cudaStream_t stream_of(void* queue) { return static_cast<cudaStream_t>(queue); }

}  // namespace

std::string why_not() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0)
    return describe(status == cudaSuccess ? cudaErrorNoDevice : status);
  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
  if (major * 10 + minor >= kOldest) return "";
  return "the card has compute capability " + std::to_string(major) + "." + std::to_string(minor) +
         ", and 8.0 is the least";
}

const char* device_name() { return "cuda"; }

Card open() {
  const std::string problem = why_not();
  if (!problem.empty())
    throw Error("gpu_unavailable", "Expected a GPU, but " + problem + ". Use device 'cpu'.");
  check(cudaSetDevice(0), "cudaSetDevice");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  return {properties.name, properties.major * 10 + properties.minor, properties.multiProcessorCount,
          static_cast<int64_t>(free_bytes)};
}

void check(int status, const char* what) {
  const auto error = static_cast<cudaError_t>(status);
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // this one does not stay
    throw Error("gpu_out_of_memory", std::string("Expected free memory on the GPU (") + what +
                                         "), but it has none left. Free some, or choose int8 "
                                         "weights, a smaller maxContext or fewer kvPages.");
  }
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInsufficientDriver ||
      error == cudaErrorNoDevice || error == cudaErrorUnsupportedPtxVersion)
    throw Error("gpu_unavailable", "Expected a usable GPU, but " + describe(error) + ".");
  throw Error("engine_failed", std::string("A CUDA call failed (") + what +
                                   "): " + cudaGetErrorString(error) +
                                   ". The GPU cannot be used by this process any more.");
}

void* allocate(int64_t bytes) {
  void* memory = nullptr;
  const std::string what = std::to_string(bytes) + " bytes";
  check(cudaMalloc(&memory, static_cast<size_t>(bytes)), what.c_str());
  return memory;
}

void free(void* memory) noexcept { cudaFree(memory); }

void* allocate_pinned(int64_t bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, static_cast<size_t>(bytes)), "pinned host memory");
  return memory;
}

void free_pinned(void* memory) noexcept { cudaFreeHost(memory); }

void* create_queue() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return stream;
}

void destroy_queue(void* queue) noexcept { cudaStreamDestroy(stream_of(queue)); }

void copy(void* to, const void* from, int64_t bytes, void* queue) {
  check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream_of(queue)),
        "cudaMemcpyAsync");
}

void copy_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows,
               void* queue) {
  if (rows == 1) return copy(to, from, bytes, queue);
  check(cudaMemcpy2DAsync(to, static_cast<size_t>(bytes), from, static_cast<size_t>(pitch),
                          static_cast<size_t>(bytes), static_cast<size_t>(rows), cudaMemcpyDefault,
                          stream_of(queue)),
        "cudaMemcpy2DAsync");
}

void wait(void* queue) { check(cudaStreamSynchronize(stream_of(queue)), "cudaStreamSynchronize"); }

void begin_recording(void* queue) {
  check(cudaStreamBeginCapture(stream_of(queue), cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
}

void* end_recording(void* queue) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_of(queue), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  return executable;
}

void replay(void* recording, void* queue) {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), stream_of(queue)),
        "cudaGraphLaunch");
}

void destroy_recording(void* recording) noexcept {
  if (recording != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording));
}

}  // namespace conclave::cuda::runtime

// The CUDA runtime on a card. It is linked statically and looks for the driver by itself at the
// first call, so that the addon loads on a machine without one.
#include <cuda_runtime_api.h>

#include <atomic>
#include <mutex>
#include <thread>

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
    case cudaErrorInitializationError:
      return "CUDA does not start in this process (after a fork of one that uses it, it never "
             "does)";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return std::string("this build has no kernels for the card: ") + cudaGetErrorString(status);
    default: return std::string("CUDA says: ") + cudaGetErrorString(status);
  }
}

cudaStream_t stream_of(void* queue) { return static_cast<cudaStream_t>(queue); }

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBusyWait{5};  // most steps end within it
constexpr std::chrono::microseconds kNap{50};

std::atomic<int64_t> patience_ms{30'000};
std::atomic<bool> has_failed{false};
std::mutex failure_mutex;
std::string first_failure;

[[noreturn]] void fail(const std::string& what) {
  {
    const std::lock_guard lock(failure_mutex);
    if (!has_failed) first_failure = what;
    has_failed = true;
  }
  throw Error("engine_failed", failure());
}

// CUDA gives an error like an illegal address as the answer to every later call of the process.
bool stays(cudaError_t error) {
  cudaGetLastError();
  size_t free = 0, total = 0;
  return cudaMemGetInfo(&free, &total) == error;
}

}  // namespace

std::string failure() {
  if (!has_failed) return "";
  const std::lock_guard lock(failure_mutex);
  return first_failure + ". The GPU cannot be used by this process any more: start it again.";
}

void expect_usable() {
  if (has_failed) throw Error("engine_failed", failure());
}

void set_patience(std::chrono::milliseconds patience) { patience_ms = patience.count(); }

std::string why_not() {
  if (has_failed) {
    const std::lock_guard lock(failure_mutex);
    return "this process cannot use it any more: " + first_failure;
  }
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

Card open() {
  const std::string problem = why_not();
  if (!problem.empty())
    throw Error("gpu_unavailable", "Expected a GPU, but " + problem + ". Use device 'cpu'.");
  check(cudaSetDevice(0), "cudaSetDevice");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  return {properties.name, properties.major * 10 + properties.minor,
          properties.multiProcessorCount};
}

int64_t free_bytes() {
  open();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<int64_t>(free);
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
  const std::string sentence =
      std::string("A CUDA call failed (") + what + "): " + cudaGetErrorString(error);
  if (stays(error)) fail(sentence);
  throw Error("engine_failed", sentence + ".");
}

void* allocate(int64_t bytes) {
  expect_usable();
  void* memory = nullptr;
  const std::string what = std::to_string(bytes) + " bytes";
  check(cudaMalloc(&memory, static_cast<size_t>(bytes)), what.c_str());
  return memory;
}

void free(void* memory) noexcept {
  if (!has_failed) cudaFree(memory);
}

void* allocate_pinned(int64_t bytes) {
  expect_usable();
  void* memory = nullptr;
  check(cudaMallocHost(&memory, static_cast<size_t>(bytes)), "pinned host memory");
  return memory;
}

void free_pinned(void* memory) noexcept {
  if (!has_failed) cudaFreeHost(memory);
}

void* create_queue() {
  expect_usable();
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return stream;
}

void destroy_queue(void* queue) noexcept {
  if (!has_failed) cudaStreamDestroy(stream_of(queue));
}

void copy(void* to, const void* from, int64_t bytes, void* queue) {
  expect_usable();
  check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream_of(queue)),
        "cudaMemcpyAsync");
}

void copy_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows,
               void* queue) {
  if (rows == 1) return copy(to, from, bytes, queue);
  expect_usable();
  check(cudaMemcpy2DAsync(to, static_cast<size_t>(bytes), from, static_cast<size_t>(pitch),
                          static_cast<size_t>(bytes), static_cast<size_t>(rows), cudaMemcpyDefault,
                          stream_of(queue)),
        "cudaMemcpy2DAsync");
}

// Looks again and again, as a call that waits would hang with the card.
template <class Query, class Interrupted>
bool look_until_done(Query query, const char* what, Interrupted interrupted) {
  expect_usable();
  const auto start = Clock::now();
  for (;;) {
    const cudaError_t status = query();
    if (status != cudaErrorNotReady) {
      check(status, what);
      return true;
    }
    if (interrupted()) return false;
    const auto waited = Clock::now() - start;
    if (waited > std::chrono::milliseconds(patience_ms))
      fail("The GPU did not finish a step within " + std::to_string(patience_ms / 1000) +
           " s and seems to hang");
    if (waited > kBusyWait) std::this_thread::sleep_for(kNap);
  }
}

void wait(void* queue) {
  look_until_done([=] { return cudaStreamQuery(stream_of(queue)); }, "cudaStreamQuery",
                  [] { return false; });
}

void* create_mark() {
  expect_usable();
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  return event;
}

void destroy_mark(void* mark) noexcept {
  if (mark != nullptr && !has_failed) cudaEventDestroy(static_cast<cudaEvent_t>(mark));
}

void set_mark(void* mark, void* queue) {
  expect_usable();
  check(cudaEventRecord(static_cast<cudaEvent_t>(mark), stream_of(queue)), "cudaEventRecord");
}

bool reach_mark(void* mark, const std::function<bool()>& interrupted) {
  return look_until_done([=] { return cudaEventQuery(static_cast<cudaEvent_t>(mark)); },
                         "cudaEventQuery", interrupted);
}

void begin_recording(void* queue) {
  expect_usable();
  check(cudaStreamBeginCapture(stream_of(queue), cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
}

void* end_recording(void* queue) {
  expect_usable();
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_of(queue), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  return executable;
}

void replay(void* recording, void* queue) {
  expect_usable();
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), stream_of(queue)),
        "cudaGraphLaunch");
}

void destroy_recording(void* recording) noexcept {
  if (recording != nullptr && !has_failed)
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording));
}

}  // namespace conclave::cuda::runtime

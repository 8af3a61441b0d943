// The CUDA runtime of the host harness: device memory with guard pages, streams that do their work
// at once or write it down.
#include "simt/driver.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "cuda/runtime.h"
#include "simt/cudart/cuda_runtime_api.h"
#include "simt/memory.h"
#include "simt/options.h"
#include "simt/queue.h"

namespace conclave::simt {

namespace {

constexpr int kRuntime = 13000;

void read_failure(Driver& driver, const char* text) {
  char call[64];
  if (text == nullptr) return;
  if (std::sscanf(text, "%63[^:]:%d:%d", call, &driver.countdown, &driver.status) == 3)
    driver.failing = call;
}

Queue* queue_of(cudaStream_t stream) { return reinterpret_cast<Queue*>(stream); }
std::vector<Work>* work_of(void* graph) { return static_cast<std::vector<Work>*>(graph); }

// Bytes of each allocation of the card.
std::mutex sizes_mutex;
std::map<void*, int64_t>& sizes() {
  static auto* all = new std::map<void*, int64_t>;  // never destroyed, as simt/memory.cc's
  return *all;
}

bool ruins_the_card(int status) {
  return status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure;
}

cudaError_t answer(const char* call) { return static_cast<cudaError_t>(driver().answer(call)); }

// A process that was forked does not have the card of the one it came from.
bool is_forked() {
  static const pid_t first = getpid();
  return getpid() != first;
}

}  // namespace

int Driver::answer(const char* call) {
  const std::lock_guard lock(mutex_);
  num_calls++;
  if (ruined_ != 0) return ruined_;
  if (is_forked()) return cudaErrorInitializationError;
  if (failing != call || --countdown > 0 || times-- <= 0) return cudaSuccess;
  if (ruins_the_card(status)) ruined_ = status;
  return status;
}

Driver& driver() {
  static Driver* const the = [] {
    auto* made = new Driver;
    read_failure(*made, std::getenv("CONCLAVE_SIMT_FAIL"));
    const char* memory = std::getenv("CONCLAVE_SIMT_MEMORY");
    if (memory != nullptr) made->memory_bytes = std::atoll(memory);
    if (std::getenv("CONCLAVE_SIMT_LATE") != nullptr) options().works_late = true;
    return made;
  }();
  return *the;
}

namespace {

// Kernels that start early and wait for one that does so too: not more of them than this.
constexpr int kMostHeld = 2;

void now(const std::function<void()>& work) {
  try {
    work();
  } catch (const Fault& fault) {
    throw Error("engine_failed",
                std::string("A CUDA kernel failed under the harness: ") + fault.what());
  }
}

}  // namespace

namespace {

void let_go(Queue& q) {
  if (!q.held) return;
  const std::function<void()> held = std::move(q.held);
  q.held = nullptr;
  now(held);
}

void take_up(Queue* q, Work work) {
  q->num_done++;
  driver().num_done++;
  const bool behind = work.early && q->held, can_be_held = options().holds_back && work.is_kernel;
  if (!behind) let_go(*q);
  const int depth = behind ? q->held_depth + 1 : 0;
  Before before = std::move(q->held);
  q->held = nullptr;
  const auto run = [work = std::move(work), before]() mutable { work.run(before); };
  if (!can_be_held || depth >= kMostHeld) return now(run);
  q->held = run;
  q->held_depth = depth;
}

}  // namespace

void work_off(Queue& queue, int64_t num_asked) {
  while (queue.num_done < num_asked) {
    Work work = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    take_up(&queue, std::move(work));
  }
  let_go(queue);
}

void flush(void* queue) {
  auto* q = static_cast<Queue*>(queue);
  work_off(*q, q->num_asked);
}

void enqueue(void* queue, Work work) {
  auto* q = static_cast<Queue*>(queue);
  if (q->recording) return q->recorded.push_back(std::move(work));
  q->num_asked++;
  driver().num_asked++;
  if (options().works_late) q->waiting.push_back(std::move(work));
  else take_up(q, std::move(work));
}

void launch(const char* name, void* queue, bool early, std::function<void(Before&)> run) {
  cuda::runtime::expect_usable();
  cuda::runtime::check(answer("launch"), name);
  enqueue(queue, {std::move(run), true, early});
}

}  // namespace conclave::simt

namespace conclave::cuda::runtime {
const char* device_name() { return "cuda (simt)"; }
}  // namespace conclave::cuda::runtime

using namespace conclave::simt;

const char* cudaGetErrorString(cudaError_t status) {
  switch (status) {
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorInitializationError: return "initialization error";
    case cudaErrorNoKernelImageForDevice: return "no kernel image is available for the device";
    case cudaErrorUnsupportedPtxVersion: return "the PTX was compiled by a newer toolchain";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    default: return "an error of the harness";
  }
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = driver().version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRuntime;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = driver().num_cards;
  if (driver().version < kRuntime) return cudaErrorInsufficientDriver;
  if (driver().num_cards == 0) return cudaErrorNoDevice;
  return answer("cudaGetDeviceCount");
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const int capability = driver().compute_capability;
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int) { return answer("cudaSetDevice"); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  const int capability = driver().compute_capability;
  *properties = {"host SIMT harness", capability / 10, capability % 10, 4};
  return answer("cudaGetDeviceProperties");
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *total_bytes = static_cast<size_t>(driver().memory_bytes);
  *free_bytes = static_cast<size_t>(driver().memory_bytes - driver().used_bytes);
  return answer("cudaMemGetInfo");
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (const cudaError_t status = answer("cudaMalloc"); status != cudaSuccess) return status;
  const auto size = static_cast<int64_t>(bytes);
  if (driver().used_bytes + size > driver().memory_bytes) return cudaErrorMemoryAllocation;
  *memory = take_memory(size);
  if (*memory == nullptr) return cudaErrorMemoryAllocation;
  const int64_t used = driver().used_bytes += size;
  driver().most_bytes = std::max<int64_t>(driver().most_bytes, used);
  const std::lock_guard lock(sizes_mutex);
  sizes()[*memory] = size;
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  if (const cudaError_t status = answer("cudaFree"); status != cudaSuccess) return status;
  const std::lock_guard lock(sizes_mutex);
  const auto found = sizes().find(memory);
  if (found == sizes().end()) return memory == nullptr ? cudaSuccess : cudaErrorInvalidValue;
  driver().used_bytes -= found->second;
  sizes().erase(found);
  give_memory(memory);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  if (const cudaError_t status = answer("cudaMallocHost"); status != cudaSuccess) return status;
  *memory = take_memory(static_cast<int64_t>(bytes));
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  give_memory(memory);
  return answer("cudaFreeHost");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  if (const cudaError_t status = answer("cudaStreamCreate"); status != cudaSuccess) return status;
  *stream = reinterpret_cast<cudaStream_t>(new Queue);
  return cudaSuccess;
}

// What still waits is never done: memory that it works on may be gone.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete queue_of(stream);
  return answer("cudaStreamDestroy");
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  driver().num_queue_waits++;
  flush(stream);
  return answer("cudaStreamQuery");
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (const cudaError_t status = answer("cudaEventCreate"); status != cudaSuccess) return status;
  *event = reinterpret_cast<cudaEvent_t>(new Mark);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<Mark*>(event);
  return answer("cudaEventDestroy");
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Queue* queue = queue_of(stream);
  *reinterpret_cast<Mark*>(event) = {queue, queue->num_asked};
  return answer("cudaEventRecord");
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Mark& mark = *reinterpret_cast<Mark*>(event);
  if (mark.queue != nullptr && !driver().marks_lie) work_off(*mark.queue, mark.num_asked);
  return answer("cudaEventQuery");
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (const cudaError_t status = answer("cudaMemcpyAsync"); status != cudaSuccess) return status;
  enqueue(stream, {[=](Before&) { std::memcpy(to, from, bytes); }});
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  if (const cudaError_t status = answer("cudaMemcpy2DAsync"); status != cudaSuccess) return status;
  enqueue(stream, {[=](Before&) {
            for (size_t r = 0; r < height; r++)
              std::memcpy(static_cast<char*>(to) + r * to_pitch,
                          static_cast<const char*>(from) + r * from_pitch, width);
          }});
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  queue_of(stream)->recording = true;
  return answer("cudaStreamBeginCapture");
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  Queue* queue = queue_of(stream);
  queue->recording = false;
  *graph = reinterpret_cast<cudaGraph_t>(new std::vector<Work>(std::move(queue->recorded)));
  queue->recorded.clear();
  return answer("cudaStreamEndCapture");
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = reinterpret_cast<cudaGraphExec_t>(new std::vector<Work>(*work_of(graph)));
  return answer("cudaGraphInstantiate");
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete work_of(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (const cudaError_t status = answer("cudaGraphLaunch"); status != cudaSuccess) return status;
  for (const Work& work : *work_of(executable)) enqueue(stream, work);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete work_of(executable);
  return cudaSuccess;
}

#pragma once
// The CUDA runtime as this room sees it. runtime_cuda.cc answers, over the driver of a card or the
// one of the host harness (simt/driver.cc); no_cuda.cc in a build without kernels.
//   An error that a card does not come back from is kept: from then on nothing here calls CUDA, as
// calls may hang, everything throws that error, and memory stays taken until the process ends.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace conclave::cuda::runtime {

struct Card {
  std::string name;
  int compute_capability = 0;  // 90 for 9.0
  int num_multiprocessors = 0;
};

// Empty where a card can be used; else why not, as half a sentence.
std::string why_not();
// Finds the card and makes its context. Throws gpu_unavailable.
Card open();
// Bytes of the card that nobody has taken; makes its context. Throws gpu_unavailable.
int64_t free_bytes();
// What `model.info.device` says.
const char* device_name();

// Throws the error that a status of the CUDA runtime stands for; 0 is success.
void check(int status, const char* what);
// The error that the card does not come back from, a sentence; empty where there was none.
std::string failure();
// Throws engine_failed after such an error: before anything is asked of CUDA.
void expect_usable();
// How long `wait` and `reach_mark` wait before they take the card to hang, which is such an error:
// 30 s at first.
void set_patience(std::chrono::milliseconds patience);

// Throws gpu_out_of_memory, having taken nothing.
void* allocate(int64_t bytes);
void free(void* memory) noexcept;
// Host memory that copies run from and to without a stop.
void* allocate_pinned(int64_t bytes);
void free_pinned(void* memory) noexcept;

// A queue does its work in order; `queue` is what create_queue gave.
void* create_queue();
void destroy_queue(void* queue) noexcept;
void copy(void* to, const void* from, int64_t bytes, void* queue);
// `rows` pieces of `bytes`, each `pitch` after the last one in `from`, back to back in `to`.
void copy_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows, void* queue);
// Until all that was put in is done.
void wait(void* queue);

// A place in a queue. `reach_mark` waits for what lay before it when it was set last; false where
// `interrupted`, asked between looks at the card, said so first.
void* create_mark();
void destroy_mark(void* mark) noexcept;
void set_mark(void* mark, void* queue);
bool reach_mark(void* mark, const std::function<bool()>& interrupted);

// Between these two, work is written down and not done; the recording can then be replayed.
void begin_recording(void* queue);
void* end_recording(void* queue);
void replay(void* recording, void* queue);
void destroy_recording(void* recording) noexcept;

}  // namespace conclave::cuda::runtime

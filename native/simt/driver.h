#pragma once
// The driver and the card that the harness pretends to be, and what shall go wrong with them: the
// true runtime_cuda.cc runs on it. One for the process, as CUDA's is.
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace conclave::simt {

struct Driver {
  int version = 13000;  // of CUDA, as CUDA counts; 0: no driver is installed
  int num_cards = 1, compute_capability = 90;
  int64_t memory_bytes = int64_t{1} << 34;
  // False: as a build with plain code for 9.0, or PTX.
  bool has_hopper_code = true;

  // From the `countdown`-th call of `failing` on, counted from 1, calls of it answer `status`; one
  // that ruins the card (an illegal address) is what every call answers from then on. "launch" is a
  // kernel's.
  std::string failing;
  int countdown = 0, status = 0;
  // Calls of `failing` that answer so; then it works again.
  int times = 1 << 30;

  // True: a mark says at once that it was reached.
  bool marks_lie = false;

  std::atomic<int64_t> num_calls{0}, num_tensor_maps{0};
  // Pieces of work put into queues, and done; waits for all of a queue.
  std::atomic<int64_t> num_asked{0}, num_done{0}, num_queue_waits{0};
  std::atomic<int64_t> used_bytes{0}, most_bytes{0};

  // What a call answers: 0, or the number of an error.
  int answer(const char* call);

 private:
  std::mutex mutex_;
  int ruined_ = 0;
};

// From outside, CONCLAVE_SIMT_FAIL=CALL:COUNTDOWN:STATUS sets what fails, CONCLAVE_SIMT_MEMORY the
// bytes of the card, CONCLAVE_SIMT_LATE=1 options().works_late.
Driver& driver();

}  // namespace conclave::simt

#pragma once
// One thread block of a CUDA kernel on the host: each CUDA thread is a fiber. Every collective is a
// meeting: threads deposit their operand and their call site, the last to come computes for all.
// Threads that meet at different places, or never, end the run with a Fault.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <vector>

#include "simt/async_proxy.h"
#include "simt/fiber.h"
#include "simt/options.h"
#include "simt/queue.h"
#include "simt/warpgroup.h"

namespace conclave::simt {

using Site = std::source_location;

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

// An asynchronous copy that has been asked for and not yet seen to land.
struct Copy {
  char* to;
  const char* from;
  int bytes, zeros;  // `zeros` bytes after `bytes` are filled with 0
};

struct Thread {
  Dim3 index;
  int linear = 0;
  void* stack_pointer = nullptr;
  bool ready = true, exited = false;
  bool has_waited = false;  // for the kernels before
  const char* waits_for = "";
  Site site;
  std::vector<Copy> open;                 // copies of the group that is not committed yet
  std::vector<std::vector<Copy>> groups;  // committed, oldest first
};

// A set of threads that meet; `expected` of them complete the meeting.
struct Meeting {
  const char* what = "";
  Site site;
  std::vector<Thread*> here;
  std::array<void*, 128> operands{};
};

class Block {
 public:
  static constexpr int kWarp = 32, kWarpgroup = 128, kBarriers = 16, kMaxThreads = 1024;

  Block();
  ~Block();
  // Runs `body` once for each thread of the block. `before`: of a kernel that starts early. Throws
  // Fault.
  void run(const std::function<void()>& body, Dim3 index, Dim3 grid, Dim3 dim, int64_t shared_bytes,
           Before* before);

  Thread& current() { return *current_; }
  Dim3 index() const { return index_; }
  Dim3 grid() const { return grid_; }
  Dim3 dim() const { return dim_; }
  char* shared() const { return shared_; }
  int num_threads() const { return num_threads_; }

  // Barrier `id` of `count` threads; where all threads of the block meet, they must do so at one
  // call.
  void barrier(int id, int count, const Site& site);
  // As the barrier, but goes on at once.
  void arrive(int id, int count, const Site& site);

  using Finish = void (*)(void** operands, int lanes);
  // The warp's lanes meet at `site`; `finish` sees the operands of all of them, by lane.
  void warp_meeting(const char* what, void* operand, Finish finish, const Site& site);
  // The same for the 128 threads of a warpgroup, which must all be there.
  void warpgroup_meeting(const char* what, void* operand, Finish finish, const Site& site);

  void copy_async(const Copy& copy, const Site& site);
  void commit_copies();
  void wait_copies(int groups_left);

  // Until the kernels before are done, which are when nobody here can go on without.
  void wait_for_kernels_before(const Site& site);
  void let_next_kernel_start(const Site& site);

  // Ends the run: the message is thrown from run().
  [[noreturn]] void fail(const std::string& what, const Site& site);
  // Lets the others go on until somebody wakes this thread.
  void park(const char* what, const Site& site);
  void wake(Thread& thread) { thread.ready = true; }
  AsyncProxy& async() { return async_; }
  // Of the current thread.
  Warpgroup& warpgroup() { return products_[static_cast<size_t>(current_->linear / kWarpgroup)]; }
  std::mt19937_64& random() { return random_; }

 private:
  static void thread_main();
  void prepare_threads(int count);
  void schedule();
  bool pass();
  bool run_kernels_before();
  void join(Meeting& meeting, const char* what, const Site& site);
  void meet(Meeting& meeting, int lane, int lanes, const char* what, void* operand, Finish finish,
            const Site& site);
  void wake_all(Meeting& meeting);
  static void land(const Copy& copy);
  std::string where_all_wait() const;

  Dim3 index_, grid_, dim_;
  int num_threads_ = 0;
  char* shared_memory_;
  char* shared_ = nullptr;
  std::vector<std::unique_ptr<Stack>> stacks_;
  std::vector<Thread> threads_;
  std::vector<int> order_;
  std::vector<Meeting> barriers_, warps_, warpgroups_;
  const std::function<void()>* body_ = nullptr;
  Thread* current_ = nullptr;
  void* scheduler_ = nullptr;
  std::string fault_;
  Before* before_ = nullptr;
  std::mt19937_64 random_;
  AsyncProxy async_;
  std::array<Warpgroup, kMaxThreads / kWarpgroup> products_;
};

// The block that this host thread runs; null outside a kernel.
Block*& running_block();

// A kernel over a grid, block after block; `before` where it starts early. Throws Fault; `name` is
// put in front of the message.
void run_grid(const char* name, const std::function<void()>& body, Dim3 grid, Dim3 dim,
              int64_t shared_bytes, Before* before = nullptr);

}  // namespace conclave::simt

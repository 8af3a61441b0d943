#include "io/bus_guard_posix.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>

#include "core/error.h"

namespace conclave::io {
namespace {

constexpr size_t kMaxRanges = 8192;

// Read by the signal handler, so lock-free. `bytes` is written last and cleared first: 0 means a
// free slot.
struct Range {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> bytes{0};
  std::atomic<bool> faulted{false};
};

Range g_ranges[kMaxRanges];
std::mutex g_register;  // writers only
struct sigaction g_previous;
uintptr_t g_page_bytes = 4096;

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0 && g_previous.sa_sigaction != nullptr) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    // Back to the default action; the faulting instruction runs again and ends the process as it
    // would have.
    sigaction(signal, &g_previous, nullptr);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Range& range : g_ranges) {
    const uintptr_t bytes = range.bytes.load(std::memory_order_acquire);
    if (bytes == 0) continue;
    const uintptr_t begin = range.begin.load(std::memory_order_relaxed);
    if (address < begin || address - begin >= bytes) continue;
    void* page = reinterpret_cast<void*>(address / g_page_bytes * g_page_bytes);
    range.faulted.store(true, std::memory_order_relaxed);
    if (mmap(page, g_page_bytes, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == page)
      return;
    break;
  }
  pass_on(signal, info, context);
}

// Never removed again: another library may have chained to it.
void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &g_previous);
  });
}

}  // namespace

BusGuard::BusGuard(const void* begin, uint64_t bytes) : slot_(0) {
  install_handler();
  const std::lock_guard lock(g_register);
  while (slot_ < kMaxRanges && g_ranges[slot_].bytes.load(std::memory_order_relaxed) != 0) slot_++;
  if (slot_ == kMaxRanges) {
    throw Error(
        "io_error",
        "Expected at most 8192 mapped files at a time. Dispose of models that are not used.");
  }
  Range& range = g_ranges[slot_];
  range.faulted.store(false, std::memory_order_relaxed);
  range.begin.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_relaxed);
  range.bytes.store(static_cast<uintptr_t>(bytes), std::memory_order_release);
}

BusGuard::~BusGuard() {
  const std::lock_guard lock(g_register);
  g_ranges[slot_].bytes.store(0, std::memory_order_release);
}

bool BusGuard::faulted() const { return g_ranges[slot_].faulted.load(std::memory_order_relaxed); }

}  // namespace conclave::io

#include "injector.h"

#include <atomic>

namespace conclave::test {
namespace {

constexpr int kNone = -1;
std::atomic<int> g_fault{kNone};
std::atomic<bool> g_from_then_on{false};
std::atomic<int64_t> g_until{0};
std::atomic<int64_t> g_failed{0};
std::atomic<int64_t> g_live{0};

}  // namespace

const char* fault_name(Fault fault) {
  constexpr const char* kNames[] = {"allocation", "open", "stat", "fstat", "mmap", "thread start"};
  return kNames[static_cast<int>(fault)];
}

void arm(Fault fault, int64_t k, Extent extent) {
  g_failed = 0;
  g_until = k;
  g_from_then_on = extent == Extent::from_then_on;
  g_fault = static_cast<int>(fault);
}

int64_t disarm() {
  g_fault = kNone;
  return g_failed;
}

bool fails(Fault fault) {
  if (g_fault != static_cast<int>(fault)) return false;
  const int64_t left = g_until--;
  const bool now = left == 0 || (left < 0 && g_from_then_on);
  if (now) g_failed++;
  return now;
}

void count_block(int64_t change) { g_live += change; }
int64_t live_blocks() { return g_live; }

}  // namespace conclave::test

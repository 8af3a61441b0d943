#include "faults.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "harness.h"
#include "simt/block.h"
#include "simt/memory.h"

namespace conclave::test {

namespace {

using simt::Landing;
using simt::Options;
using simt::Order;

constexpr Options kOptions[] = {
    {Order::forward, Landing::late, 1},  {Order::reverse, Landing::late, 1},
    {Order::forward, Landing::early, 1}, {Order::reverse, Landing::early, 1},
    {Order::random, Landing::random, 1}, {Order::random, Landing::random, 2}};

void on_fault(int, siginfo_t* info, void*) {
  _exit(simt::in_guard(info->si_addr) || simt::running_block() != nullptr ? kGuard : 99);
}

int outcome(const std::function<bool()>& is_right, const Options& options) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    simt::options() = options;
    try {
      _exit(is_right() ? kRight : kWrong);
    } catch (const simt::Fault&) {
      _exit(kFault);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

}  // namespace

template <class T>
Buffer<T>::Buffer(int n)
    : data(static_cast<T*>(simt::take_memory(n * static_cast<int64_t>(sizeof(T))))) {}
template <class T>
Buffer<T>::~Buffer() {
  simt::give_memory(data);
}
template struct Buffer<float>;
template struct Buffer<uint16_t>;
template struct Buffer<int8_t>;
template struct Buffer<int>;

void run_block(const char* name, int threads, int64_t shared, const std::function<void()>& body) {
  simt::run_grid(name, body, {}, {static_cast<unsigned>(threads), 1, 1}, shared);
}

void check_sound(const std::string& what, const std::function<bool()>& is_right) {
  for (const Options& options : kOptions) check(outcome(is_right, options) == kRight, what);
}

void check_seen(const std::string& what, const std::function<bool()>& is_right, int how) {
  bool seen = false;
  for (const Options& options : kOptions) seen = seen || outcome(is_right, options) == how;
  check(seen, "not seen: " + what);
}

}  // namespace conclave::test

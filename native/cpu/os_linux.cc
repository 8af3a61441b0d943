// Linux: the affinity mask, the cgroup's quota (v2, then v1) and the cores that hardware threads
// share; large pages.
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "cpu/os.h"
#include "cpu/thread_pool.h"

namespace conclave::cpu {

namespace {

constexpr int kMaxCpus = 4096;

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Distinct cores of the mask: hardware threads of one core count once.
int cores_in_mask() {
  const auto free_mask = [](cpu_set_t* mask) { CPU_FREE(mask); };
  const std::unique_ptr<cpu_set_t, decltype(free_mask)> owned(CPU_ALLOC(kMaxCpus), free_mask);
  cpu_set_t* mask = owned.get();
  const size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  if (!mask) return 1;
  std::set<std::string> cores;
  if (sched_getaffinity(0, bytes, mask) == 0) {
    for (size_t cpu = 0; cpu < kMaxCpus; cpu++) {
      if (!CPU_ISSET_S(cpu, bytes, mask)) continue;
      const std::string topology =
          "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
      const std::string siblings = read_line(topology + "thread_siblings_list");
      cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
    }
  }
  return std::max(static_cast<int>(cores.size()), 1);
}

double ratio(const std::string& quota, const std::string& period) {
  std::istringstream q(quota), p(period);
  double quota_us = -1, period_us = 0;
  if (!(q >> quota_us) || !(p >> period_us) || quota_us <= 0 || period_us <= 0) return kMaxCpus;
  return quota_us / period_us;
}

// The tightest limit on the way from our cgroup to the root; kMaxCpus where there is none.
double cgroup_quota() {
  double limit = kMaxCpus;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      if (path == "/") path.clear();
      if (controllers.empty()) {
        std::istringstream max(read_line("/sys/fs/cgroup" + path + "/cpu.max"));
        std::string quota, period;
        if (max >> quota >> period) limit = std::min(limit, ratio(quota, period));
      } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
        const std::string base = "/sys/fs/cgroup/cpu" + path;
        limit = std::min(limit, ratio(read_line(base + "/cpu.cfs_quota_us"),
                                      read_line(base + "/cpu.cfs_period_us")));
      }
      if (path.rfind('/') == std::string::npos) break;
    }
  }
  return limit;
}

}  // namespace

int usable_cores() {
  const double quota = std::max(std::floor(cgroup_quota() + 0.01), 1.0);
  return std::min(cores_in_mask(), static_cast<int>(quota));
}

void prefer_large_pages(void* data, int64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kLargePage = 2 << 20;  // of x86-64, and of Arm with pages of 4 KiB
  const uintptr_t at = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (at + kLargePage - 1) / kLargePage * kLargePage;
  const uintptr_t end = (at + static_cast<uintptr_t>(bytes)) / kLargePage * kLargePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

bool allow_tiles() {
#ifdef SYS_arch_prctl
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace conclave::cpu

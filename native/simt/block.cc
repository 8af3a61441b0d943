#include "simt/block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace conclave::simt {

namespace {

constexpr int64_t kSharedLimit = 227 << 10, kSharedMapped = 256 << 10, kGuard = 64 << 10;
constexpr int64_t kSharedAlign = 128;
constexpr int kPoison = 0xff;  // NaN in f32 and bf16
constexpr const char* kKernelsBefore = "the kernels before";

std::string place(const Site& site) {
  const std::string file = site.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(site.line());
}

std::string triple(Dim3 d) {
  std::string text = "(";  // appended to: what GCC 12 makes of "(" + a string, it warns about
  text += std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
  return text;
}

bool same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         std::strcmp(a.file_name(), b.file_name()) == 0;
}

}  // namespace

Options& options() {
  static Options current;
  return current;
}

Block*& running_block() {
  static thread_local Block* block = nullptr;
  return block;
}

Block::Block()
    : barriers_(kBarriers),
      warps_(kMaxThreads / kWarp),
      warpgroups_(kMaxThreads / kWarpgroup),
      async_(*this) {
  void* memory = mmap(nullptr, static_cast<size_t>(kSharedMapped + kGuard), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  shared_memory_ = static_cast<char*>(memory);
  mprotect(shared_memory_ + kSharedMapped, static_cast<size_t>(kGuard), PROT_NONE);
}

Block::~Block() { munmap(shared_memory_, static_cast<size_t>(kSharedMapped + kGuard)); }

void Block::thread_main() {
  Block& block = *running_block();
  (*block.body_)();
  if (block.before_ != nullptr && !block.current_->has_waited)
    block.fail("a kernel that starts early ends without waiting for those before it", {});
  block.current_->exited = true;
  void* dropped;
  switch_stack(&dropped, block.scheduler_);
}

void Block::prepare_threads(int count) {
  while (static_cast<int>(stacks_.size()) < count) stacks_.push_back(std::make_unique<Stack>());
  if (static_cast<int>(threads_.size()) < count) threads_.resize(static_cast<size_t>(count));
  for (int i = 0; i < count; i++) {
    Thread& t = threads_[static_cast<size_t>(i)];
    const unsigned n = static_cast<unsigned>(i);
    t.index = {n % dim_.x, n / dim_.x % dim_.y, n / dim_.x / dim_.y};
    t.linear = i;
    t.ready = true;
    t.exited = false;
    t.has_waited = false;
    t.open.clear();
    t.groups.clear();
    t.stack_pointer =
        stacks_[static_cast<size_t>(i)]->prepare(&Block::thread_main, static_cast<size_t>(i));
  }
  order_.resize(static_cast<size_t>(count));
  std::iota(order_.begin(), order_.end(), 0);
  if (options().order == Order::reverse) std::reverse(order_.begin(), order_.end());
}

void Block::run(const std::function<void()>& body, Dim3 index, Dim3 grid, Dim3 dim,
                int64_t shared_bytes, Before* before) {
  num_threads_ = static_cast<int>(dim.x * dim.y * dim.z);
  if (num_threads_ < 1 || num_threads_ > kMaxThreads)
    throw Fault("a block of " + std::to_string(num_threads_) + " threads");
  if (shared_bytes > kSharedLimit)
    throw Fault(std::to_string(shared_bytes) + " bytes of shared memory");
  index_ = index, grid_ = grid, dim_ = dim, body_ = &body, before_ = before;
  const int64_t rounded = (shared_bytes + kSharedAlign - 1) / kSharedAlign * kSharedAlign;
  shared_ = shared_memory_ + kSharedMapped - rounded;
  std::memset(shared_, kPoison, static_cast<size_t>(rounded));
  for (Meeting& m : barriers_) m.here.clear();
  for (Meeting& m : warps_) m.here.clear();
  for (Meeting& m : warpgroups_) m.here.clear();
  for (Warpgroup& g : products_) g.reset();
  async_.reset(rounded);
  fault_.clear();
  random_.seed(options().seed + 7919 * (index.x + 1009 * (index.y + 1009 * index.z)));
  prepare_threads(num_threads_);
  schedule();
  if (!fault_.empty()) throw Fault("block " + triple(index) + ": " + fault_);
}

void Block::schedule() {
  // Copies are in no hurry, nor are the kernels before: they come where nobody can go on.
  do running_block() = this;
  while (pass() || (fault_.empty() && (async_.land_one() || run_kernels_before())));
  const bool all_left = std::all_of(order_.begin(), order_.end(),
                                    [&](int i) { return threads_[static_cast<size_t>(i)].exited; });
  if (fault_.empty() && !all_left) fault_ = "deadlock: " + where_all_wait();
}

bool Block::run_kernels_before() {
  if (before_ == nullptr || !*before_) return false;
  const auto waits = [](const Thread& t) { return t.has_waited && !t.ready && !t.exited; };
  if (std::none_of(threads_.begin(), threads_.begin() + num_threads_, waits)) return false;
  const Before kernels = std::move(*before_);
  *before_ = nullptr;
  kernels();
  for (int i = 0; i < num_threads_; i++) {
    Thread& t = threads_[static_cast<size_t>(i)];
    if (t.waits_for == kKernelsBefore) t.ready = true;
  }
  return true;
}

void Block::wait_for_kernels_before(const Site& site) {
  current_->has_waited = true;
  if (before_ != nullptr && *before_) park(kKernelsBefore, site);
}

void Block::let_next_kernel_start(const Site& site) {
  if (before_ != nullptr && !current_->has_waited)
    fail("lets the next kernel start before it has waited itself", site);
}

// Gives each thread that can run one turn; false when none could, or a fault was found.
bool Block::pass() {
  bool any = false;
  if (options().order == Order::random) std::shuffle(order_.begin(), order_.end(), random_);
  for (int i : order_) {
    Thread& t = threads_[static_cast<size_t>(i)];
    if (!t.ready || t.exited) continue;
    any = true;
    current_ = &t;
    switch_stack(&scheduler_, t.stack_pointer);
    if (!fault_.empty()) return false;
  }
  return any;
}

std::string Block::where_all_wait() const {
  std::string text;
  int listed = 0;
  const Thread* last = nullptr;
  for (int i = 0; i < num_threads_; i++) {
    const Thread& t = threads_[static_cast<size_t>(i)];
    if (last != nullptr && t.exited == last->exited &&
        (t.exited || (t.waits_for == last->waits_for && same(t.site, last->site))))
      continue;
    last = &t;
    if (listed++ == 12) return text + " …";
    text += (text.empty() ? "thread " : ", thread ") + triple(t.index) +
            (t.exited ? " has left"
                      : std::string(" waits for ") + t.waits_for + " at " + place(t.site));
  }
  return text;
}

void Block::fail(const std::string& what, const Site& site) {
  fault_ = what + " (thread " + triple(current_->index) + " at " + place(site) + ")";
  void* dropped;
  switch_stack(&dropped, scheduler_);
  __builtin_unreachable();
}

void Block::park(const char* what, const Site& site) {
  Thread& t = *current_;
  t.ready = false;
  t.waits_for = what;
  t.site = site;
  switch_stack(&t.stack_pointer, scheduler_);
}

void Block::join(Meeting& meeting, const char* what, const Site& site) {
  if (meeting.here.empty()) {
    meeting.what = what;
    meeting.site = site;
  }
  meeting.here.push_back(current_);
}

void Block::wake_all(Meeting& meeting) {
  for (Thread* t : meeting.here) t->ready = true;
  meeting.here.clear();
}

void Block::barrier(int id, int count, const Site& site) {
  if (id < 0 || id >= kBarriers || count < 1 || count > num_threads_)
    fail("barrier " + std::to_string(id) + " of " + std::to_string(count) + " threads", site);
  Meeting& meeting = barriers_[static_cast<size_t>(id)];
  join(meeting, "barrier", site);
  if (id == 0 && !same(meeting.site, site))
    fail("the block meets at " + place(meeting.site) + " and elsewhere", site);
  if (static_cast<int>(meeting.here.size()) < count) return park("barrier", site);
  wake_all(meeting);
}

void Block::arrive(int id, int count, const Site& site) {
  Meeting& meeting = barriers_[static_cast<size_t>(id)];
  join(meeting, "barrier", site);
  if (static_cast<int>(meeting.here.size()) >= count) wake_all(meeting);
}

void Block::meet(Meeting& meeting, int lane, int lanes, const char* what, void* operand,
                 Finish finish, const Site& site) {
  join(meeting, what, site);
  if (meeting.what != what || !same(meeting.site, site))
    fail("lanes of one group diverge: " + std::string(meeting.what) + " at " + place(meeting.site) +
             ", but " + what,
         site);
  meeting.operands[static_cast<size_t>(lane)] = operand;
  if (static_cast<int>(meeting.here.size()) < lanes) return park(what, site);
  finish(meeting.operands.data(), lanes);
  wake_all(meeting);
}

void Block::warp_meeting(const char* what, void* operand, Finish finish, const Site& site) {
  const int warp = current_->linear / kWarp;
  meet(warps_[static_cast<size_t>(warp)], current_->linear % kWarp,
       std::min(kWarp, num_threads_ - warp * kWarp), what, operand, finish, site);
}

void Block::warpgroup_meeting(const char* what, void* operand, Finish finish, const Site& site) {
  const int group = current_->linear / kWarpgroup;
  if ((group + 1) * kWarpgroup > num_threads_)
    fail(std::string(what) + " in a warpgroup of fewer than four warps", site);
  meet(warpgroups_[static_cast<size_t>(group)], current_->linear % kWarpgroup, kWarpgroup, what,
       operand, finish, site);
}

void Block::land(const Copy& copy) {
  std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
  std::memset(copy.to + copy.bytes, 0, static_cast<size_t>(copy.zeros));
}

void Block::copy_async(const Copy& copy, const Site& site) {
  if ((reinterpret_cast<uintptr_t>(copy.to) | reinterpret_cast<uintptr_t>(copy.from)) % 16 != 0)
    fail("cp.async of addresses that are no multiples of 16", site);
  std::vector<Copy>& open = current_->open;
  const bool at_once = options().landing == Landing::early ||
                       (options().landing == Landing::random && (random_() & 1));
  std::memset(copy.to, kPoison, static_cast<size_t>(copy.bytes + copy.zeros));
  if (at_once) land(copy);
  else open.push_back(copy);
}

void Block::commit_copies() {
  current_->groups.push_back(std::move(current_->open));
  current_->open.clear();
}

void Block::wait_copies(int groups_left) {
  std::vector<std::vector<Copy>>& groups = current_->groups;
  const auto left = static_cast<size_t>(groups_left);
  const size_t landing = groups.size() > left ? groups.size() - left : 0;
  for (size_t i = 0; i < landing; i++) {
    for (const Copy& copy : groups[i]) land(copy);
  }
  groups.erase(groups.begin(), groups.begin() + static_cast<int64_t>(landing));
}

namespace {

// Blocks that run on this host thread, one within the other: a kernel that starts early runs those
// before it in the middle of its first block.
struct Nested {
  std::vector<std::unique_ptr<Block>> blocks;
  size_t depth = 0;
};

}  // namespace

void run_grid(const char* name, const std::function<void()>& body, Dim3 grid, Dim3 dim,
              int64_t shared_bytes, Before* before) {
  static thread_local Nested nested;
  struct Level {
    Block* outer = running_block();
    Level() { nested.depth++; }
    ~Level() {
      nested.depth--;
      running_block() = outer;
    }
  } level;
  if (nested.blocks.size() < nested.depth) nested.blocks.push_back(std::make_unique<Block>());
  Block& block = *nested.blocks[nested.depth - 1];
  if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.y > 65535 || grid.z > 65535)
    throw Fault(std::string(name) + ": a grid of " + triple(grid));
  for (unsigned z = 0; z < grid.z; z++) {
    for (unsigned y = 0; y < grid.y; y++) {
      for (unsigned x = 0; x < grid.x; x++) {
        try {
          block.run(body, {x, y, z}, grid, dim, shared_bytes, before);
        } catch (const Fault& fault) {
          throw Fault(std::string(name) + ": " + fault.what());
        }
      }
    }
  }
}

}  // namespace conclave::simt

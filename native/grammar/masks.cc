// Automaton's masks: one walk over the trie for each configuration that one token can tell apart.
#include <algorithm>

#include "grammar/automaton.h"

namespace conclave::grammar {
namespace {

constexpr int64_t kFuel = 40'000'000;  // steps of one walk
constexpr size_t kMaxMasks = 256;      // kept at a time

size_t at(int32_t i) { return static_cast<size_t>(i); }

}  // namespace

int32_t Automaton::general_of(int32_t config) {
  if (configs_[at(config)].general != -2) return configs_[at(config)].general;
  Config general;
  general.accepts = configs_[at(config)].accepts;
  for (const int32_t f : configs_[at(config)].frames)
    general.frames.push_back(frames_[at(f)].general);
  std::sort(general.frames.begin(), general.frames.end());
  general.frames.erase(std::unique(general.frames.begin(), general.frames.end()),
                       general.frames.end());
  const int32_t id = intern(std::move(general));
  configs_[at(config)].general = id;
  return id;
}

std::shared_ptr<Mask> Automaton::walk(int32_t config, uint32_t most) {
  const std::vector<TrieNode>& trie = vocabulary_->trie();
  auto mask = std::make_shared<Mask>();
  mask->bits.assign((at(vocabulary_->num_tokens()) + 63) / 64, 0);
  const uint32_t before = configs_[at(config)].distance;
  int32_t way[kMaxTokenBytes + 1];
  way[0] = config;
  spend(static_cast<int64_t>(trie.size()));
  for (size_t i = 0; i < trie.size();) {
    const TrieNode& node = trie[i];
    const int32_t next = step(way[node.depth - 1], node.byte);
    if (next < 0) {
      i = at(node.end);
      continue;
    }
    way[node.depth] = next;
    i++;
    if (node.token < 0) continue;
    const uint32_t after = configs_[at(next)].distance;
    if (after > most) continue;
    if (after > before) mask->max_rise = std::max(mask->max_rise, after - before);
    for (int32_t id = node.token; id >= 0; id = vocabulary_->same_bytes(id)) {
      mask->bits[at(id) / 64] |= uint64_t{1} << (at(id) % 64);
      mask->count++;
    }
  }
  return mask;
}

void Automaton::keep(int32_t config) {
  const int64_t size = static_cast<int64_t>(configs_[at(config)].mask->bits.size() * 8);
  bytes_ += size;
  kept_.push_back(config);
  if (kept_.size() <= kMaxMasks) return;
  configs_[at(kept_.front())].mask = nullptr;
  kept_.erase(kept_.begin());
  bytes_ -= size;
}

std::shared_ptr<const Mask> Automaton::mask(int32_t config) {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  const int32_t general = general_of(config);
  if (configs_[at(general)].mask == nullptr) {
    configs_[at(general)].mask = walk(general, kFar);
    keep(general);
  }
  return configs_[at(general)].mask;
}

std::shared_ptr<const Mask> Automaton::mask_within(int32_t config, uint32_t most) {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  return walk(config, most);
}

int32_t Automaton::copy_frame(const Automaton& other, int32_t id) {
  if (id < 0) return -1;
  // Depth is bounded by kMaxDepth.
  const Frame& f = other.frames_[at(id)];
  return frame({f.state, copy_frame(other, f.parent), f.min, f.max});
}

int32_t Automaton::adopt(Automaton& other, int32_t config) {
  const std::scoped_lock lock(mutex_, other.mutex_);
  fuel_ = kFuel;
  Config copy;
  copy.accepts = other.configs_[at(config)].accepts;
  for (const int32_t f : other.configs_[at(config)].frames)
    copy.frames.push_back(copy_frame(other, f));
  std::sort(copy.frames.begin(), copy.frames.end());
  return intern(std::move(copy));
}

}  // namespace conclave::grammar

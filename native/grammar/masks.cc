// Automaton's masks: one walk over the trie for all configurations with the same frames on top, and
// a short one for each that one token can tell apart.
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

int64_t Automaton::SharedMask::bytes() const {
  return static_cast<int64_t>(mask.bits.size() * 8 + places.size() * sizeof(Place));
}

int32_t Automaton::root_of(const Config& config) const {
  if (config.accepts || config.frames.empty()) return -1;
  int32_t root = frames_[at(config.frames.front())].parent;
  for (const int32_t f : config.frames) {
    int32_t other = frames_[at(f)].parent;
    while (other != root) {
      if (other < 0 || root < 0) return -1;
      if (frames_[at(root)].depth >= frames_[at(other)].depth) root = frames_[at(root)].parent;
      else other = frames_[at(other)].parent;
    }
  }
  return root;
}

// The frame as it would be if `root` were not there.
int32_t Automaton::above(int32_t id, int32_t root) {
  if (id == root) return -1;
  // Depth is bounded by kMaxDepth.
  const Frame f = frames_[at(id)];
  return frame({f.state, above(f.parent, root), f.min, f.max});
}

int32_t Automaton::top_of(int32_t config) {
  if (configs_[at(config)].top != -2) return configs_[at(config)].top;
  const int32_t root = root_of(configs_[at(config)]);
  int32_t id = -1;
  if (root >= 0) {
    Config top;
    const std::vector<int32_t> frames = configs_[at(config)].frames;
    for (const int32_t f : frames) top.frames.push_back(above(f, root));
    std::sort(top.frames.begin(), top.frames.end());
    id = intern(std::move(top));
  }
  configs_[at(config)].top = id;
  configs_[at(config)].root = root;
  return id;
}

void Automaton::walk(Mask& mask, int32_t* way, size_t begin, size_t end, uint32_t most) {
  const std::vector<TrieNode>& trie = vocabulary_->trie();
  const uint32_t before = configs_[at(way[0])].distance;
  for (size_t i = begin; i < end;) {
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
    if (after > before) mask.max_rise = std::max(mask.max_rise, after - before);
    for (int32_t id = node.token; id >= 0; id = vocabulary_->same_bytes(id)) {
      mask.bits[at(id) / 64] |= uint64_t{1} << (at(id) % 64);
      mask.count++;
    }
  }
}

std::shared_ptr<Mask> Automaton::whole_mask(int32_t config, uint32_t most) {
  const size_t size = vocabulary_->trie().size();
  auto mask = std::make_shared<Mask>();
  mask->bits.assign((at(vocabulary_->num_tokens()) + 63) / 64, 0);
  int32_t way[kMaxTokenBytes + 1];
  way[0] = config;
  spend(static_cast<int64_t>(size));
  walk(*mask, way, 0, size, most);
  return mask;
}

// Below a node where a way leaves nothing is decided, so its tokens are in no shared mask.
std::shared_ptr<const Automaton::SharedMask> Automaton::share(int32_t top) {
  const std::vector<TrieNode>& trie = vocabulary_->trie();
  auto shared = std::make_shared<SharedMask>();
  shared->mask.bits.assign((at(vocabulary_->num_tokens()) + 63) / 64, 0);
  int32_t way[kMaxTokenBytes + 1], path[kMaxTokenBytes + 1], noted[kMaxTokenBytes + 1];
  std::fill_n(noted, kMaxTokenBytes + 1, -1);
  way[0] = top;
  spend(static_cast<int64_t>(trie.size()));
  for (size_t i = 0; i < trie.size();) {
    const TrieNode& node = trie[i];
    const int32_t next = step(way[node.depth - 1], node.byte);
    if (next < 0) {
      i = at(node.end);
      continue;
    }
    shared->deepest = std::max(shared->deepest, configs_[at(next)].deepest);
    way[node.depth] = next;
    path[node.depth] = static_cast<int32_t>(i);
    if (!configs_[at(next)].accepts) {
      walk(shared->mask, way, i, i + 1, kFar);
      i++;
      continue;
    }
    for (int32_t d = 1; d < node.depth; d++) {
      if (noted[d] == path[d]) continue;
      noted[d] = path[d];
      shared->places.push_back({path[d], false});
    }
    shared->places.push_back({path[node.depth], true});
    i = at(node.end);
  }
  return shared;
}

// Null where a configuration has nothing to share, or stacks would come close to the deepest that
// are offered: there the frames below count.
std::shared_ptr<const Automaton::SharedMask> Automaton::shared_of(int32_t config) {
  const int32_t top = top_of(config);
  if (top < 0) return nullptr;
  if (configs_[at(top)].shared == nullptr) {
    configs_[at(top)].shared = share(top);
    keep(top);
  }
  const std::shared_ptr<const SharedMask>& shared = configs_[at(top)].shared;
  const uint32_t below = frames_[at(configs_[at(config)].root)].depth + 1;
  return below + shared->deepest <= kMaxDepth ? shared : nullptr;
}

std::shared_ptr<Mask> Automaton::complete(const SharedMask& shared, int32_t config, uint32_t most) {
  const std::vector<TrieNode>& trie = vocabulary_->trie();
  auto mask = std::make_shared<Mask>(shared.mask);
  int32_t way[kMaxTokenBytes + 1];
  way[0] = config;
  spend(static_cast<int64_t>(shared.places.size()));
  for (const auto [place, leaves] : shared.places) {
    const TrieNode& node = trie[at(place)];
    const int32_t from = way[node.depth - 1];
    if (!leaves) way[node.depth] = from < 0 ? kDead : step(from, node.byte);
    else if (from >= 0) walk(*mask, way, at(place), at(node.end), most);
  }
  return mask;
}

int64_t Automaton::mask_bytes(const Config& config) {
  int64_t bytes = 0;
  if (config.mask != nullptr) bytes += static_cast<int64_t>(config.mask->bits.size() * 8);
  if (config.shared != nullptr) bytes += config.shared->bytes();
  return bytes;
}

void Automaton::keep(int32_t config) {
  if (std::find(kept_.begin(), kept_.end(), config) == kept_.end()) kept_.push_back(config);
  int64_t bytes = 0;
  for (const int32_t c : kept_) bytes += mask_bytes(configs_[at(c)]);
  if (kept_.size() > kMaxMasks) {
    Config& oldest = configs_[at(kept_.front())];
    bytes -= mask_bytes(oldest);
    oldest.mask = nullptr;
    oldest.shared = nullptr;
    kept_.erase(kept_.begin());
  }
  bytes_ += bytes - kept_bytes_;
  kept_bytes_ = bytes;
}

std::shared_ptr<const Mask> Automaton::mask(int32_t config) {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  const int32_t general = general_of(config);
  if (configs_[at(general)].mask == nullptr) {
    const std::shared_ptr<const SharedMask> shared = shared_of(general);
    configs_[at(general)].mask =
        shared != nullptr ? complete(*shared, general, kFar) : whole_mask(general, kFar);
    keep(general);
  }
  return configs_[at(general)].mask;
}

// True where no counter was cut, so that distances of the general configuration are its own.
bool Automaton::counts_exactly(const Config& config) const {
  return std::all_of(config.frames.begin(), config.frames.end(), [this](int32_t f) {
    return frames_[at(f)].distance == frames_[at(frames_[at(f)].general)].distance;
  });
}

std::shared_ptr<const Mask> Automaton::mask_within(int32_t config, uint32_t most) {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  if (counts_exactly(configs_[at(config)])) {
    const int32_t general = general_of(config);
    const std::shared_ptr<const SharedMask> shared = shared_of(general);
    // All that is shared fits, whatever it does to the distance.
    if (shared != nullptr && configs_[at(general)].distance + shared->mask.max_rise <= most)
      return complete(*shared, config, most);
  }
  return whole_mask(config, most);
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

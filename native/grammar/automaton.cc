#include "grammar/automaton.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::grammar {
namespace {

constexpr int64_t kFuel = 4'000'000;  // steps of one call
constexpr size_t kMaxFrames = 4096;   // stacks at once
constexpr uint32_t kGeneral = kMaxTokenBytes + 1;

size_t at(int32_t i) { return static_cast<size_t>(i); }

size_t mix(size_t h, size_t x) {
  h ^= x + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  return h * 0xff51afd7ed558ccdull;
}

uint32_t capped(uint64_t x) { return static_cast<uint32_t>(std::min<uint64_t>(x, kFar)); }

}  // namespace

Automaton::Automaton(std::shared_ptr<const Program> program,
                     std::shared_ptr<const Vocabulary> vocabulary)
    : program_(std::move(program)),
      vocabulary_(std::move(vocabulary)),
      num_classes_(program_->class_byte.size()) {}

size_t Automaton::FrameHash::operator()(const FrameKey& k) const {
  size_t h = mix(static_cast<size_t>(k.state), static_cast<size_t>(k.parent + 1));
  return mix(mix(h, k.min), k.max);
}

void Automaton::spend(int64_t steps) {
  fuel_ -= steps;
  if (fuel_ < 0)
    throw Error("grammar_limit",
                "Expected a grammar that takes at most 4,000,000 steps a token, but this one takes "
                "more. Make it less ambiguous.");
}

uint32_t Automaton::frame_distance(const FrameKey& k) const {
  const ProgramState& s = program_->states[at(k.state)];
  if (!s.repeats || s.call < 0 || s.max == 0) return s.distance;
  const uint64_t called = program_->states[at(program_->starts[at(s.call)])].distance;
  return capped(k.min * called + program_->states[at(s.after)].distance);
}

// −1 where the stack would be deeper than any may be: that way is not offered.
int32_t Automaton::frame(const FrameKey& key) {
  const uint32_t depth = key.parent < 0 ? 0 : frames_[at(key.parent)].depth + 1;
  const uint32_t needed = depth + program_->states[at(key.state)].depth;
  deepest_ = std::max(deepest_, needed);
  const auto found = frame_ids_.find(key);
  if (found != frame_ids_.end()) return found->second;
  spend(1);
  if (needed > kMaxDepth) return -1;
  const uint64_t below = key.parent < 0 ? 0 : frames_[at(key.parent)].distance;
  const int32_t id = static_cast<int32_t>(frames_.size());
  frames_.push_back(
      {key.state, key.parent, key.min, key.max, depth, capped(frame_distance(key) + below), id});
  frame_ids_.emplace(key, id);
  bytes_ += 96;
  const auto cut = [](uint32_t n) { return n == kNoLimit ? n : std::min(n, kGeneral); };
  const int32_t parent = key.parent < 0 ? -1 : frames_[at(key.parent)].general;
  const FrameKey general{key.state, parent, cut(key.min), cut(key.max)};
  if (general != key) {
    const int32_t general_id = frame(general);
    frames_[at(id)].general = general_id;
  }
  return id;
}

int32_t Automaton::fresh(int32_t state, int32_t parent) {
  const ProgramState& s = program_->states[at(state)];
  return frame({state, parent, s.repeats ? s.min : 0, s.repeats ? s.max : 0});
}

void Automaton::reach(int32_t id) {
  if (id < 0) return;
  spend(1);
  if (seen_.size() < frames_.size()) seen_.resize(frames_.size() + 64, 0);
  if (seen_[at(id)] == round_) return;
  seen_[at(id)] = round_;
  work_.push_back(id);
}

int32_t Automaton::continuation(const Frame& caller) {
  const int32_t after = program_->states[at(caller.state)].after;
  return program_->states[at(after)].end ? caller.parent : fresh(after, caller.parent);
}

void Automaton::expand_call(const Frame& caller, const ProgramState& state) {
  const int32_t start = program_->starts[at(state.call)];
  const bool at_end = program_->states[at(state.after)].end;
  if (!state.repeats) {
    const int32_t back = continuation(caller);
    // A tail call needs no way back; otherwise no way back means too deep.
    if (back >= 0 || (at_end && caller.parent < 0)) reach(fresh(start, back));
    return;
  }
  if (caller.min == 0) {
    if (!at_end) reach(fresh(state.after, caller.parent));
    else if (caller.parent >= 0) reach(caller.parent);
    else made_.accepts = true;
  }
  if (caller.max == 0) return;
  const uint32_t min = caller.min > 0 ? caller.min - 1 : 0;
  const uint32_t max = caller.max == kNoLimit ? kNoLimit : caller.max - 1;
  const int32_t back =
      max == 0 ? continuation(caller) : frame({caller.state, caller.parent, min, max});
  if (back >= 0 || (max == 0 && at_end && caller.parent < 0)) reach(fresh(start, back));
}

void Automaton::expand(int32_t id) {
  const Frame here = frames_[at(id)];
  const ProgramState& state = program_->states[at(here.state)];
  if (state.end) {
    if (here.parent < 0) made_.accepts = true;
    else reach(here.parent);
    return;
  }
  for (uint32_t j = 0; j < state.num_jumps; j++)
    reach(fresh(program_->jumps[state.first_jump + j], here.parent));
  if (state.call >= 0) expand_call(here, state);
  if (state.num_edges == 0) return;
  if (made_.frames.size() >= kMaxFrames)
    throw Error("grammar_limit",
                "Expected a grammar with at most 4,096 readings of a text at a "
                "time, but this one has more. Make it less ambiguous.");
  made_.frames.push_back(id);
}

void Automaton::begin_closure() {
  round_++;
  work_.clear();
  made_ = Config{};
  deepest_ = 0;
}

int32_t Automaton::end_closure() {
  while (!work_.empty()) {
    const int32_t id = work_.back();
    work_.pop_back();
    expand(id);
  }
  std::sort(made_.frames.begin(), made_.frames.end());
  const int32_t id = intern(std::move(made_));
  if (id >= 0) configs_[at(id)].deepest = std::max(configs_[at(id)].deepest, deepest_);
  return id;
}

int32_t Automaton::intern(Config config) {
  if (config.frames.empty() && !config.accepts) return kDead;
  size_t hash = config.accepts;
  for (const int32_t f : config.frames) hash = mix(hash, static_cast<size_t>(f));
  const auto [first, last] = config_ids_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Config& known = configs_[at(it->second)];
    if (known.accepts == config.accepts && known.frames == config.frames) return it->second;
  }
  config.distance = config.accepts ? 0 : kFar;
  for (const int32_t f : config.frames)
    config.distance = std::min(config.distance, frames_[at(f)].distance);
  const int32_t id = static_cast<int32_t>(configs_.size());
  bytes_ += static_cast<int64_t>(sizeof(Config) + 48 + config.frames.size() * 4 + num_classes_ * 4);
  configs_.push_back(std::move(config));
  next_.resize(next_.size() + num_classes_, kUnknown);
  config_ids_.emplace(hash, id);
  return id;
}

int32_t Automaton::make_step(int32_t config, uint8_t byte_class) {
  const uint8_t byte = program_->class_byte[byte_class];
  begin_closure();
  for (size_t i = 0; i < configs_[at(config)].frames.size(); i++) {
    const Frame here = frames_[at(configs_[at(config)].frames[i])];
    const ProgramState& state = program_->states[at(here.state)];
    spend(state.num_edges);
    for (uint32_t e = state.first_edge; e < state.first_edge + state.num_edges; e++) {
      const ByteEdge& edge = program_->edges[e];
      if (byte >= edge.low && byte <= edge.high) reach(fresh(edge.to, here.parent));
    }
  }
  const int32_t next = end_closure();
  next_[at(config) * num_classes_ + byte_class] = next;
  return next;
}

int32_t Automaton::start() {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  begin_closure();
  reach(fresh(program_->root, -1));
  return end_closure();
}

int32_t Automaton::step_token(int32_t config, int32_t token) {
  const std::lock_guard lock(mutex_);
  fuel_ = kFuel;
  for (const char c : vocabulary_->token(token)) {
    if (config < 0) return kDead;
    config = step(config, static_cast<uint8_t>(c));
  }
  return config;
}

bool Automaton::accepts(int32_t config) {
  const std::lock_guard lock(mutex_);
  return config >= 0 && configs_[at(config)].accepts;
}

uint32_t Automaton::distance(int32_t config) {
  const std::lock_guard lock(mutex_);
  return config < 0 ? kFar : configs_[at(config)].distance;
}

}  // namespace conclave::grammar

#pragma once
// A grammar at work: configurations are sets of stacks, made when they are first reached and kept,
// so that a byte is one look into a table once its way was gone before. Masks over the vocabulary
// are kept as well. Any number of matchers share one; every call takes its lock.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "grammar/program.h"
#include "grammar/vocabulary.h"

namespace conclave::grammar {

// One bit a token.
struct Mask {
  std::vector<uint64_t> bits;
  int32_t count = 0;
  // The most that a token of the mask puts the end further away, in bytes.
  uint32_t max_rise = 0;
};

class Automaton {
 public:
  static constexpr int32_t kDead = -1;

  Automaton(std::shared_ptr<const Program> program, std::shared_ptr<const Vocabulary> vocabulary);

  // Configurations before the first byte and after a token; kDead where it does not fit. All throw
  // grammar_limit where one step takes too much work.
  int32_t start();
  int32_t step_token(int32_t config, int32_t token);
  bool accepts(int32_t config);
  // Fewest bytes to the end of the text.
  uint32_t distance(int32_t config);
  std::shared_ptr<const Mask> mask(int32_t config);
  // The same mask with the tokens alone after which the end is at most `most` bytes away.
  std::shared_ptr<const Mask> mask_within(int32_t config, uint32_t most);

  // The configuration of another automaton of the same grammar.
  int32_t adopt(Automaton& other, int32_t config);
  // Callable from any thread.
  int64_t bytes() const { return bytes_; }

 private:
  // A place in a rule on top of what called it. `min` and `max` are the calls left of a repetition.
  struct Frame {
    int32_t state, parent;  // −1: none
    uint32_t min, max;
    uint32_t depth, distance;
    int32_t general;  // the frame with counters cut to what one token can tell apart
  };
  // What the masks of many configurations have in common: these have the same frames on top of a
  // `root` frame, which differs. A token is decided here as long as no way of it leaves the frames
  // on top; where one does, the trie below is walked for each of them.
  struct SharedMask {
    Mask mask;
    // In depth-first order: nodes where a way leaves, and those on the way there from the top.
    struct Place {
      int32_t node;
      bool leaves;
    };
    std::vector<Place> places;
    uint32_t deepest = 0;  // frames of the deepest stack that was looked at
    int64_t bytes() const;
  };
  struct Config {
    std::vector<int32_t> frames;  // rising
    bool accepts = false;
    uint32_t distance = kFar;
    uint32_t deepest = 0;  // of the stacks on the ways here, with what they need above them
    int32_t general = -2;  // −2: not known
    // The frames on top of `root`, the last that all of them stand on, as a configuration of
    // their own; −2: not known, −1: there is no such root.
    int32_t top = -2, root = -1;
    std::shared_ptr<const Mask> mask;
    std::shared_ptr<const SharedMask> shared;  // where this is the top of others
  };
  struct FrameKey {
    int32_t state, parent;
    uint32_t min, max;
    bool operator==(const FrameKey&) const = default;
  };
  struct FrameHash {
    size_t operator()(const FrameKey& k) const;
  };

  int32_t frame(const FrameKey& key);
  int32_t fresh(int32_t state, int32_t parent);
  uint32_t frame_distance(const FrameKey& key) const;
  // What a call returns to: `after`, or where that is an end, whoever called this.
  int32_t continuation(const Frame& caller);
  void expand(int32_t id);
  void expand_call(const Frame& caller, const ProgramState& state);
  void reach(int32_t id);
  void begin_closure();
  int32_t end_closure();
  int32_t intern(Config config);
  int32_t step(int32_t config, uint8_t byte) {
    const int32_t next =
        next_[static_cast<size_t>(config) * num_classes_ + program_->class_of[byte]];
    return next == kUnknown ? make_step(config, program_->class_of[byte]) : next;
  }
  int32_t make_step(int32_t config, uint8_t byte_class);
  int32_t general_of(int32_t config);
  int32_t copy_frame(const Automaton& other, int32_t id);
  // The last frame that all of a configuration's stand on; −1: none.
  int32_t root_of(const Config& config) const;
  int32_t above(int32_t id, int32_t root);
  int32_t top_of(int32_t config);
  std::shared_ptr<const SharedMask> share(int32_t top);
  std::shared_ptr<const SharedMask> shared_of(int32_t config);
  // Adds the tokens of trie nodes `begin` … `end`; way[d] is the configuration behind d bytes.
  void walk(Mask& mask, int32_t* way, size_t begin, size_t end, uint32_t most);
  std::shared_ptr<Mask> whole_mask(int32_t config, uint32_t most);
  std::shared_ptr<Mask> complete(const SharedMask& shared, int32_t config, uint32_t most);
  bool counts_exactly(const Config& config) const;
  void spend(int64_t steps);
  void keep(int32_t config);
  static int64_t mask_bytes(const Config& config);

  static constexpr int32_t kUnknown = -2;
  const std::shared_ptr<const Program> program_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  const size_t num_classes_;
  std::mutex mutex_;
  std::vector<Frame> frames_;
  std::unordered_map<FrameKey, int32_t, FrameHash> frame_ids_;
  std::vector<Config> configs_;
  std::unordered_multimap<size_t, int32_t> config_ids_;
  std::vector<int32_t> next_;  // (configs, classes)
  std::vector<int32_t> kept_;  // configurations with a mask, or a shared one, oldest first
  // Of the closure under way.
  std::vector<uint32_t> seen_;
  uint32_t round_ = 0;
  std::vector<int32_t> work_;
  Config made_;
  uint32_t deepest_ = 0;
  int64_t fuel_ = 0, kept_bytes_ = 0;
  std::atomic<int64_t> bytes_ = 0;
};

}  // namespace conclave::grammar

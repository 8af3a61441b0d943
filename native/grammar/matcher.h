#pragma once
// One answer on its way through a grammar.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "grammar/automaton.h"

namespace conclave::grammar {

// A compiled grammar; its automaton is replaced by an empty one when it has grown too large.
class Grammar {
 public:
  Grammar(Program program, std::shared_ptr<const Vocabulary> vocabulary);
  std::shared_ptr<Automaton> automaton();
  // Memory of the program and of the automaton in use.
  int64_t bytes();
  const Vocabulary& vocabulary() const { return *vocabulary_; }

  static constexpr int64_t kMaxAutomatonBytes = int64_t{16} << 20;

 private:
  const std::shared_ptr<const Program> program_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  std::mutex mutex_;
  std::shared_ptr<Automaton> automaton_;
};

// dead: no token fits and the text is not whole; limit: a step took too much work.
enum class MatchState : int32_t { open, dead, limit };

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Grammar> grammar);
  // As many tokens as were accepted; `token` is one that the mask had.
  void accept(int32_t token) noexcept;
  // Finds what may come next, where `left` tokens may still come (0: any number): once they run
  // short, only what can still be brought to an end. Twice is as good as once.
  void prepare(int64_t left) noexcept;

  MatchState state() const { return state_; }
  bool may_end() const { return may_end_; }
  // True where the mask is narrower because few tokens are left.
  bool closing() const { return closing_; }
  // Null where nothing may come.
  const Mask* mask() const { return mask_.get(); }

 private:
  void find(int64_t left);
  std::shared_ptr<Grammar> grammar_;
  std::shared_ptr<Automaton> automaton_;
  int32_t config_ = Automaton::kDead;
  MatchState state_ = MatchState::open;
  bool prepared_ = false, may_end_ = false, closing_ = false;
  std::shared_ptr<const Mask> mask_;
};

}  // namespace conclave::grammar

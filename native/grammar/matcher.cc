#include "grammar/matcher.h"

#include <exception>

namespace conclave::grammar {

namespace {
// Tokens before the end from which the mask is looked at more closely.
constexpr int64_t kSlack = 64;
}  // namespace

Grammar::Grammar(Program program, std::shared_ptr<const Vocabulary> vocabulary)
    : program_(std::make_shared<const Program>(std::move(program))),
      vocabulary_(std::move(vocabulary)),
      automaton_(std::make_shared<Automaton>(program_, vocabulary_)) {}

std::shared_ptr<Automaton> Grammar::automaton() {
  const std::lock_guard lock(mutex_);
  if (automaton_->bytes() > kMaxAutomatonBytes)
    automaton_ = std::make_shared<Automaton>(program_, vocabulary_);
  return automaton_;
}

int64_t Grammar::bytes() {
  const std::lock_guard lock(mutex_);
  return program_->bytes() + automaton_->bytes();
}

Matcher::Matcher(std::shared_ptr<Grammar> grammar)
    : grammar_(std::move(grammar)), automaton_(grammar_->automaton()) {
  config_ = automaton_->start();
}

void Matcher::accept(int32_t token) noexcept {
  prepared_ = false;
  if (state_ != MatchState::open) return;
  try {
    if (automaton_->bytes() > Grammar::kMaxAutomatonBytes) {
      const std::shared_ptr<Automaton> fresh = grammar_->automaton();
      if (fresh != automaton_) config_ = fresh->adopt(*automaton_, config_);
      automaton_ = fresh;
    }
    config_ = automaton_->step_token(config_, token);
    if (config_ == Automaton::kDead) state_ = MatchState::dead;
  } catch (const std::exception&) {
    state_ = MatchState::limit;
  }
}

void Matcher::prepare(int64_t left) noexcept {
  if (prepared_) return;
  prepared_ = true;
  mask_ = nullptr;
  may_end_ = closing_ = false;
  if (state_ != MatchState::open) return;
  try {
    find(left);
  } catch (const std::exception&) {
    state_ = MatchState::limit;
    mask_ = nullptr;
  }
}

void Matcher::find(int64_t left) {
  may_end_ = automaton_->accepts(config_);
  mask_ = automaton_->mask(config_);
  if (mask_->count == 0) mask_ = nullptr;
  if (mask_ == nullptr && !may_end_) state_ = MatchState::dead;
  const int64_t distance = automaton_->distance(config_);
  // One token for a byte always does, and one more says that the answer is over.
  if (mask_ == nullptr || left <= 0 || distance + 1 > left) return;
  if (left > distance + mask_->max_rise + kSlack) return;
  const auto within =
      automaton_->mask_within(config_, static_cast<uint32_t>(left < 2 ? 0 : left - 2));
  if (within->count == mask_->count) return;
  if (within->count == 0 && !may_end_) return;
  closing_ = true;
  mask_ = within->count > 0 ? within : nullptr;
}

}  // namespace conclave::grammar

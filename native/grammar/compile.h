#pragma once
// What a caller asks for → a compiled grammar, kept for the next who asks for the same.
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "grammar/matcher.h"

namespace conclave::grammar {

// json_schema: the text of a schema; regex; choice: a JSON list of texts; grammar: EBNF.
// thinking: where a thought comes before it. open: the prompt began one, auto: the answer may begin
// with one, off: there is none.
struct GrammarAsk {
  std::string kind, text, thinking = "off";
};

// Throws grammar_error (a SchemaError where a schema has a path), grammar_limit. Work is counted,
// and less than a second.
Program compile(const GrammarAsk& ask);

// Grammars over one vocabulary, the last used ones of at most 64 MiB. Any thread.
class GrammarCache {
 public:
  explicit GrammarCache(std::shared_ptr<const Vocabulary> vocabulary)
      : vocabulary_(std::move(vocabulary)) {}
  std::shared_ptr<Grammar> get(const GrammarAsk& ask);
  int64_t bytes();
  const std::shared_ptr<const Vocabulary>& vocabulary() const { return vocabulary_; }

  static constexpr int64_t kMaxBytes = int64_t{64} << 20;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<Grammar> grammar;
  };
  void trim();
  const std::shared_ptr<const Vocabulary> vocabulary_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> found_;
};

}  // namespace conclave::grammar

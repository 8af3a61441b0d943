#pragma once
// The tokens of a model as a trie of their bytes, in depth-first order: a subtree that a grammar
// does not allow is one jump.
#include <cstdint>
#include <string_view>
#include <vector>

namespace conclave::grammar {

// Longer tokens are not offered: shorter ones spell the same, and counters need not look further.
inline constexpr int kMaxTokenBytes = 32;

struct TrieNode {
  int32_t end;    // index behind its subtree
  int32_t token;  // first of the tokens that end here, −1: none
  uint8_t byte;
  uint8_t depth;  // from 1
};

class Vocabulary {
 public:
  // Token i is bytes[offsets[i] … offsets[i + 1]); empty ones are never offered. Throws
  // invalid_request where the offsets do not fit.
  Vocabulary(std::vector<uint8_t> bytes, std::vector<int32_t> offsets);

  int32_t num_tokens() const { return static_cast<int32_t>(offsets_.size()) - 1; }
  std::string_view token(int32_t id) const;
  const std::vector<TrieNode>& trie() const { return trie_; }
  // The next token of the same bytes, or −1.
  int32_t same_bytes(int32_t id) const { return same_[static_cast<size_t>(id)]; }

 private:
  void build();
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> offsets_, same_;
  std::vector<TrieNode> trie_;
};

}  // namespace conclave::grammar

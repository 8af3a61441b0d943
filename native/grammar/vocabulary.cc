#include "grammar/vocabulary.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace conclave::grammar {

Vocabulary::Vocabulary(std::vector<uint8_t> bytes, std::vector<int32_t> offsets)
    : bytes_(std::move(bytes)), offsets_(std::move(offsets)) {
  const bool fits = !offsets_.empty() && offsets_.front() == 0 &&
                    offsets_.back() == static_cast<int64_t>(bytes_.size()) &&
                    std::is_sorted(offsets_.begin(), offsets_.end());
  if (!fits) throw Error("invalid_request", "Expected offsets of tokens that rise over the bytes.");
  same_.assign(offsets_.size() - 1, -1);
  build();
}

std::string_view Vocabulary::token(int32_t id) const {
  const size_t begin = static_cast<size_t>(offsets_[static_cast<size_t>(id)]),
               end = static_cast<size_t>(offsets_[static_cast<size_t>(id) + 1]);
  return {reinterpret_cast<const char*>(bytes_.data()) + begin, end - begin};
}

void Vocabulary::build() {
  std::vector<int32_t> sorted;
  for (int32_t id = 0; id < num_tokens(); id++)
    if (!token(id).empty() && token(id).size() <= kMaxTokenBytes) sorted.push_back(id);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [this](int32_t a, int32_t b) { return token(a) < token(b); });
  std::vector<size_t> open;  // nodes on the way to the last token
  std::string_view last;
  for (const int32_t id : sorted) {
    const std::string_view text = token(id);
    const size_t shared = static_cast<size_t>(
        std::mismatch(text.begin(), text.end(), last.begin(), last.end()).first - text.begin());
    while (open.size() > shared) {
      trie_[open.back()].end = static_cast<int32_t>(trie_.size());
      open.pop_back();
    }
    for (size_t d = shared; d < text.size(); d++) {
      open.push_back(trie_.size());
      trie_.push_back({0, -1, static_cast<uint8_t>(text[d]), static_cast<uint8_t>(d + 1)});
    }
    TrieNode& node = trie_[open.back()];
    same_[static_cast<size_t>(id)] = node.token;
    node.token = id;
    last = text;
  }
  for (const size_t node : open) trie_[node].end = static_cast<int32_t>(trie_.size());
}

}  // namespace conclave::grammar

// Bytes → a schema, pattern, grammar or choice → its masks over a small vocabulary, followed along
// a way that the bytes choose.
#include <memory>
#include <string>

#include "claims.h"
#include "grammar/compile.h"

using conclave::grammar::compile;
using conclave::grammar::Grammar;
using conclave::grammar::Mask;
using conclave::grammar::Matcher;
using conclave::grammar::MatchState;
using conclave::grammar::Vocabulary;
using conclave::test::claim;
using conclave::test::refuses_only_with;

namespace {

// Every byte, and a few tokens that cross the borders of strings and members.
std::shared_ptr<const Vocabulary> small_vocabulary() {
  std::vector<uint8_t> bytes;
  std::vector<int32_t> offsets = {0};
  const auto add = [&](const std::string& token) {
    bytes.insert(bytes.end(), token.begin(), token.end());
    offsets.push_back(static_cast<int32_t>(bytes.size()));
  };
  for (int b = 0; b < 256; b++) add(std::string(1, static_cast<char>(b)));
  for (const char* token : {"\", \"", "\": ", "{\"", "}]", "true", "null", "12", "abc", "\n  "})
    add(token);
  return std::make_shared<const Vocabulary>(std::move(bytes), std::move(offsets));
}

int32_t choose(const Mask& mask, uint32_t which) {
  int32_t last = -1;
  which %= static_cast<uint32_t>(mask.count);
  for (int32_t id = 0; id < static_cast<int32_t>(mask.bits.size()) * 64; id++) {
    if (!(mask.bits[static_cast<size_t>(id) / 64] >> (id % 64) & 1)) continue;
    last = id;
    if (which-- == 0) return id;
  }
  return last;
}

void follow(const std::shared_ptr<Grammar>& grammar, const uint8_t* data, size_t size) {
  Matcher matcher(grammar);
  constexpr int kTokens = 48;
  for (int i = 0; i < kTokens; i++) {
    matcher.prepare(kTokens - i);
    if (matcher.state() == MatchState::limit) return;
    claim(matcher.state() == MatchState::open, "a token or the end always follows");
    if (matcher.mask() == nullptr) {
      claim(matcher.may_end(), "nothing follows only where the text is whole");
      return;
    }
    matcher.accept(choose(*matcher.mask(), size > 0 ? data[static_cast<size_t>(i) % size] : 0u));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const Vocabulary> vocabulary = small_vocabulary();
  if (size == 0) return 0;
  const char* kinds[] = {"json_schema", "regex", "choice", "grammar"};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  refuses_only_with({"grammar_error", "grammar_limit"}, [&] {
    follow(std::make_shared<Grammar>(compile({kinds[data[0] % 4], text}), vocabulary), data, size);
  });
  return 0;
}

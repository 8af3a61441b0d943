// Bytes → a schema, pattern, grammar or choice → its masks over a small vocabulary, followed along
// a way that the bytes choose.
#include <algorithm>
#include <memory>
#include <string>

#include "claims.h"
#include "grammar/compile.h"

using conclave::grammar::Automaton;
using conclave::grammar::compile;
using conclave::grammar::Grammar;
using conclave::grammar::Mask;
using conclave::grammar::Matcher;
using conclave::grammar::MatchState;
using conclave::grammar::Program;
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
  for (const char* token :
       {"\", \"", "\": ",   "{\"",      "}]",      "true",  "null", "12",  "abc",
        "\n  ",   "a\"",    "ab\", \"", "\"}",     "\"}}",  "\"]",  "1]",  "1,",
        "[[",     "[[[[[[", "]]]]",     "{\"a\":", "\\u00", "\\\"", "b\\", "aaaaaaaaaaaaaaaa"})
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

// Each token one by one: a mask is what it allows, whatever masks have in common.
void compare(Automaton& automaton, const Vocabulary& vocabulary, int32_t config, uint32_t most) {
  const auto mask = automaton.mask(config);
  const auto within = automaton.mask_within(config, most);
  int32_t count = 0, count_within = 0;
  const uint32_t before = automaton.distance(config);
  for (int32_t id = 0; id < vocabulary.num_tokens(); id++) {
    const auto has = [id](const Mask& m) {
      return (m.bits[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
    };
    const int32_t next = automaton.step_token(config, id);
    const uint32_t after = automaton.distance(next);
    const bool fits = next != Automaton::kDead, in_time = fits && after <= most;
    count += fits;
    count_within += in_time;
    claim(has(*mask) == fits, "a mask has a token where the grammar goes on with it");
    claim(has(*within) == in_time, "a narrow mask has the tokens that end in time");
    const bool rises = in_time && after > before;
    claim(!rises || after - before <= within->max_rise, "no token goes further away than is said");
  }
  claim(mask->count == count && within->count == count_within, "a mask is counted");
}

void compare_all(const Program& program, const std::shared_ptr<const Vocabulary>& vocabulary,
                 const uint8_t* data, size_t size) {
  Automaton automaton(std::make_shared<const Program>(program), vocabulary);
  int32_t config = automaton.start();
  constexpr size_t kTokens = 12;
  for (size_t i = 0; i < kTokens && config != Automaton::kDead; i++) {
    const uint32_t byte = size > 0 ? data[i % size] : 0;
    compare(automaton, *vocabulary, config, automaton.distance(config) + byte % 9);
    const auto mask = automaton.mask(config);
    if (mask->count == 0) return;
    config = automaton.step_token(config, choose(*mask, byte));
  }
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
    Program program = compile({kinds[data[0] % 4], text});
    compare_all(program, vocabulary, data, size);
    follow(std::make_shared<Grammar>(std::move(program), vocabulary), data, size);
  });
  return 0;
}

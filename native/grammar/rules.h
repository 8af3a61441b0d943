#pragma once
// A grammar under construction: rules over bytes, each a small nondeterministic automaton with one
// start and one end. A state may read a byte, go on for free, or call a rule, once or as often as a
// counter says: `x{0,100000}` is one state, not a hundred thousand.
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/char_set.h"

namespace conclave::grammar {

inline constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();
// Of one grammar; a grammar above them is refused with grammar_limit.
inline constexpr size_t kMaxStates = 200'000;
inline constexpr size_t kMaxEdges = 600'000;
inline constexpr uint32_t kMaxCount = 1'000'000;

struct State {
  int32_t call = -1;   // rule
  int32_t after = -1;  // where a call returns to
  bool repeats = false;
  uint32_t min = 0, max = 0;  // calls, where it repeats
};

struct Edge {
  int32_t from, to;
  uint8_t low, high;
};

struct Jump {
  int32_t from, to;
};

struct Rule {
  int32_t start, end;
  std::string name;
};

// How a character is written: as it is, or as part of a JSON string.
enum class Spelling { plain, json };

class Rules {
 public:
  int32_t add_rule(std::string name);
  int32_t add_state();

  void read(int32_t from, int32_t to, uint8_t low, uint8_t high);
  void jump(int32_t from, int32_t to);
  void call(int32_t from, int32_t to, int32_t rule);
  void repeat(int32_t from, int32_t to, int32_t rule, uint32_t min, uint32_t max);
  void text(int32_t from, int32_t to, std::string_view bytes);
  // One of the texts; what they begin with in common is one path.
  void texts(int32_t from, int32_t to, const std::vector<std::string>& list);
  // One character of the set.
  void chars(int32_t from, int32_t to, const CharSet& set, Spelling spelling);

  // Counts work of compiling; throws grammar_limit where there is too much of it.
  void spend(int64_t steps);

  std::vector<State> states;
  std::vector<Edge> edges;
  std::vector<Jump> jumps;
  std::vector<Rule> rules;

 private:
  int32_t char_rule(const CharSet& set, Spelling spelling);
  void spell(int32_t from, int32_t to, const CharSet& set);
  std::map<std::pair<std::vector<std::pair<uint32_t, uint32_t>>, Spelling>, int32_t> char_rules_;
  int64_t fuel_ = 20'000'000;
};

// The text as it stands between the quotes of a JSON string, each character in its shortest form.
std::string json_spelling(uint32_t c);
std::string json_quoted(std::string_view text);

}  // namespace conclave::grammar

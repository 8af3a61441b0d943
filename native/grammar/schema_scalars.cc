#include "grammar/formats.h"
#include "grammar/regex.h"
#include "grammar/schema.h"
#include "grammar/schema_error.h"

namespace conclave::grammar {

void SchemaCompiler::add_string(int32_t from, int32_t to, const Facts& facts) {
  const int32_t open = rules_.add_state(), close = rules_.add_state();
  rules_.read(from, open, '"', '"');
  rules_.read(close, to, '"', '"');
  if (facts.pattern >= 0 && facts.format >= 0)
    tree_.unsupported(tree_.at(facts.pattern).parent, "pattern", "stands beside a format");
  const int32_t told = facts.pattern >= 0 ? facts.pattern : facts.format;
  if (told < 0) {
    rules_.repeat(open, close, json_.string_char(), facts.min_length, facts.max_length);
    return;
  }
  const SchemaNode& node = tree_.at(told);
  std::string_view pattern = node.text;
  if (facts.pattern < 0) {
    pattern = format_pattern(node.text);
    if (pattern.empty())
      tree_.unsupported(node.parent, "format",
                        "is \"" + node.text.substr(0, 40) + "\", which is not known");
  }
  try {
    RegexPtr regex = parse_regex(pattern);
    regex = facts.pattern >= 0 ? whole_text(std::move(regex)) : without_anchors(std::move(regex));
    add_bounded(rules_, open, close, *regex, facts.min_length, facts.max_length, Spelling::json);
  } catch (const Error& error) {
    if (error.code() != std::string_view("grammar_error")) throw;
    tree_.fail(node.parent, node.key, std::string("cannot be used (") + error.what() + ")");
  }
}

void SchemaCompiler::add_number(int32_t from, int32_t to, const Facts& facts) {
  NumberRange range = facts.range;
  range.integer = !(facts.types & kFraction);
  if (facts.step && !(range.integer && *facts.step == 1)) {
    const std::vector<std::string> texts = multiples(range, *facts.step);
    if (!texts.empty()) rules_.texts(from, to, texts);
  } else {
    add_range(rules_, from, to, range);
  }
}

}  // namespace conclave::grammar

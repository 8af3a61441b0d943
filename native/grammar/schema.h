#pragma once
// JSON Schema → rules. What is written is always valid against the schema; not everything that is
// valid may be written: members come in the order of the schema, members that it does not name only
// where it says so, numbers and blanks are bounded.
#include <map>
#include <queue>

#include "grammar/json_rules.h"
#include "grammar/schema_facts.h"

namespace conclave::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(Rules& rules, const SchemaTree& tree)
      : rules_(rules), json_(rules), patterns_(rules), reader_(tree, patterns_), tree_(tree) {}

  // The rule of the whole schema. Throws SchemaError, grammar_error, grammar_limit.
  int32_t compile();

 private:
  int32_t rule_for(Conjunction parts);
  void fill(int32_t rule, const Conjunction& parts);
  bool branch(int32_t rule, const Conjunction& parts);
  void add_values(int32_t from, int32_t to, const Conjunction& parts, const Facts& facts);
  bool fits(int32_t value, const Facts& facts);
  bool fits_text(const std::string& text, const Facts& facts);

  void add_string(int32_t from, int32_t to, const Facts& facts);
  void add_number(int32_t from, int32_t to, const Facts& facts);

  void add_array(int32_t from, int32_t to, const Conjunction& parts, const Facts& facts);
  void add_subset(int32_t from, int32_t to, const Conjunction& parts, const Facts& facts);

  void add_object(int32_t from, int32_t to, const Conjunction& parts, const Facts& facts);
  int32_t named_member(const Conjunction& value, const std::string& name);
  int32_t other_member(const Conjunction& parts, const Facts& facts);
  int32_t pattern_member(const Facts& facts);
  void add_other_key(int32_t from, int32_t to, const Facts& facts);
  int32_t start(int32_t rule) const { return json_.start(rule); }
  int32_t end(int32_t rule) const { return json_.end(rule); }

  // oneOf: true where no value can be valid against both.
  bool disjoint(const Conjunction& a, const Conjunction& b, int depth);
  bool members_differ(const Conjunction& a, const Facts& fa, const Conjunction& b, const Facts& fb,
                      int depth);
  void require_disjoint(int32_t node, const std::vector<int32_t>& branches);

  Rules& rules_;
  JsonRules json_;
  Patterns patterns_;
  const SchemaReader reader_;
  const SchemaTree& tree_;
  std::map<Conjunction, int32_t> known_;
  std::queue<std::pair<int32_t, Conjunction>> work_;
};

}  // namespace conclave::grammar

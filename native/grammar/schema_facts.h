#pragma once
// Schemas that hold at once, put together: what remains is one list of demands for each type.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grammar/number_range.h"
#include "grammar/patterns.h"
#include "grammar/schema_tree.h"

namespace conclave::grammar {

// One schema of a conjunction; its anyOf or oneOf may have been answered by a branch that stands
// beside it.
struct Part {
  int32_t node;
  bool any_done = false, one_done = false;
  auto operator<=>(const Part&) const = default;
};

// Schemas that hold at once: sorted, without references and allOf of their own.
using Conjunction = std::vector<Part>;

enum Type : uint32_t {
  kNull = 1,
  kBoolean = 2,
  kObject = 4,
  kArray = 8,
  kInteger = 16,
  kFraction = 32,
  kString = 64,
  kNumber = kInteger | kFraction,
  kAnyType = 127,
};

struct PatternMember {
  int32_t node;  // of the pattern's schema
  std::string pattern;
};

struct Facts {
  uint32_t types = kAnyType;
  bool impossible = false;                     // a `false`
  std::optional<std::vector<int32_t>> values;  // enum and const: nodes
  NumberRange range;
  std::optional<double> step;
  uint32_t min_length = 0, max_length = kNoLimit;
  int32_t pattern = -1, format = -1;  // nodes of the texts
  uint32_t min_items = 0, max_items = kNoLimit;
  int32_t unique = -1;
  uint32_t min_members = 0, max_members = kNoLimit;
  std::vector<std::string> names;  // declared members, in order; then those that are required
  std::set<std::string> required;
  std::vector<PatternMember> patterns;
  std::vector<int32_t> member_names;  // propertyNames
  bool has_properties = false;
};

class SchemaReader {
 public:
  SchemaReader(const SchemaTree& tree, Patterns& patterns) : tree_(tree), patterns_(patterns) {}

  // Adds a schema with what its $ref and allOf bring.
  void add(Conjunction& parts, int32_t node) const;
  static void sort(Conjunction& parts);
  // Throws a SchemaError for a keyword that cannot be enforced.
  Facts read(const Conjunction& parts) const;

  // What a member of this name must be; none where one of the schemas rules it out.
  std::optional<Conjunction> member(const Conjunction& parts, const Facts& facts,
                                    const std::string& name) const;
  // What members without a name of their own must be; none where there may be none of them.
  std::optional<Conjunction> others(const Conjunction& parts, bool explicitly) const;
  // What element i must be; none where there is none.
  std::optional<Conjunction> element(const Conjunction& parts, size_t i, bool& listed) const;

  const SchemaTree& tree() const { return tree_; }

 private:
  void expand(Conjunction& parts, int32_t node, std::vector<int32_t>& way) const;
  void read_part(Facts& facts, const Part& part) const;
  void read_keyword(Facts& facts, int32_t node, const std::string& key, int32_t value) const;
  bool read_bounds(Facts& facts, int32_t node, const std::string& key, int32_t value) const;
  bool read_object(Facts& facts, int32_t node, const std::string& key, int32_t value) const;
  void check_array_keyword(int32_t node, const std::string& key, int32_t value) const;
  void intersect(Facts& facts, const std::vector<int32_t>& values) const;
  uint32_t read_types(int32_t node, int32_t value) const;
  uint32_t count(int32_t node, const std::string& key, int32_t value) const;
  uint32_t implied_types(const Conjunction& parts) const;
  bool is_schema(int32_t node) const;
  void require_schema(int32_t owner, const std::string& key, int32_t node) const;

  const SchemaTree& tree_;
  Patterns& patterns_;
};

}  // namespace conclave::grammar

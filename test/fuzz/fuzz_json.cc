// Bytes → parse_json → every accessor on every value.
#include <string>

#include "allocation_bound.h"
#include "claims.h"
#include "io/json.h"

using conclave::io::JsonKind;
using conclave::io::JsonValue;
using conclave::test::AllocationBound;
using conclave::test::claim;
using conclave::test::refuses_only_with;

namespace {

void read_number(JsonValue value) {
  refuses_only_with({"invalid_file"}, [&] { value.as_int(); });
  refuses_only_with({"invalid_file"}, [&] { value.as_uint(); });
  const double number = value.as_double();
  claim(number == number, "no JSON number is NaN");
}

void walk(JsonValue value, int depth) {
  claim(depth <= 64, "nesting is at most 64");
  size_t children = 0;
  switch (value.kind()) {
    case JsonKind::null: return;
    case JsonKind::boolean: value.as_bool(); return;
    case JsonKind::number: return read_number(value);
    case JsonKind::string: value.as_string(); return;
    case JsonKind::array:
      for (const JsonValue element : value) {
        walk(element, depth + 1);
        children++;
      }
      claim(children == value.elements().size(), "elements() has what the iterator finds");
      break;
    case JsonKind::object:
      for (const auto& [key, member] : value.members()) {
        walk(member, depth + 1);
        if (children++ < 16) claim(value.contains(key), "a member is found by its key");
      }
      break;
  }
  claim(children == value.size(), "size() counts all children");
  refuses_only_with({"invalid_file"}, [&] { value.as_ints(); });
  refuses_only_with({"invalid_file"}, [&] { value.at("no such key"); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  refuses_only_with({"invalid_file"}, [&] {
    const AllocationBound allocated;
    const auto document =
        conclave::io::parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
    // A copy of the text, and 8 bytes a value that may double while they grow.
    allocated.at_most(16 * size + (uint64_t{1} << 20));
    walk(document.root(), 0);
  });
  return 0;
}

#pragma once
// Numbers between bounds, as the digits that spell them.
#include <optional>
#include <string>
#include <vector>

#include "grammar/rules.h"

namespace conclave::grammar {

struct NumberRange {
  std::optional<double> min, max;
  bool above_min = false, below_max = false;  // the bound itself is left out
  bool integer = false;
};

// A number of at most 15 digits before the point and 15 behind it, with an exponent of two digits.
void add_number(Rules& rules, int32_t from, int32_t to);

// A number of the range, without an exponent where it is bounded: at most 15 digits before the
// point, and so few behind it that no rounding crosses a bound. Adds nothing where no number fits.
void add_range(Rules& rules, int32_t from, int32_t to, const NumberRange& range);

// Multiples of `step` in the range, the smallest 2,000 of them; only those that divide exactly in
// f64, as validators do it.
std::vector<std::string> multiples(const NumberRange& range, double step);

bool in_range(const NumberRange& range, double value);

}  // namespace conclave::grammar

#include "grammar/number_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace conclave::grammar {
namespace {

constexpr uint32_t kMaxWhole = 15;   // digits before the point
constexpr size_t kMaxFraction = 10;  // digits behind it, where a bound is near
constexpr int64_t kMaxMultiples = 2000;

// A bound that is not negative: its digits before and behind the point, without needless zeros.
struct Decimal {
  std::string whole, fraction;
};

std::string fixed(double x) {
  char text[512];
  const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::fixed).ptr;
  return {text, end};
}

Decimal decimal(double x) {
  const std::string text = fixed(x);
  const size_t point = text.find('.');
  return {text.substr(0, point), point == std::string::npos ? "" : text.substr(point + 1)};
}

int32_t digits_rule(Rules& rules) {
  const int32_t rule = rules.add_rule("a digit");
  const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
  rules.read(start, end, '0', '9');
  return rule;
}

// Numbers from `low` to `high` (none: no bound), both at least 0, digit by digit: `tight` says of
// each bound whether all digits so far were its own.
class Spelled {
 public:
  Spelled(Rules& rules, int32_t to, const Decimal& low, const std::optional<Decimal>& high,
          bool above_low, bool below_high, bool integer)
      : rules_(rules),
        to_(to),
        low_(low),
        high_(high),
        above_low_(above_low),
        below_high_(below_high),
        integer_(integer) {}

  void add(int32_t from) {
    const size_t most = high_ ? std::min<size_t>(high_->whole.size(), kMaxWhole) : kMaxWhole;
    for (size_t length = low_.whole.size(); length <= most; length++) {
      const bool low = length == low_.whole.size(), high = high_ && length == high_->whole.size();
      states_.clear();
      length_ = length;
      rules_.jump(from, whole(0, low, high));
    }
  }

 private:
  struct Bounds {
    char first, last;
  };

  int32_t whole(size_t i, bool low, bool high) {
    const auto [found, fresh] = states_.try_emplace({i, low, high}, -1);
    if (!fresh) return found->second;
    const int32_t here = found->second = rules_.add_state();
    if (i == length_) {
      finish(here, 0, low, high);
      if (!integer_) {
        const int32_t behind_point = rules_.add_state();
        rules_.read(here, behind_point, '.', '.');
        fraction_digit(behind_point, 0, low, high);
      }
      return here;
    }
    const char least = i == 0 && length_ > 1 ? '1' : '0';
    branch(here, least, low ? low_.whole[i] : '0', high ? high_->whole[i] : '9', low, high,
           [&](bool l, bool h) { return whole(i + 1, l, h); });
    return here;
  }

  int32_t fraction(size_t i, bool low, bool high) {
    const auto [found, fresh] = states_.try_emplace({100 + i, low, high}, -1);
    if (!fresh) return found->second;
    const int32_t here = found->second = rules_.add_state();
    finish(here, i, low, high);
    if (i < kMaxFraction && length_ + i < kMaxWhole) fraction_digit(here, i, low, high);
    return here;
  }

  void fraction_digit(int32_t here, size_t i, bool low, bool high) {
    const auto digit = [i](const std::string& text) { return i < text.size() ? text[i] : '0'; };
    branch(here, '0', low ? digit(low_.fraction) : '0', high ? digit(high_->fraction) : '9', low,
           high, [&](bool l, bool h) { return fraction(i + 1, l, h); });
  }

  template <class Next>
  void branch(int32_t here, char least, char first, char last, bool low, bool high,
              const Next& next) {
    for (char d = std::max(least, first); d <= last; d++) {
      const int32_t to = next(low && d == first, high && d == last);
      rules_.read(here, to, static_cast<uint8_t>(d), static_cast<uint8_t>(d));
    }
  }

  static bool zeros_from(const std::string& text, size_t i) {
    return i >= text.size() || text.find_first_not_of('0', i) == std::string::npos;
  }

  // The number may end after i digits behind the point.
  void finish(int32_t here, size_t i, bool low, bool high) {
    if (low && (!zeros_from(low_.fraction, i) || above_low_)) return;
    if (high && below_high_ && zeros_from(high_->fraction, i)) return;
    rules_.jump(here, to_);
  }

  Rules& rules_;
  const int32_t to_;
  const Decimal low_;
  const std::optional<Decimal> high_;
  const bool above_low_, below_high_, integer_;
  size_t length_ = 0;
  std::map<std::tuple<size_t, bool, bool>, int32_t> states_;
};

}  // namespace

void add_number(Rules& rules, int32_t from, int32_t to) {
  const int32_t digit = digits_rule(rules);
  const int32_t whole = rules.add_state(), rest = rules.add_state(), point = rules.add_state(),
                behind = rules.add_state(), exponent = rules.add_state(), sign = rules.add_state(),
                unsigned_from = rules.add_state();
  rules.jump(from, unsigned_from);
  rules.read(from, unsigned_from, '-', '-');
  rules.read(unsigned_from, whole, '0', '0');
  rules.read(unsigned_from, rest, '1', '9');
  rules.repeat(rest, whole, digit, 0, kMaxWhole - 1);
  rules.jump(whole, behind);
  rules.read(whole, point, '.', '.');
  rules.repeat(point, behind, digit, 1, kMaxWhole);
  rules.jump(behind, to);
  rules.read(behind, exponent, 'e', 'e');
  rules.read(behind, exponent, 'E', 'E');
  rules.jump(exponent, sign);
  rules.read(exponent, sign, '+', '+');
  rules.read(exponent, sign, '-', '-');
  rules.repeat(sign, to, digit, 1, 2);
}

void add_range(Rules& rules, int32_t from, int32_t to, const NumberRange& range) {
  if (!range.min && !range.max && !range.integer) return add_number(rules, from, to);
  const double infinity = HUGE_VAL;
  double min = range.min.value_or(-infinity), max = range.max.value_or(infinity);
  bool above = range.above_min, below = range.below_max;
  if (range.integer) {
    if (range.min) min = above ? std::floor(min) + 1 : std::ceil(min);
    if (range.max) max = below ? std::ceil(max) - 1 : std::floor(max);
    above = below = false;
  }
  if (min > max) return;
  const auto bound = [](double x) {
    return std::isinf(x) ? std::nullopt : std::optional<Decimal>(decimal(x));
  };
  if (max >= 0) {
    const bool from_zero = min < 0;
    Spelled(rules, to, decimal(from_zero ? 0 : std::fabs(min)), bound(std::fabs(max)),
            !from_zero && above, below, range.integer)
        .add(from);
  }
  if (min < 0) {
    const int32_t minus = rules.add_state();
    rules.read(from, minus, '-', '-');
    const bool to_zero = max >= 0;
    Spelled(rules, to, decimal(to_zero ? 0 : std::fabs(max)), bound(std::fabs(min)),
            to_zero || below, above, range.integer)
        .add(minus);
  }
}

bool in_range(const NumberRange& range, double value) {
  if (range.min && (range.above_min ? value <= *range.min : value < *range.min)) return false;
  if (range.max && (range.below_max ? value >= *range.max : value > *range.max)) return false;
  return !range.integer || value == std::trunc(value);
}

std::vector<std::string> multiples(const NumberRange& range, double step) {
  const double low = range.min   ? std::floor(*range.min / step)
                     : range.max ? std::ceil(*range.max / step) - kMaxMultiples + 1
                                 : -kMaxMultiples / 2;
  std::vector<std::string> texts;
  for (int64_t i = 0; i <= kMaxMultiples; i++) {
    const double exact = (low + static_cast<double>(i)) * step;
    if (std::fabs(exact) > 1e14) continue;
    const double value = std::round(exact * 1e10) / 1e10;
    const std::string text = fixed(value == 0 ? 0.0 : value);
    const double ratio = value / step;
    if (in_range(range, value) && ratio == std::trunc(ratio)) texts.push_back(text);
  }
  return texts;
}

}  // namespace conclave::grammar

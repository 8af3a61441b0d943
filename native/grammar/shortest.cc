#include "grammar/shortest.h"

#include <algorithm>
#include <queue>

#include "core/error.h"

namespace conclave::grammar {
namespace {

size_t at(int32_t i) { return static_cast<size_t>(i); }

uint32_t capped(uint64_t x) { return static_cast<uint32_t>(std::min<uint64_t>(x, kFar)); }

// Flat lists of what leads where; built by counting.
struct Lists {
  std::vector<uint32_t> first;
  std::vector<int32_t> items;

  template <class Each>
  Lists(size_t size, const Each& each) : first(size + 1, 0) {
    each([this](int32_t key, int32_t) { first[at(key) + 1]++; });
    for (size_t i = 0; i < size; i++) first[i + 1] += first[i];
    items.resize(first[size]);
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    each([&](int32_t key, int32_t item) { items[next[at(key)]++] = item; });
  }
};

// Knuth's generalisation of Dijkstra: states are settled in rising cost, and a call costs what is
// settled of its rule and of what follows.
class Shortest {
 public:
  Shortest(const Program& program, const Rules& rules, bool depth)
      : program_(program), depth_(depth), cost_(program.states.size(), kFar) {
    // Each user of a state with the kind of its way there.
    const Lists users(program.states.size(), [&](const auto& add) {
      for (const Edge& e : rules.edges) add(e.to, e.from * 4 + kEdge);
      for (const Jump& j : rules.jumps) add(j.to, j.from * 4 + kJump);
      for (size_t s = 0; s < program.states.size(); s++) {
        const ProgramState& state = program.states[s];
        if (state.call < 0) continue;
        add(state.after, static_cast<int32_t>(s) * 4 + kCall);
        add(program.starts[at(state.call)], static_cast<int32_t>(s) * 4 + kCall);
      }
    });
    run(users);
  }

  std::vector<uint32_t> take() { return std::move(cost_); }

 private:
  using Entry = std::pair<uint32_t, int32_t>;
  static constexpr int32_t kEdge = 0, kJump = 1, kCall = 2;

  void run(const Lists& users) {
    std::vector<bool> settled(cost_.size(), false);
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (size_t s = 0; s < cost_.size(); s++)
      if (program_.states[s].end) queue.push({0, static_cast<int32_t>(s)});
    while (!queue.empty()) {
      const auto [cost, s] = queue.top();
      queue.pop();
      if (settled[at(s)]) continue;
      settled[at(s)] = true;
      cost_[at(s)] = cost;
      for (uint32_t u = users.first[at(s)]; u < users.first[at(s) + 1]; u++) {
        const int32_t user = users.items[u] / 4, kind = users.items[u] % 4;
        if (settled[at(user)]) continue;
        const uint64_t way = kind == kCall ? call_cost(program_.states[at(user)])
                                           : uint64_t{cost} + (kind == kEdge && !depth_ ? 1 : 0);
        if (way < kFar) queue.push({capped(way), user});
      }
    }
  }

  uint64_t call_cost(const ProgramState& state) const {
    const uint64_t rest = cost_[at(state.after)],
                   called = cost_[at(program_.starts[at(state.call)])];
    if (rest >= kFar) return kFar;
    const uint64_t times = state.repeats ? state.min : 1;
    if (times == 0) return rest;
    if (called >= kFar) return kFar;
    return depth_ ? std::max(rest, called + 1) : rest + times * called;
  }

  const Program& program_;
  const bool depth_;
  std::vector<uint32_t> cost_;
};

// Tarjan's strongly connected components, without recursion, over what is reached without a byte.
class Components {
 public:
  explicit Components(const Program& program)
      : program_(program), order_(program.states.size(), -1), low_(order_), component_(order_) {
    for (size_t s = 0; s < order_.size(); s++)
      if (order_[s] < 0) walk(static_cast<int32_t>(s));
  }

  int32_t of(int32_t s) const { return component_[at(s)]; }

 private:
  struct Visit {
    int32_t state;
    uint32_t next;
  };

  // The k-th state reached from s for free, or −1: jumps, the rule it calls, what follows an empty
  // call.
  int32_t target(int32_t s, uint32_t k) const {
    const ProgramState& state = program_.states[at(s)];
    if (k < state.num_jumps) return program_.jumps[state.first_jump + k];
    if (state.call < 0) return -1;
    const int32_t start = program_.starts[at(state.call)];
    if (k == state.num_jumps) return state.repeats && state.max == 0 ? state.after : start;
    const bool skips =
        (state.repeats && state.min == 0) || program_.states[at(start)].distance == 0;
    return k == state.num_jumps + 1 && skips ? state.after : -1;
  }

  void enter(int32_t s) {
    order_[at(s)] = low_[at(s)] = count_++;
    stack_.push_back(s);
    visits_.push_back({s, 0});
  }

  void walk(int32_t root) {
    enter(root);
    while (!visits_.empty()) {
      Visit& visit = visits_.back();
      const int32_t s = visit.state, t = target(s, visit.next++);
      if (t < 0) {
        leave(s);
      } else if (order_[at(t)] < 0) {
        enter(t);
      } else if (component_[at(t)] < 0) {
        low_[at(s)] = std::min(low_[at(s)], order_[at(t)]);
      }
    }
  }

  void leave(int32_t s) {
    visits_.pop_back();
    if (!visits_.empty()) {
      const size_t parent = at(visits_.back().state);
      low_[parent] = std::min(low_[parent], low_[at(s)]);
    }
    if (low_[at(s)] != order_[at(s)]) return;
    for (int32_t member = -1; member != s;) {
      member = stack_.back();
      stack_.pop_back();
      component_[at(member)] = s;
    }
  }

  const Program& program_;
  std::vector<int32_t> order_, low_, component_, stack_;
  std::vector<Visit> visits_;
  int32_t count_ = 0;
};

}  // namespace

void measure(Program& program, const Rules& rules) {
  const std::vector<uint32_t> distances = Shortest(program, rules, false).take();
  const std::vector<uint32_t> depths = Shortest(program, rules, true).take();
  for (size_t s = 0; s < program.states.size(); s++) {
    program.states[s].distance = distances[s];
    program.states[s].depth = depths[s];
  }
}

void refuse_left_recursion(const Program& program, const Rules& rules) {
  const Components components(program);
  for (size_t s = 0; s < program.states.size(); s++) {
    const ProgramState& state = program.states[s];
    if (state.call < 0 || (state.repeats && state.max == 0)) continue;
    const int32_t start = program.starts[at(state.call)];
    if (components.of(static_cast<int32_t>(s)) != components.of(start)) continue;
    const std::string& name = rules.rules[at(state.call)].name;
    throw Error("grammar_error",
                "Expected rules that begin with something else than themselves, "
                "but " +
                    name +
                    " begins with itself (left recursion). Write it "
                    "with a repetition or with the recursion on the right.");
  }
}

}  // namespace conclave::grammar

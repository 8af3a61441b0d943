#include "grammar/program.h"

#include <algorithm>

#include "core/error.h"
#include "grammar/shortest.h"

namespace conclave::grammar {
namespace {

using Index = size_t;

Index at(int32_t i) { return static_cast<Index>(i); }

void copy_states(Program& program, const Rules& rules) {
  program.states.resize(rules.states.size());
  for (Index s = 0; s < rules.states.size(); s++) {
    const State& from = rules.states[s];
    ProgramState& to = program.states[s];
    to.call = from.call;
    to.after = from.after;
    to.repeats = from.repeats;
    to.min = from.min;
    to.max = from.max;
  }
  for (const Rule& rule : rules.rules) {
    program.starts.push_back(rule.start);
    program.states[at(rule.end)].end = true;
  }
}

// Ways that cannot end are left out.
void copy_edges(Program& program, const Rules& rules) {
  std::vector<ProgramState>& states = program.states;
  const auto leads_on = [&states](int32_t s) { return states[at(s)].distance < kFar; };
  for (const Edge& e : rules.edges) states[at(e.from)].num_edges += leads_on(e.to);
  for (const Jump& j : rules.jumps) states[at(j.from)].num_jumps += leads_on(j.to);
  uint32_t edge = 0, jump = 0;
  for (ProgramState& s : states) {
    s.first_edge = edge;
    s.first_jump = jump;
    edge += s.num_edges;
    jump += s.num_jumps;
    s.num_edges = s.num_jumps = 0;
    const bool calls = s.call >= 0 && leads_on(s.after) && leads_on(program.starts[at(s.call)]);
    // Repetitions of what may be empty have no least number: the empty ones are as good as none.
    if (calls && s.repeats && states[at(program.starts[at(s.call)])].distance == 0) s.min = 0;
    // Where nothing can be repeated, only the end of the repetition is left.
    if (s.call >= 0 && s.repeats && !calls && s.min == 0) s.max = 0;
    else if (!calls) s.call = -1;
  }
  program.edges.resize(edge);
  program.jumps.resize(jump);
  for (const Edge& e : rules.edges) {
    ProgramState& s = states[at(e.from)];
    if (leads_on(e.to)) program.edges[s.first_edge + s.num_edges++] = {e.low, e.high, e.to};
  }
  for (const Jump& j : rules.jumps) {
    ProgramState& s = states[at(j.from)];
    if (leads_on(j.to)) program.jumps[s.first_jump + s.num_jumps++] = j.to;
  }
}

// A state that does nothing but go to an end is one: what is called last then needs no way back.
void shorten_ends(Program& program) {
  std::vector<int32_t> path;
  for (Index i = 0; i < program.states.size(); i++) {
    const auto only_jumps = [&](int32_t s) {
      const ProgramState& state = program.states[at(s)];
      return !state.end && state.num_edges == 0 && state.call < 0 && state.num_jumps == 1;
    };
    path.clear();
    int32_t s = static_cast<int32_t>(i);
    for (; only_jumps(s) && path.size() < 64; s = program.jumps[program.states[at(s)].first_jump])
      path.push_back(s);
    if (!program.states[at(s)].end) continue;
    for (const int32_t passed : path) {
      program.states[at(passed)].end = true;
      program.states[at(passed)].num_jumps = 0;
    }
  }
}

void find_classes(Program& program) {
  std::array<bool, 257> begins{};
  begins[0] = true;
  for (const ByteEdge& e : program.edges) begins[e.low] = begins[e.high + 1u] = true;
  for (uint32_t b = 0; b < 256; b++) {
    if (begins[b]) program.class_byte.push_back(static_cast<uint8_t>(b));
    program.class_of[b] = static_cast<uint8_t>(program.class_byte.size() - 1);
  }
}

}  // namespace

int64_t Program::bytes() const {
  return static_cast<int64_t>(states.size() * sizeof(ProgramState) +
                              edges.size() * sizeof(ByteEdge) + jumps.size() * 4);
}

Program finish(Rules&& rules, int32_t root_rule) {
  Program program;
  copy_states(program, rules);
  program.root = rules.rules[at(root_rule)].start;
  measure(program, rules);
  if (program.states[at(program.root)].distance >= kFar)
    throw Error("grammar_error",
                "Expected a grammar that some text matches, but nothing can match this one. Look "
                "for parts that contradict each other or never end.");
  if (program.states[at(program.root)].depth >= kMaxDepth)
    throw Error("grammar_limit", "Expected a grammar whose shortest text nests at most " +
                                     std::to_string(kMaxDepth) + " deep. Make it flatter.");
  copy_edges(program, rules);
  refuse_left_recursion(program, rules);
  shorten_ends(program);
  find_classes(program);
  return program;
}

}  // namespace conclave::grammar

#pragma once
// What a fuzzer holds against the code, beside what the sanitizers see.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "core/error.h"

namespace conclave::test {

inline void claim(bool holds, const char* sentence) {
  if (holds) return;
  std::fprintf(stderr, "claim broken: %s\n", sentence);
  std::abort();
}

// Runs; an Error of one of these codes is a fair answer, anything else that is thrown ends the
// fuzzer.
template <class Run>
void refuses_only_with(std::initializer_list<const char*> codes, Run&& run) {
  try {
    run();
  } catch (const Error& error) {
    for (const char* code : codes) {
      if (std::strcmp(code, error.code()) == 0) return;
    }
    std::fprintf(stderr, "%s: %s\n", error.code(), error.what());
    claim(false, "the code of an error is one that this reader may give");
  }
}

}  // namespace conclave::test

#pragma once
// The little that these tests need of a framework.
#include <cstdio>
#include <functional>
#include <string>

#include "core/error.h"

namespace conclave::test {

inline int g_passed = 0;
inline int g_failed = 0;
inline bool g_small = false;

inline void expect(bool holds, const std::string& what) {
  (holds ? g_passed : g_failed)++;
  if (!holds) std::printf("FAILED %s\n", what.c_str());
}

// `call` throws an Error of this code whose message holds `part`; an empty code: it does not throw.
inline void expect_code(const std::string& code, const std::string& part, const std::string& what,
                        const std::function<void()>& call) {
  std::string came;
  std::string message;
  try {
    call();
  } catch (const Error& error) {
    came = error.code();
    message = error.what();
  }
  const bool holds = came == code && message.find(part) != std::string::npos;
  expect(holds, what + ": expected " + code + " \"" + part + "\", got " + came + " " + message);
}

void json_tests();
void safetensors_tests();
void mapped_file_tests();
void weight_store_tests();

}  // namespace conclave::test

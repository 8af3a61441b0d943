#pragma once
// The one exception of the native code. `code` is a key of errorCodes in lib/errors.ts; the message
// says what was expected, what came and what to do. The addon turns it into a JavaScript error;
// nothing else leaves the addon.
#include <stdexcept>
#include <string>

namespace conclave {

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;  // a string literal
};

}  // namespace conclave

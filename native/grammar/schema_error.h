#pragma once
// What a schema asks and cannot be had: where, and by which keyword.
#include "core/error.h"

namespace conclave::grammar {

class SchemaError : public Error {
 public:
  SchemaError(std::string path, std::string keyword, const std::string& sentence)
      : Error("grammar_error", "Expected a schema that can be enforced, but at " + path + " \"" +
                                   keyword + "\" " + sentence +
                                   ". Change or remove it: nothing is generated without it."),
        path_(std::move(path)),
        keyword_(std::move(keyword)) {}
  const std::string& path() const { return path_; }
  const std::string& keyword() const { return keyword_; }

 private:
  std::string path_, keyword_;
};

}  // namespace conclave::grammar

#pragma once
// Vocabulary and Grammar of lib/native.ts.
#include <napi.h>

#include <memory>

#include "addon/executor_wrap.h"
#include "grammar/compile.h"

namespace conclave::addon {

// A compiled grammar, for openSampler.
class GrammarWrap : public Napi::ObjectWrap<GrammarWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit GrammarWrap(const Napi::CallbackInfo& info);
  ~GrammarWrap() override;
  // Null where the value is no Grammar.
  static std::shared_ptr<grammar::Grammar> of(Napi::Env env, const Napi::Value& value);

 private:
  std::shared_ptr<grammar::Grammar> grammar_;
  int64_t counted_bytes_ = 0;
};

// The tokens of a model and the grammars compiled for them, on a thread of its own.
class VocabularyWrap : public Napi::ObjectWrap<VocabularyWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // createVocabulary of lib/native.ts: a promise of the vocabulary.
  static Napi::Value create(const Napi::CallbackInfo& info);
  explicit VocabularyWrap(const Napi::CallbackInfo& info);
  ~VocabularyWrap() override;

 private:
  struct Shared {
    std::shared_ptr<EngineThread> thread;
    std::shared_ptr<grammar::GrammarCache> cache;
  };
  Napi::Value compile(const Napi::CallbackInfo& info);
  Napi::Value cache_bytes(const Napi::CallbackInfo& info);
  Napi::Value measure(const Napi::CallbackInfo& info);
  Shared shared_;
};

}  // namespace conclave::addon

#include "addon/grammar_wrap.h"

#include <chrono>

#include "addon/args.h"
#include "addon/errors.h"
#include "addon/later.h"
#include "grammar/schema_error.h"

namespace conclave::addon {
namespace {

// Where a schema is wrong; empty: no schema is.
struct SchemaPlace {
  std::string path, keyword;
};

Napi::Value failure_value(Napi::Env env, const CodedMessage& failure, const SchemaPlace& place) {
  const Napi::Error error = to_js(env, failure);
  if (!place.keyword.empty()) {
    Napi::Object details = Napi::Object::New(env);
    details.Set("path", place.path);
    details.Set("keyword", place.keyword);
    error.Value().Set("details", details);
  }
  return error.Value();
}

}  // namespace

Napi::Function GrammarWrap::define(Napi::Env env) { return DefineClass(env, "Grammar", {}); }

GrammarWrap::GrammarWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GrammarWrap>(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Grammars are compiled.");
  grammar_ = *info[0].As<Napi::External<std::shared_ptr<grammar::Grammar>>>().Data();
  // Without this the garbage collector lets forgotten grammars pile up.
  counted_bytes_ = grammar_->bytes() + (64 << 10);
  int64_t total = 0;
  napi_adjust_external_memory(info.Env(), counted_bytes_, &total);
}

GrammarWrap::~GrammarWrap() {
  int64_t total = 0;
  napi_adjust_external_memory(Env(), -counted_bytes_, &total);
}

std::shared_ptr<grammar::Grammar> GrammarWrap::of(Napi::Env env, const Napi::Value& value) {
  const Napi::Function type = Environment::of(env).grammar_class.Value();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(type)) return nullptr;
  return Unwrap(value.As<Napi::Object>())->grammar_;
}

Napi::Function VocabularyWrap::define(Napi::Env env) {
  return DefineClass(env, "Vocabulary",
                     {InstanceMethod<&VocabularyWrap::compile>("compile"),
                      InstanceMethod<&VocabularyWrap::cache_bytes>("cacheBytes"),
                      InstanceMethod<&VocabularyWrap::measure>("measure")});
}

VocabularyWrap::VocabularyWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<VocabularyWrap>(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Use createVocabulary.");
  shared_ = *info[0].As<Napi::External<Shared>>().Data();
}

VocabularyWrap::~VocabularyWrap() {
  if (shared_.thread) shared_.thread->stop();  // idle: each job holds a reference to this object
}

Napi::Value VocabularyWrap::create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() ||
        info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      bad_argument("bytes", "a Uint8Array");
    const Napi::Uint8Array array = info[0].As<Napi::Uint8Array>();
    auto bytes =
        std::make_shared<std::vector<uint8_t>>(array.Data(), array.Data() + array.ElementLength());
    auto offsets = std::make_shared<std::vector<int32_t>>(ints_arg(info[1], "offsets"));
    auto shared = std::make_shared<Shared>();
    auto thread = std::make_shared<EngineThread>();
    Environment::of(env).add(thread);
    const std::weak_ptr<EngineThread> keep = thread;
    const auto work = [=] {
      shared->cache = std::make_shared<grammar::GrammarCache>(
          std::make_shared<grammar::Vocabulary>(std::move(*bytes), std::move(*offsets)));
    };
    return later(env, *thread, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      shared->thread = keep.lock();
      if (!error.code.empty() || !shared->thread) {
        if (shared->thread) shared->thread->stop();
        return deferred.Reject(to_js(env, error).Value());
      }
      deferred.Resolve(Environment::of(env).vocabulary_class.Value().New(
          {Napi::External<Shared>::New(env, shared.get())}));
    });
  });
}

Napi::Value VocabularyWrap::compile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const grammar::GrammarAsk ask{string_arg(info[0], "kind"), string_arg(info[1], "text"),
                                  info[2].IsString() ? string_arg(info[2], "thinking") : "off"};
    auto place = std::make_shared<SchemaPlace>();
    auto made = std::make_shared<std::shared_ptr<grammar::Grammar>>();
    const auto work = [=, cache = shared_.cache] {
      try {
        *made = cache->get(ask);
      } catch (const grammar::SchemaError& e) {
        *place = {e.path(), e.keyword()};
        throw;
      }
    };
    const Napi::Promise promise = later(
        env, *shared_.thread, work, [=, this](Napi::Env env, const auto& deferred, auto& error) {
          Unref();
          if (!error.code.empty()) return deferred.Reject(failure_value(env, error, *place));
          deferred.Resolve(Environment::of(env).grammar_class.Value().New(
              {Napi::External<std::shared_ptr<grammar::Grammar>>::New(env, made.get())}));
        });
    Ref();
    return promise;
  });
}

Napi::Value VocabularyWrap::cache_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(shared_.cache->bytes()));
}

// For measurements: the tokens that a text is made of, one mask each; milliseconds of every mask,
// −1 behind the first token that the grammar refuses.
Napi::Value VocabularyWrap::measure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::shared_ptr<grammar::Grammar> grammar = GrammarWrap::of(env, info[0]);
    if (!grammar) bad_argument("grammar", "a Grammar");
    const std::vector<int32_t> tokens = ints_arg(info[1], "tokens");
    grammar::Matcher matcher(grammar);
    Napi::Float64Array times = Napi::Float64Array::New(env, tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) {
      const int32_t id = tokens[i];
      if (id < 0 || id >= grammar->vocabulary().num_tokens()) bad_argument("tokens", "token ids");
      const auto start = std::chrono::steady_clock::now();
      matcher.prepare(0);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      const grammar::Mask* mask = matcher.mask();
      const bool fits = mask && mask->bits[static_cast<size_t>(id) / 64] >> (id % 64) & 1;
      times[i] = fits ? took.count() : -1;
      if (!fits) break;
      matcher.accept(id);
    }
    return times;
  });
}

}  // namespace conclave::addon

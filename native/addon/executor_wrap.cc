#include "addon/executor_wrap.h"

#include <chrono>

#include "addon/args.h"
#include "addon/errors.h"
#include "addon/grammar_wrap.h"
#include "addon/later.h"
#include "addon/step_arrays.h"
#include "addon/weights_wrap.h"

namespace conclave::addon {
namespace {

using executor::Executor;
using executor::StepInput;
using executor::StepOutput;

constexpr auto kProgressInterval = std::chrono::milliseconds(50);

// A matcher behind the tokens that were generated before.
std::unique_ptr<grammar::Matcher> follow(std::shared_ptr<grammar::Grammar> grammar,
                                         const std::vector<int32_t>& generated) {
  const int32_t limit = grammar->vocabulary().num_tokens();
  auto matcher = std::make_unique<grammar::Matcher>(std::move(grammar));
  for (const int32_t id : generated) {
    if (id < 0 || id >= limit) bad_argument("generatedIds", "token ids");
    matcher->accept(id);
  }
  return matcher;
}

ops::SamplerState parse_sampler(const Napi::Object& p, const std::vector<int32_t>& prompt,
                                const std::vector<int32_t>& generated) {
  ops::SamplerState state;
  ops::SamplingParams& params = state.params;
  params.temperature = float_arg(p, "temperature");
  params.top_k = static_cast<int32_t>(int_arg(p, "topK", 0, INT32_MAX));
  params.top_p = float_arg(p, "topP");
  params.min_p = float_arg(p, "minP");
  params.repetition_penalty = float_arg(p, "repetitionPenalty");
  params.presence_penalty = float_arg(p, "presencePenalty");
  params.frequency_penalty = float_arg(p, "frequencyPenalty");
  if (!p.Get("seed").IsBigInt()) bad_argument("seed", "a bigint");
  bool lossless = false;
  params.seed = p.Get("seed").As<Napi::BigInt>().Uint64Value(&lossless);
  params.logprobs = static_cast<int32_t>(int_arg(p, "logprobs", -1, 1024));
  params.vocab_limit = static_cast<int32_t>(int_arg(p, "vocabLimit", 0, INT32_MAX));
  params.min_tokens = static_cast<int32_t>(int_arg(p, "minTokens", 0, INT32_MAX));
  params.banned_until_min = ints_arg(p.Get("bannedUntilMin"), "bannedUntilMin");
  params.bias_ids = ints_arg(p.Get("biasIds"), "biasIds");
  params.bias_values = floats_arg(p.Get("biasValues"), "biasValues");
  if (params.bias_ids.size() != params.bias_values.size())
    bad_argument("biasValues", "as many values as biasIds");
  params.max_tokens = static_cast<int32_t>(int_arg(p, "maxTokens", 0, INT32_MAX));
  if (params.repetition_penalty != 1.0f)  // nothing else looks at the prompt, and it may be long
    for (int32_t id : prompt) state.prompt_counts[id]++;
  for (int32_t id : generated) state.generated_counts[id]++;
  state.num_generated = static_cast<int32_t>(generated.size());
  if (p.Get("grammar").IsObject()) {
    std::shared_ptr<grammar::Grammar> grammar = GrammarWrap::of(p.Env(), p.Get("grammar"));
    if (!grammar) bad_argument("grammar", "a Grammar");
    state.matcher = follow(std::move(grammar), generated);
  }
  return state;
}

Napi::Value rejected(Napi::Env env, const CodedMessage& error) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(to_js(env, error).Value());
  return deferred.Promise();
}

// Tells JavaScript how far the load is, at most every 50 ms, and hears from it whether to stop.
executor::Progress progress_to_js(EngineThread* engine, Environment* environment) {
  auto last = std::chrono::steady_clock::time_point{};
  return [engine, environment, last](int64_t done, int64_t total) mutable {
    if (engine->cancelled) throw Error("aborted", "The load was stopped by its signal.");
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kProgressInterval && done < total) return;
    last = now;
    environment->post(Environment::Reply([engine, done, total](Napi::Env) {
      if (!engine->load_calls) return;
      Napi::Int32Array cancel = engine->load_calls->cancel.Value();
      if (cancel.ElementLength() > 0 && cancel[0] != 0) engine->cancelled = true;
      engine->load_calls->on_progress.Call(
          {Napi::Number::New(cancel.Env(), static_cast<double>(done)),
           Napi::Number::New(cancel.Env(), static_cast<double>(total))});
    }));
  };
}

}  // namespace

executor::ExecutorOptions parse_options(const Napi::Object& o) {
  executor::ExecutorOptions options;
  const std::string device = string_arg(o.Get("device"), "device"),
                    weights = string_arg(o.Get("weights"), "weights"),
                    kv = string_arg(o.Get("kvCache"), "kvCache");
  if (device == "cuda") options.device = DeviceKind::cuda;
  else if (device != "cpu") bad_argument("device", "'cpu' or 'cuda'");
  if (weights == "auto") options.weights = executor::WeightPolicy::as_stored;
  else if (weights == "f32") options.weights = executor::WeightPolicy::f32;
  else if (weights == "bf16") options.weights = executor::WeightPolicy::bf16;
  else if (weights == "int8") options.weights = executor::WeightPolicy::int8;
  else bad_argument("weights", "'auto', 'f32', 'bf16' or 'int8'");
  if (kv == "f32") options.kv_dtype = DType::f32;
  else if (kv == "bf16") options.kv_dtype = DType::bf16;
  else if (kv == "int8") options.kv_dtype = DType::i8;
  else bad_argument("kvCache", "'f32', 'bf16' or 'int8'");
  options.num_threads = static_cast<int>(int_arg(o, "threads", 0, 1024));
  options.page_size = int_arg(o, "pageSize", 16, 1 << 16);
  if (options.page_size % 16 != 0) bad_argument("pageSize", "a multiple of 16");
  options.num_pages = int_arg(o, "numPages", 1, int64_t{1} << 31);
  options.max_batch_tokens = int_arg(o, "maxBatchTokens", 1, 1 << 20);
  options.max_sequences = int_arg(o, "maxSequences", 1, 1 << 16);
  options.validate = bool_arg(o, "validate");
  options.deterministic = bool_arg(o, "deterministic");
  return options;
}

Napi::Function ExecutorWrap::define(Napi::Env env) {
  return DefineClass(env, "Executor",
                     {InstanceMethod<&ExecutorWrap::step>("step"),
                      InstanceMethod<&ExecutorWrap::step_packed>("stepPacked"),
                      InstanceMethod<&ExecutorWrap::retract>("retract"),
                      InstanceMethod<&ExecutorWrap::sample>("sample"),
                      InstanceMethod<&ExecutorWrap::open_sampler>("openSampler"),
                      InstanceMethod<&ExecutorWrap::close_sampler>("closeSampler"),
                      InstanceMethod<&ExecutorWrap::open_cache>("openCache"),
                      InstanceMethod<&ExecutorWrap::close_cache>("closeCache"),
                      InstanceMethod<&ExecutorWrap::expert_counts>("expertCounts"),
                      InstanceMethod<&ExecutorWrap::profile>("profile"),
                      InstanceMethod<&ExecutorWrap::failure>("failure"),
                      InstanceMethod<&ExecutorWrap::dispose>("dispose")});
}

ExecutorWrap::ExecutorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ExecutorWrap>(info) {
  const Napi::Env env = info.Env();
  engine_ = *info[0].As<Napi::External<std::shared_ptr<EngineThread>>>().Data();
  const Executor& executor = *engine_->executor;
  Napi::Object facts = Napi::Object::New(env);
  facts.Set("device", executor.device_name());
  facts.Set("kernels", executor.kernels());
  facts.Set("threads", executor.num_threads());
  facts.Set("weightBytes", static_cast<double>(executor.weight_bytes()));
  facts.Set("kvBytes", static_cast<double>(executor.kv_bytes()));
  facts.Set("workspaceBytes", static_cast<double>(executor.workspace_bytes()));
  info.This().As<Napi::Object>().Set("info", facts);
  count_memory(executor.kv_bytes() + executor.workspace_bytes());  // weights are mapped, as a rule
}

// Without this the garbage collector sees a few hundred bytes and lets forgotten models pile up.
void ExecutorWrap::count_memory(int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(Env(), bytes - counted_bytes_, &total);
  counted_bytes_ = bytes;
}

ExecutorWrap::~ExecutorWrap() {
  count_memory(0);
  if (engine_) engine_->stop();  // no step is in progress: each holds a reference to this object
}

Napi::Value ExecutorWrap::create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(env);
  return guarded(env, [&]() -> Napi::Value {
    auto json = std::make_shared<std::string>(string_arg(info[0], "graph"));
    if (!info[1].IsObject() || !info[2].IsObject() || !info[4].IsFunction())
      bad_argument("createExecutor", "(graph, store, options, cancel, onProgress)");
    auto store = Napi::ObjectWrap<WeightsWrap>::Unwrap(info[1].As<Napi::Object>())->store();
    if (!store) throw Error("disposed", "Expected open weight files, but they were closed.");
    executor::ExecutorOptions options = parse_options(info[2].As<Napi::Object>());
    auto engine = std::make_shared<EngineThread>();
    options.stop = &engine->cancelled;
    ints_arg(info[3], "cancel");
    engine->load_calls =
        std::make_unique<LoadCalls>(LoadCalls{Napi::Persistent(info[4].As<Napi::Function>()),
                                              Napi::Persistent(info[3].As<Napi::Int32Array>())});
    environment.add(engine);
    EngineThread* thread = engine.get();
    const std::weak_ptr<EngineThread> keep = engine;
    const auto work = [=, &environment] {
      executor::Graph graph = executor::parse_graph(*json);
      executor::check_graph(graph);
      thread->executor = std::make_unique<Executor>(std::move(graph), store, options,
                                                    progress_to_js(thread, &environment));
    };
    return later(env, *thread, work, [=](Napi::Env env, const auto& deferred, CodedMessage error) {
      std::shared_ptr<EngineThread> engine = keep.lock();
      if (!engine) return;
      engine->load_calls.reset();
      // A small model may be bound before JavaScript was heard; its word still counts.
      if (engine->cancelled && error.code.empty())
        error = {"aborted", "The load was stopped by its signal."};
      if (!error.code.empty()) {
        engine->stop();
        deferred.Reject(to_js(env, error).Value());
        return;
      }
      Napi::Function wrap = Environment::of(env).executor_class.Value();
      deferred.Resolve(
          wrap.New({Napi::External<std::shared_ptr<EngineThread>>::New(env, &engine)}));
    });
  });
}

Executor& ExecutorWrap::alive(Napi::Env) {
  if (!engine_) throw Error("disposed", "Expected a live model, but it was disposed.");
  return *engine_->executor;
}

Napi::Value ExecutorWrap::step(const Napi::CallbackInfo& info) {
  return queue_step(info.Env(), [&] {
    if (!info[0].IsObject()) bad_argument("batch", "an object");
    return parse_step(info[0].As<Napi::Object>());
  });
}

Napi::Value ExecutorWrap::step_packed(const Napi::CallbackInfo& info) {
  return queue_step(
      info.Env(),
      [&] {
        ints_type(info[1], "results");
        return unpack_step(info[0]);
      },
      info[1]);
}

Napi::Value ExecutorWrap::queue_step(Napi::Env env, const std::function<StepInput()>& parse,
                                     Napi::Value results) {
  try {
    alive(env);
    auto job = std::make_shared<StepJob>();
    job->input = parse();
    if (!results.IsEmpty()) {
      job->results = next_results_++;
      results_[job->results] = Napi::Persistent(results.As<Napi::Int32Array>());
    }
    last_steps_[job->input.cache] = job;
    const auto begins_ahead = [job, engine = engine_.get()] {
      return engine->executor->begins_ahead(job->input);
    };
    const auto begin = [job, engine = engine_.get()] {
      if (job->claimed.exchange(true))
        throw Error("aborted", "The step was taken back before it began.");
      engine->executor->begin(std::move(job->input));
    };
    const auto end = [job, engine = engine_.get()] { job->output = engine->executor->end(); };
    const Napi::Promise promise =
        later(env, *engine_, begins_ahead, begin, end,
              [=, this](Napi::Env env, const auto& deferred, auto& error) {
                Unref();
                answer_step(env, *job, error, deferred);
              });
    Ref();  // this object lives until the step has been answered
    return promise;
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    return rejected(env, describe_current_exception());
  }
}

void ExecutorWrap::answer_step(Napi::Env env, StepJob& job, CodedMessage error,
                               const Napi::Promise::Deferred& deferred) {
  Napi::Reference<Napi::Int32Array> results;
  if (job.results != 0) {
    results = std::move(results_[job.results]);
    results_.erase(job.results);
  }
  if (error.code.empty()) {
    try {
      deferred.Resolve(step_value(env, job.output, results));
      return;
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      error = describe_current_exception();  // the arrays may not fit where the step did
    }
  }
  deferred.Reject(to_js(env, error).Value());
}

// On the JavaScript thread, which owns the row: nobody can change or free it meanwhile.
Napi::Value ExecutorWrap::sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[1].IsTypedArray() ||
        info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      bad_argument("logits", "a Float32Array");
    Napi::Float32Array logits = info[1].As<Napi::Float32Array>();
    const int32_t handle = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
    executor::StepOutput output =
        alive(env).sample(handle, logits.Data(), static_cast<int64_t>(logits.ElementLength()));
    return step_value(env, output, {});
  });
}

Napi::Value ExecutorWrap::retract(const Napi::CallbackInfo& info) {
  bool retracted = false;
  const auto found = last_steps_.find(info[0].IsNumber() ? info[0].As<Napi::Number>() : 0);
  if (found != last_steps_.end()) {
    if (const std::shared_ptr<StepJob> job = found->second.lock())
      retracted = !job->claimed.exchange(true);
  }
  return Napi::Boolean::New(info.Env(), retracted);
}

// Queued behind the step in progress, as the workspace may be planned anew.
Napi::Value ExecutorWrap::open_cache(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    alive(env);
    if (!info[0].IsObject()) bad_argument("sizes", "an object");
    const Napi::Object sizes = info[0].As<Napi::Object>();
    const int64_t num_pages = int_arg(sizes, "numPages", 1, int64_t{1} << 31);
    const int64_t max_batch_tokens = int_arg(sizes, "maxBatchTokens", 1, 1 << 20);
    const int64_t max_sequences = int_arg(sizes, "maxSequences", 1, 1 << 16);
    auto handle = std::make_shared<int32_t>(-1);
    const auto work = [=, engine = engine_.get()] {
      *handle = engine->executor->open_cache(num_pages, max_batch_tokens, max_sequences);
    };
    const Napi::Promise promise =
        later(env, *engine_, work, [=, this](Napi::Env env, const auto& deferred, auto& error) {
          Unref();
          if (error.code.empty()) deferred.Resolve(Napi::Number::New(env, *handle));
          else deferred.Reject(to_js(env, error).Value());
        });
    Ref();
    return promise;
  });
}

Napi::Value ExecutorWrap::close_cache(const Napi::CallbackInfo& info) {
  if (engine_ && info[0].IsNumber()) {
    const int32_t handle = info[0].As<Napi::Number>().Int32Value();
    engine_->executor->close_cache(handle);
    last_steps_.erase(handle);
  }
  return info.Env().Undefined();
}

Napi::Value ExecutorWrap::expert_counts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const int32_t cache = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0;
    const std::vector<int64_t> counts = alive(env).expert_counts(cache);
    Napi::Float64Array array = Napi::Float64Array::New(env, counts.size());
    std::copy(counts.begin(), counts.end(), array.Data());
    return array;
  });
}

// Queued behind the step in progress, which is counted whole.
Napi::Value ExecutorWrap::profile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    alive(env);
    const bool on = info[0].IsBoolean() && info[0].As<Napi::Boolean>();
    auto counted = std::make_shared<std::vector<int64_t>>();
    const auto work = [=, engine = engine_.get()] { *counted = engine->executor->profile(on); };
    const Napi::Promise promise =
        later(env, *engine_, work, [=, this](Napi::Env env, const auto& deferred, auto& error) {
          Unref();
          if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
          Napi::Float64Array array = Napi::Float64Array::New(env, counted->size());
          std::copy(counted->begin(), counted->end(), array.Data());
          deferred.Resolve(array);
        });
    Ref();
    return promise;
  });
}

Napi::Value ExecutorWrap::open_sampler(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsObject()) bad_argument("params", "an object");
    ops::SamplerState state =
        parse_sampler(info[0].As<Napi::Object>(), ints_arg(info[1], "promptIds"),
                      ints_arg(info[2], "generatedIds"));
    return Napi::Number::New(info.Env(), alive(info.Env()).open_sampler(std::move(state)));
  });
}

Napi::Value ExecutorWrap::close_sampler(const Napi::CallbackInfo& info) {
  if (engine_ && info[0].IsNumber())
    engine_->executor->close_sampler(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

Napi::Value ExecutorWrap::failure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    return Napi::String::New(env, engine_ ? engine_->executor->failure() : std::string());
  });
}

Napi::Value ExecutorWrap::dispose(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto deferred = Napi::Promise::Deferred::New(env);
    if (!engine_) {
      deferred.Resolve(env.Undefined());
      return deferred.Promise();
    }
    Environment& environment = Environment::of(env);
    auto engine = std::make_shared<std::shared_ptr<EngineThread>>(engine_);
    // Freed on the engine thread, after the step in progress; the join then has nothing left to
    // wait for.
    const Environment::Reply reply([engine, deferred, &environment](Napi::Env env) {
      environment.end_pending();
      (*engine)->stop();
      deferred.Resolve(env.Undefined());
    });
    engine_->enqueue([engine, reply, &environment] {
      (*engine)->executor.reset();
      environment.post(reply);
    });
    engine_.reset();
    count_memory(0);
    environment.begin_pending();
    return deferred.Promise();
  });
}

}  // namespace conclave::addon

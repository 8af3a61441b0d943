// The exports: Addon of lib/native.ts.
#include <napi.h>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/executor_wrap.h"
#include "addon/grammar_wrap.h"
#include "addon/later.h"
#include "addon/measure.h"
#include "addon/weights_wrap.h"
#include "cpu/kv_layout.h"
#include "cuda/runtime.h"
#include "executor/card_plan.h"
#include "executor/plan.h"

namespace conclave::addon {
namespace {

Napi::Value system(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Object result = Napi::Object::New(env);
    result.Set("kernels", cpu::select_kernels().name);
    result.Set("threads", cpu::usable_cores());
    Napi::Object cuda = Napi::Object::New(env);
    cuda.Set("name", conclave::cuda::runtime::device_name());
    cuda.Set("problem", conclave::cuda::runtime::why_not());
    result.Set("cuda", cuda);
    return result;
  });
}

struct GraphPlan {
  double workspace_bytes = 0, page_bytes = 0;
  executor::ScratchPlan scratch;
};

GraphPlan plan_of(const std::string& json, const executor::ExecutorOptions& options) {
  const executor::Graph graph = executor::parse_graph(json);
  executor::check_graph(graph);
  GraphPlan plan;
  for (const executor::RegionInfo& r : graph.regions) {
    plan.page_bytes += static_cast<double>(cpu::bytes_per_page(
        {nullptr, options.kv_dtype, 1, options.page_size, r.num_kv_heads, r.head_dim}));
  }
  plan.workspace_bytes = static_cast<double>(
      executor::plan_memory(graph, options.max_batch_tokens, options.max_sequences).bytes);
  if (options.device == DeviceKind::cuda) plan.scratch = executor::plan_scratch(graph, options);
  return plan;
}

Napi::Value plan_graph(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const executor::ExecutorOptions options = parse_options(info[1].As<Napi::Object>());
    auto plan = std::make_shared<GraphPlan>();
    const auto work = [=, json = string_arg(info[0], "graph")] { *plan = plan_of(json, options); };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      Napi::Object result = Napi::Object::New(env);
      result.Set("workspaceBytes", plan->workspace_bytes);
      result.Set("kvBytesPerPage", plan->page_bytes);
      result.Set("scratchBytes", static_cast<double>(plan->scratch.bytes));
      result.Set("scratchBytesPerPage", static_cast<double>(plan->scratch.bytes_per_page));
      deferred.Resolve(result);
    });
  });
}

// On a thread of its own: making the context of a card takes a while.
Napi::Value card_memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto bytes = std::make_shared<int64_t>(0);
    const auto work = [=] { *bytes = conclave::cuda::runtime::free_bytes(); };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      deferred.Resolve(Napi::Number::New(env, static_cast<double>(*bytes)));
    });
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  environment->weights_class = Napi::Persistent(WeightsWrap::define(env));
  environment->executor_class = Napi::Persistent(ExecutorWrap::define(env));
  environment->vocabulary_class = Napi::Persistent(VocabularyWrap::define(env));
  environment->grammar_class = Napi::Persistent(GrammarWrap::define(env));
  exports.Set("system", Napi::Function::New<system>(env));
  exports.Set("openWeights", Napi::Function::New<WeightsWrap::open>(env));
  exports.Set("createExecutor", Napi::Function::New<ExecutorWrap::create>(env));
  exports.Set("createVocabulary", Napi::Function::New<VocabularyWrap::create>(env));
  exports.Set("measure", Napi::Function::New<measure>(env));
  exports.Set("cardMemory", Napi::Function::New<card_memory>(env));
  exports.Set("planGraph", Napi::Function::New<plan_graph>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(conclave, init)

}  // namespace conclave::addon

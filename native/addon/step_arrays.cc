#include "addon/step_arrays.h"

#include <cstring>

#include "addon/args.h"

namespace conclave::addon {

using executor::StepInput;
using executor::StepOutput;

namespace {
constexpr size_t kHeader = 8;
}

StepInput parse_step(const Napi::Object& batch) {
  auto ints = [&](const char* name) { return ints_arg(batch.Get(name), name); };
  StepInput in;
  in.token_ids = ints("tokenIds");
  in.positions = ints("positions");
  in.query_starts = ints("queryStarts");
  in.kv_lengths = ints("kvLengths");
  in.page_tables = ints("pageTables");
  in.logit_rows = ints("logitRows");
  in.samplers = ints("samplers");
  in.max_pages = static_cast<int32_t>(int_arg(batch, "maxPages", 1, 1 << 24));
  in.cache = batch.Has("cache") ? static_cast<int32_t>(int_arg(batch, "cache", 0, INT32_MAX)) : 0;
  in.want_logits = bool_arg(batch, "wantLogits");
  in.want_routes = batch.Has("wantRoutes") && bool_arg(batch, "wantRoutes");
  in.want_hidden = batch.Has("wantHidden") && bool_arg(batch, "wantHidden");
  return in;
}

StepInput unpack_step(const Napi::Value& value) {
  const Napi::Int32Array array = ints_type(value, "batch");
  const int32_t* words = array.Data();
  const uint64_t length = array.ElementLength();
  if (length < kHeader) bad_argument("batch", "a header");
  for (size_t i = 0; i < kHeader; i++)
    if (words[i] < 0) bad_argument("batch", "a header without negative numbers");
  const auto header = [words](size_t i) { return static_cast<uint64_t>(words[i]); };
  const uint64_t tokens = header(0), sequences = header(1), rows = header(2), pages = header(3);
  if (length != kHeader + 2 * tokens + 2 * sequences + 1 + sequences * pages + 2 * rows)
    bad_argument("batch", "as many numbers as its header says");
  const int32_t* next = words + kHeader;
  auto take = [&next](uint64_t count) {
    const int32_t* begin = next;
    next += count;
    return std::vector<int32_t>(begin, next);
  };
  StepInput in;
  in.token_ids = take(tokens);
  in.positions = take(tokens);
  in.query_starts = take(sequences + 1);
  in.kv_lengths = take(sequences);
  in.page_tables = take(sequences * pages);
  in.logit_rows = take(rows);
  in.samplers = take(rows);
  in.max_pages = words[3];
  in.cache = words[4];
  in.want_logits = (words[5] & 1) != 0;
  in.want_routes = (words[5] & 2) != 0;
  in.want_hidden = (words[5] & 4) != 0;
  in.count_experts = (words[5] & 8) == 0;
  return in;
}

namespace {

// The logits move to JavaScript without a copy where the runtime allows it.
Napi::Value logits_value(Napi::Env env, std::vector<float>&& logits) {
  if (logits.empty()) return env.Null();
  auto* heap = new std::vector<float>(std::move(logits));
  const size_t count = heap->size();
  napi_value buffer = nullptr;
  const auto free_logits = [](napi_env, void*, void* hint) {
    delete static_cast<std::vector<float>*>(hint);
  };
  if (napi_create_external_arraybuffer(env, heap->data(), count * sizeof(float), free_logits, heap,
                                       &buffer) == napi_ok) {
    return Napi::Float32Array::New(env, count, Napi::ArrayBuffer(env, buffer), 0);
  }
  const std::unique_ptr<std::vector<float>> owned(heap);
  return floats_value(env, *owned);
}

// False where the results do not fit, or their array was detached meanwhile.
bool pack_results(Napi::Int32Array results, const StepOutput& out) {
  const size_t rows = out.token_ids.size(), tops = out.top_ids.size();
  if (results.ElementLength() < kHeader + 3 * rows + 2 * tops) return false;
  int32_t* words = results.Data();
  const float ms = static_cast<float>(out.ms), idle_ms = static_cast<float>(out.idle_ms);
  words[0] = static_cast<int32_t>(rows);
  words[1] = out.top_n;
  std::memcpy(words + 2, &ms, sizeof ms);
  std::memcpy(words + 3, &idle_ms, sizeof idle_ms);
  words += kHeader;
  auto put = [&words](const auto& values) {
    static_assert(sizeof values[0] == sizeof(int32_t));
    if (!values.empty()) std::memcpy(words, values.data(), values.size() * sizeof(int32_t));
    words += values.size();
  };
  put(out.token_ids);
  put(out.status);
  put(out.logprobs);
  put(out.top_ids);
  put(out.top_logprobs);
  return true;
}

}  // namespace

Napi::Value step_value(Napi::Env env, StepOutput& out,
                       const Napi::Reference<Napi::Int32Array>& results) {
  const bool packed = !results.IsEmpty() && pack_results(results.Value(), out);
  if (packed && out.logits.empty() && out.routes.empty() && out.hidden.empty()) return env.Null();
  Napi::Object result = Napi::Object::New(env);
  result.Set("logits", logits_value(env, std::move(out.logits)));
  result.Set("routes", out.routes.empty() ? env.Null() : ints_value(env, out.routes));
  result.Set("hidden", out.hidden.empty() ? env.Null() : floats_value(env, out.hidden));
  if (packed) return result;
  result.Set("tokenIds", ints_value(env, out.token_ids));
  result.Set("status", ints_value(env, out.status));
  result.Set("logprobs", floats_value(env, out.logprobs));
  result.Set("topIds", ints_value(env, out.top_ids));
  result.Set("topLogprobs", floats_value(env, out.top_logprobs));
  result.Set("topN", static_cast<double>(out.top_n));
  result.Set("ms", out.ms);
  result.Set("idleMs", out.idle_ms);
  return result;
}

}  // namespace conclave::addon

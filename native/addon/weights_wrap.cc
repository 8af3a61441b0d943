#include "addon/weights_wrap.h"

#include <algorithm>
#include <cstring>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/later.h"
#include "executor/stored_rows.h"
#include "io/gguf.h"
#include "quant/dequantise.h"

namespace conclave::addon {
namespace {

// Above every published vocabulary and its merges; they are handed over on the event loop.
constexpr uint64_t kMaxMetadataElements = uint64_t{1} << 20;
// `read` is for tables, not for weights.
constexpr int64_t kMaxReadElements = int64_t{1} << 20;
// What `rows` makes is in memory at once.
constexpr int64_t kMaxRowElements = int64_t{1} << 26;

Napi::Value scalar_value(Napi::Env env, io::GgufType type, double x) {
  if (type == io::GgufType::boolean) return Napi::Boolean::New(env, x != 0);
  return Napi::Number::New(env, x);
}

Napi::Value array_value(Napi::Env env, const io::GgufValue& value) {
  if (value.count > kMaxMetadataElements) return env.Null();
  size_t i = 0;
  if (value.element == io::GgufType::string) {
    Napi::Array list = Napi::Array::New(env, static_cast<size_t>(value.count));
    value.for_each_string([&](std::string_view s) {
      const Napi::HandleScope scope(env);
      list.Set(static_cast<uint32_t>(i++), Napi::String::New(env, s.data(), s.size()));
    });
    return list;
  }
  Napi::Float64Array list = Napi::Float64Array::New(env, static_cast<size_t>(value.count));
  value.for_each_number([&](double x) { list[i++] = x; });
  return list;
}

Napi::Value metadata_value(Napi::Env env, const io::GgufValue& value) {
  if (value.type == io::GgufType::array) return array_value(env, value);
  Napi::Value result = env.Null();
  value.for_each_string(
      [&](std::string_view s) { result = Napi::String::New(env, s.data(), s.size()); });
  value.for_each_number([&](double x) { result = scalar_value(env, value.type, x); });
  return result;
}

uint32_t uint_or(const Napi::Value& value, uint32_t otherwise) {
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : otherwise;
}

DType row_format(const std::string& name) {
  if (name == "int8") return DType::i8;
  if (name == "q8_0") return DType::q8_0;
  return name == "bf16" ? DType::bf16 : DType::f32;
}

}  // namespace

Napi::Function WeightsWrap::define(Napi::Env env) {
  return DefineClass(
      env, "WeightStore",
      {InstanceMethod<&WeightsWrap::tensors>("tensors"),
       InstanceMethod<&WeightsWrap::metadata>("metadata"),
       InstanceMethod<&WeightsWrap::read>("read"), InstanceMethod<&WeightsWrap::rows>("rows"),
       InstanceMethod<&WeightsWrap::close>("close")});
}

WeightsWrap::WeightsWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WeightsWrap>(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Use openWeights.");
  store_ = *info[0].As<Napi::External<Store>>().Data();
}

Napi::Value WeightsWrap::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsArray()) bad_argument("paths", "an array of strings");
    const Napi::Array list = info[0].As<Napi::Array>();
    std::vector<std::string> paths;
    for (uint32_t i = 0; i < list.Length(); i++) paths.push_back(string_arg(list.Get(i), "paths"));
    auto store = std::make_shared<Store>();
    const auto work = [=] { *store = std::make_shared<const io::WeightStore>(paths); };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      deferred.Resolve(Environment::of(env).weights_class.Value().New(
          {Napi::External<Store>::New(env, store.get())}));
    });
  });
}

const io::WeightStore& WeightsWrap::open_store() const {
  if (!store_) throw Error("disposed", "Expected open weight files, but they were closed.");
  return *store_;
}

Napi::Value WeightsWrap::tensors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<io::StoredTensor>& list = open_store().tensors();
    const size_t first = std::min<size_t>(list.size(), uint_or(info[0], 0));
    const size_t end = first + std::min<size_t>(list.size() - first, uint_or(info[1], UINT32_MAX));
    Napi::Array out = Napi::Array::New(env, end - first);
    for (size_t i = first; i < end; i++) {
      const Napi::HandleScope scope(env);
      const io::TensorEntry& tensor = *list[i].entry;
      Napi::Array shape = Napi::Array::New(env, tensor.dims.size());
      for (uint32_t d = 0; d < tensor.dims.size(); d++)
        shape.Set(d, Napi::Number::New(env, static_cast<double>(tensor.dims[d])));
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", Napi::String::New(env, tensor.name.data(), tensor.name.size()));
      object.Set("dtype", dtype_name(tensor.dtype));
      object.Set("shape", shape);
      object.Set("bytes", static_cast<double>(tensor.bytes()));
      object.Set("file", static_cast<double>(list[i].file_index));
      out.Set(static_cast<uint32_t>(i - first), object);
    }
    return out;
  });
}

Napi::Value WeightsWrap::metadata(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const uint32_t index = uint_or(info[0], 0);
    if (index >= open_store().num_files()) bad_argument("file", "the index of a file");
    const auto* file = dynamic_cast<const io::GgufFile*>(&open_store().file(index));
    if (file == nullptr) return env.Null();
    Napi::Array out = Napi::Array::New(env, file->num_values());
    for (uint32_t i = 0; i < file->num_values(); i++) {
      const Napi::HandleScope scope(env);
      const io::GgufValue value = file->value(i);
      Napi::Object object = Napi::Object::New(env);
      object.Set("key", Napi::String::New(env, value.key.data(), value.key.size()));
      object.Set("type", io::gguf_type_name(value.type));
      object.Set("element", io::gguf_type_name(value.element));
      object.Set("value", metadata_value(env, value));
      out.Set(i, object);
    }
    file->file().check_unchanged();
    return out;
  });
}

Napi::Value WeightsWrap::read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const io::StoredTensor tensor = open_store().at(string_arg(info[0], "name"));
    const DTypeBlock block = dtype_block(tensor.entry->dtype);
    const int64_t elements =
        static_cast<int64_t>(tensor.entry->bytes()) / block.bytes * block.elements;
    if (elements > kMaxReadElements) bad_argument("name", "a tensor of at most 1048576 elements");
    std::vector<float> values(static_cast<size_t>(elements));
    quant::dequantise_row(values.data(), tensor.data(), elements, tensor.entry->dtype);
    return floats_value(env, values);
  });
}

// rows(weight as JSON, { first, count, group }, format) → promise of { data, scales }
Napi::Value WeightsWrap::rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const executor::WeightRef ref = executor::parse_weight(string_arg(info[0], "weight"));
    if (!info[1].IsObject()) bad_argument("range", "an object");
    const Napi::Object range = info[1].As<Napi::Object>();
    const int64_t first = int_arg(range, "first", 0, ref.rows - 1);
    const executor::RowsAsk ask{first, int_arg(range, "count", 1, ref.rows - first),
                                int_arg(range, "group", 1, ref.cols),
                                row_format(string_arg(info[2], "format"))};
    const int64_t block = dtype_block(ask.format).elements;
    if (ask.count * ref.cols > kMaxRowElements) bad_argument("count", "at most 2^26 elements");
    if (ref.cols % ask.group != 0 || ask.group % block != 0)
      bad_argument("group", "a divisor of the columns, of whole blocks");
    open_store();
    auto made = std::make_shared<executor::StoredRows>();
    const auto work = [=, store = store_] { *made = executor::stored_rows(ref, ask, *store); };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      Napi::Uint8Array data = Napi::Uint8Array::New(env, made->data.size());
      std::memcpy(data.Data(), made->data.data(), made->data.size());
      Napi::Object result = Napi::Object::New(env);
      result.Set("data", data);
      result.Set("scales", floats_value(env, made->scales));
      deferred.Resolve(result);
    });
  });
}

Napi::Value WeightsWrap::close(const Napi::CallbackInfo& info) {
  store_.reset();  // an executor that reads from the mappings holds a share of its own
  return info.Env().Undefined();
}

}  // namespace conclave::addon

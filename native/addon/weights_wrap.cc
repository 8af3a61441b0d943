#include "addon/weights_wrap.h"

#include "addon/args.h"
#include "addon/errors.h"
#include "io/gguf.h"
#include "quant/dequantise.h"

namespace conclave::addon {
namespace {

// Above every vocabulary; longer arrays of metadata are no business of a language model.
constexpr uint64_t kMaxMetadataElements = uint64_t{1} << 24;
// `read` is for tables, not for weights.
constexpr int64_t kMaxReadElements = int64_t{1} << 20;

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

}  // namespace

Napi::Function WeightsWrap::define(Napi::Env env) {
  return DefineClass(
      env, "WeightStore",
      {InstanceMethod<&WeightsWrap::tensors>("tensors"),
       InstanceMethod<&WeightsWrap::metadata>("metadata"),
       InstanceMethod<&WeightsWrap::read>("read"), InstanceMethod<&WeightsWrap::close>("close")});
}

WeightsWrap::WeightsWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WeightsWrap>(info) {
  guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsArray()) bad_argument("paths", "an array of strings");
    const Napi::Array list = info[0].As<Napi::Array>();
    std::vector<std::string> paths;
    for (uint32_t i = 0; i < list.Length(); i++) paths.push_back(string_arg(list.Get(i), "paths"));
    store_ = std::make_shared<const io::WeightStore>(paths);
    return info.Env().Undefined();
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
    Napi::Array out = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) {
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
      out.Set(i, object);
    }
    return out;
  });
}

Napi::Value WeightsWrap::metadata(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const uint32_t index = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
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

Napi::Value WeightsWrap::close(const Napi::CallbackInfo& info) {
  store_.reset();  // an executor that reads from the mappings holds a share of its own
  return info.Env().Undefined();
}

}  // namespace conclave::addon

#include "addon/weights_wrap.h"

#include "addon/args.h"
#include "addon/errors.h"

namespace conclave::addon {

Napi::Function WeightsWrap::define(Napi::Env env) {
  return DefineClass(env, "WeightStore",
                     {InstanceMethod<&WeightsWrap::tensors>("tensors"), InstanceMethod<&WeightsWrap::close>("close")});
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

Napi::Value WeightsWrap::tensors(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!store_) throw Error("disposed", "Expected open weight files, but they were closed.");
    const std::vector<io::StoredTensor>& list = store_->tensors();
    Napi::Array out = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) {
      const Napi::HandleScope scope(env);
      const io::TensorEntry& tensor = *list[i].entry;
      Napi::Array shape = Napi::Array::New(env, tensor.dims.size());
      for (uint32_t d = 0; d < tensor.dims.size(); d++) shape.Set(d, Napi::Number::New(env, static_cast<double>(tensor.dims[d])));
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

Napi::Value WeightsWrap::close(const Napi::CallbackInfo& info) {
  store_.reset();  // an executor that reads from the mappings holds a share of its own
  return info.Env().Undefined();
}

}  // namespace conclave::addon

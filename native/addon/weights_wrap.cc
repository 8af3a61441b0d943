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

// Above every published vocabulary and its merges.
constexpr uint64_t kMaxMetadataElements = uint64_t{1} << 20;
// Above every text that is asked for; a chat template may have 2^20 characters.
constexpr size_t kMaxMetadataText = size_t{1} << 22;
// What one call of `metadata` walks and hands over on the event loop: under 10 ms.
constexpr size_t kKeysAtATime = 1024, kBytesAtATime = size_t{1} << 20;
// `read` is for tables, not for weights.
constexpr int64_t kMaxReadElements = int64_t{1} << 20;
// What `rows` makes is in memory at once.
constexpr int64_t kMaxRowElements = int64_t{1} << 26;

Napi::Value scalar_value(Napi::Env env, io::GgufType type, double x) {
  if (type == io::GgufType::boolean) return Napi::Boolean::New(env, x != 0);
  return Napi::Number::New(env, x);
}

Napi::Value metadata_value(Napi::Env env, const io::GgufValue& value) {
  Napi::Value result = env.Null();
  if (value.type == io::GgufType::array) return result;
  value.for_each_string([&](std::string_view s) {
    if (s.size() <= kMaxMetadataText) result = Napi::String::New(env, s.data(), s.size());
  });
  value.for_each_number([&](double x) { result = scalar_value(env, value.type, x); });
  return result;
}

Napi::Object metadata_entry(Napi::Env env, const io::GgufValue& value) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("key", Napi::String::New(env, value.key.data(), value.key.size()));
  object.Set("type", io::gguf_type_name(value.type));
  object.Set("element", io::gguf_type_name(value.element));
  object.Set("count", static_cast<double>(value.count));
  object.Set("value", metadata_value(env, value));
  return object;
}

const io::GgufFile* gguf_file(const io::WeightStore& store, uint32_t index) {
  if (index >= store.num_files()) bad_argument("file", "the index of a file");
  return dynamic_cast<const io::GgufFile*>(&store.file(index));
}

// Text i of an array of strings is bytes[offsets[i] … offsets[i + 1]).
struct Elements {
  std::vector<char> bytes;
  std::vector<uint32_t> offsets;
  std::vector<double> numbers;
};

Elements read_elements(const io::GgufFile& file, uint32_t key) {
  if (key >= file.num_values()) bad_argument("key", "the index of a key");
  const io::GgufValue value = file.value(key);
  if (value.type != io::GgufType::array || value.count > kMaxMetadataElements)
    bad_argument("key", "the index of an array of at most 1048576 elements");
  Elements all;
  const auto count = static_cast<size_t>(value.count);
  if (value.element == io::GgufType::string) {
    all.bytes.reserve(value.bytes.size() - 8 * count);
    all.offsets.reserve(count + 1);
    all.offsets.push_back(0);
    value.for_each_string([&](std::string_view s) {
      all.bytes.insert(all.bytes.end(), s.begin(), s.end());
      all.offsets.push_back(static_cast<uint32_t>(all.bytes.size()));
    });
  } else {
    all.numbers.reserve(count);
    value.for_each_number([&](double x) { all.numbers.push_back(x); });
  }
  file.file().check_unchanged();
  return all;
}

Napi::Value elements_value(Napi::Env env, const Elements& all) {
  if (all.offsets.empty()) {
    Napi::Float64Array numbers = Napi::Float64Array::New(env, all.numbers.size());
    std::copy(all.numbers.begin(), all.numbers.end(), numbers.Data());
    return numbers;
  }
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, all.bytes.size());
  std::copy(all.bytes.begin(), all.bytes.end(), bytes.Data());
  Napi::Uint32Array offsets = Napi::Uint32Array::New(env, all.offsets.size());
  std::copy(all.offsets.begin(), all.offsets.end(), offsets.Data());
  Napi::Object texts = Napi::Object::New(env);
  texts.Set("bytes", bytes);
  texts.Set("offsets", offsets);
  return texts;
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
       InstanceMethod<&WeightsWrap::elements>("elements"),
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
    const io::GgufFile* file = gguf_file(open_store(), uint_or(info[0], 0));
    if (file == nullptr) return env.Null();
    const size_t first = uint_or(info[1], 0);
    const size_t end = std::min(file->num_values(), first + kKeysAtATime);
    Napi::Array out = Napi::Array::New(env);
    size_t walked = 0;
    for (size_t i = first; i < end && walked < kBytesAtATime; i++) {
      const Napi::HandleScope scope(env);
      const io::GgufValue value = file->value(i);
      walked += value.key.size() + value.bytes.size();
      out.Set(static_cast<uint32_t>(i - first), metadata_entry(env, value));
    }
    file->file().check_unchanged();
    return out;
  });
}

Napi::Value WeightsWrap::elements(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const io::GgufFile* file = gguf_file(open_store(), uint_or(info[0], 0));
    if (file == nullptr) bad_argument("file", "the index of a GGUF file");
    const uint32_t key = uint_or(info[1], UINT32_MAX);
    auto all = std::make_shared<Elements>();
    const auto work = [=, store = store_] { *all = read_elements(*file, key); };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      deferred.Resolve(elements_value(env, *all));
    });
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

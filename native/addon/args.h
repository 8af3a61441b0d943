#pragma once
// Arguments → plain C++ data. Typed arrays are copied: JavaScript may detach them at any time.
#include <napi.h>

#include <vector>

#include "core/error.h"

namespace conclave::addon {

[[noreturn]] inline void bad_argument(const std::string& name, const char* expected) {
  throw Error("invalid_request", "Expected " + std::string(expected) + " for " + name + ".");
}

inline int64_t int_arg(const Napi::Object& object, const char* name, int64_t low, int64_t high) {
  const Napi::Value value = object.Get(name);
  const double x = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!value.IsNumber() || !(x >= static_cast<double>(low) && x <= static_cast<double>(high)) ||
      x != static_cast<double>(static_cast<int64_t>(x))) {
    throw Error("invalid_request", "Expected an integer from " + std::to_string(low) + " to " +
                                       std::to_string(high) + " for " + name + ".");
  }
  return static_cast<int64_t>(x);
}

inline float float_arg(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) bad_argument(name, "a number");
  return value.As<Napi::Number>().FloatValue();
}

inline bool bool_arg(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) bad_argument(name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

inline std::string string_arg(const Napi::Value& value, const char* name) {
  if (!value.IsString()) bad_argument(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Int32Array ints_type(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    bad_argument(name, "an Int32Array");
  return value.As<Napi::Int32Array>();
}

inline std::vector<int32_t> ints_arg(const Napi::Value& value, const char* name) {
  const Napi::Int32Array array = ints_type(value, name);
  return {array.Data(), array.Data() + array.ElementLength()};
}

inline std::vector<float> floats_arg(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    bad_argument(name, "a Float32Array");
  const Napi::Float32Array array = value.As<Napi::Float32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

inline Napi::Value ints_value(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array array = Napi::Int32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

inline Napi::Value floats_value(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace conclave::addon

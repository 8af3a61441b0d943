#pragma once
// WeightStore of lib/native.ts.
#include <napi.h>

#include <memory>

#include "io/weight_store.h"

namespace conclave::addon {

class WeightsWrap : public Napi::ObjectWrap<WeightsWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // openWeights of lib/native.ts: a promise of the store, whose headers are read on a thread.
  static Napi::Value open(const Napi::CallbackInfo& info);
  explicit WeightsWrap(const Napi::CallbackInfo& info);

  using Store = std::shared_ptr<const io::WeightStore>;
  // Null after close().
  Store store() const { return store_; }

 private:
  // `disposed` after close().
  const io::WeightStore& open_store() const;
  Napi::Value tensors(const Napi::CallbackInfo& info);
  Napi::Value metadata(const Napi::CallbackInfo& info);
  Napi::Value elements(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Store store_;
};

}  // namespace conclave::addon

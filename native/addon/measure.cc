#include "addon/measure.h"

#include "addon/args.h"
#include "addon/errors.h"
#include "addon/executor_wrap.h"
#include "addon/later.h"
#include "cpu/ceiling.h"

namespace conclave::addon {

Napi::Value measure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const int threads = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0;
    if (threads < 0 || threads > 1024) bad_argument("threads", "0 (all cores) to 1024");
    auto ceilings = std::make_shared<cpu::Ceilings>();
    const auto work = [=] {
      cpu::ThreadPool pool(threads > 0 ? threads : cpu::usable_cores());
      cpu::CpuStream stream(pool, cpu::select_kernels());
      *ceilings = cpu::measure_ceilings(stream);
    };
    return once(env, work, [=](Napi::Env env, const auto& deferred, auto& error) {
      if (!error.code.empty()) return deferred.Reject(to_js(env, error).Value());
      Napi::Object result = Napi::Object::New(env);
      result.Set("readBytesPerSecond", ceilings->read_gb_per_s * 1e9);
      result.Set("f32FlopsPerSecond", ceilings->f32_gflops * 1e9);
      result.Set("bf16FlopsPerSecond", ceilings->bf16_gflops * 1e9);
      result.Set("int8OpsPerSecond", ceilings->int8_gops * 1e9);
      deferred.Resolve(result);
    });
  });
}

}  // namespace conclave::addon

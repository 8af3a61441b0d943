// Load and generate with the k-th allocation, open, stat, fstat, mmap or thread start failing, for
// every k until a run needs no more of them. Each failure must end in a typed error, leave nothing
// behind, and the run after it must give the same bits as ever.
//   kth_failure [stride]     stride n: every n-th k only
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <set>
#include <string>
#include <utility>

#include "golden_model.h"
#include "injector.h"
#include "leftovers.h"

namespace conclave::test {
namespace {

int g_passed = 0, g_failed = 0;
std::string g_case;
// At the start, as a thread of the run before may be joined and still on its way out.
const int g_threads = leftovers().threads;

void expect(bool holds, const std::string& what) {
  (holds ? g_passed : g_failed)++;
  if (!holds) std::printf("FAILED %s: %s\n", g_case.c_str(), what.c_str());
}

[[noreturn]] void report_terminate() {
  disarm();
  std::printf("FAILED %s: std::terminate\n", g_case.c_str());
  std::fflush(stdout);
  std::abort();
}

// The code that the addon would hand to JavaScript (native/addon/errors.h), or empty.
template <class Run>
std::string code_of(Run&& run) {
  try {
    run();
    return {};
  } catch (const Error& error) {
    disarm();
    return error.code();
  } catch (const std::bad_alloc&) {
    disarm();
    return "insufficient_memory";
  } catch (const std::exception& error) {
    disarm();
    return std::string("untyped: ") + error.what();
  }
}

std::set<std::string> allowed_codes(Fault fault) {
  if (fault == Fault::allocation || fault == Fault::thread) return {"insufficient_memory"};
  // The second stat of a file asks whether it is still there.
  if (fault == Fault::stat) return {"io_error", "file_changed"};
  return {"io_error"};
}

class Loop {
 public:
  Loop(const std::string& name, executor::WeightPolicy weights)
      : model_(name), title_(name), options_(small_options(3)) {
    options_.weights = weights;
    options_.validate = weights != executor::WeightPolicy::as_stored;
    if (options_.validate) title_ += " as int8";
    load();  // the first use of a process may keep what it makes: locales, the signal handler
    golden_ = load();
    g_case = title_;
    if (!options_.validate) expect(golden_.tokens == model_.expected, "the golden tokens");
    expect(load() == golden_, "the same bits in each run");
  }

  // Every k of one kind; how many there were.
  int64_t run(Fault fault, Extent extent, int64_t stride) {
    int64_t k = 0;
    while (fail_at(fault, k, extent)) k += stride;
    const char* extent_name = extent == Extent::once ? "once" : "from then on";
    std::printf("%s: %s %s: %lld failures\n", title_.c_str(), fault_name(fault), extent_name,
                static_cast<long long>(k / stride));
    return k / stride;
  }

 private:
  // False once a run needs no k-th call.
  bool fail_at(Fault fault, int64_t k, Extent extent) {
    g_case = title_ + ": " + fault_name(fault) + " " + std::to_string(k) +
             (extent == Extent::once ? "" : " and after");
    Leftovers before = leftovers();
    before.threads = g_threads;
    int64_t failed = 0;
    {
      Answer answer;
      const std::string code = code_of([&] {
        arm(fault, k, extent);
        answer = load();
      });
      failed = disarm();
      if (code.empty()) expect(answer == golden_, "the golden bits in spite of it");
      else expect(allowed_codes(fault).count(code) == 1, "a typed error, but got " + code);
    }
    const std::string left = difference(before);
    expect(left.empty(), "left behind " + left);
    if (failed > 0) expect(load() == golden_, "the golden bits afterwards");
    return failed > 0;
  }

  Answer load() const {
    cpu::usable_cores();  // as each load does whose caller names no number of threads
    return load_and_generate(model_, options_);
  }

  GoldenModel model_;
  std::string title_;
  executor::ExecutorOptions options_;
  Answer golden_;
};

}  // namespace
}  // namespace conclave::test

int main(int argc, char** argv) {
  using namespace conclave::test;
  std::set_terminate(report_terminate);
  const int64_t stride = argc > 1 ? std::atoll(argv[1]) : 1;
  int64_t total = 0;
  using Policy = conclave::executor::WeightPolicy;
  const std::pair<const char*, Policy> cases[] = {
      {"moe-f32", Policy::as_stored},
      {"moe-norm-false-tied-sharded", Policy::as_stored},
      {"moe-f32", Policy::int8},
  };
  for (const auto& [name, weights] : cases) {
    Loop loop(name, weights);
    for (const Fault fault : kFaults) {
      const int64_t step = fault == Fault::allocation ? stride : 1;
      for (const Extent extent : {Extent::once, Extent::from_then_on}) {
        total += loop.run(fault, extent, step);
      }
    }
  }
  std::printf("%lld failures injected\n", static_cast<long long>(total));
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

#!/usr/bin/env bash
# The k-th-failure loop, the readers and a whole small model under valgrind, the native test programs
# under ASan and UBSan and under TSan, and the addon under ASan and UBSan in a part of the suite. With an
# argument one of them alone:
#   bash scripts/sanitize.sh [faults|valgrind|address|thread|addon]
# addon is not part of the default: it comes after `npm run build`, and CI asks for it by name.
set -uo pipefail
cd "$(dirname "$0")/.."
modes=("$@")
[ $# -gt 0 ] || modes=(faults valgrind address thread)
passed=0 failed=0 started=$SECONDS

# Any error, and any block that is lost for certain, fails; tests that replace `new` keep theirs.
memcheck=(valgrind -q --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite
  --show-leak-kinds=definite --soname-synonyms=somalloc=nouserintercepts)

# build NAME SANITIZERS TARGET...
build() {
  local folder=build/sanitize-$1 sanitizers=$2 processor=() headers=
  [ ! -d node_modules/node-api-headers ] || headers=$(node -p "['node-api-headers', 'node-addon-api'].map(n => path.resolve(require(n).include_dir.replaceAll('\"', ''))).join(';')")
  # SIMD kernels take a minute to compile, valgrind does not know all of their instructions, and threads
  # and failures do not differ with them.
  [ "$1" = address ] || processor=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=plain)
  shift 2
  cmake -S . -B "$folder" -DCONCLAVE_TESTS=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS='-O1 -g1' \
    "${processor[@]}" "-DCONCLAVE_SANITIZE=$sanitizers" "-DCMAKE_JS_INC=$headers" >/dev/null &&
    cmake --build "$folder" --parallel 2 --target "$@" >/dev/null && return
  echo "sanitize: $folder does not build"
  failed=$((failed + 1))
  return 1
}

# check MODE COMMAND...: adds up its closing line "N passed, N failed".
check() {
  local mode=$1 log=build/sanitize.log begun=$SECONDS status=0 line
  shift
  local program=$1
  [ "$mode" != valgrind ] || set -- "${memcheck[@]}" "$@"
  "$@" >"$log" 2>&1 || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
  echo "sanitize $mode $(basename "$program"): ${line:-no closing line} in $((SECONDS - begun)) s"
  [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]] && passed=$((passed + BASH_REMATCH[1]))
  if [ "$status" != 0 ] || [ -z "$line" ]; then
    failed=$((failed + 1))
    tail -60 "$log"
  fi
}

# Runs a part of the suite on a copy of the repository with the addon that is instrumented.
addon_suite() {
  local copy=build/sanitize-address/copy log=build/sanitize-addon.log status=0
  mkdir -p "$copy/build/Release"
  cp -ru package.json vitest.config.ts lib test dist default-model "$copy"
  cp build/sanitize-address/conclave.node "$copy/build/Release"
  ln -sfn "$PWD/node_modules" "$copy/node_modules"
  # Node itself leaves memory behind when it ends: what the addon leaves is counted in test/hazard.
  (
    cd "$copy" && NO_COLOR=1 ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
      LD_PRELOAD=$(g++ -print-file-name=libasan.so) node node_modules/vitest/vitest.mjs run "$@"
  ) >"$log" 2>&1 || status=$?
  cat "$log"
  sed -En 's/^ *Tests +(([0-9]+) failed \| )?([0-9]+) passed.*/\3 passed, 0\2 failed/p' "$log"
  return $status
}

for mode in "${modes[@]}"; do
  programs=build/sanitize-$mode/test
  case $mode in
    faults)
      build faults '' kth_failure executor_run && check faults "$programs/faults/kth_failure"
      ;;
    address)
      export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
      build address 'address;undefined' native_tests io_tests gguf_tests executor_run kth_failure || continue
      for program in native/native_tests native-io/io_tests native-gguf/gguf_tests faults/executor_run; do
        check address "$programs/$program"
      done
      check address "$programs/faults/kth_failure" 19
      ;;
    addon)
      build address 'address;undefined' conclave &&
        check addon addon_suite test/engine/{load,generate,errors}.test.ts test/hazard/dispose.test.ts test/executor
      ;;
    thread)
      export TSAN_OPTIONS=halt_on_error=1
      build thread thread native_tests executor_run || continue
      check thread "$programs/native/native_tests"
      check thread "$programs/faults/executor_run" 5
      ;;
    valgrind)
      # The build of `faults`; each mutation takes milliseconds here.
      build faults '' executor_run io_tests gguf_tests || continue
      programs=build/sanitize-faults/test
      check valgrind "$programs/native-io/io_tests" small
      CONCLAVE_FUZZ_RUNS=2000 check valgrind "$programs/native-gguf/gguf_tests"
      check valgrind "$programs/faults/executor_run" 1
      ;;
    *) echo "sanitize: expected faults, valgrind, address, addon or thread, but got $mode" && exit 2 ;;
  esac
done
echo "sanitize: $passed passed, $failed failed in $((SECONDS - started)) s"
[ "$failed" = 0 ]

#!/usr/bin/env bash
# The native test programs under ASan and UBSan and under TSan; the k-th-failure loop besides. With an
# argument one of them alone:
#   bash scripts/sanitize.sh [address|thread|faults|valgrind]
# valgrind is not part of the default: it is for a release.
set -uo pipefail
cd "$(dirname "$0")/.."
modes=("$@")
[ $# -gt 0 ] || modes=(faults address thread)
passed=0 failed=0 started=$SECONDS

# build NAME SANITIZERS TARGET...
build() {
  local folder=build/sanitize-$1 sanitizers=$2 processor=()
  # SIMD kernels take a minute to compile, and threads and failures do not differ with them.
  [ "$1" = address ] || processor=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=plain)
  shift 2
  cmake -S . -B "$folder" -DCONCLAVE_TESTS=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS='-O1 -g1' \
    "${processor[@]}" "-DCONCLAVE_SANITIZE=$sanitizers" >/dev/null &&
    cmake --build "$folder" --parallel 2 --target "$@" >/dev/null && return
  echo "sanitize: $folder does not build"
  failed=$((failed + 1))
  return 1
}

# check MODE COMMAND...: adds up its closing line "N passed, N failed".
check() {
  local mode=$1 log=build/sanitize.log begun=$SECONDS status=0 line
  shift
  "$@" >"$log" 2>&1 || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
  echo "sanitize $mode $(basename "$1" | sed s/valgrind/executor_run/): ${line:-no closing line} in $((SECONDS - begun)) s"
  [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]] && passed=$((passed + BASH_REMATCH[1]))
  if [ "$status" != 0 ] || [ -z "$line" ]; then
    failed=$((failed + 1))
    tail -60 "$log"
  fi
}

for mode in "${modes[@]}"; do
  programs=build/sanitize-$mode/test
  case $mode in
    faults)
      build faults '' kth_failure && check faults "$programs/faults/kth_failure"
      ;;
    address)
      export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
      build address 'address;undefined' native_tests io_tests gguf_tests executor_run kth_failure || continue
      for program in native/native_tests native-io/io_tests native-gguf/gguf_tests faults/executor_run; do
        check address "$programs/$program"
      done
      check address "$programs/faults/kth_failure" 19
      ;;
    thread)
      export TSAN_OPTIONS=halt_on_error=1
      build thread thread native_tests executor_run || continue
      check thread "$programs/native/native_tests"
      check thread "$programs/faults/executor_run" 5
      ;;
    valgrind)
      build valgrind '' executor_run &&
        check valgrind valgrind --error-exitcode=1 --leak-check=full -q \
          "$programs/faults/executor_run" 1
      ;;
    *) echo "sanitize: expected address, thread, faults or valgrind, but got $mode" && exit 2 ;;
  esac
done
echo "sanitize: $passed passed, $failed failed in $((SECONDS - started)) s"
[ "$failed" = 0 ]

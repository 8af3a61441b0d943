#!/usr/bin/env bash
# Fuzzes the readers of untrusted bytes under ASan and UBSan: builds once, replays the committed corpus
# and every crash ever found, then runs each target for SECONDS, two at a time.
#   bash scripts/fuzz.sh SECONDS [json|safetensors|gguf|grammar|graph]
# CONCLAVE_SEED (1 unless given) chooses what is tried: a change is then judged by itself, not by luck.
# The repository is only read. A finding ends with 1 and stays in build/fuzz/findings; the file goes to
# test/fuzz/crashes/TARGET/ with the fix. For a release: bash scripts/fuzz.sh 3600 TARGET
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [target]}
targets=(json safetensors gguf grammar graph)
[ $# -lt 2 ] || targets=("$2")
build=$PWD/build/fuzz
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1

started=$SECONDS
# The name of the processor leaves out the SIMD kernels: with coverage they take minutes to compile, and
# scripts/sanitize.sh runs them.
cmake -S . -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DCONCLAVE_FUZZ=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=plain \
  '-DCONCLAVE_SANITIZE=address;undefined;fuzzer-no-link' >/dev/null
cmake --build "$build" --parallel 2 --target "${targets[@]/#/fuzz_}" >/dev/null
echo "fuzz: built in $((SECONDS - started)) s"
mkdir -p "$build/findings"
rm -f "$build"/*.executions

fuzz() {
  local target=$1 program=$build/test/fuzz/fuzz_$1 log=$build/$1.log new dictionary=test/fuzz/json.dict seeds
  [ "$target" != gguf ] || dictionary=test/fuzz/gguf.dict
  seeds=(test/fuzz/corpus/"$target")
  [ ! -d test/fuzz/crashes/"$target" ] || seeds+=(test/fuzz/crashes/"$target")
  local limits=(-timeout=10 -rss_limit_mb=512 "-artifact_prefix=$build/findings/$target-")
  find "${seeds[@]}" -type f -exec "$program" "${limits[@]}" {} + >"$log" 2>&1 || return 1
  new=$(mktemp -d)
  local failed=0
  "$program" "${limits[@]}" "-dict=$dictionary" "-max_total_time=$seconds" "-seed=${CONCLAVE_SEED:-1}" -max_len=65536 -print_final_stats=1 \
    "$new" "${seeds[@]}" >"$log" 2>&1 || failed=1
  rm -rf "$new"
  local runs coverage
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/^#[0-9]*[^c]*\(cov: [0-9]* ft: [0-9]*\).*/\1/p' "$log" | tail -1)
  echo "${runs:-0}" >"$build/$target.executions"
  echo "fuzz $target: $(find "${seeds[@]}" -type f | wc -l) files replayed, ${runs:-0} executions in $seconds s, $coverage"
  return $failed
}

passed=0 failed=0
for ((i = 0; i < ${#targets[@]}; i += 2)); do
  pair=("${targets[@]:i:2}") pids=()
  for target in "${pair[@]}"; do
    fuzz "$target" &
    pids+=($!)
  done
  for ((j = 0; j < ${#pids[@]}; j++)); do
    if wait "${pids[j]}"; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      echo "fuzz ${pair[j]}: FOUND something, the end of its log:"
      tail -60 "$build/${pair[j]}.log"
    fi
  done
done
executions=0
for target in "${targets[@]}"; do
  executions=$((executions + $(cat "$build/$target.executions" 2>/dev/null || echo 0)))
done
echo "fuzz: $passed passed, $failed failed, $executions executions in all, in $((SECONDS - started)) s"
[ "$failed" = 0 ]

#!/usr/bin/env bash
# Compiles every native room with Clang and for ARM64, warnings as errors; neither is run here.
set -euo pipefail
cd "$(dirname "$0")/.."
build() {
  local name=$1; shift
  cmake -S . -B "build/portable-$name" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=-Werror "$@" >/dev/null
  cmake --build "build/portable-$name" --parallel 2 >/dev/null
  echo "compiles without warnings: $name"
}
build clang -DCMAKE_CXX_COMPILER=clang++
build arm64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++

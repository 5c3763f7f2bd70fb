#!/bin/bash
# build.sh: build the guests into guests/prebuilt and write their SHA256SUMS.
# build.sh --check: build them elsewhere and fail unless the bytes are those of guests/prebuilt.
#
# The toolchain is the one that guests/toolchain pins, so the same sources make the same bytes on every machine.
set -euo pipefail
cd "$(dirname "$0")"

mode=build
case "${1:-}" in
  '') ;;
  --check) mode=check ;;
  *) echo "usage: guests/build.sh [--check]" >&2; exit 1 ;;
esac

nn_wit=../wit/wasi-nn/0.2.0-rc-2024-10-28
[ -d "$nn_wit" ] || { echo "guests/build.sh: no WIT text of wasi:nn in $nn_wit" >&2; exit 1; }

T=$(toolchain/setup.sh)
llvm=$T/usr/lib/llvm-19
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
mkdir -p "$out" "$work/wit/deps"
cp world.wit "$work/wit/"
cp -r "$nn_wit" "$work/wit/deps/nn"

# tool NAME ARGS...: run an LLVM program with the C library that it was built for.
tool() {
  local name=$1
  shift
  "$T/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$T/usr/lib/x86_64-linux-gnu:$llvm/lib" "$llvm/bin/$name" "$@"
}

# core OUT SOURCE...: compile and link a preview 1 command. The driver only compiles: left to link, it would run any
# wasm-opt that it finds, and the result would depend on that. The stack comes first, so that an overflow traps.
core() {
  local out=$1 source object objects=()
  shift
  for source in "$@"; do
    object=$work/$(basename "$out")-${source//\//-}.o
    tool clang --target=wasm32-wasi -resource-dir "$llvm/lib/clang/19" --sysroot="$T/usr" \
      -std=gnu17 -Os -Wall -Wextra -Werror -Ic -Inncli -c -o "$object" "$source"
    objects+=("$object")
  done
  tool wasm-ld -m wasm32 --strip-all --stack-first -z stack-size=262144 -L"$T/usr/lib/wasm32-wasi" -o "$out" \
    "$T/usr/lib/wasm32-wasi/crt1-command.o" "${objects[@]}" -lc "$llvm/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"
}

# component OUT SOURCE...: the same, then make a component of it.
component() {
  local out=$1
  shift
  core "$work/core.wasm" "$@"
  node toolchain/component.mjs "$T" "$work/wit" guest "$work/core.wasm" "$out"
}

digits=(c/digits.c c/picture.c c/guest.c)
core "$out/c-digits.p1.wasm" "${digits[@]}" c/neural_preview1.c
component "$out/c-digits.component.wasm" "${digits[@]}" c/neural_component.c

nncli=(nncli/nncli.c nncli/options.c nncli/element.c nncli/npy.c nncli/abuse.c c/guest.c)
core "$out/nncli.p1.wasm" "${nncli[@]}" nncli/interface_preview1.c c/neural_preview1.c
component "$out/nncli.component.wasm" "${nncli[@]}" nncli/interface_component.c c/neural_component.c

chmod 644 "$out"/*.wasm
(cd "$out" && sha256sum *.wasm > SHA256SUMS)
if [ "$mode" = check ]; then
  diff -r "$out" prebuilt || { echo "guests/build.sh: guests/prebuilt is not what the sources make; run guests/build.sh" >&2; exit 1; }
  echo "guests/prebuilt is what the sources make"
else
  rm -rf prebuilt
  mv "$out" prebuilt
fi
(cd prebuilt && wc -c *.wasm)

#!/bin/bash
# build.sh: build the guests into guests/prebuilt and write their SHA256SUMS.
# build.sh --check: build them elsewhere and fail unless the bytes are those of guests/prebuilt.
#
# The toolchain is the one that guests/toolchain pins, so the same sources make the same bytes on every machine.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
unset CPATH C_INCLUDE_PATH # clang would look there

mode=build
case "${1:-}" in
  '') ;;
  --check) mode=check ;;
  *) echo "usage: guests/build.sh [--check]" >&2; exit 1 ;;
esac

nn_wit=../wit/wasi-nn/0.2.0-rc-2024-10-28
[ -d "$nn_wit" ] || { echo "guests/build.sh: no WIT text of wasi:nn in $nn_wit" >&2; exit 1; }

T=$(toolchain/setup.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
mkdir -p "$out" "$work/wit/deps"
cp world.wit "$work/wit/"
cp -r "$nn_wit" "$work/wit/deps/nn"

# core OUT SOURCE...: compile and link a preview 1 command in C. The stack comes first, so that an overflow traps.
core() {
  local out=$1 source object objects=()
  shift
  for source in "$@"; do
    object=$work/$(basename "$out")-${source//\//-}.o
    "$T/bin/clang" -std=gnu17 -Os -Wall -Wextra -Werror -Ic -Inncli -o "$object" "$source"
    objects+=("$object")
  done
  "$T/bin/wasm-ld" -m wasm32 --strip-all --stack-first -z stack-size=262144 -L"$T/usr/lib/wasm32-wasi" -o "$out" \
    "$T/usr/lib/wasm32-wasi/crt1-command.o" "${objects[@]}" -lc "$T/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"
}

# rust_core OUT [FEATURE]: the same in Rust, with the settings of Cargo.toml's release profile.
rust_core() {
  "$T/bin/rustc" --crate-name digits --edition 2024 -C opt-level=s -C lto -C codegen-units=1 -C panic=abort -C strip=symbols \
    -D warnings ${2:+--cfg "feature=\"$2\""} --check-cfg 'cfg(feature, values("component"))' -o "$1" rust/src/main.rs
}

# component CORE OUT: make a component of a command.
component() {
  node toolchain/component.mjs "$T" "$work/wit" guest "$1" "$2"
}

digits=(c/digits.c c/picture.c c/guest.c)
core "$out/c-digits.p1.wasm" "${digits[@]}" c/neural_preview1.c
core "$work/core.wasm" "${digits[@]}" c/neural_component.c
component "$work/core.wasm" "$out/c-digits.component.wasm"

rust_core "$out/rust-digits.p1.wasm"
rust_core "$work/core.wasm" component
component "$work/core.wasm" "$out/rust-digits.component.wasm"

nncli=(nncli/nncli.c nncli/options.c nncli/element.c nncli/npy.c nncli/abuse.c c/guest.c)
core "$out/nncli.p1.wasm" "${nncli[@]}" nncli/interface_preview1.c c/neural_preview1.c
core "$work/core.wasm" "${nncli[@]}" nncli/interface_component.c c/neural_component.c
component "$work/core.wasm" "$out/nncli.component.wasm"

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

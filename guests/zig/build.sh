# Sourced by ../build.sh: digits in Zig.

zig=$(toolchain/setup.sh zig)/python/ziglang/zig

zig_core() { # INTERFACE OUT [FLAG...]
  local interface=$1 out=$2
  shift 2
  "$zig" build-exe -target wasm32-wasi -O small --cache-dir "$work/zig" --global-cache-dir "$work/zig-global" \
    --dep neural -Mroot=zig/digits.zig -Mneural="zig/neural_$interface.zig" "$@" -femit-bin="$out"
}

zig_core preview1 "$out/zig-digits.p1.wasm"
zig_core component "$work/zig-digits.wasm" --export=cabi_realloc
component "$work/zig-digits.wasm" "$out/zig-digits.component.wasm"

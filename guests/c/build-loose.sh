# Sourced by ../build.sh: digits in C, natively for WASI 0.2: the C library calls WASI 0.2, and no adapter is needed.

wasip2=$(toolchain/setup.sh wasip2)

objects=()
for source in digits picture guest neural_component; do
  compile "$work/c-$source.o" "c/$source.c" -Ic --target=wasm32-wasip2 --sysroot="$wasip2/usr" -isystem "$wasip2/usr/include/wasm32-wasip2"
  objects+=("$work/c-$source.o")
done
link_command "$wasip2/usr/lib/wasm32-wasip2" "$work/c-digits.wasm" "${objects[@]}"
native_component "$work/c-digits.wasm" "$out/c-digits.wasip2.wasm"

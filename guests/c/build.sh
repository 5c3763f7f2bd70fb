# Sourced by ../build.sh: digits in C for preview 1, and as a component by the adapter.

digits_objects() { # INTERFACE: compiles, and prints the objects' paths
  local source object
  for source in digits picture guest "neural_$1"; do
    object=$work/c-$source.o
    compile "$object" "c/$source.c" -Ic
    echo "$object"
  done
}

objects=$(digits_objects preview1)
link_command "$T/usr/lib/wasm32-wasi" "$out/c-digits.p1.wasm" $objects
objects=$(digits_objects component)
link_command "$T/usr/lib/wasm32-wasi" "$work/c-digits.wasm" $objects
component "$work/c-digits.wasm" "$out/c-digits.component.wasm"

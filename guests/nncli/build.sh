# Sourced by ../build.sh: nncli in C, over the same interface as digits.

nncli_objects() { # INTERFACE: compiles, and prints the objects' paths
  local source object
  for source in nncli/{nncli,options,element,npy,abuse}.c c/guest.c "nncli/interface_$1.c" "c/neural_$1.c"; do
    object=$work/nncli-$(basename "$source" .c).o
    compile "$object" "$source" -Ic -Inncli
    echo "$object"
  done
}

objects=$(nncli_objects preview1)
link_command "$T/usr/lib/wasm32-wasi" "$out/nncli.p1.wasm" $objects
objects=$(nncli_objects component)
link_command "$T/usr/lib/wasm32-wasi" "$work/nncli.wasm" $objects
component "$work/nncli.wasm" "$out/nncli.component.wasm"

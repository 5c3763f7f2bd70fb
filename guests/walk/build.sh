# Sourced by ../build.sh: the walk in C for preview 1. It is no command: its exports are called one by one.

walk_objects() { # compiles, and prints the objects' paths
  local source object
  for source in walk/walk.c walk/picture.c c/guest.c; do
    object=$work/walk-$(basename "$source" .c).o
    compile "$object" "$source" -Iwalk -Ic
    echo "$object"
  done
}

objects=$(walk_objects)
lib=$T/usr/lib/wasm32-wasi
"$T/bin/wasm-ld" -m wasm32 --strip-all --stack-first -z stack-size=262144 -L"$lib" --entry=_initialize -o "$out/walk.p1.wasm" \
  "$lib/crt1-reactor.o" $objects -lc "$T/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"

# Sourced by ../build.sh: digits in Nim, for preview 1. Nim makes C; its header wasi_ephemeral_nn.h is the one of ../c.

N=$(toolchain/setup.sh nim)
nim_lib=$N/usr/lib/nim/lib
"$N/bin/nim" c --hints:off --compileOnly --noMain:on --cpu:wasm32 --os:linux --cc:clang --mm:arc --exceptions:goto --threads:off \
  -d:release -d:useMalloc -d:noSignalHandler --opt:size --stackTrace:off --lineTrace:off --lineDir:off \
  --path:"$nim_lib"/{core,pure,pure/collections,posix} --nimcache:"$work/nim" nim/digits.nim
for source in "$work"/nim/*.c; do
  "$T/bin/clang" --target=wasm32-wasi -Os -w -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_PROCESS_CLOCKS \
    -include nim/wasi.h -I"$nim_lib" -Ic -o "$source.o" "$source"
done
link_command "$T/usr/lib/wasm32-wasi" "$out/nim-digits.p1.wasm" "$work"/nim/*.o \
  -lwasi-emulated-signal -lwasi-emulated-mman -lwasi-emulated-process-clocks

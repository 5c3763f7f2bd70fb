# Sourced by ../build.sh: digits in D, for preview 1.

D=$(toolchain/setup.sh d)
"$D/bin/ldc2" -mtriple=wasm32-unknown-wasi -betterC -Os -boundscheck=on -checkaction=halt -w -de -I=d -c -of="$work/d.o" \
  d/digits.d d/libc.d d/neural.d d/picture.d
link_command "$T/usr/lib/wasm32-wasi" "$out/d-digits.p1.wasm" "$work/d.o"

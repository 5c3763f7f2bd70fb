# Sourced by ../build.sh: digits and echo in AssemblyScript, for preview 1, of today and of 2022, and as a component with UTF-16 strings.

A=$(toolchain/setup.sh assemblyscript)
as_core() { # ENTRY OUT FLAG...
  local entry=$1 out=$2
  shift 2
  (cd assemblyscript && node "$A/node_modules/assemblyscript/bin/asc.js" "$entry" -Oz "$@" -o "$out")
}

as_wit=$work/as-wit
mkdir -p "$as_wit/deps"
cp assemblyscript/world.wit "$as_wit/"
cp -r ../wit/wasi/* "$wit/deps/nn" "$as_wit/deps/"

for program in digits echo; do
  entry=${program#digits}
  entry=${entry:+${entry}_}
  as_core "${entry}preview1.ts" "$out/assemblyscript-$program.p1.wasm" --exportStart _start --use abort=wasi_preview1/abort
  as_core "${entry}preview1_2022.ts" "$out/assemblyscript-2022-$program.p1.wasm" --exportStart _start --use abort=wasi_preview1/abort
  as_core "${entry}component.ts" "$work/as.wasm" --use abort=wasi_component/abort --transform ./export-run.mjs
  node toolchain/component.mjs "$T" "$as_wit" guest "$work/as.wasm" "$out/assemblyscript-$program.component.wasm" native utf16
done

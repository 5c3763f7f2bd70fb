# Sourced by ../build.sh: digits in JavaScript on QuickJS. The engine's state after the program's first lines becomes part of
# the component, and it has random numbers in it, so that no two builds have the same bytes.

node javascript/quickjs.mjs "$(toolchain/setup.sh quickjs)" "$(command_wit)" script javascript/digits.js \
  "$out/javascript-quickjs-digits.component.wasm"

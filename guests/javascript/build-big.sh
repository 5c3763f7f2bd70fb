# Sourced by ../build.sh: digits in JavaScript on StarlingMonkey; and on QuickJS with the async ABI of WASI 0.3.

wit=$(command_wit)
node javascript/starlingmonkey.mjs "$(toolchain/setup.sh starlingmonkey)" "$wit" script javascript/digits.js \
  "$out/javascript-starlingmonkey-digits.component.wasm"
node javascript/quickjs.mjs "$(toolchain/setup.sh quickjs)" "$wit" script javascript/digits.js \
  "$out/javascript-quickjs-async-digits.component.wasm" async

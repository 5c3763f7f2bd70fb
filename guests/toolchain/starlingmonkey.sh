# Sourced by setup.sh and lock.sh: componentize-js, which makes a component of JavaScript and the engine StarlingMonkey.
npms=(
  @bytecodealliance/componentize-js@0.23.0
  @bytecodealliance/wizer@10.0.0            # runs the program's first lines when it is built
  @bytecodealliance/wizer-linux-x64@10.0.0
  oxc-parser@0.76.0                         # finds the program's exports
  @oxc-parser/binding-linux-x64-gnu@0.76.0
  es-module-lexer@1.7.0
  @bytecodealliance/jco@1.35.0              # the preview 1 adapter
  @bytecodealliance/jco-transpile@0.15.0    # wasm-tools, as a component that Node runs
  @bytecodealliance/preview2-shim@0.20.2    # what that component imports
)

# componentize-js imports two packages that bring a hundred others, for little: of weval, which compiles ahead of time, it
# uses nothing here, and of jco three functions, two of which are jco-transpile's.
finish() {
  local modules=$1/node_modules/@bytecodealliance
  mkdir -p "$modules/weval"
  echo '{"type": "module", "exports": "./index.js"}' > "$modules/weval/package.json"
  echo 'export default () => { throw new Error("weval is not here"); };' > "$modules/weval/index.js"
  echo '{"type": "module", "exports": "./index.js"}' > "$modules/jco/package.json"
  cat > "$modules/jco/index.js" <<'JS'
import { fileURLToPath } from 'node:url';

export { componentNew, metadataAdd } from '../jco-transpile/dist/wasm-tools.js';

export const preview1AdapterReactorPath = () => fileURLToPath(new URL('lib/wasi_snapshot_preview1.reactor.wasm', import.meta.url));
JS
}

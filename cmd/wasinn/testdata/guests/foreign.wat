;; A module that imports what no host of preview 1 has.
(module
  (import "env" "emscripten_run_script" (func (param i32)))
  (func (export "_start")))

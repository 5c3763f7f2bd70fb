// echo, as component.ts makes digits.
import { Echo } from "./echo";
import { Component } from "./wasi_component";
import { WasiNN } from "./wasi_nn";

export { cabi_realloc } from "./canonical";

/** wasi:cli/run, by the name that export-run.mjs gives it. Returns 0 for ok and 1 for err, which is the exit status. */
export function run(): i32 {
  return new Echo(new Component(), new WasiNN()).run();
}
